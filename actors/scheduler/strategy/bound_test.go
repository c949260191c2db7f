package strategy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// lengths draws how long a campaign's calls are: all alike, spread, or mostly
// short and now and then very long.
func lengths(t *rapid.T, r *rand.Rand) (length func() time.Duration, longest time.Duration) {
	short := time.Duration(rapid.IntRange(1, 30).Draw(t, "short")) * time.Second
	longest = short * time.Duration(rapid.IntRange(1, 20).Draw(t, "times"))
	switch rapid.SampledFrom([]string{"equal", "spread", "outliers"}).Draw(t, "lengths") {
	case "equal":
		return exactly(longest), longest
	case "spread":
		return func() time.Duration { return short + time.Duration(r.Int64N(int64(longest-short)+1)) }, longest
	}
	return func() time.Duration {
		if r.IntN(10) == 0 {
			return longest
		}
		return short
	}, longest
}

// world draws a pool and campaigns that could always use more, and returns the
// cost of the longest call.
func world(t *rapid.T) (m *sim, dearest float64) {
	channels, rate := rapid.IntRange(1, 40).Draw(t, "channels"), rapid.SampledFrom([]float64{0, 0.5, 2, 20}).Draw(t, "rate")
	m = newSim(t, "fair", channels, rate)
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	longest := 10 * time.Second // what a first call is taken to last
	for range rapid.IntRange(2, 8).Draw(t, "campaigns") {
		length, l := lengths(t, r)
		longest = max(longest, l)
		m.add(rapid.SampledFrom([]float64{0.5, 1, 1, 2, 4}).Draw(t, "weight"), 0, length)
	}
	return m, m.cost(longest)
}

// lag is the largest part of its bound that any two campaigns lie apart, by the
// bound of fair-share.md:
//
//	|A_i/w_i − A_j/w_j| ≤ D·((2n_i+1)/w_i + 2n_j/w_j)
func lag(m *sim, dearest float64) (most float64) {
	used := m.allUsed()
	for i, a := range m.dialers {
		for j, b := range m.dialers {
			if i == j {
				continue
			}
			apart := math.Abs(used[i]/a.weight - used[j]/b.weight)
			bound := dearest * (float64(2*a.peak+1)/a.weight + float64(2*b.peak)/b.weight)
			most = max(most, apart/bound)
		}
	}
	return most
}

// FairShare: the bound holds at every grant and every release, however long it
// goes on.
func TestFairShareBound(t *testing.T) {
	largest := 0.0
	rapid.Check(t, func(t *rapid.T) {
		m, dearest := world(t)
		m.onStep = func() {
			l := lag(m, dearest)
			largest = max(largest, l)
			if l > 0.95 {
				t.Fatalf("at %v two campaigns are %.2f times the bound apart: used %v", m.now, l, m.allUsed())
			}
		}
		m.run(20 * time.Minute)
	})
	t.Logf("the largest lag was %.2f of the bound", largest)
}

// The same measure tells turn-taking from fair: its gap grows with time.
func TestTurnTakingLeavesTheBound(t *testing.T) {
	m := newSim(t, "round_robin", 100, 0)
	skewed(m, 10)
	m.run(time.Hour)
	early := lag(m, m.cost(113*time.Second))
	m.run(10 * time.Hour)
	require.Greater(t, lag(m, m.cost(113*time.Second)), max(1, 5*early))
}

// Whatever state the others are in, a newcomer's first call takes the next slot,
// after the first calls of those who came before.
func TestNewcomerGetsTheNextSlotAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, _ := world(t)
		m.run(time.Duration(rapid.IntRange(0, 600_000).Draw(t, "when")) * time.Millisecond)
		n := rapid.IntRange(1, 5).Draw(t, "newcomers")
		for range n {
			m.add(rapid.SampledFrom([]float64{0.5, 1, 4}).Draw(t, "weight"), 0, exactly(time.Second))
			id, ok := m.s.Next(m.at())
			require.True(t, ok)
			m.s.Grant(id, m.at())
			require.Zero(t, m.dialers[id-1].calls)
			m.dialers[id-1].calls++
		}
	})
}

// Newcomers have one guess of credit each, not one below the other.
func TestNewcomersDigNoPit(t *testing.T) {
	m := newSim(t, "fair", 10, 0)
	old := m.add(1, 0, exactly(10*time.Second))
	m.run(10 * time.Minute)
	for range 200 {
		m.add(1, 0, exactly(10*time.Second))
	}
	calls := old.calls
	m.run(m.now + 7*time.Minute) // 420 calls: two for each
	require.GreaterOrEqual(t, old.calls-calls, 1)
	for _, d := range m.dialers[1:] {
		require.InDelta(t, 2, d.calls, 1)
	}
}

// Nor do those who come back, all at once.
func TestReentrantsDigNoPit(t *testing.T) {
	m := newSim(t, "fair", 10, 0)
	old := m.add(1, 0, exactly(10*time.Second))
	for range 200 {
		m.add(1, 0, exactly(10*time.Second))
	}
	m.run(10 * time.Minute)
	want := func(n int) {
		for _, d := range m.dialers[1:] {
			d.want = n
			m.consider(d)
		}
	}
	want(0)
	m.run(2 * time.Hour)
	want(endless)
	before, calls := old.calls, map[*dialer]int{}
	for _, d := range m.dialers[1:] {
		calls[d] = d.calls
	}
	m.run(m.now + 10*time.Minute) // 600 calls: three for each
	require.GreaterOrEqual(t, old.calls-before, 1)
	for _, d := range m.dialers[1:] {
		require.InDelta(t, 3, d.calls-calls[d], 1)
	}
}

// A grant with its release, as the leader asks for it, while campaigns tell what is left
// and time goes by at 500 calls a second.
func BenchmarkGrant(b *testing.B) {
	for _, name := range strategy.Names() {
		for _, n := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("%s/%d campaigns", name, n), func(b *testing.B) { benchmarkGrant(b, name, n) })
		}
	}
}

func benchmarkGrant(b *testing.B, name string, n int) {
	s, err := strategy.New(name, nil)
	require.NoError(b, err)
	s.SetCapacity(1000, 500)
	for id := range n {
		s.Set(campaign.ID(id), anyTerms(id, 1e6))
		s.Enter(campaign.ID(id))
	}
	type held struct {
		id     campaign.ID
		guess  strategy.Charge
		length time.Duration
	}
	var up [1024]held
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now := start.Add(time.Duration(i) * 2 * time.Millisecond)
		id, _ := s.Next(now)
		h := &up[i%len(up)]
		if h.length > 0 {
			s.Release(h.id, h.guess, h.length)
		}
		*h = held{id, s.Grant(id, now), time.Duration(1+i%40) * time.Second}
		if i%4 == 0 { // at its limit for a moment
			s.Leave(id)
			s.Enter(id)
		}
		if i%4 == 1 { // reports what is left
			s.Set(id, anyTerms(int(id), 1e6-i))
		}
	}
}

// anyTerms are terms with something of everything.
func anyTerms(id, remaining int) strategy.Terms {
	t := strategy.Terms{
		Weight: float64(1 + id%3), Group: []string{"", "", "a", "b"}[id%4], Priority: 1 + id%10,
		Remaining: max(1, remaining-id), Length: time.Minute,
	}
	if id%2 == 0 {
		t.Due = start.Add(time.Duration(1+id%50) * 24 * time.Hour)
	}
	return t
}

// A grant allocates nothing.
func TestGrantAllocatesNothing(t *testing.T) {
	for _, name := range strategy.Names() {
		s, err := strategy.New(name, nil)
		require.NoError(t, err)
		s.SetCapacity(1000, 500)
		for id := range campaign.ID(1000) {
			s.Set(id, anyTerms(int(id), 1e6))
			s.Enter(id)
		}
		now := start
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			now = now.Add(5 * time.Millisecond)
			id, _ := s.Next(now)
			s.Set(id, anyTerms(int(id), 1e5))
			s.Release(id, s.Grant(id, now), 7*time.Second)
			s.Leave(id)
			s.Enter(id)
		}), name)
	}
}
