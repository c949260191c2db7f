package scheduler_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// traffic is campaigns whose calls last as given, each with always more to dial.
type traffic struct {
	st      *stage
	n       *node
	lengths map[campaign.ID]time.Duration
	ends    map[time.Time][]uint64
	of      map[uint64]campaign.ID
}

func newTraffic(st *stage, n *node) *traffic {
	return &traffic{
		st: st, n: n, ends: map[time.Time][]uint64{}, of: map[uint64]campaign.ID{},
		lengths: map[campaign.ID]time.Duration{2: 4 * time.Second, 3: 90 * time.Second},
	}
}

// play returns for how long each held slots, by the calls granted in a time.
func (tr *traffic) play(span time.Duration) map[campaign.ID]time.Duration {
	used, st := map[campaign.ID]time.Duration{}, tr.st
	for end := st.now.Add(span); st.now.Before(end); st.pass(time.Second) {
		for _, token := range tr.ends[st.now] {
			st.release(tr.n, tr.lengths[tr.of[token]], token)
		}
		for _, id := range []campaign.ID{2, 3} {
			st.want(tr.n, id, 1_000_000, 1000)
		}
		for id, tokens := range st.grant() {
			used[id] += time.Duration(len(tokens)) * tr.lengths[id]
			at := st.now.Add(tr.lengths[id])
			tr.ends[at] = append(tr.ends[at], tokens...)
			for _, token := range tokens {
				tr.of[token] = id
				st.show(tr.n, campaign.EvidencePlaced, token)
			}
		}
	}
	return used
}

func (st *stage) shadow(name string) {
	s, err := strategy.New(name, nil)
	require.NoError(st.t, err)
	st.core.Shadow(scheduler.Choice{Strategy: name}, s, st.now)
}

func (st *stage) report() scheduler.ShadowReport {
	r, ok := st.core.ShadowReport(st.now)
	require.True(st.t, ok)
	return r
}

// What the shadow says it would do is what its strategy does when it is in force.
func TestShadowForetells(t *testing.T) {
	share := func(used map[campaign.ID]time.Duration) float64 { return float64(used[3]) / float64(used[2]+used[3]) }
	for live, other := range map[string]string{"round_robin": "fair", "fair": "round_robin"} {
		st, n := started(t, 20, 0)
		st.use(live)
		tr := newTraffic(st, n)
		tr.play(10 * time.Minute)
		st.shadow(other)
		lived := share(tr.play(2 * time.Hour))
		r := st.report()
		require.Equal(t, []string{other, live, other}, []string{r.Strategy, r.Live.Strategy, r.Shadow.Strategy})
		long := r.Campaigns[1]
		require.Equal(t, campaign.ID(3), long.Campaign)
		require.InDelta(t, lived, long.Live.Share, 0.03)

		real, m := started(t, 20, 0)
		real.use(other)
		tr = newTraffic(real, m)
		tr.play(10 * time.Minute)
		require.InDelta(t, share(tr.play(2*time.Hour)), long.Shadow.Share, 0.03, other)
	}
}

// It has no effect: with it and without it the same is granted.
func TestShadowHasNoEffect(t *testing.T) {
	alone, n := started(t, 20, 5)
	shadowed, m := started(t, 20, 5)
	shadowed.shadow("round_robin")
	require.Equal(t, newTraffic(alone, n).play(time.Hour), newTraffic(shadowed, m).play(time.Hour))
	require.Positive(t, shadowed.report().Campaigns[0].Shadow.Calls)
}

// A campaign that the shadow serves more slowly than it is served has its numbers
// still, after it has gone.
func TestShadowFinishesWhatIsLeft(t *testing.T) {
	st, n := started(t, 4, 0)
	st.use("round_robin")
	st.want(n, 2, 10, 10)
	st.shadow("fair")
	for range 5 {
		tokens := st.grant()[2]
		for _, token := range tokens {
			st.show(n, campaign.EvidencePlaced, token)
		}
		st.want(n, 2, max(0, 10-int(st.core.Stats("", st.now).Granted)), 10)
		st.release(n, time.Second, tokens...) // at once: in reality nothing takes time
	}
	require.EqualValues(t, 10, st.core.Stats("", st.now).Granted)
	r := st.report()
	require.Equal(t, 10, r.Campaigns[0].Live.Calls)
	require.Equal(t, 4, r.Campaigns[0].Shadow.Calls)
	st.core.Take(&scheduler.Report{Node: "n1", Demands: []scheduler.Demand{{Campaign: 2, Seen: n.seen, Gone: true}}}, st.now)
	st.pass(time.Minute)
	require.Equal(t, 10, st.report().Campaigns[0].Shadow.Calls)
	st.core.Shadow(scheduler.Choice{}, nil, st.now)
	_, ok := st.core.ShadowReport(st.now)
	require.False(t, ok)
}

func TestShadowReportJSON(t *testing.T) {
	st, n := started(t, 2, 0)
	st.want(n, 2, 9, 9)
	st.grant()
	st.shadow("fair")
	st.pass(time.Second)
	raw, err := json.Marshal(st.report())
	require.NoError(t, err)
	require.JSONEq(t, `{"strategy": "fair", "since": "2026-03-02T09:00:00Z",
		"live": {"strategy": "fair", "jain": 1, "utilisation": 1, "mean_wait_seconds": 1, "max_wait_seconds": 1},
		"shadow": {"strategy": "fair", "jain": 1, "utilisation": 1, "mean_wait_seconds": 1, "max_wait_seconds": 1},
		"campaigns": [{"campaign": "cmp_2",
			"live": {"share": 1, "calls": 0, "slot_seconds": 2, "mean_wait_seconds": 1, "max_wait_seconds": 1},
			"shadow": {"share": 1, "calls": 0, "slot_seconds": 2, "mean_wait_seconds": 1, "max_wait_seconds": 1}}]}`, string(raw))
}

// A campaign that has gone keeps what it had, and one that comes back is played on.
func TestShadowOverAPause(t *testing.T) {
	st, n := started(t, 10, 0)
	tr := newTraffic(st, n)
	st.shadow("fair")
	tr.play(10 * time.Minute)
	before := st.report()
	st.core.Take(&scheduler.Report{Node: "n1", Demands: []scheduler.Demand{{Campaign: 2, Seen: n.seen, Gone: true}}}, st.now)
	for token, h := range n.held {
		if h.campaign == 2 {
			st.release(n, 4*time.Second, token)
		}
	}
	st.pass(time.Second)
	gone := st.report()
	require.GreaterOrEqual(t, gone.Campaigns[0].Shadow.Calls, before.Campaigns[0].Shadow.Calls)
	require.GreaterOrEqual(t, gone.Campaigns[0].Live.Calls, before.Campaigns[0].Live.Calls)
	for at, tokens := range tr.ends {
		tr.ends[at] = slices.DeleteFunc(tokens, func(t uint64) bool { return tr.of[t] == 2 })
	}
	tr.play(30 * time.Minute)
	back := st.report()
	require.InEpsilon(t, back.Campaigns[0].Live.Calls, back.Campaigns[0].Shadow.Calls, 0.2)
	require.Greater(t, back.Campaigns[0].Shadow.Calls, 2*before.Campaigns[0].Shadow.Calls)
}

// A shadow is measured beside one strategy at a time.
func TestShadowBeginsAnewWithTheStrategy(t *testing.T) {
	st, n := started(t, 10, 0)
	tr := newTraffic(st, n)
	st.shadow("fair")
	tr.play(time.Minute)
	st.use("round_robin")
	r := st.report()
	require.Equal(t, st.now, r.Since)
	require.Equal(t, "round_robin", r.Live.Strategy)
	require.Zero(t, r.Campaigns[0].Live.Calls)
}
