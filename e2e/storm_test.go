package e2e

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign/machine"
	"dialtone/cmd/dialtone/app"
	"dialtone/internal/load"
	"dialtone/mockdialer"
)

// stormRates are what goes wrong in the storm, at both providers.
var stormRates = mockdialer.FaultRates{
	mockdialer.Fault500:              0.05,
	mockdialer.Fault500After:         0.05,
	mockdialer.FaultHang:             0.025,
	mockdialer.FaultHangAfter:        0.025,
	mockdialer.Fault429:              0.005,
	mockdialer.FaultBadJSON:          0.01,
	mockdialer.FaultCallbackFirst:    0.02,
	mockdialer.FaultCallbackDropped:  0.1,
	mockdialer.FaultCallbackRepeated: 0.1,
	mockdialer.FaultCallbackShuffled: 1,
	mockdialer.FaultList500:          0.05,
	mockdialer.FaultFetch500:         0.05,
}

var stormFaults = mockdialer.FaultPlan{Seed: 5, Rates: stormRates, HangFor: mockdialer.Fixed(5 * time.Second)}

// stormTide is how often a provider goes down, each time for a third of it.
const stormTide = 15 * time.Second

func downForAThird(p mockdialer.FaultPlan) mockdialer.FaultPlan {
	p.Down = &mockdialer.Outage{Times: mockdialer.Times{After: stormTide / 3, For: stormTide / 3, Every: stormTide}}
	return p
}

// longStorm is from how many numbers on each fault must have come as often as its rate
// says, and those that are rare must have come at all.
const longStorm = 5000

// stormNumbers is how many numbers the storm has: 10,000 in `make drill`.
func stormNumbers(t *testing.T) int {
	text := os.Getenv("DIALTONE_STORM")
	if text == "" {
		if testing.Short() || load.Raced { // the race detector finds in 250 what it finds in 1,000
			return 250
		}
		return 700
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// Two providers, at which all goes wrong that may go wrong, one of them down for a
// third of the time.  By their ledgers NothingLost, NeverTwice and WithinLimit hold, and
// the statistics are theirs.
func TestDrillStorm(t *testing.T) {
	t.Parallel()
	const (
		each     = 150
		limit    = 250
		rate     = 300
		attempts = 4
	)
	numbers := berlin(0, stormNumbers(t))
	tr := newTrunks(t, mockdialer.Config{
		Seed: 11, Outcomes: mockdialer.Outcomes{Completed: 70, Busy: 20, NoAnswer: 10},
		Duration: mockdialer.DurationRange{Min: 100 * time.Millisecond, Max: 900 * time.Millisecond},
		Faults:   stormFaults,
	}, []trunk{
		{name: "a", channels: each, settings: "    calls_per_second: " + strconv.Itoa(rate) + "\n    timeout: 1s\n"},
		{name: "b", channels: each, settings: "    calls_per_second: " + strconv.Itoa(rate) + "\n    timeout: 1s\n"},
	}, func(c *app.Config) {
		// A request is over a second after it is sent, and is sent three after placing at
		// the latest.
		c.Machine = machine.Config{PlacingPatience: 5 * time.Second, CallPatience: 5 * time.Second, SettlePatience: time.Second, ConfirmAfter: 2 * time.Second}
	})
	id := tr.load(settings{"max_concurrent_calls": limit, "retry": settings{"max_attempts": attempts, "delay": "500ms"}}, numbers)
	began := time.Now()
	tr.command(id, "start")
	require.NoError(t, tr.of["a"].mock.SetFaults(downForAThird(stormFaults)))
	c := tr.until(id, 15*time.Minute, ended)
	took := time.Since(began)

	l, met := tr.ledger(), tr.faults()
	assert.EqualValues(t, "completed", c.Status)
	assertEveryNumber(t, l, numbers, attempts)
	assertNeverTwice(t, l)
	assertAgree(t, c, l)
	assert.Zero(t, c.Stats.Open())
	assert.LessOrEqual(t, l.Peak(), limit, "the campaign's limit")
	for name := range tr.of {
		own := tr.ledgerOf(name)
		assert.LessOrEqual(t, own.Peak(), each, "channels of %s", name)
		assert.LessOrEqual(t, own.Busiest(time.Second), rate, "calls per second of %s", name)
		assert.Greater(t, len(own), len(numbers)/10, "%s took its part", name)
	}
	for f, share := range stormRates {
		rare := f == mockdialer.FaultList500 || f == mockdialer.FaultFetch500 || f == mockdialer.Fault429
		switch {
		case !rare && len(numbers) >= longStorm:
			assert.Greater(t, float64(met[f]), share*float64(len(l))/2, "%v did occur", f)
		case !rare || len(numbers) >= longStorm:
			assert.Positive(t, met[f], "%v did occur", f)
		}
	}
	assert.GreaterOrEqual(t, met[mockdialer.FaultDown], int64(took/stormTide), "it was down for a third of the run, again and again")
	t.Logf("%d numbers, %d calls in %.0f s, a provider down %d times for %v", len(numbers), len(l), took.Seconds(), met[mockdialer.FaultDown], stormTide/3)
	t.Logf("statistics %+v", c.Stats)
	t.Logf("faults %v", met)
}
