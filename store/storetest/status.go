package storetest

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

func testSetStatus(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.pending(1)
	op := func(to campaign.Status, at int, from ...campaign.Status) *store.SetStatus {
		return &store.SetStatus{Fence: s.fence, Campaign: id, From: from, To: to, At: start.Add(time.Duration(at) * time.Minute)}
	}
	early := op(campaign.StatusPaused, 0, campaign.StatusInProgress)
	s.refused(store.ErrState, early)
	require.Equal(t, campaign.StatusPending, early.Now.Status, "told also when refused")
	require.Equal(t, 1, early.Now.Stats.Total)

	begin := op(campaign.StatusInProgress, 1, campaign.StatusPending, campaign.StatusPaused)
	s.done(begin)
	require.Equal(t, start.Add(time.Minute), begin.Now.StartedAt)
	require.Equal(t, start.Add(time.Minute), begin.Now.UpdatedAt)
	read, err := s.Campaign(s.ctx, id)
	require.NoError(t, err)
	require.Equal(t, read, begin.Now)
	s.again(op(campaign.StatusInProgress, 2, campaign.StatusPending))
	s.done(op(campaign.StatusPaused, 3, campaign.StatusInProgress))
	resume := op(campaign.StatusInProgress, 4, campaign.StatusPaused)
	s.done(resume)
	require.Equal(t, start.Add(time.Minute), resume.Now.StartedAt, "set once")

	drained := &store.SetStatus{Fence: s.fence, Campaign: id, From: campaign.Statuses, Drained: true, At: start}
	s.refused(store.ErrState, drained)
	require.Equal(t, 1, drained.Now.Stats.Queued)
	end := op(campaign.StatusCanceled, 5, campaign.StatusInProgress)
	s.done(end)
	require.Equal(t, start.Add(5*time.Minute), end.Now.EndedAt)
	s.refused(store.ErrState, op(campaign.StatusInProgress, 6, campaign.StatusPaused))
	unknown := &store.SetStatus{Fence: s.fence, Campaign: id + 1000, From: campaign.Statuses, To: campaign.StatusPaused}
	s.refused(store.ErrState, unknown)
	require.Zero(t, unknown.Now)

	// Two in one batch: both hear how the campaign stands after it.
	id = s.pending(0)
	a, b := op(campaign.StatusInProgress, 7, campaign.StatusPending), op(campaign.StatusPaused, 8, campaign.StatusInProgress)
	s.done(a, b)
	require.Equal(t, campaign.StatusPaused, a.Now.Status)
	require.Equal(t, a.Now, b.Now)
}

// testPauseAgainstPlacing: what is placed on another node after the pause has
// committed is refused, and what was accepted is on record.
func testPauseAgainstPlacing(t *testing.T, open Open) {
	s := newScene(t, open)
	node := s.node(open)
	id := s.campaign(600)
	q := s.queued(id)
	s.claimAll(id, q)

	var paused atomic.Bool
	var accepted, late, refused int
	var wg conc.WaitGroup
	quarter, done := make(chan struct{}), make(chan struct{})
	wg.Go(func() {
		for i := 0; i < len(q); i += 10 {
			after := paused.Load() // read before the batch begins
			yes, no := node.placeAll(id, q[i:i+10], 77, store.ErrNotRunning)
			accepted, refused = accepted+yes, refused+no
			if after {
				late += yes
			}
			switch i {
			case 100:
				close(quarter)
			case 400: // the rest is placed after the pause for certain
				<-done
			}
		}
	})
	<-quarter
	s.move(id, campaign.StatusPaused)
	paused.Store(true)
	close(done)
	wg.Wait()
	require.Zero(t, late, "StopMeansStop")
	require.GreaterOrEqual(t, refused, 190)
	attempts := 0
	page, err := s.ListCalls(s.ctx, store.CallQuery{Campaign: id, Limit: 1000})
	require.NoError(t, err)
	for _, c := range page {
		attempts += len(c.History)
	}
	require.Equal(t, accepted, attempts)
}

// claimAll claims calls for the first time.
func (s *scene) claimAll(id campaign.ID, calls []campaign.CallID) {
	var claims []store.Op
	for _, call := range calls {
		claims = append(claims, s.claim(id, attempt(call, 1)))
	}
	s.done(claims...)
}

// placeAll places first claims in one batch; those refused must be so for one reason.
func (s *scene) placeAll(id campaign.ID, calls []campaign.CallID, placer int64, reason error) (accepted, refused int) {
	var ops []store.Op
	for _, call := range calls {
		p := s.placing(id, attempt(call, 1))
		p.Placer = placer
		ops = append(ops, p)
	}
	s.apply(ops...)
	for _, op := range ops {
		if err := store.OutcomeOf(op).Err; err != nil {
			require.ErrorIs(s, err, reason)
			refused++
			continue
		}
		accepted++
	}
	return accepted, refused
}

// testPlacingByTwoNodes: a job that two nodes got is placed by one (NeverTwice).
func testPlacingByTwoNodes(t *testing.T, open Open) {
	s := newScene(t, open)
	nodes := []*scene{s, s.node(open)}
	id := s.campaign(200)
	q := s.queued(id)
	s.claimAll(id, q)
	var accepted, taken atomic.Int64
	var wg conc.WaitGroup
	for n, node := range nodes {
		wg.Go(func() {
			for i := 0; i < len(q); i += 20 {
				calls := slices.Clone(q[i : i+20])
				if n == 1 { // each in an order of its own
					slices.Reverse(calls)
				}
				yes, no := node.placeAll(id, calls, int64(n+1), store.ErrTaken)
				accepted.Add(int64(yes))
				taken.Add(int64(no))
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, len(q), accepted.Load())
	require.EqualValues(t, len(q), taken.Load())
}

// testDrainedAgainstAddContacts: a campaign does not end while somebody is told
// that his contacts were added.
func testDrainedAgainstAddContacts(t *testing.T, open Open) {
	s := newScene(t, open)
	node := s.node(open)
	ended := 0
	for range 30 {
		id := s.campaign(0)
		var added int
		var addErr error
		var wg conc.WaitGroup
		wg.Go(func() { added, addErr = node.AddContacts(s.ctx, id, contacts(0, 3)) })
		op := &store.SetStatus{Fence: s.fence, Campaign: id, From: []campaign.Status{campaign.StatusInProgress}, Drained: true, At: start}
		s.apply(op)
		wg.Wait()
		if op.Err == nil {
			ended++
			is(t, campaign.CodeConflict, addErr, "completed")
			require.Zero(t, s.stats(id).Total)
			continue
		}
		require.ErrorIs(t, op.Err, store.ErrState)
		require.NoError(t, addErr)
		require.Equal(t, 3, added)
	}
	t.Logf("%d of 30 ended first", ended)
}

// testOddText: what providers send may hold anything, and must not spoil a batch.
func testOddText(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(1)
	a := attempt(s.queued(id)[0], 1)
	s.done(s.claim(id, a))
	s.done(s.placing(id, a))
	end := s.finish(id, a, campaign.CallFailed)
	end.Detail, end.Reason, end.ProviderCallID = "21211: \x00bad \xff'number\"", "a\x00b", "CA\x00"
	s.done(end)
	got := s.call(a.Call())
	require.Equal(t, "21211: bad \uFFFD'number\"", got.History[0].Detail)
	require.Equal(t, "ab", got.Reason)
	require.Equal(t, "CA", got.History[0].ProviderCallID)
}

func testLargeBatch(t *testing.T, open Open) {
	s := newScene(t, open)
	n := portion(5000)
	id := s.campaign(n)
	q := s.queued(id)
	kinds := [3][]store.Op{}
	for _, call := range q {
		a := attempt(call, 1)
		kinds[0] = append(kinds[0], s.claim(id, a))
		kinds[1] = append(kinds[1], s.placing(id, a))
		kinds[2] = append(kinds[2], s.placed(id, a), s.finish(id, a, campaign.CallRetryWait))
	}
	before := s.Transactions()
	for _, ops := range kinds {
		s.done(ops...)
		s.again(ops...)
	}
	require.Equal(t, before+6, s.Transactions())
	require.Equal(t, campaign.Stats{Total: n, RetryWait: n, Attempts: n}, s.stats(id))
	var mixed []store.Op
	for i, call := range q {
		if i%2 == 0 {
			mixed = append(mixed, s.claim(id, attempt(call, 2)), s.placing(id, attempt(call, 2)))
		}
	}
	s.done(mixed...)
	require.Equal(t, campaign.Stats{Total: n, RetryWait: n / 2, InProgress: n / 2, Attempts: n}, s.stats(id))
}

// testAllOrNothing: a batch that is interrupted has happened or has not.
func testAllOrNothing(t *testing.T, open Open) {
	s := newScene(t, open)
	n := portion(800)
	broken := 0
	for try := range 12 {
		id := s.campaign(n)
		var ops []store.Op
		for _, call := range s.queued(id) {
			ops = append(ops, s.claim(id, attempt(call, 1)), s.placing(id, attempt(call, 1)))
		}
		b := batch(ops...)
		ctx, cancel := context.WithTimeout(s.ctx, time.Duration(try)*time.Millisecond)
		err := s.Apply(ctx, b)
		cancel()
		got, open := s.snapshot(id)
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			broken++
		} else {
			require.Equal(t, n, got.InProgress)
		}
		require.Contains(t, []int{0, n}, got.InProgress)
		require.True(t, len(open) == got.InProgress, "%d are open, %d counted", len(open), got.InProgress)
		for _, o := range open {
			require.NotNil(t, o.Current)
		}
		require.NoError(t, s.Apply(s.ctx, b), "the same batch again is safe")
		require.Equal(t, n, s.stats(id).InProgress)
	}
	require.Positive(t, broken, "no batch was interrupted")
}

// snapshot reads statistics and open calls of one moment: a commit whose caller has
// gone may still come between two reads.
func (s *scene) snapshot(id campaign.ID) (campaign.Stats, []store.OpenCall) {
	for {
		before := s.stats(id)
		open, err := s.Open(s.ctx, id, 0, 1000)
		require.NoError(s, err)
		if s.stats(id) == before {
			return before, open
		}
	}
}

func testReopen(t *testing.T, open Open) {
	s := &scene{T: t, Store: open(t), ctx: t.Context()}
	s.own()
	id, q := ready(s, 6)
	want := s.stats(id)
	call := s.call(q[1])
	require.NoError(t, s.Close())

	old := s.fence
	s = newScene(t, open)
	require.Equal(t, old.Epoch+1, s.fence.Epoch)
	require.Equal(t, want, s.stats(id))
	require.Equal(t, call, s.call(q[1]))
	s.again(s.placing(id, attempt(q[1], 1)))
	standing, err := s.Campaign(s.ctx, campaign.Single)
	require.NoError(t, err)
	require.Equal(t, "Single calls", standing.Name)
}
