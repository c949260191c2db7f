package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// someZones are those of the tests' numbers, in turn.
var someZones = []campaign.Zones{"Europe/Berlin", "", "America/Chicago,America/New_York", "Asia/Kolkata"}

// zoned are contacts in someZones.
func zoned(from, n int) []campaign.Contact {
	out := make([]campaign.Contact, n)
	for i := range out {
		out[i] = campaign.Contact{Phone: phone(from + i), Zones: someZones[(from+i)%len(someZones)]}
	}
	return out
}

// across is a campaign in progress with contacts in someZones.
func (s *scene) across(n int) campaign.ID {
	id := s.campaign(0)
	_, err := s.AddContacts(s.ctx, id, zoned(0, n))
	require.NoError(s, err)
	return id
}

// zones are a campaign's, by name.
func (s *scene) zones(id campaign.ID) map[campaign.Zones]campaign.ZoneID {
	s.Helper()
	list, err := s.Zones(s.ctx, id)
	require.NoError(s, err)
	require.True(s, slices.IsSortedFunc(list, func(a, b store.Zone) int { return int(a.ID - b.ID) }), "%v", list)
	out := map[campaign.Zones]campaign.ZoneID{}
	for _, z := range list {
		require.NotContains(s, out, z.Zones)
		require.Equal(s, z.Zones == "", z.ID == 0, "%v", z)
		require.GreaterOrEqual(s, z.ID, campaign.ZoneID(0))
		out[z.Zones] = z.ID
	}
	return out
}

// testCallsCarryZones: whatever way a contact came in, it comes back with its
// zones, and equal zones have one number, in all campaigns and on all nodes.
func testCallsCarryZones(t *testing.T, open Open) {
	s := newScene(t, open)
	c, err := s.CreateCampaign(s.ctx, full, zoned(0, 4), store.Once{})
	require.NoError(t, err)
	id := c.ID
	s.move(id, campaign.StatusInProgress)
	other := s.node(open) // which has to find out for itself
	before := other.Transactions()
	_, err = other.AddContacts(s.ctx, id, zoned(4, 4))
	require.NoError(t, err)
	known := other.Transactions()
	require.LessOrEqual(t, known, before+2)
	_, err = other.AddContacts(s.ctx, id, zoned(8, 4))
	require.NoError(t, err)
	require.Equal(t, known+1, other.Transactions(), "known zones cost no transaction")

	numbers := s.zones(id)
	require.Len(t, numbers, len(someZones))
	page, err := s.ListCalls(s.ctx, store.CallQuery{Campaign: id, Limit: 100})
	require.NoError(t, err)
	require.Len(t, page, 12)
	s.claimAll(id, s.queued(id))
	waking, err := s.Open(s.ctx, id, 0, 100)
	require.NoError(t, err)
	for i, want := range zoned(0, 12) {
		require.Equal(t, want, page[i].Contact)
		require.Equal(t, numbers[want.Zones], page[i].Zone)
		require.Equal(t, want, s.call(page[i].ID).Contact)
		require.Equal(t, want, waking[i].Contact)
		require.Equal(t, numbers[want.Zones], waking[i].Zone)
	}
	for i, z := range append(someZones, "Pacific/Auckland") {
		single, err := s.CreateCall(s.ctx, store.NewCall{Contact: campaign.Contact{Phone: phone(i), Zones: z}}, store.Once{})
		require.NoError(t, err)
		require.Equal(t, z, single.Zones)
		require.Equal(t, single, other.call(single.ID))
		if n, known := numbers[z]; known {
			require.Equal(t, n, single.Zone)
		}
	}
	require.Len(t, s.zones(campaign.Single), len(someZones)+1)
}

func testZonesOfACampaign(t *testing.T, open Open) {
	s := newScene(t, open)
	plain, id := s.campaign(3), s.across(8)
	require.Equal(t, map[campaign.Zones]campaign.ZoneID{"": 0}, s.zones(plain))
	require.Empty(t, s.zones(s.campaign(0)))
	require.Empty(t, s.zones(id+1000))
	numbers := s.zones(id)

	// Whatever has become of the calls.
	s.done(s.end(id, campaign.StatusInProgress, 100))
	require.Equal(t, numbers, s.zones(id))
	// A contact that the campaign has stays in the zone it was given first.
	_, err := s.AddContacts(s.ctx, id, []campaign.Contact{{Phone: phone(0), Zones: "Asia/Kolkata"}, {Phone: phone(100), Zones: "Asia/Tokyo"}})
	require.NoError(t, err)
	require.Len(t, s.zones(id), len(numbers)+1)
	page, err := s.ListCalls(s.ctx, store.CallQuery{Campaign: id, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, someZones[0], page[0].Zones)
}

// testZonesConcurrent: processes that meet zones for the first time, at the same
// time and each in an order of its own, agree on their numbers.
func testZonesConcurrent(t *testing.T, open Open) {
	s := newScene(t, open)
	nodes := []*scene{s, s.node(open), s.node(open), s.node(open)}
	const rounds, zones = 6, 12
	for round := range rounds {
		ids := make([]campaign.ID, len(nodes))
		for i := range ids {
			ids[i] = s.campaign(0)
		}
		all := make([]campaign.Contact, zones)
		for i := range all {
			all[i] = campaign.Contact{Phone: phone(i), Zones: campaign.Zones(fmt.Sprintf("Zone/%d_%d", round, i))}
		}
		var wg conc.WaitGroup
		for n, node := range nodes {
			wg.Go(func() {
				mine := slices.Clone(all)
				if n%2 == 1 {
					slices.Reverse(mine)
				}
				added, err := node.AddContacts(s.ctx, ids[n], append(mine[n:], mine[:n]...))
				require.NoError(t, err)
				require.Equal(t, zones, added)
			})
		}
		wg.Wait()
		want := s.zones(ids[0])
		require.Len(t, want, zones)
		for _, id := range ids {
			require.Equal(t, want, s.zones(id))
			for z, n := range want {
				page, err := s.Queued(s.ctx, id, n, 0, 10)
				require.NoError(t, err)
				require.Len(t, page, 1)
				require.Equal(t, z, s.call(page[0].ID).Zones)
			}
		}
	}
}

// testZonesInterrupted: a process that was broken off while zones got their numbers,
// or was refused afterwards, remembers none that others know otherwise.
func testZonesInterrupted(t *testing.T, open Open) {
	s := newScene(t, open)
	other := s.node(open)
	broken := 0
	for try := range portion(40) {
		a, b := s.campaign(0), s.campaign(0)
		all := make([]campaign.Contact, 60)
		for i := range all {
			all[i] = campaign.Contact{Phone: phone(i), Zones: campaign.Zones(fmt.Sprintf("Zone/%d_%d", try, i))}
		}
		ctx, cancel := context.WithTimeout(s.ctx, time.Duration(try)*100*time.Microsecond)
		_, err := s.AddContacts(ctx, a, all)
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			broken++
		}
		decoy := campaign.Contact{Phone: phone(100), Zones: campaign.Zones(fmt.Sprintf("Decoy/%d", try))}
		_, err = other.AddContacts(s.ctx, b, append([]campaign.Contact{decoy}, all...))
		require.NoError(t, err)
		_, err = s.AddContacts(s.ctx, a, all)
		require.NoError(t, err)
		want := s.zones(b)
		delete(want, decoy.Zones)
		require.Len(t, want, len(all))
		require.Equal(t, want, s.zones(a))
	}
	require.Positive(t, broken, "nothing was interrupted")

	late := campaign.Contact{Phone: phone(0), Zones: "Zone/late"}
	_, err := s.AddContacts(s.ctx, 1_000_000, []campaign.Contact{late})
	is(t, campaign.CodeNotFound, err)
	id := s.campaign(0)
	_, err = s.AddContacts(s.ctx, id, []campaign.Contact{late})
	require.NoError(t, err)
	require.Contains(t, s.zones(id), late.Zones)
}

// testPagingByZone: pages of one zone hold exactly its queued calls, while calls
// before and after the cursor are claimed.
func testPagingByZone(t *testing.T, open Open) {
	s := newScene(t, open)
	const n, size = 240, 7
	s.across(40) // another campaign's are no part of it
	id := s.across(n)
	numbers := s.zones(id)
	byZone := map[campaign.ZoneID][]campaign.CallID{}
	for i, call := range s.queued(id) {
		z := numbers[someZones[i%len(someZones)]]
		byZone[z] = append(byZone[z], call)
	}
	for z, all := range byZone {
		waits := slices.Clone(all)
		for after := campaign.CallID(0); ; {
			page, err := s.Queued(s.ctx, id, z, after, size)
			require.NoError(t, err)
			ahead := waits[max(0, slices.IndexFunc(waits, func(c campaign.CallID) bool { return c > after })):]
			if len(page) == 0 {
				require.LessOrEqual(t, waits[len(waits)-1], after, "a page was short")
				break
			}
			require.Equal(t, s.waiting(z, ahead[:min(size, len(ahead))]), page)
			after = page[len(page)-1].ID
			// Taken: one of the page, and the second after the cursor.
			gone := []campaign.CallID{page[0].ID}
			if len(ahead) > size+1 {
				gone = append(gone, ahead[size+1])
			}
			s.claimAll(id, gone)
			waits = slices.DeleteFunc(waits, func(c campaign.CallID) bool { return slices.Contains(gone, c) })
		}
	}
	none, err := s.Queued(s.ctx, id, 1_000_000, 0, 10)
	require.NoError(t, err)
	require.Empty(t, none)
}

func (s *scene) waiting(z campaign.ZoneID, calls []campaign.CallID) []store.Waiting {
	out := make([]store.Waiting, len(calls))
	for i, c := range calls {
		out[i] = store.Waiting{ID: c, Zone: z, Phone: s.call(c).Phone}
	}
	return out
}

// testPagingByZoneWhileClaimed: the same with an owner that claims and ends calls at the
// same time; whoever stays queued is on exactly one page, and nobody else's zone is.
func testPagingByZoneWhileClaimed(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.across(800)
	numbers := s.zones(id)
	q := s.queued(id)
	var wg conc.WaitGroup
	wg.Go(func() { // all but every third of each zone
		for i := 0; i < len(q); i += 40 {
			var claims, ends []store.Op
			for j, call := range q[i : i+40] {
				if (i+j)/len(someZones)%3 > 0 {
					a := attempt(call, 1)
					claims = append(claims, s.claim(id, a), s.placing(id, a))
					ends = append(ends, s.finish(id, a, campaign.CallCompleted))
				}
			}
			s.apply(claims...)
			s.apply(ends...)
		}
	})
	for round := range 12 {
		at := round % len(someZones)
		z := numbers[someZones[at]]
		var seen []campaign.CallID
		for after := campaign.CallID(0); ; {
			page, err := s.Queued(s.ctx, id, z, after, 11)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, w := range page {
				require.Equal(t, z, w.Zone)
				require.Greater(t, w.ID, after)
				after = w.ID
				seen = append(seen, w.ID)
			}
		}
		for i, call := range q {
			if mine := i%len(someZones) == at; !mine {
				require.NotContains(t, seen, call)
			} else if i/len(someZones)%3 == 0 {
				require.Contains(t, seen, call)
			}
		}
	}
	wg.Wait()
}

func testUnfinished(t *testing.T, open Open) {
	s := newScene(t, open)
	id := s.across(4)
	q := s.queued(id)
	numbers := s.zones(id)
	unfinished := func(z campaign.ZoneID) bool {
		some, err := s.Unfinished(s.ctx, id, z, true)
		require.NoError(t, err)
		return some
	}
	waits := func(z campaign.ZoneID) bool {
		some, err := s.Unfinished(s.ctx, id, z, false)
		require.NoError(t, err)
		return some
	}
	for i, call := range q {
		z := numbers[someZones[i]]
		a := attempt(call, 1)
		require.True(t, unfinished(z), "queued")
		require.True(t, waits(z), "queued")
		s.done(s.claim(id, a))
		require.True(t, unfinished(z), "in progress")
		require.False(t, waits(z), "a call that is up does not wait")
		require.Equal(t, i+1 < len(q), waits(campaign.AnyZone), "the others of the campaign")
		s.done(s.placing(id, a))
		s.done(s.finish(id, a, campaign.CallRetryWait))
		require.True(t, unfinished(z), "waiting for a retry")
		require.True(t, waits(z), "waiting for a retry")
		require.True(t, unfinished(campaign.AnyZone))
		last := []campaign.CallStatus{campaign.CallCompleted, campaign.CallFailed, campaign.CallCanceled}[i%3]
		s.done(s.claim(id, attempt(call, 2)))
		s.done(s.placing(id, attempt(call, 2)))
		s.done(s.finish(id, attempt(call, 2), last))
		require.False(t, unfinished(z), last)
		require.False(t, waits(z), last)
	}
	for _, z := range []campaign.ZoneID{campaign.AnyZone, 1_000_000} {
		require.False(t, unfinished(z))
		require.False(t, waits(z))
	}
	some, err := s.Unfinished(s.ctx, id+1000, campaign.AnyZone, true)
	require.NoError(t, err)
	require.False(t, some)
}

// testWaiting counts what is to be dialled, and nothing else, of one campaign.
func testWaiting(t *testing.T, open Open) {
	s := newScene(t, open)
	other := s.across(5)
	id := s.across(9)
	numbers, q := s.zones(id), s.queued(id)
	waiting := func(of campaign.ID) map[campaign.ZoneID]store.Backlog {
		n, err := s.Waiting(s.ctx, of)
		require.NoError(t, err)
		return n
	}
	first := numbers[someZones[0]]
	want := map[campaign.ZoneID]store.Backlog{first: {Queued: 3}, numbers[someZones[1]]: {Queued: 2}, numbers[someZones[2]]: {Queued: 2}, numbers[someZones[3]]: {Queued: 2}}
	require.Equal(t, want, waiting(id))
	s.done(s.claim(id, attempt(q[0], 1)))
	want[first] = store.Backlog{Queued: 2}
	require.Equal(t, want, waiting(id), "a call that is up does not wait")
	s.done(s.placing(id, attempt(q[0], 1)))
	s.done(s.finish(id, attempt(q[0], 1), campaign.CallRetryWait))
	want[first] = store.Backlog{Queued: 2, RetryWait: 1}
	require.Equal(t, want, waiting(id), "it waits for a retry")
	for _, i := range []int{1, 5} {
		s.done(s.claim(id, attempt(q[i], 1)))
		s.done(s.placing(id, attempt(q[i], 1)))
		s.done(s.finish(id, attempt(q[i], 1), campaign.CallCompleted))
	}
	delete(want, numbers[someZones[1]])
	require.Equal(t, want, waiting(id), "a zone without any is not in it")
	require.Empty(t, waiting(id+1000))
	require.Len(t, waiting(other), 4)
}
