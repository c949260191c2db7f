package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// testOneCall is one call's whole life, with the statistics after every step.
func testOneCall(t *testing.T, open Open) {
	s := newScene(t, open)
	c, err := s.CreateCampaign(s.ctx, full, contacts(0, 1), store.Once{})
	require.NoError(t, err)
	id := c.ID
	st := &store.SetStatus{Fence: s.fence, Campaign: id, From: []campaign.Status{campaign.StatusPending}, To: campaign.StatusInProgress, At: start}
	s.done(st)
	a := attempt(s.queued(id)[0], 1)

	claim := s.claim(id, a)
	before := s.Transactions()
	b := s.apply(claim)
	require.Equal(t, before+1, s.Transactions(), "a batch is one transaction")
	require.NoError(t, claim.Err)
	require.True(t, claim.Changed)
	require.Equal(t, phone(0), claim.Phone)
	require.JSONEq(t, `{"n":0}`, string(claim.Variables))
	require.Zero(t, claim.Effort)
	require.Equal(t, map[campaign.ID]campaign.Stats{id: {Total: 1, InProgress: 1}}, b.Stats)

	s.done(s.placing(id, a))
	ambiguous := &store.Ambiguous{Fence: s.fence, Campaign: id, Attempt: a, Detail: "no answer in time"}
	s.done(ambiguous)
	require.Equal(t, campaign.AttemptAmbiguous, s.call(a.Call()).History[0].State)
	s.done(s.placed(id, a))
	s.again(ambiguous)
	s.again(s.placed(id, a))
	end := s.finish(id, a, campaign.CallCompleted)
	end.Disposition, end.ProviderCallID = campaign.DispositionCompleted, "CA-other"
	b = s.apply(end)
	require.True(t, end.Changed)
	require.Equal(t, campaign.Stats{Total: 1, Completed: 1, Attempts: 1}, b.Stats[id])
	s.again(s.placed(id, a), ambiguous)

	got := s.call(a.Call())
	require.Equal(t, campaign.CallCompleted, got.Status)
	require.Equal(t, campaign.Effort{
		Attempts: 1, Tally: campaign.Tally(0).With(campaign.DispositionCompleted), Day: today, OnDay: 1,
	}, got.Effort)
	require.Equal(t, "CA"+a.String(), got.History[0].ProviderCallID, "the first one is kept")
	require.Equal(t, "no answer in time", got.History[0].Detail)
	over := &store.SetStatus{Fence: s.fence, Campaign: id, From: []campaign.Status{campaign.StatusInProgress}, Drained: true, At: start.Add(time.Hour)}
	s.done(over)
	require.Equal(t, campaign.StatusCompleted, over.Now.Status)
	require.Equal(t, start, over.Now.StartedAt)
	require.Equal(t, start.Add(time.Hour), over.Now.EndedAt)
}

func testRetryCosts(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(1)
	call := s.queued(id)[0]
	for n := 1; n <= 3; n++ {
		a := attempt(call, n)
		claim := s.claim(id, a)
		s.done(claim)
		require.Equal(t, n-1, claim.Attempts)
		p := s.placing(id, a)
		p.Number = n
		s.done(p)
		// Finish without placed: the callback was faster, or the refusal came at once.
		end := s.finish(id, a, campaign.CallRetryWait)
		end.ProviderCallID = "CA1"
		if n == 3 {
			end = s.finish(id, a, campaign.CallFailed)
		}
		s.done(end)
		if n < 3 {
			got := s.call(call)
			require.Equal(t, start.Add(time.Hour), got.NextAttemptAt)
			require.Equal(t, "CA1", got.History[n-1].ProviderCallID)
		}
	}
	got := s.call(call)
	require.Equal(t, "out_of_attempts", got.Reason)
	require.True(t, got.NextAttemptAt.IsZero())
	require.Len(t, got.History, 3)
	require.Equal(t, 3, got.History[2].Number)
	require.Equal(t, campaign.Stats{Total: 1, Failed: 1, Attempts: 3, Retries: 2}, s.stats(id))
}

// everyKind is one operation of each kind that carries a fence.
func everyKind(s *scene, id campaign.ID, q []campaign.CallID) []store.Op {
	return []store.Op{
		s.claim(id, attempt(q[0], 1)),
		s.placed(id, attempt(q[1], 1)),
		&store.Ambiguous{Fence: s.fence, Campaign: id, Attempt: attempt(q[2], 1), Detail: "x"},
		s.finish(id, attempt(q[3], 1), campaign.CallCompleted),
		s.giveBack(id, attempt(q[4], 1), campaign.CallQueued),
		s.cancelCall(id, q[7]),
		&store.SetStatus{Fence: s.fence, Campaign: id, From: campaign.Statuses, To: campaign.StatusCanceled, At: start},
		s.end(id, campaign.StatusCanceled, 1),
	}
}

// ready has q[1:5] claimed and placing, and the campaign running.
func ready(s *scene, n int) (campaign.ID, []campaign.CallID) {
	id := s.campaign(n)
	q := s.queued(id)
	for _, call := range q[1:5] {
		s.done(s.claim(id, attempt(call, 1)))
		s.done(s.placing(id, attempt(call, 1)))
	}
	return id, q
}

func testStaleEpoch(t *testing.T, open Open) {
	s := newScene(t, open)
	id, q := ready(s, 8)
	before := s.stats(id)
	old := everyKind(s, id, q)
	never := s.claim(id, attempt(q[0], 1))
	never.Partition = 60 // nobody ever owned it
	future := s.claim(id, attempt(q[0], 1))
	future.Epoch += 5
	s.own()
	s.refused(store.ErrStaleEpoch, append(old, never, future)...)
	require.Equal(t, before, s.stats(id))
	for _, call := range q {
		require.NotEqual(t, campaign.CallCanceled, s.call(call).Status)
	}

	// The rest of the batch is not touched by a refusal.
	fresh := s.claim(id, attempt(q[5], 1))
	stale := everyKind(s, id, q)[0].(*store.Claim)
	stale.Epoch--
	other := s.placing(id, attempt(q[0], 1))
	s.apply(stale, fresh, other)
	require.ErrorIs(t, stale.Err, store.ErrStaleEpoch)
	require.NoError(t, fresh.Err)
	require.ErrorIs(t, other.Err, store.ErrState)
	require.Empty(t, stale.Phone)
}

func testPlacingRefused(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(4)
	q := s.queued(id)
	a := attempt(q[0], 1)
	s.refused(store.ErrState, s.placing(id, a))
	s.done(s.claim(id, a))
	s.refused(store.ErrState, s.placing(id, attempt(q[0], 2)), s.placing(id, attempt(q[0], 0)))
	s.refused(store.ErrState, s.placing(s.campaign(0), a))
	s.refused(store.ErrNotRunning, s.placing(id+1000, a))
	for _, st := range []campaign.Status{campaign.StatusPaused, campaign.StatusCanceled, campaign.StatusPending} {
		s.move(id, st)
		s.refused(store.ErrNotRunning, s.placing(id, a))
	}
	s.move(id, campaign.StatusInProgress)
	s.done(s.placing(id, a))
	s.move(id, campaign.StatusPaused)
	s.again(s.placing(id, a))

	s.move(id, campaign.StatusInProgress)
	s.done(s.finish(id, a, campaign.CallRetryWait))
	taken := s.placing(id, a)
	taken.Placer++
	s.refused(store.ErrTaken, taken)
	s.done(s.claim(id, attempt(q[1], 1)))
	s.done(s.giveBack(id, attempt(q[1], 1), campaign.CallQueued))
	s.refused(store.ErrState, s.placing(id, attempt(q[1], 1)))

	// Within a batch the order is that of store.Batch.
	p := s.placing(id, attempt(q[2], 1))
	s.done(p, s.claim(id, attempt(q[2], 1)))
	pause := &store.SetStatus{Fence: s.fence, Campaign: id, From: campaign.Statuses, To: campaign.StatusPaused, At: start}
	p = s.placing(id, attempt(q[3], 1))
	s.apply(p, s.claim(id, attempt(q[3], 1)), pause)
	require.True(t, pause.Changed)
	require.ErrorIs(t, p.Err, store.ErrNotRunning)
}

func testPlacingTwice(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(2)
	a := attempt(s.queued(id)[0], 1)
	s.done(s.claim(id, a))
	first, same, other := s.placing(id, a), s.placing(id, a), s.placing(id, a)
	other.Placer++
	s.apply(first, other, same)
	require.NoError(t, first.Err)
	require.True(t, first.Changed)
	require.ErrorIs(t, other.Err, store.ErrTaken)
	require.NoError(t, same.Err)
	require.False(t, same.Changed)
	s.refused(store.ErrTaken, other)
	s.again(same)
	require.Len(t, s.call(a.Call()).History, 1)
}

func testClaimTwice(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(2)
	q := s.queued(id)
	one := attempt(q[0], 1)
	s.refused(store.ErrState, s.claim(id, attempt(q[0], 2)), s.claim(id, attempt(q[0], 0)),
		s.claim(id, attempt(q[1]+1000, 1)), s.claim(id+1000, one))
	first, second := s.claim(id, one), s.claim(id, one)
	s.apply(first, second)
	require.True(t, first.Changed)
	require.False(t, second.Changed)
	require.NoError(t, second.Err)
	require.Equal(t, first.Phone, second.Phone)
	require.Equal(t, campaign.Stats{Total: 2, Queued: 1, InProgress: 1}, s.stats(id))
	s.refused(store.ErrState, s.claim(id, attempt(q[0], 2)))
	s.done(s.placing(id, one))
	s.done(s.finish(id, one, campaign.CallCompleted))
	s.refused(store.ErrState, s.claim(id, one), s.claim(id, attempt(q[0], 2)))
}

func testGiveBack(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(4)
	q := s.queued(id)
	a := attempt(q[0], 1)
	s.refused(store.ErrState, s.giveBack(id, a, campaign.CallQueued))
	s.done(s.claim(id, a))
	s.refused(store.ErrState, s.giveBack(id, a, campaign.CallCompleted), s.giveBack(id, a, ""))
	back := s.giveBack(id, a, campaign.CallRetryWait)
	back.NextAttemptAt, back.Unplaced = start.Add(time.Minute), true
	s.done(back)
	s.again(back)
	require.Equal(t, start.Add(time.Minute), s.call(q[0]).NextAttemptAt)
	require.Equal(t, campaign.Stats{Total: 4, Queued: 3, RetryWait: 1}, s.stats(id))

	// The next claim, and what is said about the earlier one then.
	b := attempt(q[0], 2)
	s.done(s.claim(id, b))
	s.again(s.giveBack(id, a, campaign.CallCanceled))
	s.done(s.placing(id, b))
	unplaced := s.giveBack(id, b, campaign.CallQueued)
	unplaced.Unplaced = true
	s.refused(store.ErrState, unplaced)
	s.done(s.giveBack(id, b, campaign.CallQueued))
	require.Empty(t, s.call(q[0]).History, "what cost nothing leaves no attempt")
	s.refused(store.ErrState, s.placed(id, b))

	c := attempt(q[1], 1)
	s.done(s.claim(id, c))
	s.done(s.placing(id, c))
	s.done(s.placed(id, c))
	s.refused(store.ErrState, s.giveBack(id, c, campaign.CallQueued))
	s.done(s.finish(id, c, campaign.CallCompleted))
	s.again(s.giveBack(id, c, campaign.CallQueued))

	d := attempt(q[2], 1)
	s.done(s.claim(id, d))
	canceled := s.giveBack(id, d, campaign.CallCanceled)
	canceled.Reason = "campaign_canceled"
	s.done(canceled)
	require.Equal(t, "campaign_canceled", s.call(q[2]).Reason)
	require.Equal(t, campaign.Stats{Total: 4, Queued: 2, Completed: 1, Canceled: 1, Attempts: 1}, s.stats(id))
}

func testFinishOutOfOrder(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(2)
	q := s.queued(id)
	a := attempt(q[0], 1)
	s.refused(store.ErrState, s.finish(id, a, campaign.CallCompleted), s.placed(id, a))
	s.done(s.claim(id, a))
	s.refused(store.ErrState, s.finish(id, a, campaign.CallCompleted), s.placed(id, a),
		&store.Ambiguous{Fence: s.fence, Campaign: id, Attempt: a})
	s.done(s.placing(id, a))
	s.refused(store.ErrState, s.finish(id, a, campaign.CallQueued))
	// placed and finish in one batch, whichever was submitted first; finish twice.
	first, twice := s.finish(id, a, campaign.CallRetryWait), s.finish(id, a, campaign.CallFailed)
	s.apply(first, twice, s.placed(id, a))
	require.True(t, first.Changed)
	require.False(t, twice.Changed)
	require.NoError(t, twice.Err)
	require.Equal(t, "CA"+a.String(), s.call(q[0]).History[0].ProviderCallID)

	// finish of one claim and the next claim in one batch
	b := attempt(q[1], 1)
	s.done(s.claim(id, b))
	s.done(s.placing(id, b))
	s.done(s.claim(id, attempt(q[1], 2)), s.finish(id, b, campaign.CallRetryWait))
	s.again(s.finish(id, b, campaign.CallRetryWait))
	require.Equal(t, campaign.CallInProgress, s.call(q[1]).Status)
	require.Equal(t, campaign.Stats{Total: 2, InProgress: 1, RetryWait: 1, Attempts: 2}, s.stats(id))
}

func testAppliedTwice(t *testing.T, open Open) {
	s := newScene(t, open)
	id, q := ready(s, 8)
	ops := everyKind(s, id, q)
	placing := s.placing(id, attempt(q[6], 1))
	s.done(s.claim(id, placing.Attempt))
	b := batch(append(ops[:6:6], placing)...)
	b.Placed = append(b.Placed, s.placed(id, attempt(q[3], 1))) // ended by the same batch
	require.NoError(t, s.Apply(s.ctx, b))
	first := b.Stats
	require.Equal(t, s.stats(id), first[id])
	phone := b.Claim[0].Phone
	for range 2 {
		require.NoError(t, s.Apply(s.ctx, b))
		for _, op := range append(ops[:6:6], placing) {
			require.NoError(t, store.OutcomeOf(op).Err, "%T", op)
			require.False(t, store.OutcomeOf(op).Changed, "%T", op)
		}
		require.Equal(t, first, b.Stats, "returned, though nothing moved")
		require.Equal(t, phone, b.Claim[0].Phone)
	}
	b = batch(ops[6], s.end(id, campaign.StatusCanceled, 100))
	require.NoError(t, s.Apply(s.ctx, b))
	require.Equal(t, 2, b.EndCalls[0].Count)
	first = b.Stats
	require.NoError(t, s.Apply(s.ctx, b))
	require.NoError(t, b.SetStatus[0].Err)
	require.False(t, b.SetStatus[0].Changed)
	require.NoError(t, b.EndCalls[0].Err)
	require.Zero(t, b.EndCalls[0].Count)
	require.Equal(t, first, b.Stats)
}
