package flow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// Of a steady flow the patience is in proportion to what comes, up to the most.
func TestPatienceOfASteadyFlow(t *testing.T) {
	for perMilli, want := range map[int]time.Duration{1: time.Millisecond, 2: 2 * time.Millisecond, 5: 5 * time.Millisecond, 50: 5 * time.Millisecond} {
		var r Rate
		for i := range 1000 {
			r.Add(perMilli, noon.Add(time.Duration(i)*time.Millisecond))
		}
		require.InEpsilon(t, want, r.Patience(5*time.Millisecond, 25), 0.02, perMilli)
	}
}

// A burst after silence is no reason to wait, and is soon forgotten.
func TestPatienceOfABurst(t *testing.T) {
	var r Rate
	r.Add(1, noon)
	require.Less(t, r.Patience(5*time.Millisecond, 25), 50*time.Microsecond)
	r.Add(39, noon.Add(time.Millisecond))
	require.Less(t, r.Patience(5*time.Millisecond, 25), time.Millisecond)
	r.Add(1, noon.Add(time.Second))
	require.Less(t, r.Patience(5*time.Millisecond, 25), 50*time.Microsecond)
}
