package strategy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// skewed adds campaigns whose calls are short and long in turn.
func skewed(m *sim, n int) {
	for i := range n {
		mean := 4 * time.Second
		if i%2 == 1 {
			mean = 90 * time.Second
		}
		m.add(1, 0, around(mean, uint64(i)))
	}
}

// The three cases of fair-share.md, in windows of equal length once the start is
// over.
func TestFairShare(t *testing.T) {
	cases := []struct {
		name     string
		channels int
		rate     float64
		fill     func(*sim)
		window   time.Duration
		turns    float64 // round_robin stays below
	}{
		{"skewed lengths", 100, 0, func(m *sim) { skewed(m, 10) }, 20 * time.Minute, 0.60},
		{"more campaigns than slots", 100, 0, func(m *sim) { skewed(m, 300) }, 2 * time.Hour, 0.60},
		{"bound by the rate", 1000, 20, func(m *sim) {
			for i := range 10 {
				m.add(1, 0, around(time.Duration(2+8*(i%2))*time.Second, uint64(i)))
			}
		}, 10 * time.Minute, 1.01},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			index := map[string]float64{}
			for _, name := range strategy.Names() {
				m := newSim(t, name, c.channels, c.rate)
				c.fill(m)
				m.run(15 * time.Minute)
				index[name] = m.windows(3, c.window)
				t.Logf("%-12s Jain's index %.4f, channels in use %.3f", name, index[name], m.utilisation())
			}
			require.GreaterOrEqual(t, index["fair"], 0.99)
			require.Less(t, index["round_robin"], c.turns)
		})
	}
}

// Where some campaigns' calls are dear in channels and others' in calls per second,
// it is the dominant share that is equal.
func TestFairSharesWhatBinds(t *testing.T) {
	m := newSim(t, "fair", 100, 10)
	short := m.add(1, 0, exactly(2*time.Second))
	long := m.add(1, 0, exactly(60*time.Second))
	m.run(15 * time.Minute)
	require.GreaterOrEqual(t, m.windows(3, 30*time.Minute), 0.99)
	require.Greater(t, short.calls, 5*long.calls)
}

// "A newcomer beside a 100,000-number campaign: its first call goes out with the
// first slot that frees."
func TestNewcomerGetsTheNextSlot(t *testing.T) {
	for _, length := range []time.Duration{3 * time.Second, 90 * time.Second} {
		m := newSim(t, "fair", 100, 0)
		big := m.add(1, 0, around(length, 1))
		other := m.add(1, 30, around(length, 2))
		m.run(time.Hour + 137*time.Millisecond)
		newcomer := m.add(1, 0, exactly(5*time.Second))
		free, calls := m.flights[0].end, big.calls+other.calls
		m.run(free)
		m.run(free + 1) // grant what has become free
		require.Equal(t, free, newcomer.firstCall)
		require.Equal(t, calls, big.calls+other.calls)
	}
}

// "Without lifting V on re-entry, a campaign that was at its limit, out of hours or
// rate-limited comes back with credit and starves the others."
func TestReentryBanksNothing(t *testing.T) {
	m := newSim(t, "fair", 10, 0)
	a := m.add(1, 0, exactly(10*time.Second))
	b := m.add(1, 0, exactly(10*time.Second))
	m.run(time.Minute)
	b.want = 0
	m.consider(b)
	m.run(time.Hour) // out of hours: a has it all
	b.want = endless
	m.consider(b)
	beforeA, beforeB := m.used(a), m.used(b)
	m.run(time.Hour + time.Minute)
	gotA, gotB := m.used(a)-beforeA, m.used(b)-beforeB
	require.Greater(t, gotA, 0.75*gotB, "what b did not use while away is gone")
	require.Greater(t, gotB, 0.6*gotA)
}

func TestWeights(t *testing.T) {
	m := newSim(t, "fair", 70, 0)
	ds := []*dialer{m.add(1, 0, around(20*time.Second, 1)), m.add(2, 0, around(8*time.Second, 2)), m.add(4, 0, around(30*time.Second, 3))}
	m.run(3 * time.Hour)
	unit := m.used(ds[0])
	require.InEpsilon(t, 2*unit, m.used(ds[1]), 0.05)
	require.InEpsilon(t, 4*unit, m.used(ds[2]), 0.05)
}

func TestWeightChange(t *testing.T) {
	m := newSim(t, "fair", 40, 0)
	a, b := m.add(1, 0, around(20*time.Second, 1)), m.add(1, 0, around(20*time.Second, 2))
	m.run(time.Hour)
	require.InEpsilon(t, m.used(a), m.used(b), 0.05)
	b.weight = 3
	m.tell(b)
	usedA, usedB := m.used(a), m.used(b)
	m.run(2 * time.Hour)
	require.InEpsilon(t, 3*(m.used(a)-usedA), m.used(b)-usedB, 0.05)
}

// "A campaign capped below its share: the rest goes to the others; nothing idles
// while anyone could use it."
func TestCappedCampaignLeavesTheRest(t *testing.T) {
	m := newSim(t, "fair", 100, 0)
	capped := m.add(1, 10, around(20*time.Second, 1))
	a, b := m.add(1, 0, around(5*time.Second, 2)), m.add(1, 0, around(60*time.Second, 3))
	m.run(2 * time.Hour)
	require.InEpsilon(t, 0.10*m.now.Seconds(), m.used(capped), 0.02)
	require.InEpsilon(t, m.used(a), m.used(b), 0.05)
	require.Greater(t, m.utilisation(), 0.9999)
}

// A campaign that was at its limit all the time has no claim to what it could not
// use when the limit is raised.
func TestRaisedLimitStarvesNobody(t *testing.T) {
	m := newSim(t, "fair", 100, 0)
	capped, other := m.add(1, 1, exactly(10*time.Second)), m.add(1, 0, exactly(10*time.Second))
	m.run(time.Hour)
	capped.limit = 0
	m.consider(capped)
	before := m.used(other)
	m.run(time.Hour + 2*time.Minute)
	require.Greater(t, m.used(other)-before, 0.4*(2*time.Minute).Seconds())
}

// "With equal weights and equal call lengths it is round-robin."
func TestFairIsRoundRobinAmongEquals(t *testing.T) {
	order := func(name string) (ids []campaign.ID) {
		s, err := strategy.New(name, nil)
		require.NoError(t, err)
		s.SetCapacity(7, 0)
		for id := campaign.ID(1); id <= 5; id++ {
			s.Enter(id)
		}
		var guesses []strategy.Charge
		for i := range 200 {
			id, ok := s.Next(time.Time{})
			require.True(t, ok)
			ids, guesses = append(ids, id), append(guesses, s.Grant(id, time.Time{}))
			if i >= 7 { // each call ends seven grants later
				s.Release(ids[i-7], guesses[i-7], 10*time.Second)
			}
		}
		return ids
	}
	fair, turns := order("fair"), order("round_robin")
	for i := 0; i < len(fair); i += 5 {
		require.ElementsMatch(t, turns[i:i+5], fair[i:i+5], "round %d", i/5)
		require.Equal(t, fair[:5], fair[i:i+5], "the same order in every round")
	}
}

// A newcomer has one guess of credit, also where what was settled has taken all others
// far from what they were when a token was granted last.
func TestNewcomerBringsNoMoreThanAGuess(t *testing.T) {
	s := newStrategy(t, "fair", 100, 0)
	s.Enter(1)
	var charges []strategy.Charge
	for range 100 {
		charges = append(charges, s.Grant(1, start))
	}
	for _, c := range charges {
		s.Release(1, c, time.Minute)
	}
	s.Set(2, strategy.Terms{Weight: 1, Length: time.Minute})
	s.Enter(2)
	got := turns(s, 4)
	require.EqualValues(t, 2, got[0])
	require.Contains(t, got, campaign.ID(1))
}

// A token that was not used costs nothing, however many there are.
func TestUnusedTokenRestoresTheCharge(t *testing.T) {
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	s.SetCapacity(10, 5)
	s.Enter(1)
	s.Enter(2)
	turns(s, 2)
	for range 5 {
		charge := s.Grant(1, start)
		require.NotZero(t, charge)
		s.Release(1, charge, 0)
	}
	require.ElementsMatch(t, []campaign.ID{1, 2, 1, 2}, turns(s, 4))
}

// The charge follows the campaign's own calls: the guess is their running mean.
func TestGuessIsTheRunningMean(t *testing.T) {
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	s.SetCapacity(100, 0)
	s.Enter(1)
	for range 200 {
		s.Release(1, s.Grant(1, start), 40*time.Second)
	}
	s.Set(1, strategy.Terms{Weight: 1, Length: time.Hour})
	require.InEpsilon(t, 40.0/100, s.Grant(1, start).Cost(), 0.01, "what its owner says counts until a call was seen")
	s.SetCapacity(100, 2) // now one request a half second costs more
	require.InEpsilon(t, 0.5, s.Grant(1, start).Cost(), 0.01)

	s.Set(2, strategy.Terms{Weight: 1})
	require.InEpsilon(t, 0.5, s.Grant(2, start).Cost(), 0.01)
	s.SetCapacity(10, 0)
	require.InEpsilon(t, 10.0/10, s.Grant(2, start).Cost(), 0.01, "the first guess")
	s.Set(2, strategy.Terms{Weight: 1, Length: 30 * time.Second})
	require.InEpsilon(t, 30.0/10, s.Grant(2, start).Cost(), 0.01, "what its owner says")
}

// Where nothing limits, turns are still taken.
func TestFairWithoutLimits(t *testing.T) {
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	s.Enter(1)
	s.Enter(2)
	got := map[campaign.ID]int{}
	for range 100 {
		id, ok := s.Next(time.Time{})
		require.True(t, ok)
		s.Grant(id, time.Time{})
		got[id]++
	}
	require.Equal(t, map[campaign.ID]int{1: 50, 2: 50}, got)
}

// Nobody knows how long first calls last. Were they taken to be far longer than they
// are, whoever comes a moment later does not wait until that is made up for.
func TestNewcomerAfterWrongGuesses(t *testing.T) {
	for _, c := range []struct {
		group string
		after time.Duration
	}{{"", time.Second}, {"b", time.Second}, {"", 100 * time.Millisecond}, {"b", 100 * time.Millisecond}} {
		group := c.group
		m := newSim(t, "fair", 20, 0)
		first := m.add(1, 0, around(400*time.Millisecond, 1)) // taken to last 10 s
		m.run(c.after)                                        // some of them have ended, or none
		before := m.used(first)
		second := m.join(group, 1, around(400*time.Millisecond, 2))
		m.run(m.now + 3*time.Second)
		require.Greater(t, m.used(second), 0.6*(m.used(first)-before))
		m.run(m.now + 10*time.Second)
		require.GreaterOrEqual(t, m.windows(1, 10*time.Second), 0.99)
	}
}

// A campaign of which nothing is known is taken to be like the others, each of which
// counts once.
func TestFirstGuessIsLikeTheOthers(t *testing.T) {
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	s.SetCapacity(10, 0)
	s.Enter(1)
	require.InEpsilon(t, 1.0, s.Grant(1, start).Cost(), 1e-9, "first_guess")
	for range 50 {
		s.Release(1, s.Grant(1, start), 2*time.Second)
	}
	s.Enter(2)
	require.InEpsilon(t, 0.2, s.Grant(2, start).Cost(), 1e-9)
	s.Release(2, s.Grant(2, start), 60*time.Second)
	require.InEpsilon(t, 6.0, s.Grant(2, start).Cost(), 1e-9, "the first call that ends is worth more than any guess")
	s.Enter(3)
	require.InEpsilon(t, 3.1, s.Grant(3, start).Cost(), 1e-9)
	s.Forget(2)
	s.Enter(4)
	require.InEpsilon(t, 0.2, s.Grant(4, start).Cost(), 1e-9)
}

// A weight that is raised is in force from the next grant on, whatever the campaign was
// charged by the old one; and one that is lowered leaves no credit.
func TestWeightRaisedAfterLongCalls(t *testing.T) {
	m := newSim(t, "fair", 100, 0)
	low := m.add(0.01, 0, around(90*time.Second, 1))
	m.run(time.Minute) // alone, it has all channels
	other := m.add(1, 0, around(90*time.Second, 2))
	m.run(m.now + 340*time.Second)
	low.weight = 1
	m.tell(low)
	was, ofOther := m.used(low), m.used(other)
	m.run(m.now + 30*time.Minute)
	require.InEpsilon(t, m.used(other)-ofOther, m.used(low)-was, 0.15)
	low.weight = 0.1
	m.tell(low)
	m.run(m.now + 10*time.Minute)
	was, ofOther = m.used(low), m.used(other)
	m.run(m.now + time.Hour)
	require.InEpsilon(t, 0.1*(m.used(other)-ofOther), m.used(low)-was, 0.15)
}
