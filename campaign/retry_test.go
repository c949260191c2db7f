package campaign_test

import (
	"encoding/json"
	"testing"
	"time"

	"dialtone/campaign"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWait(t *testing.T) {
	const minute = campaign.Duration(time.Minute)
	doubling := campaign.RetryPolicy{Delay: minute, Backoff: campaign.BackoffExponential, MaxDelay: 5 * minute}
	for name, c := range map[string]struct {
		policy   campaign.RetryPolicy
		attempts int
		spread   float64
		want     time.Duration
	}{
		"the default":               {campaign.RetryPolicy{}, 1, 0.5, 5 * time.Minute},
		"fixed stays":               {campaign.RetryPolicy{Delay: minute}, 9, 0.5, time.Minute},
		"fixed is not capped":       {campaign.RetryPolicy{Delay: 90 * minute}, 1, 0.5, 90 * time.Minute},
		"the first wait":            {doubling, 1, 0.5, time.Minute},
		"no attempt yet":            {doubling, 0, 0.5, time.Minute},
		"doubles":                   {doubling, 2, 0.5, 2 * time.Minute},
		"doubles again":             {doubling, 3, 0.5, 4 * time.Minute},
		"capped":                    {doubling, 4, 0.5, 5 * time.Minute},
		"capped however often":      {doubling, 5000, 0.5, 5 * time.Minute},
		"the default cap":           {campaign.RetryPolicy{Delay: minute, Backoff: campaign.BackoffExponential}, 50, 0.5, time.Hour},
		"a cap below a long delay":  {campaign.RetryPolicy{Delay: 120 * minute, Backoff: campaign.BackoffExponential}, 3, 0.5, 2 * time.Hour},
		"jitter down":               {campaign.RetryPolicy{Delay: minute, Jitter: 0.5}, 1, 0, 30 * time.Second},
		"jitter leaves the middle":  {campaign.RetryPolicy{Delay: minute, Jitter: 0.5}, 1, 0.5, time.Minute},
		"jitter up":                 {campaign.RetryPolicy{Delay: minute, Jitter: 0.5}, 1, 0.75, 75 * time.Second},
		"no jitter minds no spread": {campaign.RetryPolicy{Delay: minute}, 1, 0.99, time.Minute},
		"jitter is not capped":      {campaign.RetryPolicy{Delay: minute, Backoff: campaign.BackoffExponential, MaxDelay: minute, Jitter: 1}, 7, 0.75, 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, c.policy.Wait(c.attempts, c.spread))
		})
	}
}

func TestWaitStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := campaign.RetryPolicy{
			MaxAttempts: rapid.IntRange(1, campaign.LimitMaxAttempts).Draw(t, "attempts"),
			Delay:       campaign.Duration(rapid.Int64Range(1, int64(campaign.LimitRetryDelay)).Draw(t, "delay")),
			Backoff:     rapid.SampledFrom([]campaign.Backoff{campaign.BackoffFixed, campaign.BackoffExponential}).Draw(t, "backoff"),
			Jitter:      rapid.Float64Range(0, 1).Draw(t, "jitter"),
		}
		p.MaxDelay = campaign.Duration(rapid.Int64Range(int64(p.Delay), int64(campaign.LimitRetryDelay)).Draw(t, "max"))
		require.NoError(t, settings(func(s *campaign.Settings) { s.Retry = p }).Validate())
		n := rapid.IntRange(1, p.MaxAttempts).Draw(t, "n")
		spread := rapid.Float64Range(0, 0.999999).Draw(t, "spread")

		middle, got := float64(p.Wait(n, 0.5)), float64(p.Wait(n, spread))
		require.GreaterOrEqual(t, got, middle*(1-p.Jitter)-1)
		require.LessOrEqual(t, got, middle*(1+p.Jitter)+1)
		require.GreaterOrEqual(t, middle, float64(p.Delay)-1)
		require.LessOrEqual(t, middle, float64(p.MaxDelay)+1)
		require.LessOrEqual(t, p.Wait(n, spread), p.Wait(n+1, spread), "a later wait is not shorter")
		require.LessOrEqual(t, p.Wait(n, spread/2), p.Wait(n, spread), "the spread orders the waits")
	})
}

func TestDurationsTravelAsText(t *testing.T) {
	var p campaign.RetryPolicy
	require.NoError(t, json.Unmarshal([]byte(`{"delay":"90s","max_delay":"1h30m","backoff":"exponential"}`), &p))
	require.Equal(t, 90*time.Second, time.Duration(p.Delay))
	b, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, `{"delay":"1m30s","max_delay":"1h30m0s","backoff":"exponential"}`, string(b))
	require.ErrorContains(t, json.Unmarshal([]byte(`{"delay":"soon"}`), &p), `write it like "90s"`)
	require.Error(t, json.Unmarshal([]byte(`{"delay":90}`), &p), "a number has no unit")
}
