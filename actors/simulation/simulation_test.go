package simulation

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
)

var (
	seed = flag.Uint64("sim.seed", 0, "the one run to be repeated, with its story")
	runs = flag.Uint64("sim.runs", 0, "how many runs are played; 0 is the usual number")
	from = flag.Uint64("sim.from", 1, "the seed of the first run")
)

// TestSimulation plays thousands of runs, each from a seed of its own.
func TestSimulation(t *testing.T) {
	if *seed != 0 {
		r := Run(*seed, Options{Story: true})
		for _, line := range r.Story {
			fmt.Println(line)
		}
		require.Empty(t, r.Broken)
		return
	}
	n := *runs
	if n == 0 {
		n = 10_000
	}
	happened, events := play(t, *from, n)
	t.Logf("%d runs, %d events: %v", n, events, happened)
}

func play(t *testing.T, from, n uint64) (map[string]int, int64) {
	var next, failed atomic.Uint64
	var events atomic.Int64
	next.Store(from)
	total := map[string]int{}
	var mu sync.Mutex
	var wg conc.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for failed.Load() < 3 {
				s := next.Add(1) - 1
				if s >= from+n {
					return
				}
				r := Run(s, Options{})
				if r.Broken != "" {
					failed.Add(1)
					t.Errorf("seed %d: %s\n(-sim.seed=%d repeats it)", s, r.Broken, s)
				}
				events.Add(int64(r.Events))
				mu.Lock()
				for what, n := range r.Happened {
					total[what] += n
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return total, events.Load()
}
