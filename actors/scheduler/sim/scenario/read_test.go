package scenario_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/sim/scenario"
	"dialtone/campaign"
)

const full = `name: Two teams
start: 2026-06-01T09:00:00+02:00
duration: 8h
seed: 7
capacity:
  channels: 100
  calls_per_second: 12.5
campaigns:
  - name: survey
    count: 5
    numbers: 2000
    call_length: {distribution: lognormal, mean: 40s, sigma: 0.5}
    max_concurrent_calls: 50
    weight: 2.5
    priority: 3
    group: sales
    deadline: 6h
    start_after: 1h
    spread: 30m
    schedule:
      time_zone: America/New_York
      windows: [{days: [mon, fri], start: "09:00", end: "17:00"}]
      closed_dates: [2026-12-25]
      special_dates:
        - date: 2026-12-24
          windows: [{start: "09:00", end: "12:00"}]
      end_at: 2026-12-31T17:00:00-05:00
    failing: 0.2
    failing_length: 5s-25s
    retry: {max_attempts: 4, delay: 10m, backoff: exponential, max_delay: 1h}
    changes:
      - {after: 3h, paused: false, weight: 5, numbers: 1000, max_concurrent_calls: 80}
      - {after: 2h, paused: true}
  - name: notice
    numbers: 10
    call_length: 4s
    deadline: 2026-06-02T09:00:00Z
`

func TestReadsEverything(t *testing.T) {
	s, err := scenario.Parse([]byte(full))
	require.NoError(t, err)
	require.Equal(t, "Two teams", s.Name)
	require.True(t, time.Date(2026, 6, 1, 7, 0, 0, 0, time.UTC).Equal(s.Start))
	require.Equal(t, 8*time.Hour, s.Duration)
	require.EqualValues(t, 7, s.Seed)
	require.Equal(t, 100, s.Channels)
	require.Equal(t, 12.5, s.CallsPerSecond)
	survey, notice := s.Campaigns[0], s.Campaigns[1]
	require.Equal(t, 5, survey.Count)
	require.Equal(t, 2000, survey.Numbers)
	require.Equal(t, sim.Mix{Lengths: sim.Lognormal{Mean: 40 * time.Second, Sigma: 0.5}, Failing: 0.2,
		FailingLengths: sim.Uniform{Min: 5 * time.Second, Max: 25 * time.Second}}, survey.Calls)
	require.Equal(t, 50, survey.MaxConcurrentCalls)
	require.Equal(t, 2.5, survey.Weight)
	require.Equal(t, 3, survey.Priority)
	require.Equal(t, "sales", survey.Group)
	require.True(t, s.Start.Add(6*time.Hour).Equal(survey.Deadline))
	require.Equal(t, time.Hour, survey.StartAfter)
	require.Equal(t, 30*time.Minute, survey.Spread)
	require.Equal(t, campaign.Window{Days: campaign.DaysOf(time.Monday, time.Friday), Span: campaign.Span{Start: 9 * 60, End: 17 * 60}}, survey.Schedule.Windows[0])
	require.Equal(t, []campaign.Date{{Year: 2026, Month: 12, Day: 25}}, survey.Schedule.ClosedDates)
	require.Equal(t, campaign.Clock(12*60), survey.Schedule.SpecialDates[0].Windows[0].End)
	require.Equal(t, 4, survey.Retry.MaxAttempts)
	require.Equal(t, campaign.BackoffExponential, survey.Retry.Backoff)
	require.Len(t, survey.Changes, 2)
	require.True(t, *survey.Changes[0].Paused, "by time")
	require.Equal(t, scenario.Change{After: 3 * time.Hour, Paused: survey.Changes[1].Paused, Weight: 5, Numbers: 1000, MaxConcurrentCalls: 80}, survey.Changes[1])
	require.Equal(t, 1, notice.Count)
	require.Equal(t, campaign.DefaultMaxConcurrentCalls, notice.MaxConcurrentCalls)
	require.Equal(t, sim.Fixed(4*time.Second), notice.Calls.Lengths)
	campaigns, numbers := s.Size()
	require.Equal(t, 6, campaigns)
	require.Equal(t, 15_010, numbers)
}

// with is a good scenario with more lines for its campaign, the first of which is
// line 7.
func with(lines ...string) string {
	return "duration: 1h\ncapacity: {channels: 5}\ncampaigns:\n  - name: a\n    numbers: 10\n    call_length: 10s\n    " + strings.Join(lines, "\n    ") + "\n"
}

func TestFaultsNameLineAndField(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "line 1: Write one YAML document with duration, capacity and campaigns"},
		{"no duration", strings.Replace(with(), "duration: 1h\n", "", 1), "duration: line 1: This key is missing."},
		{"unknown key at the top", "length: 2h\n" + with(), "length: line 1: There is no such key; take one of name, start,"},
		{"unknown key of the capacity", strings.Replace(with(), "channels", "chanels", 1), "capacity.chanels: line 2: There is no such key; take one of channels, calls_per_second."},
		{"capacity is a number", strings.Replace(with(), "{channels: 5}", "5", 1), "capacity: line 2: Write keys and values here."},
		{"channels", strings.Replace(with(), "5}", "-5}", 1), "capacity.channels: line 2: Write a whole number from 0 (no limit)"},
		{"no campaigns", "duration: 1h\ncampaigns: []\n", "campaigns: line 2: Write a list with one campaign here."},
		{"unknown key", with("wait: 5"), "campaigns[0].wait: line 7: There is no such key; take one of name, count,"},
		{"no name", strings.Replace(with(), "name: a", "weight: 1", 1), "campaigns[0].name: line 4: This key is missing."},
		{"a name twice", with() + "  - name: a\n    numbers: 1\n    call_length: 1s\n", `campaigns[1].name: line 8: There is a campaign "a" already`},
		{"no numbers", strings.Replace(with(), "    numbers: 10\n", "", 1), "campaigns[0].numbers: line 4: This key is missing."},
		{"count", with("count: 0"), "campaigns[0].count: line 7: Write a whole number from 1"},
		{"call length", strings.Replace(with(), "10s", "soon", 1), "campaigns[0].call_length: line 6: Write a length"},
		{"call length of nothing", strings.Replace(with(), "10s", "0s", 1), "campaigns[0].call_length: line 6: Write a length"},
		{"range the wrong way round", strings.Replace(with(), "10s", "90s-2s", 1), "campaigns[0].call_length: line 6: Write a length"},
		{"distribution", strings.Replace(with(), "10s", "{distribution: normal, mean: 4s}", 1), `campaigns[0].call_length.distribution: line 6: There is no distribution "normal"; take one of fixed, uniform`},
		{"distribution without a mean", strings.Replace(with(), "10s", "{distribution: exponential}", 1), "campaigns[0].call_length.mean: line 6: This key is missing."},
		{"distribution's key", strings.Replace(with(), "10s", "{distribution: fixed, mean: 4s, sigma: 1}", 1), "campaigns[0].call_length.sigma: line 6: There is no such key; take one of distribution, mean."},
		{"probability", with("failing: 20"), "campaigns[0].failing: line 7: Write a number from 0 to 1."},
		{"weight", with("weight: 0"), "campaigns[0].weight: line 7: Give a weight above 0"},
		{"priority", with("priority: 11"), "campaigns[0].priority: line 7: Write a whole number from 1 to 10."},
		{"deadline", with("deadline: tomorrow"), "campaigns[0].deadline: line 7: Write how long after the start"},
		{"start", "start: monday\n" + with(), "start: line 1: Write a time like"},
		{"retry", with("retry:", "  max_attempts: 2", "  delay: 1ms"), "campaigns[0].retry.delay: line 9: Give a delay from 10ms"},
		{"retry's key", with("retry: {attempts: 2}"), "campaigns[0].retry.attempts: line 7: There is no such key; take one of max_attempts,"},
		{"zone", with("schedule:", "  time_zone: Mars/Base"), `campaigns[0].schedule.time_zone: line 8: There is no time zone "Mars/Base"`},
		{"contacts' zones", with("schedule: {time_zone: contact}"), "campaigns[0].schedule.time_zone: line 7: A simulated campaign has no contacts"},
		{"clock", with("schedule:", "  time_zone: UTC", "  windows:", `    - {days: [mon], start: "9", end: "17:00"}`), `campaigns[0].schedule.windows[0].start: line 10: "9" is not a time of day`},
		{"day", with("schedule:", "  time_zone: UTC", `  windows: [{days: [monday], start: "09:00", end: "17:00"}]`), `campaigns[0].schedule.windows[0].days: line 9: there is no day "monday"`},
		{"window", with("schedule:", "  time_zone: UTC", "  windows:", `    - {days: [mon], start: "09:00", end: "09:00"}`), "campaigns[0].schedule.windows[0]"},
		{"change of nothing", with("changes: [{after: 1h}]"), "campaigns[0].changes[0].after: line 7: Say what changes"},
		{"change at no time", with("changes: [{paused: true}]"), "campaigns[0].changes[0].after: line 7: This key is missing."},
		{"paused", with("changes: [{after: 1h, paused: 1}]"), "campaigns[0].changes[0].paused: line 7: Write true or false."},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := scenario.Parse([]byte(c.text))
			var fe *scenario.FileError
			require.ErrorAs(t, err, &fe)
			require.Contains(t, err.Error(), c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := scenario.Parse([]byte("duration: soon\ncampaigns:\n  - name: a\n    numbers: x\n    call_length: y\n    weight: -1\n"))
	var fe *scenario.FileError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
	var fields []string
	for _, f := range fe.Faults {
		fields = append(fields, f.Field)
	}
	require.ElementsMatch(t, []string{"duration", "campaigns[0].numbers", "campaigns[0].call_length", "campaigns[0].weight"}, fields)
}

func TestAFileThatIsNotThere(t *testing.T) {
	_, err := scenario.ReadFile(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	var fe *scenario.FileError
	require.False(t, errors.As(err, &fe))
}

// Whatever a file holds, reading it ends with a scenario or with its faults.
func TestReadingNeverPanics(t *testing.T) {
	pieces := []string{"a", ":", " ", "\n", "  ", "- ", "{", "}", "[", "]", "&x", "*x", "<<", "!!str", "|", "'", "\"", "duration", "campaigns",
		"capacity", "schedule", "windows", "call_length", "distribution", "changes", "retry", "name", "null", "1", "10s", "~", "---", "\t", "?"}
	lines := strings.SplitAfter(full, "\n")
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
		junk := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(t, "pieces"), "")
		text := strings.Join(lines[:at], "") + strings.Repeat(" ", rapid.IntRange(0, 8).Draw(t, "indent")) + junk + "\n" + strings.Join(lines[at+1:], "")
		s, err := scenario.Parse([]byte(text))
		require.True(t, (s == nil) != (err == nil))
	})
}
