package machine_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// ramping is a campaign in progress that grows into its limit within 250 ms.
func ramping(t *testing.T, limit, calls int) *script {
	s := begin(t, machine.Config{RampUp: 250 * time.Millisecond}, aCampaign(campaign.StatusInProgress, limit))
	s.c.Stats = campaign.Stats{Total: calls, Queued: calls}
	s.do(machine.Page{Calls: waitings(1, calls), Last: true})
	return s
}

// fill grants what may be had, as a scheduler does with room for all.
func (s *script) fill() {
	s.Helper()
	if n := min(s.wants().Fresh, s.grown()-len(s.held())); n > 0 {
		s.grant(n)
		s.answer(0)
	}
}

// grown is how many calls the machine may have up.
func (s *script) grown() int { return cmp.Or(s.wants().Grown, s.wants().Limit) }

// until follows the machine's own ticks up to a time, and fills; it returns how many
// calls began at once at most.
func (s *script) until(end time.Time) (most int) {
	s.Helper()
	began, turns := s.now, 0
	for s.now.Before(end) {
		turns++
		before := len(s.held())
		s.fill()
		most = max(most, len(s.held())-before)
		next := s.m.NextTick(s.now)
		s.now = end
		if next.Before(end) {
			s.now = next
		}
		s.do(machine.Tick{})
	}
	require.LessOrEqual(s, turns, 2+int(end.Sub(began)/(5*time.Millisecond)), "a turn takes time")
	return most
}

// endAll ends the calls from one on, and has the ends committed.
func (s *script) endAll(from campaign.CallID, n int) {
	for i := range n {
		s.say(campaign.ReportEnded, attempt(from+campaign.CallID(i), 1), with(campaign.DispositionCompleted))
		s.answer(0)
	}
}

// TestRampSpreadsTheFirstCalls: they begin one by one, and are all there when the time
// is over.
func TestRampSpreadsTheFirstCalls(t *testing.T) {
	for limit, atOnce := range map[int]int{1: 1, 2: 1, 40: 1, 1000: 21} {
		s := ramping(t, limit, 3*limit)
		require.Equal(t, 1, s.grown())
		require.LessOrEqual(t, s.until(nine.Add(125*time.Millisecond)), atOnce)
		require.InDelta(t, 1+float64(limit-1)/2, len(s.held()), 1+float64(limit)*0.04)
		require.LessOrEqual(t, s.until(nine.Add(260*time.Millisecond)), atOnce)
		require.Len(t, s.held(), limit)
		require.Equal(t, limit, s.grown())
		s.until(nine.Add(5 * time.Second))
		require.Len(t, s.held(), limit, "and not more")
	}
}

// TestRampKeepsWhatWasReached: what ends is followed at once, however much ends together.
func TestRampKeepsWhatWasReached(t *testing.T) {
	s := ramping(t, 40, 200)
	s.until(nine.Add(5 * time.Second))
	s.endAll(1, 40)
	require.Equal(t, 40, s.grown())
	s.fill()
	require.Len(t, s.held(), 40)

	s.now = s.now.Add(900 * time.Millisecond) // nothing is up for a moment
	s.endAll(41, 40)
	s.now = s.now.Add(900 * time.Millisecond)
	s.do(machine.Tick{})
	require.Equal(t, 40, s.grown())
}

// TestRampBeginsAgain: after a rest, it is as with the first call.
func TestRampBeginsAgain(t *testing.T) {
	s := ramping(t, 40, 200)
	s.until(nine.Add(5 * time.Second))
	s.endAll(1, 40)
	resting := s.now.Add(time.Second)
	require.Equal(t, resting, s.m.NextTick(s.now), "also while it is granted nothing")
	s.now = resting
	s.do(machine.Tick{})
	require.Equal(t, 1, s.grown())
	require.Equal(t, 40, s.wants().Limit)
	began := s.now
	require.Equal(t, 1, s.until(began.Add(260*time.Millisecond)))
	require.Len(t, s.held(), 40)
}

// TestRampTakesOver: what is up when a machine is built is where it goes on.
func TestRampTakesOver(t *testing.T) {
	var open []machine.Open
	for id := campaign.CallID(1); id <= 30; id++ {
		open = append(open, machine.Open{
			Call:    campaign.Call{ID: id, Status: campaign.CallInProgress, Claim: 1},
			Current: &campaign.Attempt{ID: attempt(id, 1), State: campaign.AttemptPlaced, Provider: "mock", StartedAt: nine},
		})
	}
	s := begin(t, machine.Config{RampUp: 250 * time.Millisecond}, aCampaign(campaign.StatusInProgress, 40), open...)
	require.Equal(t, 30, s.grown())
	s.now = s.now.Add(125 * time.Millisecond)
	s.do(machine.Tick{})
	require.Equal(t, 40, s.grown())
}

// TestRampFollowsTheLimit: a limit that is raised is grown into, one that is lowered
// holds at once.
func TestRampFollowsTheLimit(t *testing.T) {
	s := ramping(t, 40, 2000)
	s.until(nine.Add(time.Second))
	change := func(limit int) {
		s.c.MaxConcurrentCalls = limit
		s.do(machine.Refreshed{Campaign: s.c})
	}
	change(10)
	require.Equal(t, 10, s.grown())
	change(400)
	require.Equal(t, 40, s.grown())
	require.Less(t, s.until(s.now.Add(260*time.Millisecond)), 20)
	require.Len(t, s.held(), 400)
}
