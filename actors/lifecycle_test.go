package actors

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/store"
)

// TestCampaignRunsToItsEnd: every third number is busy at first, every tenth never
// answers.
func TestCampaignRunsToItsEnd(t *testing.T) {
	r := newRig(t)
	n := r.node("n1")
	r.line.change(func(l *line) {
		l.talk = 5 * time.Millisecond
		l.script = func(to string, dial int) campaign.Disposition {
			switch {
			case strings.HasSuffix(to, "9"):
				return campaign.DispositionNoAnswer
			case (to[len(to)-1]-'0')%3 == 0 && dial == 1:
				return campaign.DispositionBusy
			}
			return campaign.DispositionCompleted
		}
	})
	id := r.create(100, 7)
	r.line.bound(id, 7)
	s := r.command(id, ActionStart)
	require.Equal(t, campaign.StatusInProgress, s.Status)
	require.Equal(t, "spring", s.Name)
	require.Equal(t, 100, s.Stats.Total)

	c := r.finished(id, campaign.StatusCompleted)
	require.Equal(t, campaign.Stats{Total: 100, Completed: 90, Failed: 10, Attempts: 150, Retries: 50}, c.Stats)
	require.Greater(t, r.line.peakOf(id), 1, "they were called side by side")
	require.Equal(t, c.Stats, r.command(id, ActionStats).Stats)
	r.eventually("its actor retires", func() bool { return n.actor(id) == nil })
	r.eventually("every report is acknowledged", func() bool { return r.messages("CALLBACK") == 0 })
	require.Zero(t, r.messages("DIAL"))
}

func TestAllCallsFail(t *testing.T) {
	r := newRig(t)
	r.node("n1")
	r.line.change(func(l *line) {
		l.script = func(string, int) campaign.Disposition { return campaign.DispositionBusy }
	})
	id := r.begin(3, 5)
	require.Equal(t, campaign.Stats{Total: 3, Failed: 3, Attempts: 9, Retries: 6}, r.finished(id, campaign.StatusFailed).Stats)
}

// TestCommands leads a campaign through its life, and asks in every state for what
// is not to be had.  StopMeansStop: nobody is dialled after an answer to pause.
func TestCommands(t *testing.T) {
	r := newRig(t)
	r.node("n1")
	r.line.hold()
	id := r.create(30, 4)
	refused := func(action, because string) {
		t.Helper()
		_, err := r.ask(id, action)
		require.Equal(t, campaign.CodeConflict, campaign.CodeOf(err), "%s: %v", action, err)
		require.ErrorContains(t, err, because)
	}
	is := func(action string, want campaign.Status) {
		t.Helper()
		require.Equal(t, want, r.command(id, action).Status)
		require.Equal(t, want, r.campaign(id).Status)
		require.Equal(t, want, r.command(id, ActionStats).Status)
	}
	refused(ActionPause, "The campaign is pending, so it can't pause.")
	refused(ActionResume, "pending")
	is(ActionStart, campaign.StatusInProgress)
	is(ActionStart, campaign.StatusInProgress)
	r.eventually("some are called", func() bool { return r.line.upNow(id) == 4 })

	is(ActionPause, campaign.StatusPaused)
	is(ActionPause, campaign.StatusPaused)
	refused(ActionStart, "The campaign is paused; resume it instead.")
	dialed := r.line.total()
	r.line.hangUp()
	r.eventually("what is up goes on", func() bool { return r.campaign(id).Stats.Completed == dialed })
	<-time.After(100 * time.Millisecond)
	require.Equal(t, dialed, r.line.total(), "StopMeansStop")

	r.line.hold()
	is(ActionResume, campaign.StatusInProgress)
	r.eventually("it goes on", func() bool { return r.line.upNow(id) == 4 })
	is(ActionCancel, campaign.StatusCanceled)
	dialed = r.line.total()
	refused(ActionStart, "The campaign has ended (canceled), so it can't start; create a new one.")
	refused(ActionPause, "ended (canceled)")
	is(ActionCancel, campaign.StatusCanceled)
	r.line.hangUp()
	r.eventually("what is up goes on", func() bool { return r.campaign(id).Stats.Completed == dialed })
	require.Equal(t, 30-dialed, r.finished(id, campaign.StatusCanceled).Stats.Canceled)
	require.Equal(t, dialed, r.line.total(), "StopMeansStop")
}

func TestSingleCallsCanNotBeStopped(t *testing.T) {
	r := newRig(t)
	r.node("n1")
	call, err := r.db.CreateCall(t.Context(), store.NewCall{Contact: r.contacts(1)[0]}, store.Once{})
	require.NoError(t, err)
	for _, action := range []string{ActionPause, ActionCancel} {
		_, err := r.ask(campaign.Single, action)
		require.Equal(t, campaign.CodeConflict, campaign.CodeOf(err))
	}
	r.eventually("the call is placed, for the campaign was woken", func() bool {
		c, err := r.db.Call(t.Context(), call.ID)
		return err == nil && c.Status == campaign.CallCompleted
	})
	r.bus.Poke(campaign.Single, ActionRefresh)
}

func TestUnknownCampaign(t *testing.T) {
	r := newRig(t)
	n := r.node("n1")
	const nobody = campaign.ID(4711)
	for _, action := range []string{ActionStart, ActionPause, ActionCancel, ActionStats} {
		_, err := r.ask(nobody, action)
		require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err), "%s: %v", action, err)
		require.ErrorContains(t, err, "cmp_4711")
	}
	r.bus.Poke(nobody, ActionRefresh)
	require.NoError(t, r.bus.PublishReport(t.Context(), campaign.Report{
		Kind: campaign.ReportPlaced, Campaign: nobody, Attempt: 1, At: time.Now(),
	}))
	r.eventually("the report is acknowledged", func() bool { return r.messages("CALLBACK") == 0 })
	require.EqualValues(t, 1, n.bus.Counters().ReportsDelivered)
	r.eventually("nothing stays behind", func() bool { return n.actor(nobody) == nil })
}

// TestLateReportIsAcknowledged: it is about an attempt that is over, of a campaign
// that is over.
func TestLateReportIsAcknowledged(t *testing.T) {
	r := newRig(t)
	n := r.node("n1")
	id := r.begin(1, 1)
	c := r.finished(id, campaign.StatusCompleted)
	r.eventually("its actor retires", func() bool { return n.actor(id) == nil })
	for attempt := range r.line.ledger {
		require.NoError(t, r.bus.PublishReport(t.Context(), campaign.Report{
			Kind: campaign.ReportEnded, Disposition: campaign.DispositionBusy, Campaign: id, Attempt: attempt, At: time.Now(),
		}))
	}
	r.eventually("the report is acknowledged", func() bool { return r.messages("CALLBACK") == 0 })
	require.Equal(t, c.Stats, r.campaign(id).Stats)
}

// TestRefresh: what the user changes while a campaign runs is taken up when its
// owner is told, without waiting for the time when it looks by itself.
func TestRefresh(t *testing.T) {
	r := newRig(t)
	r.node("n1", func(c *Config) { c.Machine.RefreshEvery = time.Hour })
	r.line.hold()
	id := r.begin(3, 1)
	r.eventually("one is called", func() bool { return r.line.upNow(id) == 1 })

	r.change(id, func(s *campaign.Settings) { s.MaxConcurrentCalls = 3 })
	<-time.After(50 * time.Millisecond)
	require.Equal(t, 1, r.line.upNow(id), "it was not told yet")
	r.bus.Poke(id, ActionRefresh)
	r.eventually("the new limit holds", func() bool { return r.line.upNow(id) == 3 })

	added, err := r.db.AddContacts(t.Context(), id, r.contacts(4))
	require.NoError(t, err)
	require.Equal(t, 4, added)
	r.change(id, func(s *campaign.Settings) { s.MaxConcurrentCalls = 5 })
	require.NoError(t, r.bus.Command(t.Context(), id, ActionRefresh, nil, nil), "it is answered as well")
	r.eventually("the new numbers are called", func() bool { return r.line.upNow(id) == 5 })
	r.line.hangUp()
	require.Equal(t, 7, r.finished(id, campaign.StatusCompleted).Stats.Completed)
}

func (r *rig) change(id campaign.ID, f func(*campaign.Settings)) {
	r.t.Helper()
	_, err := r.db.UpdateSettings(r.t.Context(), id, func(s *campaign.Settings) error { f(s); return nil })
	require.NoError(r.t, err)
}

// TestRefreshByItself: the telling was lost, or the reading failed.
func TestRefreshByItself(t *testing.T) {
	r := newRig(t)
	n := r.node("n1")
	r.line.hold()
	id := r.begin(2, 1)
	r.eventually("one is called", func() bool { return r.line.upNow(id) == 1 })
	n.store.fail("Campaign", 2)
	r.change(id, func(s *campaign.Settings) { s.MaxConcurrentCalls = 2 })
	r.eventually("the new limit holds", func() bool { return r.line.upNow(id) == 2 })
	require.Equal(t, 2, n.store.happened("Campaign"))
	r.line.hangUp()
	r.finished(id, campaign.StatusCompleted)
}

// TestRetireAndRespawn hammers at campaigns that have nothing to do, so that their
// actors retire while the next command is on its way.
func TestRetireAndRespawn(t *testing.T) {
	r := newRig(t)
	n := r.node("n1")
	var ids []campaign.ID
	for range 4 {
		ids = append(ids, r.create(6, 2))
	}
	var users conc.WaitGroup
	for user := range 8 {
		users.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(user), 1))
			for range 40 {
				id := ids[dice.IntN(len(ids))]
				var s State
				switch dice.IntN(4) {
				case 0:
					r.bus.Poke(id, ActionRefresh)
				case 1:
					if err := r.bus.Command(t.Context(), id, ActionStats, nil, &s); err != nil || s.ID != id {
						t.Errorf("stats: %v %v", s, err)
					}
				default: // it is pending: both are refused
					action := []string{ActionPause, ActionResume}[dice.IntN(2)]
					if err := r.bus.Command(t.Context(), id, action, nil, &s); campaign.CodeOf(err) != campaign.CodeConflict {
						t.Errorf("%s: %v %v", action, s, err)
					}
				}
			}
		})
	}
	users.Wait()
	require.Zero(t, r.bus.Counters().CommandRetries, "every one was answered at once")
	require.Greater(t, n.store.reads.Load(), int64(100), "actors were made anew again and again")
	for _, id := range ids {
		r.eventually("its actor retires", func() bool { return n.actor(id) == nil })
		r.command(id, ActionStart)
	}
	for _, id := range ids {
		r.finished(id, campaign.StatusCompleted)
	}
}

// TestManyCampaignsShare: dozens at once, over all partitions, within the
// provider's channels.
func TestManyCampaignsShare(t *testing.T) {
	r := newRig(t)
	r.node("n1")
	r.node("n2")
	r.line.change(func(l *line) { l.talk = 2 * time.Millisecond })
	var ids []campaign.ID
	for i := range 30 {
		ids = append(ids, r.create(10, 1+i%4))
		r.line.bound(ids[i], 1+i%4)
	}
	for _, id := range ids {
		r.command(id, ActionStart)
	}
	for _, id := range ids {
		require.Equal(t, 10, r.finished(id, campaign.StatusCompleted).Stats.Completed)
	}
}

// TestDeletedUnderItsActor: it was there when the actor woke for the command, and
// is gone when the command is to be written.
func TestDeletedUnderItsActor(t *testing.T) {
	r := newRig(t)
	n := r.node("n1")
	id := r.create(1, 1)
	n.journal.close()
	answer := make(chan error, 1)
	var asked conc.WaitGroup
	asked.Go(func() { _, err := r.ask(id, ActionStart); answer <- err })
	defer asked.Wait()
	r.eventually("it is to be written", func() bool { held, _, _ := n.journal.counts(); return held > 0 })
	require.NoError(t, r.db.DeleteCampaign(t.Context(), id))
	n.journal.open()
	select {
	case err := <-answer:
		require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err), "%v", err)
	case <-time.After(patience):
		require.Fail(t, "no answer")
	}
	r.eventually("its actor retires", func() bool { return n.actor(id) == nil })
}

// TestStatsWithoutTheStore: a person is told to try again.
func TestStatsWithoutTheStore(t *testing.T) {
	r := newRig(t)
	n := r.node("n1")
	id := r.create(1, 1)
	n.store.fail("Campaign", 1)
	_, err := r.ask(id, ActionStats)
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
	require.Equal(t, 1, n.store.happened("Campaign"))
	require.Equal(t, 1, r.command(id, ActionStats).Stats.Total)
}

// TestStopIsIdempotent: also before Start, and with requests coming in.
func TestStopIsIdempotent(t *testing.T) {
	r := newRig(t)
	n := r.idle("n1")
	n.Stop(t.Context())
	require.NoError(t, n.Start(t.Context()))
	require.Equal(t, bus.Partitions, n.Owned())
	id := r.create(1, 1)

	ctx, cancel := context.WithCancel(t.Context())
	var users conc.WaitGroup
	for range 4 {
		users.Go(func() {
			for ctx.Err() == nil {
				_ = r.bus.Command(ctx, id, ActionStats, nil, nil)
			}
		})
	}
	r.command(id, ActionStats)
	n.Stop(t.Context())
	n.Stop(t.Context())
	cancel()
	users.Wait()
	require.Zero(t, n.Owned())
}
