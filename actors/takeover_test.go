package actors

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/internal/load"
)

// TestOneOwner: a node stands still, with commits on their way, until another has
// taken over; then it wakes up.  What it writes is refused, its actors stop, and
// what it was told goes to the new owner.
func TestOneOwner(t *testing.T) {
	for name, second := range map[string]string{"another node": "n2", "the same name": "n1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, bustest.WithLeaseTTL(3*time.Second), bustest.WithAckWait(time.Second))
			old := r.node("n1")
			r.line.hold()
			id := r.create(40, 10)
			r.line.bound(id, 10)
			r.command(id, ActionStart)
			r.eventually("some are called", func() bool { return r.line.upNow(id) == 10 })
			p := old.partition(bus.PartitionOf(id))
			old.journal.close()
			r.line.hangUp()
			r.eventually("commits are on their way", func() bool { held, _, _ := old.journal.counts(); return held > 0 })
			old.freeze()

			heir := r.node(second)
			r.eventually("it is taken over", func() bool { return heir.owns(p.number) })
			require.Greater(t, heir.partition(p.number).epoch, p.epoch)
			old.journal.open()
			r.eventually("the late commits are refused", func() bool { _, _, stale := old.journal.counts(); return stale > 0 })
			r.eventually("the old owner's actors stop", func() bool { return p.ctx.Err() != nil })
			p.run.Wait()

			r.finished(id, campaign.StatusCompleted)
			require.Equal(t, 40, r.campaign(id).Stats.Completed)
			r.eventually("every report is acknowledged", func() bool { return r.messages("CALLBACK") == 0 })
		})
	}
}

// TestNothingLostAfterNodeKilled: it dies with calls in every stage, and tells
// nobody.
func TestNothingLostAfterNodeKilled(t *testing.T) {
	t.Parallel()
	// A kill and a start must take less than three quarters of it.
	r := newRig(t, bustest.WithLeaseTTL(max(8*time.Second, load.Slack(3*time.Second))), bustest.WithAckWait(time.Second))
	first := r.node("n1")
	id := r.create(120, 10)
	other := r.create(30, 10)
	r.line.change(func(l *line) { l.talk = 10 * time.Millisecond })
	for _, id := range []campaign.ID{id, other} {
		r.line.bound(id, 10)
		r.command(id, ActionStart)
	}
	r.eventually("it is in full swing", func() bool { return r.line.total() > 30 })
	first.kill()
	killed := r.campaign(id)
	require.NotZero(t, killed.Stats.InProgress, "calls are in flight")
	require.NotZero(t, killed.Stats.Queued)

	second := r.node("n2")
	require.Zero(t, second.Owned(), "the leases have to run out")
	r.eventually("it is taken over", func() bool { return second.Owned() == bus.Partitions })
	require.Equal(t, 120, r.finished(id, campaign.StatusCompleted).Stats.Completed)
	require.Equal(t, 30, r.finished(other, campaign.StatusCompleted).Stats.Completed)
}

// TestRestartTakesOverAtOnce: a node that comes back under its name waits for no
// lease.
func TestRestartTakesOverAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(60*time.Second), bustest.WithAckWait(time.Second))
	first := r.node("n1")
	r.line.change(func(l *line) { l.talk = 10 * time.Millisecond })
	id := r.begin(60, 10)
	r.eventually("it is in full swing", func() bool { return r.line.total() > 20 })
	first.kill()
	require.Equal(t, bus.Partitions, r.node("n1").Owned())
	r.finished(id, campaign.StatusCompleted)
}

// TestDeskForgetsALostPartition: else the campaigns' calls would stay on the books of
// the scheduler, should the partition ever come back.
func TestDeskForgetsALostPartition(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(60*time.Second)) // no other partition is lost
	first := r.node("n1")
	r.line.hold()
	id := r.begin(5, 5)
	r.eventually("they are called", func() bool { return r.line.upNow(id) == 5 })
	p := first.partition(bus.PartitionOf(id))
	first.journal.close()
	r.line.hangUp()
	r.eventually("commits are on their way", func() bool { held, _, _ := first.journal.counts(); return held > 0 })

	told := make(chan scheduler.Report, 1000)
	reports, err := bus.Subscribe(r.bus, bus.SubjectDemand(), func(m scheduler.Report) { told <- m })
	require.NoError(t, err)
	t.Cleanup(reports.Stop)
	first.store.fail("RaiseEpochs", 1000) // it will not get the partition back
	_, err = r.db.RaiseEpochs(t.Context(), "n2", map[int]int64{p.number: p.epoch})
	require.NoError(t, err)
	first.journal.open()
	r.eventually("the partition is dropped", func() bool { return first.partition(p.number) == nil })
	p.run.Wait()
	_, _, stale := first.journal.counts()
	require.NotZero(t, stale)
	deadline := time.After(patience)
	for gone := false; !gone; {
		select {
		case m := <-told:
			gone = m.Full != nil && len(m.Full.Partitions) == bus.Partitions-1 && !speaksOf(m, id)
		case <-deadline:
			require.Fail(t, "the desk still speaks for the campaign")
		}
	}
	first.store.mend()
	r.finished(id, campaign.StatusCompleted)
}

// speaksOf reports whether a node asks or holds anything for a campaign.
func speaksOf(m scheduler.Report, id campaign.ID) bool {
	return slices.ContainsFunc(m.Demands, func(d scheduler.Demand) bool { return d.Campaign == id }) ||
		slices.ContainsFunc(m.Full.Holdings, func(h scheduler.Holding) bool { return h.Campaign == id })
}

// TestGracefulStop: what is in hand is committed and acknowledged, so that nothing
// comes again, and the next node has the leases at once.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(60*time.Second), bustest.WithAckWait(time.Second))
	first := r.node("n1")
	r.line.hold()
	id := r.begin(10, 10) // with more, claims would be on their way with the ends
	r.eventually("all are called", func() bool { return r.line.upNow(id) == 10 })
	first.journal.close()
	r.line.hangUp()
	r.eventually("their ends are on their way to the journal", func() bool {
		held, _, _ := first.journal.counts()
		return held > 0 && r.line.upNow(id) == 0 && first.bus.Counters().ReportsDelivered >= 20
	})
	stopped := make(chan struct{})
	go func() { defer close(stopped); first.Stop(context.Background()) }()
	select {
	case <-stopped:
		require.Fail(t, "commits are on their way")
	case <-time.After(100 * time.Millisecond):
	}
	first.journal.open()
	<-stopped
	require.Zero(t, first.Owned())
	require.Equal(t, 10, r.campaign(id).Stats.Completed)
	require.Equal(t, 10, r.line.total(), "nobody is dialled meanwhile")
	r.eventually("every report is acknowledged", func() bool { return r.messages("CALLBACK") == 0 })

	began := time.Now()
	second := r.node("n2")
	require.Equal(t, bus.Partitions, second.Owned(), "the leases were handed over")
	require.Less(t, time.Since(began), 20*time.Second, "it waited for no lease to run out")
	r.finished(id, campaign.StatusCompleted)
	require.Zero(t, second.bus.Counters().Redelivered)
}

// TestHandoverToAnotherNode: it does not wait for leases to run out.
func TestHandoverToAnotherNode(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(60*time.Second))
	first, second := r.node("n1"), r.node("n2")
	r.shared(first, second)
	first.Stop(t.Context())
	began := time.Now()
	r.eventually("it is taken over", func() bool { return second.Owned() == bus.Partitions })
	require.Less(t, time.Since(began), 20*time.Second)
}

// TestStopOutOfTime: the journal hangs; what it has in hand is left to the next
// owner, who gets the leases all the same.
func TestStopOutOfTime(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(60*time.Second), bustest.WithAckWait(time.Second))
	first := r.node("n1")
	r.line.hold()
	id := r.begin(20, 10)
	r.eventually("some are called", func() bool { return r.line.upNow(id) == 10 })
	first.journal.close()
	r.line.hangUp()
	r.eventually("commits are on their way", func() bool { held, _, _ := first.journal.counts(); return held > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	first.Stop(ctx)
	require.Error(t, ctx.Err())
	second := r.node("n2")
	require.Equal(t, bus.Partitions, second.Owned())
	first.journal.open()
	r.eventually("the late commits are refused", func() bool { _, _, stale := first.journal.counts(); return stale > 0 })
	require.Equal(t, 20, r.finished(id, campaign.StatusCompleted).Stats.Completed)
}

// TestTruthInStore: every stream and bucket is gone in mid-campaign.
func TestTruthInStore(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithAckWait(time.Second), bustest.WithPublishTimeout(time.Second))
	n := r.node("n1")
	r.line.change(func(l *line) { l.talk = 20 * time.Millisecond })
	id := r.create(150, 10)
	r.line.bound(id, 10)
	r.command(id, ActionStart)
	r.eventually("it is in full swing", func() bool { return r.line.total() > 30 })
	r.server.Kill()
	r.server.Wipe()
	require.Less(t, r.line.total(), 150)
	r.server.Restart()
	require.Equal(t, 150, r.finished(id, campaign.StatusCompleted).Stats.Completed)
	require.NotZero(t, n.bus.Counters().Reconnects)
	require.NotZero(t, r.bus.Counters().Repairs+n.bus.Counters().Repairs, "streams were made again")
}

// TestCutOffNodeComesToRest: by the time that others may take its leases, it owns
// nothing; and soon after it is back, everything.
func TestCutOffNodeComesToRest(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(6*time.Second))
	n := r.node("n1")
	r.line.hold()
	id := r.begin(3, 3)
	r.eventually("they are called", func() bool { return r.line.upNow(id) == 3 })
	p := n.partition(bus.PartitionOf(id))
	clock := startClock(t)
	r.server.Kill()
	began := clock.now()
	r.eventually("it gives up", func() bool { return n.Owned() == 0 })
	require.Less(t, clock.since(began), n.bus.LeaseTTL()+time.Second)
	r.eventually("its actors stop", func() bool { return p.ctx.Err() != nil })
	p.run.Wait()
	r.server.Restart()
	r.line.hangUp()
	began = clock.now()
	r.eventually("it is back", func() bool { return n.Owned() == bus.Partitions })
	require.Less(t, clock.since(began), 10*time.Second)
	r.finished(id, campaign.StatusCompleted)
}

// TestTakeoverFails: the store is away when leases were won, so they are given up
// and tried for again.
func TestTakeoverFails(t *testing.T) {
	for _, method := range []string{"RaiseEpochs", "Active"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, bustest.WithLeaseTTL(2*patience)) // one that is not given up is not free meanwhile
			id := r.create(5, 5)
			n := r.idle("n1")
			n.store.fail(method, 1<<30)
			require.NoError(t, n.Start(t.Context()))
			require.Zero(t, n.Owned())
			require.Positive(t, n.store.happened(method))
			var lease *bus.Lease
			r.eventually("another node may try", func() (ok bool) {
				var err error
				lease, err = r.bus.Acquire(t.Context(), bus.LeasePartition(bus.PartitionOf(id)), "somebody")
				return err == nil
			})
			require.NoError(t, lease.Release(t.Context()))
			n.store.mend()
			r.command(id, ActionStart)
			r.finished(id, campaign.StatusCompleted)
			r.eventually("all are taken", func() bool { return n.Owned() == bus.Partitions })
		})
	}
}
