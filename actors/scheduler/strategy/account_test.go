package strategy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// Campaigns with long calls begin beside others with short ones, by which it is guessed
// how long theirs last.  They have their share, and not all that is freed until the
// first of their calls has ended, to wait as long afterwards.
func TestFairShareOfLongCallsTakenForShortOnes(t *testing.T) {
	for _, name := range []string{"fair", "priority", "deadline"} {
		t.Run(name, func(t *testing.T) {
			m := newSim(t, name, 100, 0)
			for i := range 5 {
				m.add(1, 0, around(600*time.Millisecond, uint64(i)))
			}
			m.run(10 * time.Second)
			for i := range 5 {
				m.add(1, 0, around(90*time.Second, uint64(i)))
			}
			m.run(m.now + 2*time.Second) // a guess or two
			require.GreaterOrEqual(t, m.windows(6, 10*time.Second), 0.98)
			for _, d := range m.dialers[5:] {
				require.LessOrEqual(t, d.peak, 13, "a share is 10 channels")
			}
			require.Greater(t, m.utilisation(), 0.999)
		})
	}
}

// A group whose campaigns have long calls is charged as they are, also for those that
// are at their limit.
func TestFairShareOfAGroupWithLongCallsTakenForShortOnes(t *testing.T) {
	m := newSim(t, "fair", 100, 0)
	m.add(1, 0, around(600*time.Millisecond, 1))
	m.run(10 * time.Second)
	for i := range 5 {
		d := &dialer{weight: 1, limit: 8, length: around(90*time.Second, uint64(i)), want: endless, firstCall: -1}
		d.terms.Group = "long"
		m.enlist(d)
	}
	m.add(1, 0, around(90*time.Second, 9)).terms.Group = ""
	used := func() []float64 {
		all, group := m.allUsed(), 0.0
		for _, u := range all[1:6] {
			group += u
		}
		return []float64{all[0], group, all[6]}
	}
	m.run(m.now + 2*time.Second)
	before := used()
	m.run(m.now + 60*time.Second)
	after := used()
	for i := range after {
		require.InDelta(t, 20, after[i]-before[i], 3, "a third of a minute of all channels: %d", i)
	}
}

// The first call that ends is a short one: it says little of those that are up, and what
// they have used stays charged, once.
func TestFairShareWhereTheFirstToEndIsShort(t *testing.T) {
	m := newSim(t, "fair", 100, 0)
	for i := range 9 {
		m.add(1, 0, around(600*time.Millisecond, uint64(i)))
	}
	m.run(10 * time.Second)
	n := 0
	m.add(1, 0, func() time.Duration {
		if n++; n == 11 {
			return time.Second
		}
		return 3 * time.Minute
	})
	before := m.allUsed()
	m.run(m.now + 10*time.Minute)
	after := m.allUsed()
	require.InDelta(t, 60, after[9]-before[9], 9, "a tenth of ten minutes of all channels")
}

// A call of a campaign that was put into another band is over where it was charged.
func TestCallsEndWhereTheyWereCharged(t *testing.T) {
	s := newStrategy(t, "priority", 100, 0)
	terms := func(priority int) strategy.Terms {
		return strategy.Terms{Weight: 1, Group: "g", Priority: priority}
	}
	s.Set(1, terms(2))
	s.Set(2, terms(2))
	s.Enter(1)
	var charges []strategy.Charge
	now := start
	for range 50 {
		id, _ := s.Next(now)
		charges = append(charges, s.Grant(id, now))
	}
	s.Set(1, terms(1)) // the first there as it was the first in its band
	s.Leave(1)
	now = now.Add(10 * time.Second)
	for _, c := range charges {
		s.Release(1, c, 10*time.Second)
	}
	// Those who are left in the band share it as if nothing had been.
	s.Set(3, strategy.Terms{Weight: 1, Priority: 2})
	s.Enter(2)
	s.Enter(3)
	granted := map[campaign.ID]int{}
	for range 400 {
		now = now.Add(time.Second)
		id, _ := s.Next(now)
		granted[id]++
		s.Release(id, s.Grant(id, now), 100*time.Second)
	}
	require.InDelta(t, 200, granted[2], 10)
}
