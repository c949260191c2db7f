package machine_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"dialtone/internal/load"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The environment of the simulation: how many runs, or which one to repeat.
const (
	envRuns = "DIALTONE_SIM_RUNS"
	envSeed = "DIALTONE_SIM_SEED"
)

// runs is how many seeds are played, unless the environment says otherwise.
func runs(t *testing.T, usual int) (from, to uint64) {
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
		require.NoError(t, err, name)
		return n
	}
	if os.Getenv(envSeed) != "" {
		from = number(envSeed)
		return from, from + 1
	}
	if os.Getenv(envRuns) != "" {
		return 1, 1 + number(envRuns)
	}
	if load.Raced { // a sixth of the seeds
		usual /= 6
	}
	return 1, 1 + uint64(usual)
}

// simulate plays seeds and adds up what happened in them.  A run that fails is
// played again for its story.
func simulate(t *testing.T, usual int, f faults, size func(chooser) scale) map[string]int {
	total := map[string]int{}
	from, to := runs(t, usual)
	for seed := from; seed < to; seed++ {
		play := func(verbose bool) (*world, error) {
			pick := dice{rand.New(rand.NewPCG(seed, 0))}
			w := newWorld(pick, f, size(pick))
			w.verbose = verbose
			return w, w.run()
		}
		w, err := play(false)
		if err != nil {
			again, err2 := play(true)
			require.Equal(t, err, err2, "a run can be repeated")
			lines := 120
			if os.Getenv(envSeed) != "" {
				lines = len(again.story)
			}
			t.Fatalf("seed %d: %v\n%s\nRepeat it with %s=%d for the whole story.", seed, err, again.tail(lines), envSeed, seed)
		}
		for what, n := range w.happened {
			total[what] += n
		}
	}
	t.Logf("%d runs: %v", to-from, total)
	return total
}

func small(pick chooser) scale {
	return scale{contacts: 1 + pick.below(25), limit: 1 + pick.below(6), pageSize: 1 + pick.below(8), chaos: 20 * time.Minute}
}

// TestPromisesHoldWhateverFails plays campaigns in which everything fails now and
// then: NothingLost, NeverTwice, WithinLimit, RetriesFirst, StopMeansStop and
// TruthInStore, by the provider's ledger and the store.
func TestPromisesHoldWhateverFails(t *testing.T) {
	happened := simulate(t, 300, rough, small)
	if os.Getenv(envSeed) != "" {
		return // one run does not see everything
	}
	for _, what := range []string{
		"caller crashed", "caller stalled", "caller stopping", "job unsent", "job expired", "job found taken",
		"job found stopped", "job found outdated", "refused", "throttled", "unreachable", "misconfigured", "full", "barred",
		"create timed out before dialling", "create timed out after dialling", "create timed out long before dialling", "create answered with garbage", "settled", "settling failed",
		"callback lost", "callback repeated", "message delayed", "message duplicated", "batch applied twice",
		"publish failed", "owner killed", "owner deposed", "owner found itself deposed", "owner crashed between two effects", "owner let go",
		"user: routes changed", "user: cancel_call", "waiting call canceled", "canceled in flight", "canceled in flight, then taken over", "no call to cancel", "hung up", "hang-up failed",
		"outcome answered", "outcome broken", "outcome throttled", "outcome full", "outcome unreachable", "outcome barred",
		"queues wiped", "renewed", "armed", "user: schedule changed", "waiting call expired", "waiting call campaign_canceled", "user: pause", "user: resume", "user: cancel", "user: contacts added", "stops answered",
	} {
		require.Positive(t, happened[what], "it was meant to happen: %s", what)
	}
}

// TestAnOwnerThatLivesIsNeverInDoubt: whatever befalls callers, queues, commits and
// the provider, the view of a machine that is not replaced stays true.
func TestAnOwnerThatLivesIsNeverInDoubt(t *testing.T) {
	f := rough
	f.ownerCrash, f.ownerKilled, f.ownerDeposed, f.letGo = 0, 0, 0, 0
	happened := simulate(t, 150, f, small)
	for _, what := range []string{"rebuilt", "owner killed", "owner deposed", "owner let go"} {
		require.Zero(t, happened[what], what)
	}
	if os.Getenv(envSeed) != "" {
		return
	}
	for _, what := range []string{"caller crashed", "batch applied twice", "queues wiped", "callback lost", "user: pause"} {
		require.Positive(t, happened[what], "it was meant to happen: %s", what)
	}
}

// TestWhatCanNotBeSettledIsLost: a provider that tells nothing most of the time keeps no
// call for ever; and nothing is lost before its time, nor without having asked.
func TestWhatCanNotBeSettledIsLost(t *testing.T) {
	f := rough
	f.settleFails, f.callbackLost, f.settleWithin = 900, 500, 90*time.Second
	f.delayed, f.wiped, f.callerCrash = 0, 0, 0 // or nobody might be asked in time
	happened := simulate(t, 100, f, small)
	if os.Getenv(envSeed) == "" {
		require.Positive(t, happened["lost"])
	}
}

// TestNothingGoesWrongWhereNothingFails: without faults no machine doubts its
// view, nobody is asked twice, and each call's end is told once.
func TestNothingGoesWrongWhereNothingFails(t *testing.T) {
	happened := simulate(t, 200, calm, func(pick chooser) scale {
		s := small(pick)
		s.chaos = 0
		return s
	})
	for _, what := range []string{"rebuilt", "job found taken", "job found outdated", "job expired", "job unsent"} {
		require.Zero(t, happened[what], what)
	}
	require.Positive(t, happened["event call.ended"])
}

// TestPromisesHoldByProperty lets rapid choose, so that what fails is shrunk.
func TestPromisesHoldByProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := drawn{t}
		w := newWorld(pick, rough, scale{
			contacts: 1 + pick.below(4), limit: 1 + pick.below(3), pageSize: 1 + pick.below(3), chaos: 4 * time.Minute,
		})
		w.verbose = true
		if err := w.run(); err != nil {
			t.Fatalf("%v\n%s", err, w.tail(120))
		}
	})
}
