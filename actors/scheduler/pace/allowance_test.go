package pace_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler/pace"
)

func value(t require.TestingT, a *pace.Allowance, after time.Duration) float64 {
	v, ok := a.Value(noon.Add(after))
	require.True(t, ok)
	return v
}

func TestAnAllowanceGrowsBack(t *testing.T) {
	var a pace.Allowance
	_, ok := a.Value(noon)
	require.False(t, ok)
	a.Cut(50, 100, 120, noon)
	require.Equal(t, 50.0, value(t, &a, 0))
	require.Equal(t, 50.0, value(t, &a, time.Second), "it rests")
	require.Equal(t, 70.0, value(t, &a, 3*time.Second))
	require.Equal(t, noon.Add(4*time.Second), a.Reaches(80, noon))
	require.Zero(t, a.Reaches(50, noon))
	_, ok = a.Value(noon.Add(8 * time.Second))
	require.False(t, ok, "the limit is in force again")
	_, ok = a.Value(noon)
	require.False(t, ok)
}

// What was under way when the provider said so meets the same answer: one cut for all.
func TestOneCutASecond(t *testing.T) {
	var a pace.Allowance
	for range 10 {
		a.Cut(50, 100, 0, noon.Add(500*time.Millisecond))
	}
	require.Equal(t, 50.0, value(t, &a, 500*time.Millisecond))
	a.Cut(25, 50, 0, noon.Add(2*time.Second))
	require.Equal(t, 25.0, value(t, &a, 2*time.Second))
}

func TestWithoutALimitItEndsBeyondWhatThereWas(t *testing.T) {
	var a pace.Allowance
	a.Cut(0, 10, 0, noon)
	require.Equal(t, 1.0, value(t, &a, 0), "something must go, or nothing would be known")
	require.Equal(t, 19.0, value(t, &a, 19*time.Second))
	_, ok := a.Value(noon.Add(20 * time.Second))
	require.False(t, ok)
}

// Asked for patience in a quiet moment, a provider is not slow for minutes.
func TestAQuietMoment(t *testing.T) {
	var a pace.Allowance
	a.Cut(0.5, 1, 200, noon)
	require.Equal(t, 1.0, value(t, &a, time.Second))
	require.Equal(t, 61.0, value(t, &a, 11*time.Second))
	_, ok := a.Value(noon.Add(35 * time.Second))
	require.False(t, ok)
}

// Waiting until it Reaches a value is enough, and a moment before is not.
func TestReaches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a pace.Allowance
		base := rapid.Float64Range(1, 1000).Draw(t, "base")
		a.Cut(base/2, base, base, noon)
		want := rapid.Float64Range(base/2+0.5, base*1.5+2).Draw(t, "want")
		at := a.Reaches(want, noon)
		if at.IsZero() {
			return
		}
		before := a
		if v, ok := before.Value(at.Add(-time.Millisecond)); ok {
			require.Less(t, v, want)
		}
		if v, ok := a.Value(at); ok {
			require.GreaterOrEqual(t, v, want-1e-6)
		}
	})
}
