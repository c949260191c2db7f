package actors

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/internal/load"
	"dialtone/store"
)

// TestStoreAwayForAWhile: every read of a waking campaign fails some times, and
// so do its pages.
func TestStoreAwayForAWhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithAckWait(time.Second))
	first := r.node("n1")
	r.line.change(func(l *line) { l.talk = 5 * time.Millisecond })
	id := r.create(60, 5)
	for _, method := range []string{"Campaign", "Open", "Queued"} {
		first.store.fail(method, 2)
	}
	r.command(id, ActionStart)
	r.eventually("it is in full swing", func() bool { return r.line.total() > 10 })
	first.kill()

	again := r.idle("n1")
	for _, method := range []string{"Campaign", "Open", "Queued"} {
		require.Equal(t, 2, first.store.happened(method), method)
		again.store.fail(method, 2)
	}
	require.NoError(t, again.Start(t.Context()))
	require.Equal(t, 60, r.finished(id, campaign.StatusCompleted).Stats.Completed)
	for _, method := range []string{"Campaign", "Open", "Queued"} {
		require.Equal(t, 2, again.store.happened(method), method)
	}
}

// TestRebuild: a commit fails for good, in each stage of a call, whether it was
// applied or not.  The campaign is built anew and misses nothing.
func TestRebuild(t *testing.T) {
	for name, spoils := range map[string]func([]store.Op) bool{
		"start":  has[*store.SetStatus],
		"claim":  has[*store.Claim],
		"placed": has[*store.Placed],
		"finish": has[*store.Finish],
	} {
		for fate, v := range map[string]verdict{"not applied": rejected, "applied": unheard} {
			t.Run(name+" "+fate, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, bustest.WithAckWait(time.Second))
				n := r.node("n1")
				r.line.change(func(l *line) { l.talk = 5 * time.Millisecond })
				once := true
				n.journal.spoilWhen(func(ops []store.Op) verdict {
					if !once || !spoils(ops) {
						return pass
					}
					once = false
					return v
				})
				id := r.create(20, 5)
				r.line.bound(id, 5)
				r.command(id, ActionStart)
				require.Equal(t, 20, r.finished(id, campaign.StatusCompleted).Stats.Completed)
				_, spoiled, _ := n.journal.counts()
				require.Equal(t, 1, spoiled)
				r.eventually("every report is acknowledged", func() bool { return r.messages("CALLBACK") == 0 })
			})
		}
	}
}

// TestRebuildAgainAndAgain: while nothing can be committed, the store is not worn
// out by campaigns that are built anew.
func TestRebuildAgainAndAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithAckWait(time.Second))
	n := r.node("n1")
	r.line.hold()
	id := r.begin(10, 5)
	r.eventually("some are called", func() bool { return r.line.upNow(id) == 5 })
	before := n.store.reads.Load()
	n.journal.spoilWhen(func([]store.Op) verdict { return rejected })
	r.line.hangUp()
	<-time.After(time.Second)
	_, spoiled, _ := n.journal.counts()
	require.Less(t, spoiled, 20)
	require.Less(t, n.store.reads.Load()-before, int64(40))
	r.eventually("it is tried again", func() bool { _, spoiled, _ := n.journal.counts(); return spoiled > 1 })
	n.journal.spoilWhen(nil)
	r.finished(id, campaign.StatusCompleted)
}

// TestStopWhileNothingWorks: an actor that can't wake, and one whose commits fail,
// have nothing in hand that would be worth waiting for.
func TestStopWhileNothingWorks(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithAckWait(time.Second))
	r.line.hold()
	first := r.node("n1")
	id := r.begin(10, 5)
	r.eventually("some are called", func() bool { return r.line.upNow(id) == 5 })
	first.journal.spoilWhen(func([]store.Op) verdict { return rejected })
	r.line.hangUp()
	r.eventually("commits fail", func() bool { _, spoiled, _ := first.journal.counts(); return spoiled > 0 })
	began := time.Now()
	first.Stop(context.Background())
	require.Less(t, time.Since(began), load.Slack(8*time.Second))

	second := r.idle("n2")
	second.store.fail("Open", 1_000_000)
	require.NoError(t, second.Start(t.Context()))
	r.eventually("it can't be woken", func() bool { return second.store.happened("Open") > 1 })
	began = time.Now()
	second.Stop(context.Background())
	require.Less(t, time.Since(began), load.Slack(8*time.Second))

	r.node("n3")
	r.finished(id, campaign.StatusCompleted)
}

// TestSlowRebuild: what comes while a campaign waits for its last commits is for
// the next life, in its order.
func TestSlowRebuild(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithAckWait(2*time.Second))
	n := r.node("n1")
	r.line.hold()
	id := r.begin(10, 2)
	r.eventually("some are called", func() bool { return r.line.upNow(id) == 2 })
	n.journal.close()
	r.line.hangUp()
	r.eventually("a commit is held", func() bool { held, _, _ := n.journal.counts(); return held > 0 })
	n.journal.spoilWhen(func([]store.Op) verdict { return rejected })
	answer := make(chan error, 1)
	go func() { _, err := r.ask(id, ActionPause); answer <- err }()
	r.eventually("the command's commit fails", func() bool { _, spoiled, _ := n.journal.counts(); return spoiled > 0 })
	n.journal.spoilWhen(nil)
	for range 3 {
		r.bus.Poke(id, ActionRefresh)
	}
	a := n.actor(id)
	r.eventually("what comes is taken out of the mailbox once", func() bool { return a.box.empty() && len(a.box.signal) == 0 })
	require.Empty(t, answer)
	n.journal.open()
	require.NoError(t, <-answer)
	require.Equal(t, campaign.StatusPaused, r.campaign(id).Status)
	r.command(id, ActionResume)
	r.finished(id, campaign.StatusCompleted)
}
