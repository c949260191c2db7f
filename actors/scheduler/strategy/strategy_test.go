package strategy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

func TestDefaultIsInTheTable(t *testing.T) {
	require.Contains(t, strategy.Names(), strategy.Default)
	require.True(t, slices.IsSorted(strategy.Names()))
}

// What every strategy keeps to, against a naive set of who is eligible.
func TestEveryStrategy(t *testing.T) {
	for _, name := range strategy.Names() {
		t.Run(name, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { exercise(t, name) }) })
	}
}

type token struct {
	id     campaign.ID
	charge strategy.Charge
}

func exercise(t *rapid.T, name string) {
	s, err := strategy.New(name, nil)
	require.NoError(t, err)
	s.SetCapacity(rapid.IntRange(0, 20).Draw(t, "channels"), float64(rapid.IntRange(0, 20).Draw(t, "rate")))
	eligible, now := map[campaign.ID]bool{}, start
	var held []token
	id := rapid.Custom(func(t *rapid.T) campaign.ID { return campaign.ID(rapid.IntRange(1, 6).Draw(t, "id")) })
	t.Repeat(map[string]func(*rapid.T){
		"enter": func(t *rapid.T) {
			id := id.Draw(t, "who")
			s.Enter(id)
			eligible[id] = true
		},
		"leave": func(t *rapid.T) {
			id := id.Draw(t, "who")
			s.Leave(id)
			delete(eligible, id)
		},
		"forget": func(t *rapid.T) {
			id := id.Draw(t, "who")
			s.Forget(id)
			delete(eligible, id)
		},
		"set": func(t *rapid.T) {
			s.Set(id.Draw(t, "who"), strategy.Terms{
				Weight:    rapid.Float64Range(0.1, 100).Draw(t, "weight"),
				Group:     rapid.SampledFrom([]string{"", "", "a", "b"}).Draw(t, "group"),
				Priority:  rapid.IntRange(1, campaign.LimitPriority).Draw(t, "priority"),
				Remaining: rapid.IntRange(0, 100_000).Draw(t, "remaining"),
				Due:       rapid.SampledFrom([]time.Time{{}, start, start.Add(time.Minute), start.Add(10 * time.Hour)}).Draw(t, "due"),
				Length:    time.Duration(rapid.IntRange(0, 90).Draw(t, "length")) * time.Second,
			})
		},
		"adopt": func(t *rapid.T) {
			id := id.Draw(t, "who")
			held = append(held, token{id, s.Adopt(id, now)})
		},
		"pass": func(t *rapid.T) {
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
		},
		"grant": func(t *rapid.T) {
			if id, ok := s.Next(now); ok {
				held = append(held, token{id, s.Grant(id, now)})
			}
		},
		"release": func(t *rapid.T) {
			if len(held) > 0 {
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				s.Release(held[i].id, held[i].charge, time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds"))*time.Second)
				held = slices.Delete(held, i, i+1)
			}
		},
		"": func(t *rapid.T) {
			id, ok := s.Next(now)
			require.Equal(t, len(eligible) > 0, ok)
			again, _ := s.Next(now)
			require.Equal(t, id, again, "asking changes nothing")
			if ok {
				require.True(t, eligible[id], "campaign %d is next and not eligible", id)
			}
		},
	})
	for _, h := range held { // who has a call up for ever uses more than a share
		s.Release(h.id, h.charge, 30*time.Second)
	}
	everyoneGetsATurn(t, s, eligible, now)
}

// everyoneGetsATurn checks that none of the eligible is passed over for ever.
func everyoneGetsATurn(t *rapid.T, s strategy.Strategy, eligible map[campaign.ID]bool, now time.Time) {
	left := map[campaign.ID]bool{}
	for id := range eligible {
		left[id] = true
	}
	for range 100_000 {
		if len(left) == 0 {
			return
		}
		now = now.Add(time.Second)
		id, ok := s.Next(now)
		require.True(t, ok)
		s.Release(id, s.Grant(id, now), 10*time.Second)
		delete(left, id)
	}
	t.Fatalf("%v never got a turn", left)
}

func newStrategy(t require.TestingT, name string, channels int, rate float64) strategy.Strategy {
	s, err := strategy.New(name, nil)
	require.NoError(t, err)
	s.SetCapacity(channels, rate)
	return s
}

// turns grants n times and notes who got them.
func turns(s strategy.Strategy, n int) (ids []campaign.ID) {
	for range n {
		id, _ := s.Next(start)
		s.Grant(id, start)
		ids = append(ids, id)
	}
	return ids
}

func TestRoundRobinKeepsTheOrder(t *testing.T) {
	s, err := strategy.New("round_robin", nil)
	require.NoError(t, err)
	for id := campaign.ID(1); id <= 4; id++ {
		s.Enter(id)
	}
	require.Equal(t, []campaign.ID{1, 2, 3, 4, 1, 2}, turns(s, 6))
	s.Leave(1) // had its turn
	require.Equal(t, []campaign.ID{3, 4, 2}, turns(s, 3))
	s.Leave(3) // was next
	require.Equal(t, []campaign.ID{4, 2, 4}, turns(s, 3))
	s.Enter(1) // before the next one, so the last of the round
	s.Enter(1)
	require.Equal(t, []campaign.ID{2, 4, 1, 2, 4, 1}, turns(s, 6))
	require.Equal(t, []campaign.ID{2}, turns(s, 1))
	s.Enter(5) // in the middle of a round
	require.Equal(t, []campaign.ID{4, 1, 2, 5}, turns(s, 4))
	s.Forget(5)
	s.Forget(2)
	s.Forget(4)
	s.Forget(1)
	_, ok := s.Next(start)
	require.False(t, ok)
}

// A campaign at its limit leaves with each grant and enters with each release.  It
// must not find itself at the turn each time.
func TestRoundRobinReentryJumpsNoQueue(t *testing.T) {
	s, err := strategy.New("round_robin", nil)
	require.NoError(t, err)
	s.Enter(1)
	s.Enter(2)
	turns(s, 2)
	got := map[campaign.ID]int{}
	for range 300 {
		s.Enter(3)
		id, _ := s.Next(start)
		s.Grant(id, start)
		got[id]++
		s.Leave(3)
	}
	require.Equal(t, 150, got[1])
	require.Equal(t, 150, got[2])
}
