package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// is requires an error with that code and a sentence that holds all the words.
func is(t testing.TB, code campaign.Code, err error, words ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code, campaign.CodeOf(err), "%v", err)
	require.False(t, store.Transient(err))
	for _, w := range words {
		require.Contains(t, err.Error(), w)
	}
}

var full = campaign.Settings{
	Name: "Autumn", From: "+14155550100", DefaultRegion: "US", DefaultTimeZone: "America/New_York",
	Schedule: campaign.Schedule{
		TimeZone: campaign.ZoneOfContact, StartAt: start, EndAt: start.Add(time.Hour),
		Windows: []campaign.Window{{Days: campaign.DaysOf(time.Monday), Span: campaign.Span{Start: 9 * 60, End: 17 * 60}}},
	},
	MaxConcurrentCalls: 25, Weight: 2.5, Group: "Customer 12", Priority: 2, Deadline: start.Add(2 * time.Hour),
	Retry: campaign.RetryPolicy{
		MaxAttempts: 4, Delay: campaign.Duration(90 * time.Second), Backoff: campaign.BackoffExponential,
		MaxDelay: campaign.Duration(time.Hour), Jitter: 0.25, MaxAttemptsPerDay: 2, SettleWithin: campaign.Duration(20 * time.Minute),
		ByDisposition: map[campaign.Disposition]campaign.RetryRule{campaign.DispositionBusy: {MaxAttempts: 2}},
	},
}

func testCampaigns(t *testing.T, open Open) {
	s := newScene(t, open)
	before := s.Transactions()
	c, err := s.CreateCampaign(s.ctx, full, contacts(0, 3), store.Once{})
	require.NoError(t, err)
	require.Equal(t, before+1, s.Transactions())
	require.Equal(t, full, c.Settings)
	require.Equal(t, campaign.StatusPending, c.Status)
	require.Equal(t, campaign.Stats{Total: 3, Queued: 3}, c.Stats)
	require.WithinDuration(t, time.Now(), c.CreatedAt, time.Minute)
	require.Equal(t, time.UTC, c.CreatedAt.Location())
	require.True(t, c.StartedAt.IsZero() && c.EndedAt.IsZero())

	read, err := s.Campaign(s.ctx, c.ID)
	require.NoError(t, err)
	require.Equal(t, c, read)

	_, err = s.Campaign(s.ctx, c.ID+1000)
	is(t, campaign.CodeNotFound, err, (c.ID + 1000).String())
	require.NoError(t, s.Ping(s.ctx))
	require.NotEmpty(t, s.Driver())
}

func testListCampaigns(t *testing.T, open Open) {
	s := newScene(t, open)
	var ids []campaign.ID
	for range 5 {
		ids = append(ids, s.campaign(1))
	}
	s.move(ids[1], campaign.StatusPaused)
	list := func(q store.CampaignQuery) (out []campaign.ID) {
		page, err := s.ListCampaigns(s.ctx, q)
		require.NoError(t, err)
		for _, c := range page {
			out = append(out, c.ID)
		}
		return out
	}
	require.Equal(t, []campaign.ID{ids[4], ids[3]}, list(store.CampaignQuery{Limit: 2}))
	require.Equal(t, []campaign.ID{ids[2], ids[1], ids[0]}, list(store.CampaignQuery{Before: ids[3], Limit: 9}), "the standing one is not listed")
	require.Equal(t, []campaign.ID{ids[1]}, list(store.CampaignQuery{Status: campaign.StatusPaused, Limit: 9}))
}

func testUpdateSettings(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(1)
	c, err := s.UpdateSettings(s.ctx, id, func(set *campaign.Settings) error { *set = full; return nil })
	require.NoError(t, err)
	require.Equal(t, full, c.Settings)
	read, err := s.Campaign(s.ctx, id)
	require.NoError(t, err)
	require.Equal(t, read, c)

	mine := errors.New("mine")
	_, err = s.UpdateSettings(s.ctx, id, func(set *campaign.Settings) error { set.Name = "no"; return mine })
	require.Equal(t, mine, err, "an error of change is returned as it is")
	read, err = s.Campaign(s.ctx, id)
	require.NoError(t, err)
	require.Equal(t, full, read.Settings)

	var wg conc.WaitGroup
	for range 8 { // none is lost: each sees what the one before wrote
		wg.Go(func() {
			_, err := s.UpdateSettings(s.ctx, id, func(set *campaign.Settings) error { set.MaxConcurrentCalls++; return nil })
			require.NoError(t, err)
		})
	}
	wg.Wait()
	read, err = s.Campaign(s.ctx, id)
	require.NoError(t, err)
	require.Equal(t, full.MaxConcurrentCalls+8, read.MaxConcurrentCalls)

	s.move(id, campaign.StatusCanceled)
	nothing := func(*campaign.Settings) error { return nil }
	_, err = s.UpdateSettings(s.ctx, id, nothing)
	is(t, campaign.CodeConflict, err, "canceled", id.String())
	_, err = s.UpdateSettings(s.ctx, id+1000, nothing)
	is(t, campaign.CodeNotFound, err)
}

func testStandingCampaign(t *testing.T, open Open) {
	s := newScene(t, open)
	c, err := s.Campaign(s.ctx, campaign.Single)
	require.NoError(t, err)
	require.Equal(t, campaign.StatusInProgress, c.Status)
	require.Equal(t, campaign.Settings{Name: "Single calls", MaxConcurrentCalls: 1000}.WithDefaults(), c.WithDefaults(), "as its owner reads it")
	require.NoError(t, c.Validate())
	require.WithinDuration(t, time.Now(), c.StartedAt, time.Hour)

	call, err := s.CreateCall(s.ctx, store.NewCall{Contact: contacts(7, 1)[0], From: "+14155550100"}, store.Once{})
	require.NoError(t, err)
	require.Equal(t, campaign.Single, call.CampaignID)
	require.Equal(t, campaign.CallQueued, call.Status)
	require.Equal(t, "+14155550100", call.From)
	require.JSONEq(t, `{"n": 7}`, string(call.Variables))
	require.Equal(t, call, s.call(call.ID))
	bound, err := s.CreateCall(s.ctx, store.NewCall{Contact: campaign.Contact{Phone: phone(7)}, Provider: "b"}, store.Once{})
	require.NoError(t, err, "single calls may repeat a number")
	require.Equal(t, "b", bound.Provider)
	require.Equal(t, bound, s.call(bound.ID))
	page, err := s.Queued(s.ctx, campaign.Single, campaign.AnyZone, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []store.Waiting{
		{ID: call.ID, Zone: call.Zone, Phone: phone(7)}, {ID: bound.ID, Zone: bound.Zone, Phone: phone(7), Provider: "b"},
	}, page)
	require.Equal(t, campaign.Stats{Total: 2, Queued: 2}, s.stats(campaign.Single))

	is(t, campaign.CodeConflict, s.DeleteCampaign(s.ctx, campaign.Single))
	_, err = s.AddContacts(s.ctx, campaign.Single, contacts(0, 1))
	is(t, campaign.CodeConflict, err)
}

func testDuplicates(t *testing.T, open Open) {
	s := newScene(t, open)
	twice := append(contacts(0, 300), contacts(100, 300)...)
	c, err := s.CreateCampaign(s.ctx, full, twice, store.Once{})
	require.NoError(t, err)
	require.Equal(t, campaign.Stats{Total: 400, Queued: 400}, c.Stats)
	added, err := s.AddContacts(s.ctx, c.ID, append(contacts(350, 100), contacts(350, 100)...))
	require.NoError(t, err)
	require.Equal(t, 50, added)
	added, err = s.AddContacts(s.ctx, c.ID, contacts(0, 450))
	require.NoError(t, err)
	require.Zero(t, added)
	added, err = s.AddContacts(s.ctx, c.ID, nil)
	require.NoError(t, err)
	require.Zero(t, added)
	require.Equal(t, campaign.Stats{Total: 450, Queued: 450}, s.stats(c.ID))
	require.Len(t, s.queued(c.ID), 450)

	other := s.campaign(10)
	require.Equal(t, 10, s.stats(other).Total, "another campaign may have the same numbers")
	s.move(other, campaign.StatusCanceled)
	_, err = s.AddContacts(s.ctx, other, contacts(50, 1))
	is(t, campaign.CodeConflict, err, "canceled")
	_, err = s.AddContacts(s.ctx, other+1000, contacts(0, 1))
	is(t, campaign.CodeNotFound, err)
}

func testDuplicatesConcurrent(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(0)
	sum := pool.NewWithResults[int]()
	for w := range 4 {
		sum.Go(func() (sum int) {
			for i := range 5 {
				n, err := s.AddContacts(s.ctx, id, contacts((i+w)%5*100, 150))
				require.NoError(t, err)
				sum += n
			}
			return sum
		})
	}
	total := 0
	for _, n := range sum.Wait() {
		total += n
	}
	require.Equal(t, 550, total, "each number is counted once")
	require.Equal(t, campaign.Stats{Total: 550, Queued: 550}, s.stats(id))
	require.Len(t, s.queued(id), 550)
}

// testAscendingIDs: a reader that goes on from its cursor while contacts are
// added by two nodes misses none.
func testAscendingIDs(t *testing.T, open Open) {
	s := newScene(t, open)
	for _, standing := range []bool{false, true} {
		id := campaign.Single
		if !standing {
			id = s.campaign(0)
		}
		const adders, rounds, size = 4, 5, 15
		var wg conc.WaitGroup
		nodes := []*scene{s, s.node(open)}
		for a := range adders {
			n := nodes[a%2]
			wg.Go(func() {
				for r := range rounds {
					grow(n, id, (a*rounds+r)*size, size)
				}
			})
		}
		var after campaign.CallID
		seen := 0
		for deadline := time.Now().Add(20 * time.Second); seen < adders*rounds*size && time.Now().Before(deadline); {
			page, err := s.Queued(s.ctx, id, campaign.AnyZone, after, 40)
			require.NoError(t, err)
			for _, w := range page {
				require.Greater(t, w.ID, after)
				after = w.ID
				seen++
			}
		}
		wg.Wait()
		require.Equal(t, adders*rounds*size, seen)
	}
}

func grow(s *scene, id campaign.ID, from, n int) {
	if id != campaign.Single {
		_, err := s.AddContacts(s.ctx, id, contacts(from, n))
		require.NoError(s, err)
		return
	}
	for _, c := range contacts(from, n) {
		_, err := s.CreateCall(s.ctx, store.NewCall{Contact: c}, store.Once{})
		require.NoError(s, err)
	}
}

func testDelete(t *testing.T, open Open) {
	s := newScene(t, open)
	id, other := s.campaign(4100), s.campaign(3)
	q := s.queued(id)
	a := attempt(q[0], 1)
	is(t, campaign.CodeConflict, s.DeleteCampaign(s.ctx, id), "in_progress", id.String())
	s.done(s.claim(id, a))
	s.done(s.placing(id, a))
	s.move(id, campaign.StatusCanceled)
	is(t, campaign.CodeConflict, s.DeleteCampaign(s.ctx, id), "canceled", "1 of its calls")
	s.done(s.finish(id, a, campaign.CallFailed))
	require.NoError(t, s.DeleteCampaign(s.ctx, id))

	_, err := s.Campaign(s.ctx, id)
	is(t, campaign.CodeNotFound, err)
	_, err = s.Call(s.ctx, q[0])
	is(t, campaign.CodeNotFound, err)
	is(t, campaign.CodeNotFound, s.DeleteCampaign(s.ctx, id))
	require.Empty(t, s.queued(id))
	to, err := s.AttemptsTo(s.ctx, phone(0), time.Time{})
	require.NoError(t, err)
	require.Empty(t, to)
	s.refused(store.ErrState, &store.SetStatus{Fence: s.fence, Campaign: id, From: campaign.Statuses, To: campaign.StatusInProgress})
	s.refused(store.ErrState, s.claim(id, attempt(q[1], 1)))
	require.Equal(t, 3, s.stats(other).Total)

	// Ids are not given again: a late callback can't hit another call.
	next := s.campaign(1)
	require.Greater(t, next, other)
	require.Greater(t, s.queued(next)[0], s.queued(other)[2])
	require.NoError(t, s.DeleteCampaign(s.ctx, s.pending(2)), "a pending one may be deleted")
}

// testDeleteArmed: what is going to dial by itself is not taken away from under its
// owner.
func testDeleteArmed(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.pending(2)
	s.done(&store.SetStatus{Fence: s.fence, Campaign: id, From: []campaign.Status{campaign.StatusPending}, To: campaign.StatusPending, Armed: true, At: start})
	at := start.Add(time.Hour)
	for _, c := range []struct {
		startAt time.Time
		says    string
	}{{at, "is to start at " + at.UTC().Format(time.RFC3339)}, {time.Time{}, "about to start"}} {
		_, err := s.UpdateSettings(s.ctx, id, func(set *campaign.Settings) error { set.Schedule.StartAt = c.startAt; return nil })
		require.NoError(t, err)
		is(t, campaign.CodeConflict, s.DeleteCampaign(s.ctx, id), id.String(), c.says, "cancel it before you delete it")
	}
	require.Len(t, s.queued(id), 2)
	s.done(&store.SetStatus{Fence: s.fence, Campaign: id, From: []campaign.Status{campaign.StatusPending}, To: campaign.StatusCanceled, At: start})
	require.NoError(t, s.DeleteCampaign(s.ctx, id))
}

func (s *scene) pending(n int) campaign.ID {
	c, err := s.CreateCampaign(s.ctx, full, contacts(0, n), store.Once{})
	require.NoError(s, err)
	return c.ID
}

func testDeleteInterrupted(t *testing.T, open Open) {
	s := newScene(t, open)
	interrupted := false
	for try := 0; try < 10 && !interrupted; try++ {
		id := s.pending(portion(20_000))
		ctx, cancel := context.WithCancel(s.ctx)
		var wg conc.WaitGroup
		var deleted error
		wg.Go(func() { deleted = s.DeleteCampaign(ctx, id) })
		for { // hidden at once
			if _, err := s.Campaign(s.ctx, id); err != nil {
				is(t, campaign.CodeNotFound, err)
				break
			}
		}
		cancel()
		wg.Wait()
		interrupted = len(s.queued(id)) > 0
		if interrupted {
			require.ErrorIs(t, deleted, context.Canceled)
		}
		require.NoError(t, s.PurgeDeleted(s.ctx))
		require.Empty(t, s.queued(id))
		require.NoError(t, s.PurgeDeleted(s.ctx))
	}
	require.True(t, interrupted, "no deletion was interrupted")
}
