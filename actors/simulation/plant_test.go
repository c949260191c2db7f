package simulation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// planted are the bugs, the promise that finds each, and in how many runs at the most.
var planted = []struct {
	plant  Plant
	broken []string // one of these
	within uint64
}{
	{PlantNoEpochCheck, []string{"OneOwner"}, 50},
	{PlantEarlyAck, []string{"TruthInStore: acknowledged before it was written"}, 5},
	{PlantRetryTwice, []string{"the statistics"}, 5},
	{PlantPlacingTwice, []string{"NeverTwice", "StopMeansStop"}, 20},
	{PlantDeafStop, []string{"StopMeansStop"}, 100},
	{PlantBlindLeader, []string{"WithinLimit"}, 1000},
	{PlantTokenBack, []string{"WithinLimit"}, 20},
	{PlantLeakedToken, []string{"at the end no token is out", "NothingLost"}, 20},
	{PlantLateCaller, []string{"StopMeansStop", "NeverTwice"}, 1000},
	{PlantNoHours, []string{"InHours"}, 100},
	{PlantUnasked, []string{"NeverTwice", "NothingLost"}, 50},
	{PlantLateEpoch, []string{"OneOwner"}, 1000},
}

// TestPlantedBugsAreFound: the simulation is worth something only if it finds what is
// wrong.  Each bug is found by the promise that it breaks.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, p := range planted {
		t.Run(string(p.plant), func(t *testing.T) {
			t.Parallel()
			if raced && p.within > 100 {
				t.Skip("it takes too many runs under the race detector")
			}
			for seed := range p.within {
				r := Run(seed+1, Options{Plant: p.plant})
				if r.Broken == "" {
					continue
				}
				t.Logf("seed %d: %s", seed+1, r.Broken)
				found := false
				for _, promise := range p.broken {
					found = found || strings.HasPrefix(r.Broken, promise)
				}
				require.True(t, found, "%q is found by %q, not by: %s", p.plant, p.broken, r.Broken)
				return
			}
			t.Errorf("%d runs did not find it", p.within)
		})
	}
}
