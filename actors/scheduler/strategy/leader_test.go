package strategy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// "A leader change in the middle": whoever leads, and however often that changes,
// what each has had stays equal; nobody begins with credit, or without any.
func TestLeaderChange(t *testing.T) {
	for _, knows := range []bool{true, false} {
		m := newSim(t, "fair", 100, 0)
		skewed(m, 10)
		m.run(time.Hour)
		for _, d := range m.dialers {
			if knows { // from the campaigns' owners, how long their calls last
				d.terms.Length = d.length()
			}
		}
		for range 6 {
			m.lead("fair", nil)
			require.GreaterOrEqual(t, m.windows(1, 10*time.Minute), 0.97, "lengths known: %v", knows)
		}
		require.GreaterOrEqual(t, m.windows(3, 20*time.Minute), 0.99)
		require.Greater(t, m.utilisation(), 0.9999)
	}
}

// Who had everything when a leader came, since nobody else was there, does not go on
// having it; and who had nothing does not get all that the other had.
func TestLeaderFindsOneWithEverything(t *testing.T) {
	m := newSim(t, "fair", 100, 0)
	first := m.add(1, 0, around(60*time.Second, 1))
	m.run(time.Hour)
	second := m.add(1, 0, around(60*time.Second, 2))
	first.terms.Length, second.terms.Length = 60*time.Second, 60*time.Second
	m.lead("fair", nil)
	was := m.used(first)
	m.run(m.now + 2*time.Minute) // the second has had more for a while, for what the first had up
	require.InEpsilon(t, m.used(first)-was, m.used(second), 0.05)
	require.InDelta(t, 50, first.held, 10)
	require.InDelta(t, 50, second.held, 10)
	require.GreaterOrEqual(t, m.windows(2, 10*time.Minute), 0.999)
}

// A campaign with calls that are up is no newcomer to a new leader, and one without is.
func TestLeaderKnowsNewcomers(t *testing.T) {
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	s.SetCapacity(10, 0)
	s.Adopt(1, start)
	s.Enter(1)
	s.Enter(2)
	id, _ := s.Next(start)
	require.EqualValues(t, 2, id)
}

// Of a call that is up, half is still to come.
func TestAdoptedCallsAreChargedByHalves(t *testing.T) {
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	s.SetCapacity(10, 0)
	s.Set(1, strategy.Terms{Weight: 1, Length: 40 * time.Second})
	require.InEpsilon(t, 2.0, s.Adopt(1, start).Cost(), 1e-9)
}

// What was charged by halves is settled by what was still to come.
func TestAdoptedCallsAreSettled(t *testing.T) {
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	s.SetCapacity(10, 0)
	for id := range 2 {
		for range 5 {
			s.Release(campaignID(id), s.Adopt(campaignID(id), start), time.Duration(1+8*id)*time.Second)
		}
		s.Enter(campaignID(id))
	}
	require.Equal(t, []int{0, 0, 0}, numbers(turns(s, 3)), "its calls were over sooner")
}

// The rest of a call says nothing of how long calls last.
func TestAdoptedCallsTeachNothing(t *testing.T) {
	s := newStrategy(t, "fair", 100, 0)
	s.Set(1, strategy.Terms{Weight: 1, Length: time.Minute})
	for range 100 {
		s.Release(1, s.Adopt(1, start), time.Second)
	}
	require.InEpsilon(t, 60.0/100, s.Grant(1, start).Cost(), 0.001)
}

// The create request of a call that is up was charged by the leader before.
func TestAdoptedCallsAreNotCreatedAgain(t *testing.T) {
	s := newStrategy(t, "fair", 1000, 1)
	s.Enter(1)
	s.Enter(2)
	turns(s, 2)
	for range 50 {
		s.Release(1, s.Adopt(1, start), 100*time.Millisecond)
	}
	require.ElementsMatch(t, []campaign.ID{1, 2}, turns(s, 2))
}

// Whether a new leader hears first of a campaign's calls or of its demand, and of
// whose first, makes no difference.
func TestLeaderHearsInAnyOrder(t *testing.T) {
	var got [][]campaign.ID
	for order := range 3 {
		s := newStrategy(t, "fair", 10, 0)
		if order == 0 {
			s.Enter(1)
		}
		if order < 2 {
			s.Enter(2)
		}
		for range 20 {
			s.Adopt(1, start)
		}
		s.Enter(1)
		s.Enter(2)
		got = append(got, turns(s, 30))
	}
	require.Equal(t, got[0], got[1])
	require.Equal(t, got[0], got[2])
	require.NotContains(t, got[0][:10], campaign.ID(1), "what it has up is half of a call each")
	require.Contains(t, got[0], campaign.ID(1))
}

// A token that comes back when its campaign is not known any more is settled, and
// brings back no memory of the campaign.
func TestReleaseAfterForget(t *testing.T) {
	for _, name := range strategy.Names() {
		s := newStrategy(t, name, 10, 0)
		for id := range campaign.ID(100) {
			s.Set(id, strategy.Terms{Weight: 1, Group: "g", Priority: 1 + int(id%10)})
			s.Enter(id)
			c := s.Grant(id, start)
			s.Forget(id)
			s.Release(id, c, time.Minute)
		}
		require.Zero(t, strategy.Remembered(s), name)
	}
}
