package simulation

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dialtone/internal/load"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
)

var (
	seed = flag.Uint64("sim.seed", 0, "the one run to be repeated, with its story")
	runs = flag.Uint64("sim.runs", 0, "how many runs are played; 0 is 10,000, fewer with -short or -race")
	from = flag.Uint64("sim.from", 1, "the seed of the first run")
)

// TestSimulation plays 10,000 runs, each from a seed of its own: 300 under the race
// detector, 1,000 with -short.  After -sim.seed=N it plays that one, and tells its story.
func TestSimulation(t *testing.T) {
	if *seed != 0 {
		r := Run(*seed, Options{Story: true})
		for _, line := range r.Story {
			fmt.Println(line)
		}
		require.Empty(t, r.Broken)
		return
	}
	n, all := *runs, false
	switch {
	case n > 0:
	case load.Raced: // a run has one goroutine: what there is to be found in it shows in a few
		n = 300
	case testing.Short():
		n = 1000
	default:
		n, all = 10_000, true
	}
	began := load.CPU()
	happened, events := play(t, *from, n)
	took := load.CPU() - began
	t.Logf("%d runs, %d events, %v of one core: %v", n, events, took.Round(time.Second), happened)
	if !all {
		return // not everything happens in a few runs
	}
	require.Less(t, took, 2*time.Minute, "of one core: a minute with two")
	for _, what := range everything {
		require.Positive(t, happened[what], "it was meant to happen: %s", what)
	}
}

// everything is what is to have happened in 10,000 runs, or they show less than they
// claim.
var everything = []string{
	"process killed", "process crashed", "process crashed in the middle of a turn", "process frozen", "process leaves",
	"process without JetStream", "JetStream wiped", "store away", "store slow", "commit's answer lost",
	"a leader", "a leader deposed", "a leader inherits", "a leader stands still as it grants", "lease ran out", "lease's answer lost", "partition taken", "partition given", "partition lost",
	"an owner refused by its epoch", "a partition taken over by somebody else meanwhile", "could not take partitions over",
	"a partition did not come to rest", "a machine in doubt", "a machine renewed",
	"report to the scheduler lost", "grants lost", "command lost", "command not answered",
	"publishing failed", "publishing not confirmed", "published twice", "delivered late", "acknowledgement lost",
	"DIAL delivered again", "CALLBACK delivered again", "caller stalled", "job unsent", "job expired", "job found taken",
	"job found stopped", "job found outdated", "settled", "settling failed", "hung up",
	"provider unreachable", "provider: refused", "provider: throttled", "provider: full", "provider: barred", "provider: misconfigured",
	"provider answers garbage", "provider does not answer", "provider dials and does not answer", "provider dials late",
	"callback lost", "callback twice", "callback given up", "hours that close", "hours that open",
	"user: start", "user: pause", "user: resume", "user: cancel", "user: cancel_call", "user: contacts added", "user: contacts added at the end", "user: providers chosen", "user: limit raised", "stop answered",
}

// TestARunIsRepeated: a seed names a run, to the last line of its story.
func TestARunIsRepeated(t *testing.T) {
	n := uint64(40)
	if load.Raced {
		n = 5
	}
	for s := range n {
		one, two := Run(s+1, Options{Story: true}), Run(s+1, Options{Story: true})
		require.Equal(t, one.Digest(), two.Digest(), "seed %d", s+1)
		require.Equal(t, one.Story, two.Story, "seed %d", s+1)
		quiet := Run(s+1, Options{})
		require.Equal(t, one.Happened, quiet.Happened, "seed %d without its story", s+1)
		require.Equal(t, one.Took, quiet.Took)
	}
}

// TestAPanicBreaksARun: what is played may do anything but go by unnoticed.
func TestAPanicBreaksARun(t *testing.T) {
	w := newWorld(1, Options{Story: true})
	broken := w.judged(func() { panic("a bug") })
	require.Contains(t, broken, "a panic: a bug")
	require.Contains(t, broken, "simulation_test.go")
	require.Len(t, w.story, 1)
	require.Equal(t, "NothingLost: 1", w.judged(func() { w.fail("NothingLost: %d", 1) }))
	require.Empty(t, w.judged(func() {}))
}

// play plays runs in as many goroutines as there are processors, and adds up what happened
// in them.
func play(t *testing.T, from, n uint64) (map[string]int, int64) {
	const enough = 3 // failures
	var next, failed atomic.Uint64
	var events atomic.Int64
	next.Store(from)
	total := map[string]int{}
	var mu sync.Mutex
	var wg conc.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for s := next.Add(1) - 1; s < from+n && failed.Load() < enough; s = next.Add(1) - 1 {
				r := Run(s, Options{})
				if r.Broken != "" {
					failed.Add(1)
					t.Errorf("seed %d: %s\nRepeat it with: go test ./actors/simulation -run 'TestSimulation$' -sim.seed=%d", s, r.Broken, s)
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
