package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/sim"
	"dialtone/campaign"
	"dialtone/internal/load"
)

// A day with 1,000 campaigns and a million calls takes seconds.
func TestADayOfAMillionCallsTakesSeconds(t *testing.T) {
	for _, name := range []string{"fair", "round_robin"} {
		p := start(t, name, 1000, 50, 1)
		for id := range campaign.ID(1000) {
			p.want(id+1, 950, sim.Campaign{Limit: 50, Calls: sim.Mix{
				Lengths: sim.Exponential{Mean: time.Duration(10+id%100) * time.Second}, Failing: 0.1,
			}})
		}
		began := load.CPU()
		r := p.run(24 * time.Hour)
		took := load.CPU() - began
		t.Logf("%s: %d calls in %v", name, r.Pool.Calls, took.Round(time.Millisecond))
		require.Greater(t, r.Pool.Calls, 1_000_000)
		require.Less(t, took, load.Slack(15*time.Second), "the aim is 3 s")
	}
}
