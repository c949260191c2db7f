package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// endAll ends a campaign's waiting calls ten at a time, and returns how many it
// was each time.
func (s *scene) endAll(id campaign.ID, of campaign.Status) (counts []int) {
	for range 4 {
		op := s.end(id, of, 10)
		b := s.apply(op)
		require.NoError(s, op.Err)
		require.Equal(s, op.Count > 0, op.Changed)
		require.Equal(s, s.stats(id), b.Stats[id])
		counts = append(counts, op.Count)
	}
	return counts
}

func testEndCalls(t *testing.T, open Open) {
	s := newScene(t, open)
	id, q := ready(s, 30)
	s.done(s.finish(id, attempt(q[1], 1), campaign.CallRetryWait), s.finish(id, attempt(q[2], 1), campaign.CallCompleted))
	s.refused(store.ErrState, s.end(id, campaign.StatusCanceled, 5)) // it runs
	s.move(id, campaign.StatusCanceled)
	s.refused(store.ErrState, s.end(id, campaign.StatusInProgress, 5), s.end(id+1000, campaign.StatusCanceled, 5))
	require.Equal(t, []int{10, 10, 7, 0}, s.endAll(id, campaign.StatusCanceled))
	require.Equal(t, campaign.Stats{Total: 30, InProgress: 2, Completed: 1, Canceled: 27, Attempts: 2}, s.stats(id))
	got := s.call(q[1])
	require.Equal(t, campaign.CallCanceled, got.Status)
	require.True(t, got.NextAttemptAt.IsZero())
	require.Equal(t, "campaign_canceled", got.Reason)
	require.Equal(t, campaign.CallInProgress, s.call(q[3]).Status, "what is up goes on")

	// Two in one batch share what is left.
	other := s.campaign(7)
	s.move(other, campaign.StatusCanceled)
	a, b := s.end(other, campaign.StatusCanceled, 5), s.end(other, campaign.StatusCanceled, 5)
	s.done(a, b)
	require.Equal(t, []int{5, 2}, []int{a.Count, b.Count})
}

// testEndCallsExpired: the calls of a campaign in progress fail, for another reason.
func testEndCallsExpired(t *testing.T, open Open) {
	s := newScene(t, open)
	id, q := ready(s, 30)
	s.done(s.finish(id, attempt(q[1], 1), campaign.CallRetryWait), s.finish(id, attempt(q[2], 1), campaign.CallCompleted))
	for _, st := range []campaign.Status{campaign.StatusPaused, campaign.StatusPending} {
		s.move(id, st)
		s.refused(store.ErrState, s.end(id, campaign.StatusInProgress, 5), s.end(id, st, 5))
	}
	s.move(id, campaign.StatusInProgress)
	s.refused(store.ErrState, s.end(id, campaign.StatusCanceled, 5), s.end(id, "", 5))
	early := s.end(id, campaign.StatusInProgress, 5)
	early.At = start.Add(-time.Microsecond)
	s.refused(store.ErrState, early)
	for _, end := range []time.Time{{}, start.Add(time.Microsecond)} { // it was taken away, put off
		_, err := s.UpdateSettings(s.ctx, id, func(set *campaign.Settings) error { set.Schedule.EndAt = end; return nil })
		require.NoError(t, err)
		s.refused(store.ErrState, s.end(id, campaign.StatusInProgress, 5))
	}
	_, err := s.UpdateSettings(s.ctx, id, func(set *campaign.Settings) error { set.Schedule.EndAt = start; return nil })
	require.NoError(t, err)
	require.Equal(t, []int{10, 10, 7, 0}, s.endAll(id, campaign.StatusInProgress))
	require.Equal(t, campaign.Stats{Total: 30, InProgress: 2, Completed: 1, Failed: 27, Attempts: 2}, s.stats(id))
	got := s.call(q[1])
	require.Equal(t, campaign.CallFailed, got.Status)
	require.True(t, got.NextAttemptAt.IsZero())
	require.Equal(t, "expired", got.Reason)
	require.Equal(t, campaign.CallInProgress, s.call(q[3]).Status, "what is up goes on")

	// A claim that came too late is given back as expired, and then all is over.
	for _, call := range q[3:5] {
		back := s.giveBack(id, attempt(call, 1), campaign.CallFailed)
		back.Reason = campaign.ReasonExpired
		s.done(back)
		require.Equal(t, "expired", s.call(call).Reason)
	}
	over := &store.SetStatus{Fence: s.fence, Campaign: id, From: []campaign.Status{campaign.StatusInProgress}, Drained: true, At: start}
	s.done(over)
	require.Equal(t, campaign.Stats{Total: 30, Completed: 1, Failed: 29, Attempts: 2}, over.Now.Stats)
}

// testArm: a pending campaign waits for its schedule, and has an owner meanwhile.
func testArm(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.pending(2)
	op := func(to campaign.Status, armed bool, from ...campaign.Status) *store.SetStatus {
		return &store.SetStatus{Fence: s.fence, Campaign: id, From: from, To: to, Armed: armed, At: start}
	}
	armed := func(want bool) {
		t.Helper()
		c, err := s.Campaign(s.ctx, id)
		require.NoError(t, err)
		require.Equal(t, want, c.Armed)
		page, err := s.ListCampaigns(s.ctx, store.CampaignQuery{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, c, page[0])
		active, err := s.Active(s.ctx)
		require.NoError(t, err)
		if c.Status == campaign.StatusPending {
			require.Equal(t, want, len(active) > 1, "%v", active)
		}
	}
	armed(false)
	s.refused(store.ErrState, op(campaign.StatusPending, true, campaign.StatusPaused))
	s.again(op(campaign.StatusPending, false, campaign.StatusPending))
	armed(false)
	arm := op(campaign.StatusPending, true, campaign.StatusPending)
	s.done(arm)
	require.True(t, arm.Now.Armed)
	require.Equal(t, campaign.StatusPending, arm.Now.Status)
	require.Equal(t, start, arm.Now.UpdatedAt)
	require.True(t, arm.Now.StartedAt.IsZero())
	armed(true)
	s.again(arm, op(campaign.StatusPending, false, campaign.StatusPending))
	armed(true)
	c, err := s.UpdateSettings(s.ctx, id, func(set *campaign.Settings) error { set.Weight++; return nil })
	require.NoError(t, err)
	require.True(t, c.Armed)
	armed(true)

	for _, to := range []campaign.Status{campaign.StatusInProgress, campaign.StatusPaused} {
		s.done(op(to, true, campaign.StatusPending)) // armed goes with pending only
		armed(false)
		s.refused(store.ErrState, op(campaign.StatusPending, true, campaign.StatusPending))
		s.done(op(campaign.StatusPending, true, to))
		armed(true)
	}
	// Armed and begun in one batch.
	both := op(campaign.StatusInProgress, false, campaign.StatusPending)
	s.done(both)
	require.False(t, both.Now.Armed)
	s.done(op(campaign.StatusPending, false, campaign.StatusInProgress))
	armed(false)
	s.done(op(campaign.StatusPending, true, campaign.StatusPending), op(campaign.StatusInProgress, false, campaign.StatusPending))
	armed(false)
	s.done(op(campaign.StatusCanceled, false, campaign.StatusInProgress))
	s.refused(store.ErrState, op(campaign.StatusPending, true, campaign.StatusPending))
}

// testEffort: what was done to reach somebody is counted by how it ended and by
// the day, and told to whoever claims the call next.
func testEffort(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(2)
	q := s.queued(id)
	call := q[0]
	var want campaign.Effort
	for n, ended := range []struct {
		how campaign.Disposition
		on  campaign.Day
	}{
		{campaign.DispositionBusy, today}, {campaign.DispositionLost, today}, {campaign.DispositionNoAnswer, today + 1},
		{campaign.DispositionBusy, today + 1}, {campaign.DispositionRejected, today + 1}, {campaign.DispositionBusy, today + 9},
	} {
		// A claim that costs nothing is no effort.
		s.done(s.claim(id, attempt(call, 2*n+1)))
		s.done(s.giveBack(id, attempt(call, 2*n+1), campaign.CallQueued))
		a := attempt(call, 2*n+2)
		claim := s.claim(id, a)
		s.done(claim)
		require.Equal(t, want, claim.Effort)
		s.again(claim)
		require.Equal(t, want, claim.Effort, "told again")
		s.done(s.placing(id, a))
		end := s.finish(id, a, campaign.CallRetryWait)
		end.Disposition, end.Day = ended.how, ended.on
		s.done(end)
		s.again(end)
		want = want.With(ended.how, ended.on)
		require.Equal(t, want, s.call(call).Effort)
		waking, err := s.Open(s.ctx, id, 0, 10)
		require.NoError(t, err)
		require.Equal(t, want, waking[0].Effort)
	}
	require.Equal(t, 6, want.Attempts)
	require.Equal(t, 3, want.Tally.Of(campaign.DispositionBusy))
	require.Equal(t, 1, want.On(today+9))
	require.Zero(t, s.call(q[1]).Effort)
	stale := s.claim(id, attempt(call, 3))
	stale.Effort = want
	s.refused(store.ErrState, stale)
	require.Zero(t, stale.Effort)
	s.done(s.end(id, campaign.StatusInProgress, 10))
	require.Equal(t, want, s.call(call).Effort)
}

// testCancelCall: one call that waits is canceled by itself.
func testCancelCall(t *testing.T, open Open) {
	s := newScene(t, open)
	id, q := ready(s, 7)
	retried, up, done, given := q[1], q[2], q[3], q[4]
	s.done(s.finish(id, attempt(retried, 1), campaign.CallRetryWait), s.finish(id, attempt(done, 1), campaign.CallCompleted))
	s.done(s.cancelCall(id, q[0]), s.cancelCall(id, retried))
	for _, call := range []campaign.CallID{q[0], retried} {
		got := s.call(call)
		require.Equal(t, campaign.CallCanceled, got.Status)
		require.Equal(t, campaign.ReasonCanceled, got.Reason)
		require.True(t, got.NextAttemptAt.IsZero())
	}
	require.Equal(t, campaign.Stats{Total: 7, Queued: 2, InProgress: 2, Completed: 1, Canceled: 2, Attempts: 2}, s.stats(id))

	s.again(s.cancelCall(id, q[0]), s.cancelCall(id, done))
	require.Equal(t, campaign.CallCompleted, s.call(done).Status, "what is over stays as it ended")
	s.refused(store.ErrState, s.claim(id, attempt(q[0], 1)))
	mark := s.cancelCall(id, up)
	s.done(mark)
	require.True(t, mark.Marked)
	require.Equal(t, campaign.CallInProgress, s.call(up).Status, "its attempt has not ended")
	s.refused(store.ErrUnknown, s.cancelCall(id, q[6]+1000), s.cancelCall(s.campaign(1), q[5]))

	// In the batch that gives it back, whichever was submitted first; and not in the
	// one that claims it.
	s.done(s.cancelCall(id, given), s.giveBack(id, attempt(given, 1), campaign.CallQueued))
	require.Equal(t, campaign.CallCanceled, s.call(given).Status)
	claim, cancel := s.claim(id, attempt(q[5], 1)), s.cancelCall(id, q[5])
	s.apply(claim, cancel)
	require.True(t, cancel.Changed)
	require.ErrorIs(t, claim.Err, store.ErrState)
	require.Equal(t, campaign.Stats{Total: 7, Queued: 1, InProgress: 1, Completed: 1, Canceled: 4, Attempts: 2}, s.stats(id))
	s.move(id, campaign.StatusPaused)
	s.done(s.cancelCall(id, q[6]))
}

// testCancelCallInProgress: the call is marked, for its owner and the next one, until its
// attempt has ended.
func testCancelCallInProgress(t *testing.T, open Open) {
	s := newScene(t, open)
	id, q := ready(s, 6)
	before := s.stats(id)
	for _, call := range q[1:5] {
		op := s.cancelCall(id, call)
		s.done(op)
		require.True(t, op.Marked)
		s.again(op, s.claim(id, attempt(call, 1)))
		require.True(t, op.Marked, "told again")
		s.again(s.placing(id, attempt(call, 1)))
		s.done(s.placed(id, attempt(call, 1)))
	}
	require.Equal(t, before, s.stats(id), "they are in progress still")
	waking, err := s.Open(s.ctx, id, 0, 10)
	require.NoError(t, err)
	require.Len(t, waking, 4)
	for _, o := range waking {
		require.Equal(t, campaign.CallInProgress, o.Status)
		require.Equal(t, campaign.ReasonCanceled, o.Reason)
	}

	for i, end := range []struct {
		next   campaign.CallStatus
		reason string
	}{{campaign.CallCompleted, ""}, {campaign.CallCanceled, campaign.ReasonCanceled}, {campaign.CallFailed, "busy"}, {campaign.CallRetryWait, ""}} {
		op := s.finish(id, attempt(q[i+1], 1), end.next)
		op.Reason = end.reason
		s.done(op)
		got := s.call(q[i+1])
		require.Equal(t, end.next, got.Status)
		require.Equal(t, end.reason, got.Reason, "the mark is gone with the end")
	}
	// A claim begins without one, and what is given back keeps none.
	for n := 2; n <= 3; n++ {
		s.done(s.claim(id, attempt(q[4], n)))
		require.Empty(t, s.call(q[4]).Reason)
		s.done(s.cancelCall(id, q[4]))
		s.done(s.giveBack(id, attempt(q[4], n), campaign.CallQueued))
		require.Empty(t, s.call(q[4]).Reason)
	}
	s.done(s.claim(id, attempt(q[4], 4)), s.placing(id, attempt(q[4], 4)))
	waits := s.cancelCall(id, q[4])
	s.done(waits, s.finish(id, attempt(q[4], 4), campaign.CallRetryWait))
	require.False(t, waits.Marked, "in the batch of its end it is canceled")
	require.Equal(t, campaign.CallCanceled, s.call(q[4]).Status)
	require.Equal(t, campaign.ReasonCanceled, s.call(q[4]).Reason)
}
