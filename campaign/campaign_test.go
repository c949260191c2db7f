package campaign_test

import (
	"math"
	"strings"
	"testing"

	"dialtone/campaign"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func settings(change func(*campaign.Settings)) campaign.Settings {
	s := campaign.Settings{Name: "spring"}.WithDefaults()
	change(&s)
	return s
}

func TestDefaultsAreValid(t *testing.T) {
	s := settings(func(*campaign.Settings) {})
	require.NoError(t, s.Validate())
	require.Equal(t, 10, s.MaxConcurrentCalls)
	require.Equal(t, 1.0, s.Weight)
	require.Equal(t, 3, s.Retry.MaxAttempts)
	require.Equal(t, campaign.BackoffFixed, s.Retry.Backoff)
	require.Equal(t, s, s.WithDefaults(), "defaults are filled once")
}

func TestValidateNamesTheField(t *testing.T) {
	for name, c := range map[string]struct {
		field  string
		change func(*campaign.Settings)
	}{
		"no name":             {"name", func(s *campaign.Settings) { s.Name = "" }},
		"a blank name":        {"name", func(s *campaign.Settings) { s.Name = " \t" }},
		"a long name":         {"name", func(s *campaign.Settings) { s.Name = strings.Repeat("ä", campaign.LimitName+1) }},
		"a limit of none":     {"max_concurrent_calls", func(s *campaign.Settings) { s.MaxConcurrentCalls = 0 }},
		"a negative limit":    {"max_concurrent_calls", func(s *campaign.Settings) { s.MaxConcurrentCalls = -1 }},
		"a boundless limit":   {"max_concurrent_calls", func(s *campaign.Settings) { s.MaxConcurrentCalls = campaign.LimitMaxConcurrentCalls + 1 }},
		"no weight":           {"weight", func(s *campaign.Settings) { s.Weight = 0 }},
		"a weight of NaN":     {"weight", func(s *campaign.Settings) { s.Weight = math.NaN() }},
		"an infinite weight":  {"weight", func(s *campaign.Settings) { s.Weight = math.Inf(1) }},
		"no priority":         {"priority", func(s *campaign.Settings) { s.Priority = 0 }},
		"a high priority":     {"priority", func(s *campaign.Settings) { s.Priority = campaign.LimitPriority + 1 }},
		"a long group":        {"group", func(s *campaign.Settings) { s.Group = strings.Repeat("ä", campaign.LimitGroup+1) }},
		"a blank group":       {"group", func(s *campaign.Settings) { s.Group = " " }},
		"a padded group":      {"group", func(s *campaign.Settings) { s.Group = "team " }},
		"a group of lines":    {"group", func(s *campaign.Settings) { s.Group = "a\nb" }},
		"a group unseen":      {"group", func(s *campaign.Settings) { s.Group = "a\u200bb" }},
		"a group of no text":  {"group", func(s *campaign.Settings) { s.Group = "a\xff" }},
		"negative attempts":   {"retry.max_attempts", func(s *campaign.Settings) { s.Retry.MaxAttempts = -1 }},
		"too many attempts":   {"retry.max_attempts", func(s *campaign.Settings) { s.Retry.MaxAttempts = campaign.LimitMaxAttempts + 1 }},
		"a negative delay":    {"retry.delay", func(s *campaign.Settings) { s.Retry.Delay = -1 }},
		"a negative largest":  {"retry.max_delay", func(s *campaign.Settings) { s.Retry.MaxDelay = -1 }},
		"too long a largest":  {"retry.max_delay", func(s *campaign.Settings) { s.Retry.MaxDelay = campaign.LimitRetryDelay + 1 }},
		"a largest too small": {"retry.max_delay", func(s *campaign.Settings) { s.Retry.MaxDelay = s.Retry.Delay - 1 }},
		"an unknown backoff":  {"retry.backoff", func(s *campaign.Settings) { s.Retry.Backoff = "linear" }},
		"a negative jitter":   {"retry.jitter", func(s *campaign.Settings) { s.Retry.Jitter = -0.1 }},
		"too much jitter":     {"retry.jitter", func(s *campaign.Settings) { s.Retry.Jitter = 1.1 }},
		"a jitter of NaN":     {"retry.jitter", func(s *campaign.Settings) { s.Retry.Jitter = math.NaN() }},
	} {
		t.Run(name, func(t *testing.T) {
			err := settings(c.change).Validate()
			var faults campaign.Errors
			require.ErrorAs(t, err, &faults)
			require.Len(t, faults, 1)
			require.Equal(t, c.field, faults[0].Field)
			require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
			require.Regexp(t, `^[A-Z].*\.$`, faults[0].Message, "it is a sentence")
		})
	}
}

func TestGroups(t *testing.T) {
	for _, group := range []string{"", "a", "team-a", "Customer 12", "Kundé ÄÖ/№ 7", strings.Repeat("ä", campaign.LimitGroup)} {
		require.NoError(t, settings(func(s *campaign.Settings) { s.Group = group }).Validate(), "%q", group)
	}
}

// TestValidateTellsAllFaultsAtOnce: nobody should have to mend a request fault by
// fault.
func TestValidateTellsAllFaultsAtOnce(t *testing.T) {
	err := campaign.Settings{
		MaxConcurrentCalls: -1, Weight: -1, Priority: -1, Group: "\t",
		Retry: campaign.RetryPolicy{MaxAttempts: 1000, Delay: -1, MaxDelay: -1, Backoff: "x", Jitter: 2},
	}.Validate()
	var faults campaign.Errors
	require.ErrorAs(t, err, &faults)
	var fields []string
	for _, f := range faults {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{
		"name", "max_concurrent_calls", "weight", "priority", "group", "retry.max_attempts", "retry.delay", "retry.max_delay", "retry.backoff", "retry.jitter",
	}, fields)
	require.ErrorContains(t, err, "(and 9 more)")
}

func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		stats campaign.Stats
		want  campaign.Status
	}{
		{campaign.Stats{}, campaign.StatusCompleted},
		{campaign.Stats{Completed: 1}, campaign.StatusCompleted},
		{campaign.Stats{Completed: 1, Failed: 9}, campaign.StatusCompleted},
		{campaign.Stats{Failed: 1}, campaign.StatusFailed},
		{campaign.Stats{Failed: 1, Canceled: 1}, campaign.StatusFailed},
		{campaign.Stats{Canceled: 1}, campaign.StatusCompleted},
	} {
		require.Equal(t, c.want, c.stats.Outcome(), "%+v", c.stats)
	}
}

func TestStatsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SliceOfN(rapid.IntRange(0, 9), 6, 6).Draw(t, "counts")
		s := campaign.Stats{Queued: n[0], InProgress: n[1], RetryWait: n[2], Completed: n[3], Failed: n[4], Canceled: n[5]}
		for _, c := range n {
			s.Total += c
		}
		require.True(t, s.AddsUp())
		require.Equal(t, n[0]+n[1]+n[2], s.Open())
		s.Total++
		require.False(t, s.AddsUp())
	})
}

func TestWhatIsOver(t *testing.T) {
	var ended, terminal []string
	for _, s := range campaign.Statuses {
		if s.Ended() {
			ended = append(ended, string(s))
		}
	}
	for _, s := range campaign.CallStatuses {
		if s.Terminal() {
			terminal = append(terminal, string(s))
		}
	}
	require.Equal(t, []string{"completed", "failed", "canceled"}, ended)
	require.Equal(t, ended, terminal)
}
