package machine

import (
	"slices"
	"testing"
	"time"

	"dialtone/campaign"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestDuesAreTakenInOrder holds the heap against a sorted list.
func TestDuesAreTakenInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h dues
		var list []due
		now := rapid.Int64Range(0, 20).Draw(t, "now")
		for i, at := range rapid.SliceOfN(rapid.Int64Range(0, 20), 0, 40).Draw(t, "times") {
			d := due{at: at, call: campaign.CallID(i), claim: i}
			h.add(d)
			list = append(list, d)
		}
		slices.SortStableFunc(list, func(a, b due) int { return int(a.at - b.at) })
		ready := 0
		for _, d := range list {
			if d.at <= now {
				ready++
			}
		}
		most := rapid.IntRange(0, 50).Draw(t, "most")
		require.Equal(t, min(most, ready), h.ready(now, most))
		if len(list) > 0 {
			require.Equal(t, time.Unix(0, list[0].at).UTC(), h.first())
		}
		for _, want := range list[:ready] {
			got, ok := h.take(now)
			require.True(t, ok)
			require.Equal(t, want, got)
		}
		_, ok := h.take(now)
		require.False(t, ok)
		require.Len(t, h, len(list)-ready)
	})
	require.Zero(t, dues(nil).first())
}

func TestHoldGrowsAndIsBounded(t *testing.T) {
	var h hold
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	require.Equal(t, 9, h.room(now, 9, 4))
	for _, want := range []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000, 30000, 30000, 30000} {
		until := h.extend(now)
		require.Equal(t, now.Add(want*time.Millisecond), until)
		require.Zero(t, h.room(until.Add(-1), 9, 0))
		require.Equal(t, until, h.extend(until.Add(-1)), "calls that come back during a hold don't prolong it")
		require.Equal(t, 1, h.room(until, 9, 0), "one at a time")
		require.LessOrEqual(t, h.room(until, 9, 1), 0)
		require.LessOrEqual(t, h.room(until, 0, 0), 0)
		now = until
	}
}

func TestTheSpreadIsEven(t *testing.T) {
	var buckets [10]int
	for call := range campaign.CallID(10_000) {
		s := spread(campaign.NewAttemptID(call+1, 1))
		require.True(t, s >= 0 && s < 1)
		buckets[int(s*10)]++
	}
	for _, n := range buckets {
		require.InDelta(t, 1000, n, 100)
	}
}
