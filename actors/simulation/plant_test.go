package simulation

import (
	"strings"
	"testing"

	"dialtone/internal/load"
)

// planted are the bugs, the promise that each breaks, and in how many runs at the most that
// is found.
var planted = []struct {
	plant  Plant
	breaks string
	within uint64
}{
	{PlantNoEpochCheck, "OneOwner: what an older owner writes counts", 100},
	{PlantEarlyAck, "TruthInStore: acknowledged before it was written", 5},
	{PlantRetryTwice, "the statistics", 5},
	{PlantPlacingTwice, "NeverTwice", 50},
	{PlantDeafStop, "StopMeansStop", 500},
	{PlantBlindLeader, "WithinLimit", 2000},
	{PlantTokenBack, "WithinLimit", 20},
	{PlantLeakedToken, "NothingLost: not everything came to an end", 20},
	{PlantLateCaller, "StopMeansStop", 500},
	{PlantNoHours, "InHours", 200},
	{PlantUnasked, "NeverTwice", 300},
	{PlantNewFirst, "RetriesFirst", 20},
	{PlantLateEpoch, "OneOwner: ", 1000},
}

// TestPlantedBugsAreFound: the simulation is worth something only if it finds what is
// wrong.  Each bug is found by the promise that it breaks, whatever else it breaks before.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, p := range planted {
		t.Run(string(p.plant), func(t *testing.T) {
			t.Parallel()
			if load.Raced && p.within > 100 {
				t.Skip("it takes too many runs under the race detector")
			}
			others := map[string]int{}
			for seed := range p.within {
				r := Run(seed+1, Options{Plant: p.plant})
				if strings.HasPrefix(r.Broken, p.breaks) {
					t.Logf("seed %d: %s; before it: %v", seed+1, r.Broken, others)
					return
				}
				if r.Broken != "" {
					promise, _, _ := strings.Cut(r.Broken, ":")
					others[promise]++
				}
			}
			t.Errorf("%d runs did not find that %q is broken, but %v", p.within, p.breaks, others)
		})
	}
}
