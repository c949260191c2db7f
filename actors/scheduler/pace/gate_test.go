package pace_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler/pace"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// However calls come, in no span do more go than the rate gives it, the burst ahead and
// one that it begins with.
func TestAnySpanStaysWithinTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{0.2, 1, 3, 10, 120, 900}).Draw(t, "rate")
		g, now := pace.New(rate, noon), noon
		var at []time.Time
		for range rapid.IntRange(10, 300).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "idle")) * time.Millisecond)
			if next := g.Next(); next.After(now) {
				require.False(t, g.Open(now))
				now = next
			}
			require.True(t, g.Open(now))
			g.Pass(now)
			at = append(at, now)
		}
		for i := range at {
			for j := i; j < len(at); j++ {
				span := at[j].Sub(at[i]) + pace.Burst
				require.LessOrEqual(t, float64(j-i), rate*span.Seconds()+1e-6)
			}
		}
	})
}

func TestTheZeroGateIsOpen(t *testing.T) {
	var g pace.Gate
	for range 3 {
		require.True(t, g.Open(noon))
		g.Pass(noon)
	}
	require.Zero(t, g.Next())
	g = pace.New(0, noon)
	require.True(t, g.Open(noon))
}
