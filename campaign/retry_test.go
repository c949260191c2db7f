package campaign_test

import (
	"encoding/json"
	"errors"
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
			require.Equal(t, c.want, c.policy.Wait(campaign.DispositionBusy, campaign.Effort{Attempts: c.attempts}, c.spread))
		})
	}
}

func TestWaitStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := campaign.RetryPolicy{
			MaxAttempts: rapid.IntRange(1, campaign.LimitMaxAttempts).Draw(t, "attempts"),
			Delay:       campaign.Duration(rapid.Int64Range(int64(campaign.MinRetryDelay), int64(campaign.LimitRetryDelay)).Draw(t, "delay")),
			Backoff:     rapid.SampledFrom([]campaign.Backoff{campaign.BackoffFixed, campaign.BackoffExponential}).Draw(t, "backoff"),
			Jitter:      rapid.Float64Range(0, 1).Draw(t, "jitter"),
		}
		p.MaxDelay = campaign.Duration(rapid.Int64Range(int64(p.Delay), int64(campaign.LimitRetryDelay)).Draw(t, "max"))
		require.NoError(t, settings(func(s *campaign.Settings) { s.Retry = p }).Validate())
		n := rapid.IntRange(1, p.MaxAttempts).Draw(t, "n")
		spread := rapid.Float64Range(0, 0.999999).Draw(t, "spread")

		wait := func(n int, spread float64) time.Duration {
			return p.Wait(campaign.DispositionNoAnswer, campaign.Effort{Attempts: n}, spread)
		}
		middle, got := float64(wait(n, 0.5)), float64(wait(n, spread))
		require.GreaterOrEqual(t, got, middle*(1-p.Jitter)-1)
		require.LessOrEqual(t, got, middle*(1+p.Jitter)+1)
		require.GreaterOrEqual(t, middle, float64(p.Delay)-1)
		require.LessOrEqual(t, middle, float64(p.MaxDelay)+1)
		require.LessOrEqual(t, wait(n, spread), wait(n+1, spread), "a later wait is not shorter")
		require.LessOrEqual(t, wait(n, spread/2), wait(n, spread), "the spread orders the waits")
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

// The rule: each disposition may have a delay and a cap of its own, under
// max_attempts over all.
func TestRulesByDisposition(t *testing.T) {
	const minute = campaign.Duration(time.Minute)
	p := campaign.RetryPolicy{
		MaxAttempts: 5, Delay: 10 * minute, Backoff: campaign.BackoffExponential, MaxDelay: 30 * minute,
		ByDisposition: map[campaign.Disposition]campaign.RetryRule{
			campaign.DispositionBusy:     {MaxAttempts: 3, Delay: minute},
			campaign.DispositionNoAnswer: {Delay: 60 * minute, Backoff: campaign.BackoffFixed},
			campaign.DispositionLost:     {MaxAttempts: 1},
		},
	}
	require.NoError(t, settings(func(s *campaign.Settings) { s.Retry = p }).Validate())
	var e campaign.Effort
	for _, step := range []struct {
		ended     campaign.Disposition
		wait      time.Duration
		exhausted bool
	}{
		{campaign.DispositionBusy, time.Minute, false},
		{campaign.DispositionNoAnswer, time.Hour, false},
		{campaign.DispositionBusy, 2 * time.Minute, false}, // it grows with those that were busy
		{campaign.DispositionFailed, 30 * time.Minute, false},
		{campaign.DispositionNoAnswer, time.Hour, true}, // the fifth of all
	} {
		e = e.With(step.ended, 0)
		require.Equal(t, step.wait, p.Wait(step.ended, e, 0.5), "%+v", e)
		require.Equal(t, step.exhausted, p.Exhausted(step.ended, e), "%+v", e)
	}
	busy := campaign.Effort{}.With(campaign.DispositionBusy, 0).With(campaign.DispositionBusy, 0).With(campaign.DispositionBusy, 0)
	require.True(t, p.Exhausted(campaign.DispositionBusy, busy), "its own cap")
	require.False(t, p.Exhausted(campaign.DispositionNoAnswer, busy.With(campaign.DispositionNoAnswer, 0)))
	require.True(t, p.Exhausted(campaign.DispositionLost, campaign.Effort{}.With(campaign.DispositionLost, 0)))
	require.True(t, p.Exhausted(campaign.DispositionRejected, campaign.Effort{}.With(campaign.DispositionRejected, 0)), "a bad number is never dialled again")
}

func TestRulesThatAreWrong(t *testing.T) {
	rules := map[campaign.Disposition]campaign.RetryRule{
		campaign.DispositionBusy:      {MaxAttempts: -1, Delay: -1, Backoff: "x"},
		campaign.DispositionNoAnswer:  {MaxDelay: 1},
		campaign.DispositionFailed:    {Delay: campaign.LimitRetryDelay + 1},
		campaign.DispositionCompleted: {MaxAttempts: 2},
		campaign.DispositionRejected:  {MaxAttempts: 2},
		"engaged":                     {},
	}
	err := settings(func(s *campaign.Settings) { s.Retry.ByDisposition, s.Retry.MaxAttemptsPerDay = rules, 101 }).Validate()
	var all campaign.Errors
	require.ErrorAs(t, err, &all)
	var fields []string
	for _, e := range all {
		fields = append(fields, e.Field)
	}
	require.ElementsMatch(t, []string{
		"retry.max_attempts_per_day",
		"retry.by_disposition.busy.max_attempts", "retry.by_disposition.busy.delay", "retry.by_disposition.busy.backoff",
		"retry.by_disposition.no_answer.max_delay", "retry.by_disposition.failed.delay",
		"retry.by_disposition.completed", "retry.by_disposition.rejected", "retry.by_disposition.engaged",
	}, fields)
}

// TestDelaysHaveBounds: a slip of the unit is told where it was made, and nowhere else.
func TestDelaysHaveBounds(t *testing.T) {
	const ms, most = campaign.Duration(time.Millisecond), campaign.LimitRetryDelay
	for name, c := range map[string]struct {
		policy campaign.RetryPolicy
		want   []string
	}{
		"the smallest":    {campaign.RetryPolicy{Delay: 10 * ms, MaxDelay: 10 * ms}, nil},
		"the largest":     {campaign.RetryPolicy{Delay: most}, nil},
		"too small":       {campaign.RetryPolicy{Delay: 1}, []string{"retry.delay: Give a delay from 10ms to 720h0m0s, not 1ns."}},
		"both too small":  {campaign.RetryPolicy{Delay: 10*ms - 1, MaxDelay: 1}, []string{"retry.delay: Give a delay from 10ms to 720h0m0s, not 9.999999ms.", "retry.max_delay: Give a largest delay from 10ms to 720h0m0s, not 1ns."}},
		"too large":       {campaign.RetryPolicy{Delay: 100_000 * 3600_000 * ms}, []string{"retry.delay: Give a delay from 10ms to 720h0m0s, not 100000h0m0s."}},
		"negative":        {campaign.RetryPolicy{Delay: -1, MaxDelay: most + 1}, []string{"retry.delay: Give a delay from 10ms to 720h0m0s, not -1ns.", "retry.max_delay: Give a largest delay from 10ms to 720h0m0s, not 720h0m0.000000001s."}},
		"below the delay": {campaign.RetryPolicy{Delay: 20 * ms, MaxDelay: 10 * ms}, []string{"retry.max_delay: The largest delay, 10ms, is below the delay, 20ms; raise it or leave it out."}},
		"of a rule": {campaign.RetryPolicy{Delay: most + 1, ByDisposition: map[campaign.Disposition]campaign.RetryRule{
			campaign.DispositionBusy: {Delay: 1, MaxDelay: 1}, campaign.DispositionLost: {MaxDelay: 20 * ms}}}, []string{
			"retry.delay: Give a delay from 10ms to 720h0m0s, not 720h0m0.000000001s.",
			"retry.by_disposition.busy.delay: Give a delay from 10ms to 720h0m0s, not 1ns.",
			"retry.by_disposition.busy.max_delay: Give a largest delay from 10ms to 720h0m0s, not 1ns."}},
	} {
		t.Run(name, func(t *testing.T) {
			var all campaign.Errors
			errors.As(settings(func(s *campaign.Settings) { s.Retry = c.policy }).WithDefaults().Validate(), &all)
			var got []string
			for _, e := range all {
				got = append(got, e.Error())
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestSettleWithinHasBounds(t *testing.T) {
	for d, want := range map[campaign.Duration]string{
		0: "", campaign.MinSettleWithin: "", campaign.LimitSettleWithin: "",
		-1: "-1ns", campaign.MinSettleWithin - 1: "9.999999999s", campaign.LimitSettleWithin + 1: "24h0m0.000000001s",
	} {
		err := settings(func(s *campaign.Settings) { s.Retry.SettleWithin = d }).WithDefaults().Validate()
		if want == "" {
			require.NoError(t, err, d)
			continue
		}
		require.EqualError(t, err, "retry.settle_within: Give a time from 10s to 24h0m0s, not "+want+".")
	}
	require.Equal(t, campaign.Duration(time.Hour), campaign.RetryPolicy{}.WithDefaults().SettleWithin)
}

// An effort counts all attempts, each by how it ended, and those of the last day.
func TestEffortCounts(t *testing.T) {
	all := []campaign.Disposition{
		campaign.DispositionCompleted, campaign.DispositionBusy, campaign.DispositionNoAnswer, campaign.DispositionFailed,
		campaign.DispositionCanceled, campaign.DispositionRejected, campaign.DispositionLost,
	}
	rapid.Check(t, func(t *rapid.T) {
		var e campaign.Effort
		counts, day, onDay := map[campaign.Disposition]int{}, campaign.Day(0), 0
		for range rapid.IntRange(0, 300).Draw(t, "attempts") {
			d := rapid.SampledFrom(all).Draw(t, "ended")
			if rapid.IntRange(0, 5).Draw(t, "later") == 0 {
				day, onDay = day+1, 0
			}
			counts[d], onDay = counts[d]+1, onDay+1
			e = e.With(d, day)
		}
		total := 0
		for _, d := range all {
			total += counts[d]
			require.Equal(t, min(counts[d], 255), e.Tally.Of(d), d)
		}
		require.Equal(t, total, e.Attempts)
		require.Equal(t, onDay, e.On(day))
		require.Zero(t, e.On(day+1))
		require.Zero(t, e.Tally.Of("unheard of"))
	})
}

func TestZonesAreInOrder(t *testing.T) {
	require.Equal(t, campaign.Zones("Asia/Kolkata,Europe/Berlin"), campaign.ZonesOf("Europe/Berlin", "Asia/Kolkata", "Europe/Berlin"))
	require.Equal(t, []string{"Asia/Kolkata", "Europe/Berlin"}, campaign.Zones("Asia/Kolkata,Europe/Berlin").Names())
	require.Empty(t, campaign.ZonesOf().Names())
}
