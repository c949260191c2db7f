package strategy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
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
	m.run(m.now + 90*time.Second)
	require.InDelta(t, 50, first.held, 10)
	require.InDelta(t, 50, second.held, 10)
	require.GreaterOrEqual(t, m.windows(2, 10*time.Minute), 0.999)
}

// A campaign with calls that are up is no newcomer to a new leader, and one without is.
func TestLeaderKnowsNewcomers(t *testing.T) {
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	s.SetCapacity(10, 0)
	s.Adopt(1)
	s.Enter(1)
	s.Enter(2)
	id, _ := s.Next(start)
	require.EqualValues(t, 2, id)
}

// What was charged by halves is settled by what was still to come.
func TestAdoptedCallsAreSettled(t *testing.T) {
	s, err := strategy.New("fair", nil)
	require.NoError(t, err)
	s.SetCapacity(10, 0)
	for id := range 2 {
		for range 5 {
			s.Release(campaignID(id), s.Adopt(campaignID(id)), time.Duration(1+8*id)*time.Second)
		}
		s.Enter(campaignID(id))
	}
	require.Equal(t, []int{0, 0, 0}, numbers(turns(s, 3)), "its calls were over sooner")
}
