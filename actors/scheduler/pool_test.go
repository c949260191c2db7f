package scheduler_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler"
	"dialtone/actors/scheduler/pace"
	"dialtone/bus"
	"dialtone/campaign"
)

// road is the way from grants to the provider, as long as it likes.
type road struct {
	st *stage
	n  *node
	// underway were granted, asked were seen by the provider and not told of.
	underway, asked []uint64
	seen            []time.Time // by the provider
}

func (r *road) grant() {
	for _, tokens := range r.st.grant() {
		r.underway = append(r.underway, tokens...)
	}
}

// step lets something happen to one of the requests, or nothing.
func (r *road) step(t *rapid.T) {
	pick := func(from *[]uint64, name string) uint64 {
		i := rapid.IntRange(0, len(*from)-1).Draw(t, name)
		token := (*from)[i]
		*from = slices.Delete(*from, i, i+1)
		return token
	}
	switch what := rapid.SampledFrom([]string{"see", "see", "all", "tell", "tell", "unused", "none"}).Draw(t, "what"); {
	case what == "see" && len(r.underway) > 0:
		r.see(pick(&r.underway, "which"))
	case what == "all": // what had piled up somewhere comes at once
		for len(r.underway) > 0 {
			r.see(pick(&r.underway, "which"))
		}
	case what == "tell" && len(r.asked) > 0:
		r.tell(t, pick(&r.asked, "which"))
	case what == "unused" && len(r.underway) > 0:
		r.st.release(r.n, 0, pick(&r.underway, "which"))
	}
}

func (r *road) see(token uint64) {
	r.seen = append(r.seen, r.st.now)
	r.asked = append(r.asked, token)
}

// tell is how the leader may hear that the provider was asked.
func (r *road) tell(t *rapid.T, token uint64) {
	switch rapid.SampledFrom([]string{"placed", "ambiguous", "ended", "refused"}).Draw(t, "how") {
	case "placed":
		r.st.show(r.n, campaign.EvidencePlaced, token)
	case "ambiguous":
		r.st.show(r.n, campaign.EvidenceAmbiguous, token)
	case "ended":
		r.st.show(r.n, campaign.EvidencePlaced, token)
		r.st.release(r.n, 2*time.Second, token)
	case "refused":
		r.st.release(r.n, time.Nanosecond, token)
	}
}

// judge checks every window of a second of what the provider saw.
func (r *road) judge(t require.TestingT, rate float64) {
	most := max(1, int(rate))
	for i := range r.seen {
		if j := i + most; j < len(r.seen) {
			require.GreaterOrEqual(t, r.seen[j].Sub(r.seen[i]), time.Second, "%d calls in less than a second", most+1)
		}
	}
}

// WithinLimit: whatever becomes of a request on its way, however long, the provider
// never sees more in any second; a change of leader makes no difference.
func TestRateHoldsOverAnySecond(t *testing.T) {
	asked, leaders, heirs := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{0.5, 1, 2.5, 3, 10, 50}).Draw(t, "rate")
		st := newStage(t, only(0, rate))
		r := &road{st: st, n: st.node("n1")}
		r.n.own(1, partitions(0, bus.Partitions)...)
		st.introduce(r.n)
		for range rapid.IntRange(10, 200).Draw(t, "steps") {
			st.want(r.n, 2, 1<<20, 1<<20)
			r.grant()
			r.step(t)
			if rapid.IntRange(0, 30).Draw(t, "leader") == 0 {
				leaders++
				h, at := st.core.Handover(st.now), st.now
				for range rapid.IntRange(0, 3).Draw(t, "unheard") { // of either leader
					r.step(t)
					st.pass(rapid.SampledFrom([]time.Duration{0, time.Millisecond, 17 * time.Millisecond}).Draw(t, "gap"))
				}
				st.lead(r.n.seen.Term+1<<33, only(0, rate))
				if rapid.Bool().Draw(t, "told") {
					heirs++
					st.core.Inherit(h, at.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond}).Draw(t, "later")))
				}
				st.introduce(r.n)
			}
			st.wait(t)
		}
		r.judge(t, rate)
		asked += len(r.seen)
	})
	if testing.Short() {
		return // with fewer runs
	}
	require.Greater(t, asked, 1000)
	require.Greater(t, leaders, 50)
	require.Greater(t, heirs, 20)
}

// A leader that was told by the one before what the providers saw goes on at once; one that
// was not, or before whom somebody else led, lets a second go by.
func TestHeirGoesOn(t *testing.T) {
	const rate, apart = 10, 100 * time.Millisecond
	for name, c := range map[string]struct {
		told    bool
		between uint64 // a term that the nodes have seen
		waits   time.Duration
	}{
		"told":             {true, 0, 0},
		"not told":         {false, 0, time.Second},
		"somebody between": {true, 1 << 20, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			st, n := started(t, 100, rate)
			var up []uint64
			for range 15 {
				st.want(n, 2, 1000, 1000)
				for _, token := range st.grant()[2] {
					st.show(n, campaign.EvidencePlaced, token)
					up = append(up, token)
				}
				st.pass(apart)
			}
			require.Greater(t, len(up), 12)
			st.release(n, time.Second, up[:3]...)
			h, last := st.core.Handover(st.now), st.now
			st.lead(n.seen.Term+1<<33, only(100, rate))
			if c.told {
				st.core.Inherit(h, st.now)
			}
			n.seen.Term += c.between
			st.core.Take(n.full(), st.now)
			st.introduce(n)
			require.True(t, st.core.Ready())
			require.Equal(t, len(up)-3, st.held("a"))
			for len(st.grant()[2]) == 0 {
				st.pass(time.Millisecond)
				st.want(n, 2, 1000, 1000)
			}
			require.InDelta(t, c.waits, st.now.Sub(last), float64(20*time.Millisecond))
		})
	}
}

// What the leader before does not know enough of itself it says nothing of.
func TestHandoverOfWhatIsKnown(t *testing.T) {
	st := newStage(t, only(9, 5))
	require.Empty(t, st.core.Handover(st.now).Providers, "not every partition has spoken")
	st, n := started(t, 9, 5)
	st.want(n, 2, 9, 9)
	token := st.grant()[2][0]
	require.Equal(t, []scheduler.Requests{{Provider: "a", Window: time.Second, Open: []uint64{token}}}, st.core.Handover(st.now).Providers)
	st.show(n, campaign.EvidencePlaced, token)
	st.pass(time.Millisecond)
	require.Equal(t, []scheduler.Requests{{
		Provider: "a", Window: time.Second, Seen: []time.Duration{time.Millisecond}, Sent: []uint64{token},
	}}, st.core.Handover(st.now).Providers)
	st.pass(2 * time.Second)
	require.Equal(t, []scheduler.Requests{{Provider: "a", Window: time.Second, Sent: []uint64{token}}}, st.core.Handover(st.now).Providers)
	st.core.Configure(only(9, 6), st.now)
	require.Empty(t, st.core.Handover(st.now).Providers, "its limit has just been changed")
}

// wait passes a time: until the next call may go, a little, or long.
func (st *stage) wait(t *rapid.T) {
	if next := st.core.NextGrant(st.now); !next.IsZero() && rapid.IntRange(0, 2).Draw(t, "exactly") > 0 {
		require.True(t, next.After(st.now), "a time ahead, or the leader would spin")
		st.now = next
		return
	}
	st.pass(rapid.SampledFrom([]time.Duration{0, time.Millisecond, 17 * time.Millisecond, 400 * time.Millisecond, 3 * time.Second}).Draw(t, "pass"))
}

func TestRateNeitherBurstsNorBanks(t *testing.T) {
	st, n := started(t, 0, 50)
	st.want(n, 2, 1000, 1000)
	require.Len(t, st.grant()[2], 1, "no burst at the start")
	st.pass(time.Minute)
	require.Len(t, st.grant()[2], 1, "what was not used is gone")
	st.pass(15 * time.Millisecond)
	require.Len(t, st.grant()[2], 1)
	require.Empty(t, st.grant())
}

// A leader knows nothing of the calls that the provider saw just before it.
func TestRateBeginsAfterAWindow(t *testing.T) {
	st := newStage(t, only(0, 50))
	n := st.node("n1")
	n.own(1, partitions(0, bus.Partitions)...)
	st.introduce(n)
	st.want(n, 2, 1000, 1000)
	require.Empty(t, st.grant())
	require.Equal(t, st.now.Add(time.Second), st.core.NextGrant(st.now))
	st.pass(time.Second)
	require.Len(t, st.grant()[2], 1)
}

// The stated burst: ten milliseconds' calls may come at once.
func TestBurst(t *testing.T) {
	st, n := started(t, 0, 1000)
	st.want(n, 2, 5000, 5000)
	st.pass(time.Minute)
	burst := len(st.grant()[2])
	require.GreaterOrEqual(t, burst, 10)
	require.LessOrEqual(t, burst, 11)
}

// Of the rate, what is lost is the time until the leader hears that the provider was
// asked; timers that come late lose none.
func TestRateIsUsed(t *testing.T) {
	const heard = 20 * time.Millisecond
	for _, rate := range []float64{1, 7, 200} {
		st, n := started(t, 0, rate)
		calls, placed := 0, map[time.Time][]uint64{}
		st.want(n, 2, 1<<20, 1<<20)
		for end := st.now.Add(time.Minute); st.now.Before(end); st.pass(time.Millisecond) {
			for _, token := range placed[st.now] {
				st.show(n, campaign.EvidencePlaced, token)
			}
			if next := st.core.NextGrant(st.now); !next.IsZero() {
				require.True(t, next.After(st.now))
				continue
			}
			tokens := st.grant()[2]
			calls += len(tokens)
			placed[st.now.Add(heard)] = tokens
		}
		require.InEpsilon(t, rate*60/(1+heard.Seconds()), calls, 0.02)
	}
}

// What is not heard of holds its part of the rate, and what was never asked for gives
// it back.
func TestRateWaitsForEvidence(t *testing.T) {
	st, n := started(t, 0, 3)
	st.want(n, 2, 1000, 1000)
	var tokens []uint64
	for range 20 {
		tokens = append(tokens, st.grant()[2]...)
		st.pass(time.Second)
	}
	require.Len(t, tokens, 3)
	require.Zero(t, st.core.NextGrant(st.now), "no time helps")
	st.release(n, 0, tokens[0])
	require.Len(t, st.grant()[2], 1)
	st.show(n, campaign.EvidencePlacing, tokens[1])
	require.Empty(t, st.grant())
	st.show(n, campaign.EvidencePlaced, tokens[1])
	require.Equal(t, st.now.Add(time.Second+1), st.core.NextGrant(st.now))
	st.pass(time.Second + 1)
	require.Len(t, st.grant()[2], 1)
}

func TestNextGrantWaitsForARateOnly(t *testing.T) {
	st, n := started(t, 1, 10)
	require.Zero(t, st.core.NextGrant(st.now), "nobody asks")
	st.want(n, 2, 9, 9)
	token := st.grant()[2][0]
	require.Zero(t, st.core.NextGrant(st.now), "the channels bind")
	st.release(n, time.Millisecond, token)
	next := st.core.NextGrant(st.now)
	require.WithinDuration(t, st.now.Add(100*time.Millisecond-pace.Burst), next, time.Millisecond)
	st.now = next
	require.Zero(t, st.core.NextGrant(st.now))
	require.Len(t, st.grant()[2], 1)
}

// The ledger of slots: who holds which, for whom, since when, and how far it has come.
func TestSlotLedger(t *testing.T) {
	st, n := started(t, 4, 0)
	st.want(n, 2, 9, 9)
	token := st.grant()[2][0]
	slot := func() scheduler.Slot {
		all := st.core.Slots(scheduler.SlotQuery{}, st.now)
		i := slices.IndexFunc(all, func(s scheduler.Slot) bool { return s.Token == tokenString(token) })
		require.GreaterOrEqual(t, i, 0)
		return all[i]
	}
	st.pass(2 * time.Second)
	require.Equal(t, scheduler.Slot{
		Token: tokenString(token), Campaign: 2, Provider: "a", Node: "n1", Since: epoch, Age: 2, Evidence: campaign.EvidenceGranted,
	}, slot())
	for _, e := range []campaign.Evidence{campaign.EvidencePlacing, campaign.EvidenceAmbiguous, campaign.EvidencePlaced} {
		st.show(n, e, token)
		require.Equal(t, e, slot().Evidence)
		require.Equal(t, "+12125550147", slot().To)
		require.Equal(t, campaign.CallID(7), slot().Call)
	}
	st.show(n, campaign.EvidencePlacing, token)
	require.Equal(t, campaign.EvidencePlaced, slot().Evidence, "an older word changes nothing")
}

// A leader who finds tokens of which it does not know enough asks, and is told.
func TestLeaderAsksWhatItLacks(t *testing.T) {
	st, n := started(t, 4, 0)
	st.want(n, 2, 9, 9)
	token := st.grant()[2][0]
	st.show(n, campaign.EvidencePlaced, token)
	st.lead(n.seen.Term+1, only(4, 0))
	st.introduce(n)
	require.True(t, st.core.Beat("n1").Retell)
	require.False(t, st.core.Beat("n1").Retell)
	since := epoch.Add(-time.Minute)
	st.core.Take(&scheduler.Report{Node: "n1", Progress: []scheduler.Progress{{
		Token: token, Evidence: campaign.EvidencePlaced, Attempt: campaign.NewAttemptID(7, 1), To: "+1", Since: since,
	}}}, st.now)
	st.beat(n)
	require.False(t, st.core.Beat("n1").Retell)
	for _, s := range st.core.Slots(scheduler.SlotQuery{}, st.now) {
		if s.Token == tokenString(token) {
			require.Equal(t, since, s.Since)
			require.Equal(t, campaign.EvidencePlaced, s.Evidence)
		}
	}
}
