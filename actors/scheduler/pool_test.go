package scheduler_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/bus"
)

// A token that comes back unused does not give back its part of the rate: its
// second may have passed, and then two seconds' calls would fall into one.
func TestRateHoldsOverAnySecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{0.5, 1, 3, 10, 50, 120, 900}).Draw(t, "rate")
		st := newStage(t, only(0, rate))
		n := st.node("n1")
		n.own(1, partitions(0, bus.Partitions)...)
		st.introduce(n)
		st.want(n, 2, 1<<20, 1<<20)
		var at []time.Time // of grants that were used
		var unused []uint64
		for range rapid.IntRange(10, 200).Draw(t, "steps") {
			for _, token := range st.grant()[2] {
				if rapid.IntRange(0, 3).Draw(t, "unused") == 0 {
					unused = append(unused, token)
				} else {
					at = append(at, st.now)
				}
			}
			if len(unused) > 0 && rapid.Bool().Draw(t, "return") {
				st.release(n, 0, unused[0])
				unused = unused[1:]
			}
			st.want(n, 2, 1<<20, 1<<20)
			st.wait(t)
		}
		most := int(math.Ceil(rate)) // of integers, exactly the rate
		for i := range at {
			if j := i + most; j < len(at) {
				require.GreaterOrEqual(t, at[j].Sub(at[i]), time.Second, "%d calls in less than a second", most+1)
			}
		}
	})
}

// wait passes a time: until the next call may go, a little, or long.
func (st *stage) wait(t *rapid.T) {
	if next := st.core.NextGrant(st.now); !next.IsZero() && rapid.IntRange(0, 2).Draw(t, "exactly") > 0 {
		require.True(t, next.After(st.now), "a time ahead, or the leader would spin")
		st.now = next
		return
	}
	st.pass(rapid.SampledFrom([]time.Duration{0, time.Millisecond, 17 * time.Millisecond, 3 * time.Second}).Draw(t, "pass"))
}

func TestRateNeitherBurstsNorBanks(t *testing.T) {
	st, n := started(t, 0, 50)
	st.want(n, 2, 1000, 1000)
	require.Len(t, st.grant()[2], 1, "no burst at the start")
	st.pass(time.Minute)
	require.Len(t, st.grant()[2], 1, "what was not used is gone")
	st.pass(15 * time.Millisecond)
	require.Len(t, st.grant()[2], 1)
	require.Empty(t, st.grant())
}

// The stated burst: a hundredth of a second's calls may come at once.
func TestBurstOfAHundredth(t *testing.T) {
	st, n := started(t, 0, 1000)
	st.want(n, 2, 5000, 5000)
	st.pass(time.Minute)
	burst := len(st.grant()[2])
	require.GreaterOrEqual(t, burst, 10)
	require.LessOrEqual(t, burst, 11)
}

// Followed closely, NextGrant brings out 97 % of the rate; none is lost.
func TestRateIsUsed(t *testing.T) {
	for _, rate := range []float64{1, 7, 200} {
		st, n := started(t, 0, rate)
		st.want(n, 2, 1<<20, 1<<20)
		calls := 0
		for end := st.now.Add(time.Minute); st.now.Before(end); {
			calls += len(st.grant()[2])
			next := st.core.NextGrant(st.now)
			require.True(t, next.After(st.now))
			st.now = next
		}
		require.InEpsilon(t, 0.97*rate*60, calls, 0.02)
	}
}

func TestNextGrantWaitsForARateOnly(t *testing.T) {
	st, n := started(t, 1, 10)
	require.Zero(t, st.core.NextGrant(st.now), "nobody asks")
	st.want(n, 2, 9, 9)
	token := st.grant()[2][0]
	require.Zero(t, st.core.NextGrant(st.now), "the channels bind")
	st.release(n, time.Millisecond, token)
	next := st.core.NextGrant(st.now)
	require.WithinDuration(t, st.now.Add(103*time.Millisecond), next, time.Millisecond)
	st.now = next
	require.Zero(t, st.core.NextGrant(st.now))
	require.Len(t, st.grant()[2], 1)
}
