package strategy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
)

// small lets a campaign with so many numbers in.
func (m *sim) small(numbers int, group string) *dialer {
	d := &dialer{weight: 1, length: exactly(10 * time.Second), want: numbers, firstCall: -1, terms: strategy.Terms{Group: group}}
	m.enlist(d)
	return d
}

// The fewest first: the small are done while the large wait; the most first: the large
// come down to the small.
func TestRemaining(t *testing.T) {
	m := newSim(t, "remaining", 10, 0)
	large, small := m.small(2000, ""), m.small(200, "")
	m.run(3 * time.Minute)
	require.Less(t, small.want, 25, "200 of them in 180 of 220 calls")
	require.Greater(t, large.want, 1960)

	m = newSim(t, "remaining", 10, 0)
	m.lead("remaining", map[string]any{"direction": "most", "aging": "1h"})
	large, small = m.small(500, ""), m.small(300, "")
	m.run(200 * time.Second)
	require.Greater(t, small.want, 290)
	m.run(1000 * time.Second)
	require.InDelta(t, large.want, small.want, 20)
}

// Waiting counts: a campaign a thousand times as large has its turns, the sooner the
// shorter the aging.
func TestRemainingStarvesNobody(t *testing.T) {
	calls := map[string]int{}
	for _, aging := range []string{"10s", "1m"} {
		m := newSim(t, "remaining", 1, 0)
		m.lead("remaining", map[string]any{"aging": aging})
		large := m.small(100_000, "")
		steady := m.small(100, "")
		for m.now < 10*time.Hour {
			steady.want = 100 // it always has a hundred left
			m.tell(steady)
			m.run(m.now + 10*time.Second)
		}
		calls[aging] = large.calls
	}
	require.InDelta(t, 36000/110, calls["10s"], 20, "every log2(1000) = 10 spans of aging, and its own call")
	require.InDelta(t, 36000/610, calls["1m"], 5)
}

// A group counts as what all of its campaigns have left.
func TestRemainingOfGroups(t *testing.T) {
	m := newSim(t, "remaining", 1, 0)
	m.lead("remaining", map[string]any{"aging": "24h"})
	var split []*dialer
	for range 10 {
		split = append(split, m.small(30, "split"))
	}
	whole := m.small(100, "")
	m.run(900 * time.Second)
	calls := 0
	for _, d := range split {
		calls += d.calls
	}
	require.LessOrEqual(t, calls, 2, "300 in ten parts are more than 100")
	require.GreaterOrEqual(t, whole.calls, 88)
}

// Among equals it is turn by turn.
func TestRemainingAmongEquals(t *testing.T) {
	s, err := strategy.New("remaining", nil)
	require.NoError(t, err)
	for i := range 3 {
		s.Enter(campaignID(i))
	}
	got := numbers(turns(s, 9))
	require.ElementsMatch(t, []int{0, 1, 2}, got[:3])
	require.Equal(t, got[:3], got[3:6])
}

// Waiting counts also for a campaign that is away now and then, and being away does
// not.
func TestRemainingKeepsWhatWasWaited(t *testing.T) {
	s := newStrategy(t, "remaining", 10, 0)
	terms := []strategy.Terms{{Weight: 1, Remaining: 1000}, {Weight: 1, Remaining: 1_000_000}}
	for i := range terms {
		s.Set(campaignID(i), terms[i])
		s.Enter(campaignID(i))
	}
	now, got := start, []int{0, 0}
	play := func(seconds int) {
		for range seconds {
			now = now.Add(time.Second)
			id, _ := s.Next(now)
			s.Grant(id, now)
			got[id-1]++
			s.Set(campaignID(0), terms[0])
			s.Leave(campaignID(1))
			s.Enter(campaignID(1))
		}
	}
	play(3000)
	require.InDelta(t, 10, got[1], 2, "each log2(1000) = 10 spans of 30 s")
	s.Leave(campaignID(1))
	now = now.Add(10 * time.Hour)
	_, ok := s.Next(now)
	require.True(t, ok)
	s.Enter(campaignID(1))
	got[1] = 0
	play(3000)
	require.InDelta(t, 10, got[1], 2)
}

// Time in which a campaign could not have used a token is not waited.
func TestRemainingCountsNoTimeAway(t *testing.T) {
	s, err := strategy.New("remaining", nil)
	require.NoError(t, err)
	s.Set(1, strategy.Terms{Remaining: 1000})
	s.Set(2, strategy.Terms{Remaining: 10})
	s.Enter(1)
	turns(s, 1)
	s.Leave(1)
	s.Enter(2)
	hour := start.Add(time.Hour)
	_, _ = s.Next(hour)
	s.Grant(2, hour)
	s.Enter(1)
	id, _ := s.Next(hour)
	require.EqualValues(t, 2, id)
}
