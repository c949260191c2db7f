package scenario_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/sim/scenario"
	"dialtone/campaign"
	"dialtone/internal/load"
)

const examples = "../../../../examples/scenarios"

func play(t *testing.T, file, strategy string) *scenario.Result {
	t.Helper()
	s, err := scenario.ReadFile(filepath.Join(examples, file))
	require.NoError(t, err)
	r, err := s.Run(scenario.Choice{Strategy: strategy}, 50)
	require.NoError(t, err)
	return r
}

// Every example can be played, and comes to the same when it is played again.
func TestExamplesPlay(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		if filepath.Base(f) == "day.yaml" {
			continue // TestTheDayTakesSeconds
		}
		r := play(t, filepath.Base(f), "fair")
		require.Equal(t, r, play(t, filepath.Base(f), "fair"))
		require.Len(t, r.Windows, 50)
		total := 0.0
		for _, l := range r.Lines {
			total += l.Share
			require.NotZero(t, l.Calls, "%s: %s", f, l.Name)
		}
		require.InDelta(t, 1, total, 1e-9, f)
	}
}

func TestTheDayTakesSeconds(t *testing.T) {
	began := load.CPU()
	r := play(t, "day.yaml", "fair")
	took := load.CPU() - began
	t.Logf("%d calls of %d campaigns in %v", r.Pool.Calls, len(r.Campaigns), took.Round(time.Millisecond))
	require.Len(t, r.Campaigns, 1000)
	require.Greater(t, r.Pool.Calls, 1_000_000)
	require.Less(t, took, load.Slack(15*time.Second))
	for _, o := range r.Campaigns {
		require.NotNil(t, o.Finished)
		require.Zero(t, o.Left)
	}
}

func TestFairIsFairWhereTurnsAreNot(t *testing.T) {
	require.InDelta(t, 0.55, play(t, "skewed-lengths.yaml", "round_robin").Jain, 0.01)
	for _, f := range []string{"skewed-lengths.yaml", "few-slots.yaml", "rate-bound.yaml", "newcomer.yaml", "changes.yaml"} {
		require.Greater(t, play(t, f, "fair").Jain, 0.995, f)
	}
}

func TestChangesHappen(t *testing.T) {
	s, err := scenario.Parse([]byte(`duration: 2h
capacity: {channels: 10}
campaigns:
  - name: a
    numbers: 100
    call_length: 10s
    changes:
      - {after: 30m, paused: true, numbers: 10000}
      - {after: 1h, paused: false, max_concurrent_calls: 2}
  - {name: b, numbers: 50, call_length: 10s, start_after: 90m, deadline: 90m30s}
  - {name: c, numbers: 5, count: 2, call_length: 10s, start_after: 1h, spread: 20m, deadline: 61m}
`))
	require.NoError(t, err)
	r, err := s.Run(scenario.Choice{Strategy: "fair"}, 4)
	require.NoError(t, err)
	a, b, c, late := r.Campaigns[0], r.Campaigns[1], r.Campaigns[2], r.Campaigns[3]
	require.Equal(t, []string{"a", "b", "c 1", "c 2"}, []string{a.Name, b.Name, c.Name, late.Name})
	require.Equal(t, 100+2*361, a.Calls, "with two calls up for an hour, and at its end")
	require.Nil(t, a.Finished)
	require.Zero(t, r.Windows[1].ChannelsUsed)
	require.InDelta(t, 0.2, r.Windows[3].Lines[0].Slots/10, 0.01)
	require.Equal(t, 50, b.Completed)
	require.False(t, *b.OnTime, "eight at a time, six times over")
	require.True(t, *c.OnTime)
	require.False(t, *late.OnTime, "it began later")
	require.Equal(t, 70*time.Minute+10*time.Second, *late.Finished)
	require.Equal(t, 1, r.Lines[2].OnTime)
	require.Equal(t, 2, r.Lines[2].Done)
}

func TestAStrategyThatIsNotThere(t *testing.T) {
	s, err := scenario.Parse([]byte(full))
	require.NoError(t, err)
	_, err = s.Run(scenario.Choice{Strategy: "lottery"}, 1)
	require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
	require.ErrorContains(t, err, "round_robin")
}

func TestPercentile(t *testing.T) {
	xs := []int{5, 1, 4, 2, 3}
	require.Equal(t, []int{1, 3, 5}, []int{scenario.Percentile(xs, 0), scenario.Percentile(xs, 50), scenario.Percentile(xs, 100)})
	require.Zero(t, scenario.Percentile([]float64(nil), 50))
}
