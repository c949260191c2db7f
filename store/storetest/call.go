package storetest

import (
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

func testCalls(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(5)
	q := s.queued(id)
	first, second := attempt(q[0], 1), attempt(q[0], 2)
	s.done(s.claim(id, first), s.claim(id, attempt(q[1], 1)))
	s.done(s.placing(id, first))
	s.done(s.placed(id, first))
	s.done(s.finish(id, first, campaign.CallRetryWait))
	s.done(s.claim(id, second))
	s.done(s.placing(id, second))

	c := s.call(q[0])
	require.Equal(t, campaign.Call{
		ID: q[0], CampaignID: id, Contact: c.Contact, Status: campaign.CallInProgress, Claim: 2, CreatedAt: c.CreatedAt,
		Effort: campaign.Effort{Attempts: 1, Tally: campaign.Tally(0).With(campaign.DispositionBusy), Day: today, OnDay: 1},
		History: []campaign.Attempt{{
			ID: first, Number: 1, Provider: "mock", ProviderCallID: "CA" + first.String(), State: campaign.AttemptEnded,
			Disposition: campaign.DispositionBusy, StartedAt: start, EndedAt: start.Add(time.Minute), Duration: 1500 * time.Millisecond,
		}, {ID: second, Number: 1, Provider: "mock", State: campaign.AttemptPlacing, StartedAt: start}},
	}, c)
	require.Equal(t, phone(0), c.Phone)
	_, err := s.Call(s.ctx, q[4]+1000)
	is(t, campaign.CodeNotFound, err)

	list := func(cq store.CallQuery) (out []campaign.CallID) {
		cq.Campaign = id
		page, err := s.ListCalls(s.ctx, cq)
		require.NoError(t, err)
		for _, got := range page {
			require.Equal(t, s.call(got.ID), got)
			out = append(out, got.ID)
		}
		return out
	}
	require.Equal(t, q[:2], list(store.CallQuery{Limit: 2}))
	require.Equal(t, q[2:], list(store.CallQuery{After: q[1], Limit: 10}))
	require.Equal(t, q[:2], list(store.CallQuery{Status: campaign.CallInProgress, Limit: 10}))
	require.Empty(t, list(store.CallQuery{Status: campaign.CallFailed, Limit: 10}))
	page, err := s.Queued(s.ctx, id, campaign.AnyZone, 0, 2)
	require.NoError(t, err)
	require.Equal(t, []store.Waiting{{ID: q[2], Phone: s.call(q[2]).Phone}, {ID: q[3], Phone: s.call(q[3]).Phone}}, page)
}

// testPagingWhileRowsChange: a page shows no call twice and leaves out none that
// qualifies throughout, and a call's row agrees with its attempts.
func testPagingWhileRowsChange(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(400)
	q := s.queued(id)
	var wg conc.WaitGroup
	wg.Go(func() {
		for i := 0; i < len(q); i += 20 {
			claims, placings, ends := []store.Op{}, []store.Op{}, []store.Op{}
			for _, call := range q[i : i+20] {
				a := attempt(call, 1)
				claims = append(claims, s.claim(id, a))
				placings = append(placings, s.placing(id, a))
				ends = append(ends, s.placed(id, a), s.finish(id, a, campaign.CallCompleted))
			}
			s.apply(claims...)
			s.apply(placings...)
			s.apply(ends...)
		}
	})
	for range 8 {
		var seen []campaign.CallID
		for after := campaign.CallID(0); ; {
			page, err := s.ListCalls(s.ctx, store.CallQuery{Campaign: id, After: after, Limit: 37})
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				after = c.ID
				seen = append(seen, c.ID)
				require.LessOrEqual(t, len(c.History), c.Claim)
				if c.Status == campaign.CallCompleted {
					require.Len(t, c.History, 1)
					require.Equal(t, campaign.AttemptEnded, c.History[0].State)
				}
			}
		}
		require.Equal(t, q, seen)
		s.stats(id)
	}
	wg.Wait()
	require.Equal(t, campaign.Stats{Total: 400, Completed: 400, Attempts: 400}, s.stats(id))
}

func testOpen(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(6)
	q := s.queued(id)
	for _, call := range q[:5] {
		s.done(s.claim(id, attempt(call, 1)))
	}
	s.done(s.placing(id, attempt(q[1], 1)), s.placing(id, attempt(q[2], 1)), s.placing(id, attempt(q[4], 1)))
	s.done(s.finish(id, attempt(q[2], 1), campaign.CallRetryWait), s.finish(id, attempt(q[4], 1), campaign.CallCompleted))
	s.done(s.giveBack(id, attempt(q[3], 1), campaign.CallQueued))

	all, err := s.Open(s.ctx, id, 0, 10)
	require.NoError(t, err)
	require.Len(t, all, 4)
	var shown []campaign.CallID
	for _, o := range all {
		shown = append(shown, o.ID)
		c := s.call(o.ID)
		c.History = nil
		require.Equal(t, c, o.Call)
	}
	require.Equal(t, q[:4], shown, "the completed and the untouched one are not open")
	require.Nil(t, all[0].Current, "claimed, and not placing")
	require.Equal(t, campaign.AttemptPlacing, all[1].Current.State)
	require.Equal(t, attempt(q[1], 1), all[1].Current.ID)
	require.Equal(t, campaign.AttemptEnded, all[2].Current.State)
	require.Equal(t, start.Add(time.Hour), all[2].NextAttemptAt)
	require.Nil(t, all[3].Current)
	require.Equal(t, campaign.CallQueued, all[3].Status)

	s.done(s.claim(id, attempt(q[2], 2)))
	page, err := s.Open(s.ctx, id, q[1], 1)
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.Equal(t, q[2], page[0].ID)
	require.Nil(t, page[0].Current, "the attempt of an earlier claim is not the current one")
}

func testAttemptsKnown(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.campaign(2)
	q := s.queued(id)
	s.done(s.claim(id, attempt(q[0], 1)))
	s.done(s.giveBack(id, attempt(q[0], 1), campaign.CallQueued))
	s.done(s.claim(id, attempt(q[0], 2)))
	known, err := s.AttemptsKnown(s.ctx, []store.AttemptRef{
		{Campaign: id, Attempt: attempt(q[0], 1)},
		{Campaign: id, Attempt: attempt(q[0], 2)},
		{Campaign: id, Attempt: attempt(q[0], 3)},
		{Campaign: id, Attempt: attempt(q[0], 0)},
		{Campaign: id + 1, Attempt: attempt(q[0], 1)},
		{Campaign: id, Attempt: attempt(q[1], 1)},
		{Campaign: id, Attempt: attempt(q[1]+1000, 1)},
		{Campaign: id, Attempt: attempt(q[0], 2)},
	})
	require.NoError(t, err)
	require.Equal(t, []bool{true, true, false, false, false, false, false, true}, known)
	known, err = s.AttemptsKnown(s.ctx, nil)
	require.NoError(t, err)
	require.Empty(t, known)
}

func testAttemptsTo(t *testing.T, open Open) {
	s := newScene(t, open)
	one, two := s.campaign(3), s.campaign(3)
	single, err := s.CreateCall(s.ctx, store.NewCall{Contact: campaign.Contact{Phone: phone(1)}}, store.Once{})
	require.NoError(t, err)
	var want []campaign.AttemptID
	for i, at := range []struct {
		id   campaign.ID
		call campaign.CallID
	}{{one, s.queued(one)[1]}, {two, s.queued(two)[1]}, {campaign.Single, single.ID}, {two, s.queued(two)[2]}} {
		a := attempt(at.call, 1)
		p := s.placing(at.id, a)
		p.At = start.Add(time.Duration(i) * time.Second)
		s.done(s.claim(at.id, a))
		s.done(p)
		want = append(want, a)
	}
	ask := func(phone string, since time.Time) (out []campaign.AttemptID) {
		as, err := s.AttemptsTo(s.ctx, phone, since)
		require.NoError(t, err)
		for _, a := range as {
			require.Equal(t, campaign.AttemptPlacing, a.State)
			require.Equal(t, "mock", a.Provider)
			out = append(out, a.ID)
		}
		return out
	}
	require.ElementsMatch(t, want[:3], ask(phone(1), start))
	require.ElementsMatch(t, want[1:3], ask(phone(1), start.Add(time.Second)))
	require.ElementsMatch(t, want[3:], ask(phone(2), start))
	require.Empty(t, ask(phone(9), start))
}

func testOpenAttempts(t *testing.T, open Open) {
	s := newScene(t, open)
	at := func() map[string]int {
		out, err := s.OpenAttempts(s.ctx)
		require.NoError(t, err)
		return out
	}
	require.Empty(t, at())
	id, other := s.campaign(7), s.campaign(2)
	q := s.queued(id)
	by := func(id campaign.ID, call campaign.CallID, provider string) *store.Placing {
		op := s.placing(id, attempt(call, 1))
		op.Provider = provider
		return op
	}
	for _, call := range q[1:] {
		s.done(s.claim(id, attempt(call, 1)))
	}
	s.done(by(id, q[2], "a"), by(id, q[3], "b"), by(id, q[4], "a"), by(id, q[5], "a"), by(id, q[6], "gone"))
	require.Equal(t, map[string]int{"a": 3, "b": 1, "gone": 1}, at(), "one is claimed only")

	s.done(s.placed(id, attempt(q[2], 1)))
	s.done(&store.Ambiguous{Fence: s.fence, Campaign: id, Attempt: attempt(q[3], 1)})
	s.done(s.finish(id, attempt(q[4], 1), campaign.CallCompleted), s.finish(id, attempt(q[5], 1), campaign.CallRetryWait))
	s.done(s.giveBack(id, attempt(q[6], 1), campaign.CallQueued))
	require.Equal(t, map[string]int{"a": 1, "b": 1}, at())

	last := s.queued(other)[1]
	s.done(s.claim(other, attempt(last, 1)))
	s.done(by(other, last, "b"))
	s.move(other, campaign.StatusPaused)
	require.Equal(t, map[string]int{"a": 1, "b": 2}, at(), "of all campaigns, whatever their status")
}
