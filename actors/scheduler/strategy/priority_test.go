package strategy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// urgent lets a campaign of a priority in.
func (m *sim) urgent(priority int, length func() time.Duration) *dialer {
	d := &dialer{weight: 1, length: length, want: endless, firstCall: -1, terms: strategy.Terms{Priority: priority}}
	m.enlist(d)
	return d
}

// share is what dialers had of the capacity since a time.
func (m *sim) share(of *dialer, before float64, since time.Duration) float64 {
	return (m.used(of) - before) / (m.now - since).Seconds()
}

// The most urgent has all but what the others are guaranteed, whatever their calls
// last; and nobody starves.
func TestPriorityKeepsAMinimum(t *testing.T) {
	for _, minimum := range []float64{0.05, 0.1, 0} {
		m := newSim(t, "priority", 100, 0)
		m.lead("priority", map[string]any{"minimum_share": minimum})
		low, high, middle := m.urgent(9, around(90*time.Second, 1)), m.urgent(1, around(4*time.Second, 2)), m.urgent(5, around(20*time.Second, 3))
		m.run(time.Hour)
		lo, hi, mi, since := m.used(low), m.used(high), m.used(middle), m.now
		m.run(11 * time.Hour)
		require.InDelta(t, minimum, m.share(low, lo, since), 0.03*minimum+0.001)
		require.InDelta(t, minimum, m.share(middle, mi, since), 0.03*minimum+0.001)
		require.InDelta(t, 1-2*minimum, m.share(high, hi, since), 0.02)
		require.Greater(t, m.utilisation(), 0.9999)
	}
}

// What the most urgent does not want goes to the next.
func TestPriorityFallsThrough(t *testing.T) {
	m := newSim(t, "priority", 100, 0)
	high := m.urgent(1, around(10*time.Second, 1))
	high.limit = 30
	m.consider(high)
	middle, low := m.urgent(2, around(10*time.Second, 2)), m.urgent(3, around(10*time.Second, 3))
	m.run(3 * time.Hour)
	require.InDelta(t, 0.30, m.share(high, 0, 0), 0.01)
	require.InDelta(t, 0.65, m.share(middle, 0, 0), 0.03)
	require.InDelta(t, 0.05, m.share(low, 0, 0), 0.03)
	require.Greater(t, m.utilisation(), 0.9999)
}

// Inside a band it is fair, by weight.
func TestPriorityIsFairInABand(t *testing.T) {
	m := newSim(t, "priority", 60, 0)
	a, b := m.urgent(2, around(4*time.Second, 1)), m.urgent(2, around(90*time.Second, 2))
	b.weight = 2
	m.tell(b)
	m.urgent(7, around(10*time.Second, 3))
	m.run(5 * time.Hour)
	require.InEpsilon(t, 2*m.used(a), m.used(b), 0.03)
}

// A band that wanted nothing for a time, or that was the most urgent one, is owed
// nothing for it.
func TestPriorityBanksNothing(t *testing.T) {
	m := newSim(t, "priority", 100, 0)
	low, high := m.urgent(8, around(10*time.Second, 1)), m.urgent(4, around(10*time.Second, 2))
	m.run(time.Minute)
	low.want = 0
	m.consider(low)
	m.run(5 * time.Hour)
	low.want = endless
	m.consider(low)
	top := m.urgent(1, around(10*time.Second, 3))
	m.run(m.now + 2*time.Minute)
	lo, hi, tp, since := m.used(low), m.used(high), m.used(top), m.now
	m.run(m.now + 30*time.Minute)
	require.InDelta(t, 0.05, m.share(low, lo, since), 0.02)
	require.InDelta(t, 0.05, m.share(high, hi, since), 0.02)
	require.InDelta(t, 0.90, m.share(top, tp, since), 0.03)
}

// A campaign that becomes urgent goes first from the next grant on.
func TestPriorityChangesLive(t *testing.T) {
	m := newSim(t, "priority", 50, 0)
	a, b := m.urgent(1, around(10*time.Second, 1)), m.urgent(5, around(10*time.Second, 2))
	m.run(time.Hour)
	b.terms.Priority = 1
	m.tell(b)
	a.terms.Priority = 5
	m.tell(a)
	m.run(m.now + time.Minute)
	used, since := m.used(b), m.now
	m.run(m.now + time.Hour)
	require.InDelta(t, 0.95, m.share(b, used, since), 0.02)
}

// What a guess got wrong is settled, for the band as well.
func TestPriorityIsSettled(t *testing.T) {
	m := newSim(t, "priority", 100, 0)
	m.lead("priority", map[string]any{"gain": 1e-6})
	low, high := m.urgent(9, around(100*time.Second, 1)), m.urgent(1, around(10*time.Second, 2))
	for _, d := range m.dialers {
		d.terms.Length = 10 * time.Second // guesses stay wrong
		m.tell(d)
	}
	m.run(12 * time.Hour)
	require.InDelta(t, 0.05, m.share(low, 0, 0), 0.01)
	require.InDelta(t, 0.95, m.share(high, 0, 0), 0.01)
}

// Who comes from another band is no newcomer in this one.
func TestPriorityKnowsWhoWasServed(t *testing.T) {
	s, err := strategy.New("priority", nil)
	require.NoError(t, err)
	s.SetCapacity(10, 0)
	s.Set(1, strategy.Terms{Weight: 0.5, Priority: 5})
	s.Set(2, strategy.Terms{Weight: 1, Priority: 5})
	for _, id := range []campaign.ID{1, 2} {
		s.Enter(id)
	}
	turns(s, 20)
	s.Leave(1)
	turns(s, 20)
	s.Enter(1) // on credit, behind the present
	s.Set(3, strategy.Terms{Weight: 1, Priority: 1})
	s.Enter(3)
	turns(s, 1)
	s.Set(3, strategy.Terms{Weight: 1, Priority: 5})
	id, _ := s.Next(start)
	require.EqualValues(t, 1, id)
}

// What a call of a band's minimum cost is the band's, also when its campaign is in
// another by then.
func TestPrioritySettlesWhereItWasGranted(t *testing.T) {
	s := newStrategy(t, "priority", 10, 0)
	for i, priority := range []int{1, 5, 9, 9} {
		s.Set(campaignID(i), strategy.Terms{Weight: 1, Priority: priority})
		if i < 3 {
			s.Enter(campaignID(i))
		}
	}
	low := func(n int) map[int]int { // grants n, and counts
		got := map[int]int{}
		for range n {
			id, _ := s.Next(start)
			s.Release(id, s.Grant(id, start), 10*time.Second)
			got[int(id)-1]++
		}
		return got
	}
	low(100)
	id := campaign.ID(0)
	for {
		id, _ = s.Next(start)
		c := s.Grant(id, start)
		if id == campaignID(2) {
			s.Leave(id)
			s.Enter(campaignID(3)) // the band goes on
			s.Set(id, strategy.Terms{Weight: 1, Priority: 5})
			s.Release(id, c, time.Hour)
			break
		}
		s.Release(id, c, 10*time.Second)
	}
	got := low(2000)
	require.Zero(t, got[3], "an hour is two hundredfold a minimum of 2000 calls of ten seconds")
	require.Greater(t, got[1], 90)
}

// Minimums are of what is granted, and not of calls that were up before.
func TestPriorityOwesNothingForAdoptedCalls(t *testing.T) {
	s := newStrategy(t, "priority", 10, 0)
	for i, priority := range []int{1, 5, 9} {
		s.Set(campaignID(i), strategy.Terms{Weight: 1, Priority: priority})
		s.Enter(campaignID(i))
	}
	for range 50 {
		s.Release(campaignID(2), s.Adopt(campaignID(2), start), time.Hour)
	}
	got := numbers(turns(s, 100))
	slices.Sort(got)
	require.GreaterOrEqual(t, slices.Index(got, 1), 88, "all but two minimums are the first band's")
}
