package storetest

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// testJournal: what is submitted at once has the effect that it would have one
// after the other, though a batch sorts its operations by kind.
func testJournal(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(2)
	q := s.queued(id)
	a1, a2, a3 := attempt(q[0], 1), attempt(q[0], 2), attempt(q[0], 3)
	j := store.NewJournal(s, store.JournalConfig{Gather: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, j.Start(t.Context()))
	life := []store.Op{
		s.claim(id, a1), s.giveBack(id, a1, campaign.CallQueued), s.claim(id, a2), s.placing(id, a2),
		s.placed(id, a2), s.finish(id, a2, campaign.CallRetryWait), s.claim(id, a3), s.placing(id, a3),
		s.finish(id, a3, campaign.CallCompleted),
		&store.SetStatus{Fence: s.fence, Campaign: id, From: campaign.Statuses, To: campaign.StatusCanceled, At: start},
		s.end(id, campaign.StatusCanceled, 10),
		&store.SetStatus{Fence: s.fence, Campaign: id, From: campaign.Statuses, Drained: true, At: start},
	}
	for _, op := range life[:len(life)-1] {
		j.Submit([]store.Op{op}, func(_ map[campaign.ID]campaign.Stats, err error) { require.NoError(t, err) })
	}
	require.NoError(t, j.Do(s.ctx, life[len(life)-1]))
	require.NoError(t, j.Stop(s.ctx))
	for i, op := range life {
		require.NoError(t, store.OutcomeOf(op).Err, "%d %T", i, op)
		require.True(t, store.OutcomeOf(op).Changed, "%d %T", i, op)
	}
	require.Equal(t, campaign.Stats{Total: 2, Completed: 1, Canceled: 1, Attempts: 2, Retries: 1}, s.stats(id))
}

// testJournalUnderLoad: many submitters, contacts that are added meanwhile, and
// settings that change: everything gets through, and the transactions are few.
func testJournalUnderLoad(t *testing.T, open Open) {
	s := newScene(t, open)
	const actors, calls = 4, 200
	j := store.NewJournal(s, store.JournalConfig{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, j.Start(t.Context()))
	ids := make([]campaign.ID, actors)
	for i := range ids {
		ids[i] = s.campaign(calls)
	}
	var refused atomic.Int64
	var wg conc.WaitGroup
	for _, id := range ids {
		q := s.queued(id)
		wg.Go(func() {
			over := make(chan struct{}, calls)
			for _, call := range q {
				life(s, j, id, attempt(call, 1), &refused, func() { over <- struct{}{} })
			}
			for range q {
				<-over
			}
		})
		wg.Go(func() {
			for i := range 10 {
				_, err := s.AddContacts(s.ctx, id, contacts(calls+i, 1))
				require.NoError(t, err)
				_, err = s.UpdateSettings(s.ctx, id, func(set *campaign.Settings) error { set.Weight++; return nil })
				require.NoError(t, err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, j.Stop(context.Background()))
	require.Zero(t, refused.Load())
	for _, id := range ids {
		require.Equal(t, campaign.Stats{Total: calls + 10, Queued: 10, Completed: calls, Attempts: calls}, s.stats(id))
	}
	got := j.Stats()
	require.EqualValues(t, actors*calls*4, got.Ops)
	require.Less(t, got.Batches, got.Ops/10)
}

// life submits the operations of one call, each step when the one before is
// committed, and tells when the last is.
func life(s *scene, j *store.Journal, id campaign.ID, a campaign.AttemptID, refused *atomic.Int64, over func()) {
	steps := [][]store.Op{
		{s.claim(id, a)}, {s.placing(id, a)}, {s.placed(id, a), s.finish(id, a, campaign.CallCompleted)},
	}
	var next func()
	next = func() {
		if len(steps) == 0 {
			over()
			return
		}
		ops := steps[0]
		steps = steps[1:]
		j.Submit(ops, func(_ map[campaign.ID]campaign.Stats, err error) {
			for _, op := range ops {
				if err != nil || store.OutcomeOf(op).Err != nil {
					refused.Add(1)
				}
			}
			next()
		})
	}
	next()
}
