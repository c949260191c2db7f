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
		now := noon
		for range 1000 {
			now = now.Add(time.Millisecond)
			r.Add(perMilli, now)
		}
		require.InEpsilon(t, want, r.Patience(5*time.Millisecond, 25, now), 0.02, perMilli)
	}
}

// A burst after silence is no reason to wait, and is soon forgotten.
func TestPatienceOfABurst(t *testing.T) {
	var r Rate
	at := func(after time.Duration) time.Duration { return r.Patience(5*time.Millisecond, 25, noon.Add(after)) }
	r.Add(1, noon)
	require.Less(t, at(0), 50*time.Microsecond)
	r.Add(39, noon.Add(time.Millisecond))
	require.Less(t, at(time.Millisecond), time.Millisecond)
	require.Greater(t, at(time.Millisecond), 100*time.Microsecond)
	require.Less(t, at(time.Second), 50*time.Microsecond, "though nothing was added")
	r.Add(1, noon.Add(time.Second))
	require.Less(t, at(time.Second), 50*time.Microsecond)
}
