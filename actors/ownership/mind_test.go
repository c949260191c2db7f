package ownership

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Quotas are within one of even, add up, move the least that is possible, and stay the
// same while they are carried out, one partition after the other in any order.
func TestQuotas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.IntRange(1, 70).Draw(t, "partitions")
		counts := make([]int, rapid.IntRange(1, 8).Draw(t, "members"))
		owned := rapid.IntRange(0, partitions).Draw(t, "owned")
		for range owned {
			counts[rapid.IntRange(0, len(counts)-1).Draw(t, "of")]++
		}
		quotas := Quotas(partitions, counts)
		sum, gives := 0, 0
		for i, q := range quotas {
			sum += q
			gives += max(0, counts[i]-q)
			require.True(t, q == partitions/len(counts) || q == (partitions+len(counts)-1)/len(counts), "%v", quotas)
		}
		require.Equal(t, partitions, sum)
		require.Equal(t, leastGiven(partitions, counts), gives, "%v of %v", quotas, counts)
		for !slices.Equal(counts, quotas) {
			i := rapid.IntRange(0, len(counts)-1).Draw(t, "moves")
			switch {
			case counts[i] > quotas[i]:
				counts[i]--
			case counts[i] < quotas[i]:
				counts[i]++
			}
			require.Equal(t, quotas, Quotas(partitions, counts), "%v", counts)
		}
	})
}

// leastGiven tries all ways to choose who has one more.
func leastGiven(partitions int, counts []int) int {
	least, more := partitions/len(counts), partitions%len(counts)
	best := partitions + 1
	for set := range 1 << len(counts) {
		gives, chosen := 0, 0
		for i, n := range counts {
			chosen += set >> i & 1
			gives += max(0, n-least-set>>i&1)
		}
		if chosen == more {
			best = min(best, gives)
		}
	}
	return best
}

func TestQuotasOfNobody(t *testing.T) { require.Empty(t, Quotas(64, nil)) }

// chance gives times up to the longest, by a seed of the test.
func chance(t *rapid.T, what string, most time.Duration) func() time.Duration {
	draw := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, what), 0))
	return func() time.Duration { return time.Duration(draw.Int64N(int64(most/step))) * step }
}

// quick is a world whose delays are those of a network and a database that are well.
func quick(t *rapid.T) *world {
	return newWorld(t, 64, chance(t, "lag", 30*step), chance(t, "work", 60*step))
}

// A node that is alone has everything as soon as it can take it.
func TestAloneTakesAllAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := quick(t)
		w.join("a")
		require.LessOrEqual(t, w.rest(time.Second), 100*step)
		require.Equal(t, 64, w.moves)
	})
}

// From a state of rest, a join and a leave move what they must and nothing else, in a
// second or two, and a few at a time only.
func TestOneChangeMovesTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := quick(t)
		members := rapid.IntRange(2, 6).Draw(t, "members")
		for i := range members {
			w.join(fmt.Sprint("n", i))
		}
		w.rest(5 * time.Second)
		w.moves, w.busiest = 0, 0
		joins := rapid.Bool().Draw(t, "joins")
		one := fmt.Sprint("n", rapid.IntRange(0, members-1).Draw(t, "who"))
		must := w.shares()[one]
		if joins {
			one, must = "new", 64/(members+1)
			w.join(one)
		} else {
			w.leave(one)
		}
		took := w.rest(5 * time.Second)
		require.Equal(t, must, w.moves, "moved")
		require.Less(t, took, 3*time.Second)
		if joins {
			require.LessOrEqual(t, w.busiest, 4*members, "free at once")
		}
	})
}

// What a node leaves behind that dies moves, and nothing else; and it is taken as soon as
// it is seen to be free.
func TestCrashMovesTheDeadNodesOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := quick(t)
		members := rapid.IntRange(2, 6).Draw(t, "members")
		for i := range members {
			w.join(fmt.Sprint("n", i))
		}
		w.rest(5 * time.Second)
		w.moves = 0
		dead := fmt.Sprint("n", rapid.IntRange(0, members-1).Draw(t, "who"))
		must := w.shares()[dead]
		w.crash(dead)
		took := w.rest(20 * time.Second)
		require.Equal(t, must, w.moves, "moved")
		require.Less(t, took, w.ttl+300*step)
	})
}

// Several nodes that start at the same time: no partition moves more than once after it
// was first taken.
func TestStartTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := quick(t)
		for i := range rapid.IntRange(2, 6).Draw(t, "members") {
			w.join(fmt.Sprint("n", i))
			w.pass(chance(t, "later", 200*step)())
		}
		w.rest(5 * time.Second)
		require.LessOrEqual(t, w.moves, 2*64)
	})
}

// Whatever happens, in any order and however late it is seen: when nothing more happens
// all partitions are owned, within one of even, and nothing moves any more.
func TestConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rapid.SampledFrom([]int{1, 7, 16}).Draw(t, "partitions"),
			chance(t, "lag", 700*step), chance(t, "work", 300*step))
		w.join("n0")
		next := 1
		for range rapid.IntRange(0, 8).Draw(t, "events") {
			w.pass(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * step)
			var up, still []string
			for name, n := range w.nodes {
				if n.frozen {
					still = append(still, name)
				} else if !n.leaving {
					up = append(up, name)
				}
			}
			slices.Sort(up)
			slices.Sort(still)
			switch what := rapid.SampledFrom([]string{"join", "leave", "crash", "freeze", "thaw"}).Draw(t, "what"); {
			case what == "join":
				w.join(fmt.Sprint("n", next))
				next++
			case what == "thaw" && len(still) > 0:
				w.thaw(rapid.SampledFrom(still).Draw(t, "who"))
			case len(up) < 2:
			case what == "leave":
				w.leave(rapid.SampledFrom(up).Draw(t, "who"))
			case what == "crash":
				w.crash(rapid.SampledFrom(up).Draw(t, "who"))
			case what == "freeze":
				w.stop(rapid.SampledFrom(up).Draw(t, "who"))
			}
		}
		for name, n := range w.nodes {
			if n.frozen {
				w.thaw(name)
			}
		}
		w.rest(2 * time.Minute)
	})
}

// A member that takes nothing, since it hangs while its lease is renewed, keeps no
// partition from the others for longer than a moment, nor do they throw all at it.
func TestHangingMemberIsPassedOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := quick(t)
		w.join("a")
		w.join("b")
		w.rest(5 * time.Second)
		w.join("hangs")
		w.nodes["hangs"].frozen = true
		w.moves = 0
		longest := time.Duration(0)
		for since, end := w.now, w.now.Add(50*time.Second); w.now.Before(end); w.pass(50 * step) {
			if w.free() == 0 {
				since = w.now
			}
			longest = max(longest, w.now.Sub(since))
		}
		require.Less(t, longest, 5*time.Second, "without an owner")
		require.Positive(t, w.moves, "it was offered something")
		require.Less(t, w.moves, 20)
		w.nodes["hangs"].frozen = false
		require.Less(t, w.rest(2*time.Minute), time.Minute, "it is a member again")
	})
}
