package e2e

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/internal/load"
	"dialtone/mockdialer"
)

// forger sends callbacks that nobody signed to the addresses of real attempts.
type forger struct {
	t       *testing.T
	target  string
	client  *http.Client
	refused atomic.Int64
	other   atomic.Int64
}

func newForger(t *testing.T, target string) *forger {
	return &forger{t: t, target: target, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

func (f *forger) send() {
	const body = "CallSid=CA00000000000000000000000000000000&AccountSid=AC00000000000000000000000000000001&From=%2B12025550100&To=%2B12025550101&CallStatus=completed&SequenceNumber=3&CallDuration=12"
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.target, strings.NewReader(body))
	if err != nil {
		f.other.Add(1)
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	resp, err := f.client.Do(req)
	if err != nil {
		f.other.Add(1)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusForbidden {
		f.refused.Add(1)
	} else {
		f.other.Add(1)
	}
}

// flood sends so many a second for a time, from a few connections.
func (f *forger) flood(rate int, span time.Duration) {
	const hands = 32
	var run conc.WaitGroup
	end := time.Now().Add(span)
	for range hands {
		run.Go(func() {
			tick := time.NewTicker(hands * time.Second / time.Duration(rate))
			defer tick.Stop()
			for now := range tick.C {
				if now.After(end) {
					return
				}
				f.send()
			}
		})
	}
	run.Wait()
	f.client.CloseIdleConnections()
}

// Under 5,000 forged callbacks a second dialling goes on as fast as before, less a
// fifth at most; and none of them is believed.  The bars are those of `make measure`:
// beside other tests, who floods and who dials compete for the same two cores, and only
// the best of three rounds says something; under the race detector none does.
func TestMeasureForgedCallbacks(t *testing.T) {
	const wanted = 5000 // a second
	rounds, goesOn, flooded := 3, 0.5, 0.1*wanted
	if load.Raced {
		rounds = 1
	}
	tr := newTrunks(t, mockdialer.Config{
		Seed: 3, Outcomes: mockdialer.Outcomes{Completed: 1}, Duration: mockdialer.DurationRange{Min: 200 * time.Millisecond, Max: 400 * time.Millisecond},
	}, []trunk{{name: "a", channels: 100}})
	id := tr.load(settings{"max_concurrent_calls": 1000}, berlin(0, 20_000))
	tr.command(id, "start")
	pause(t, time.Second)
	span := 2 * time.Second
	if os.Getenv("DIALTONE_MEASURE") != "" {
		span, rounds, goesOn, flooded = 5*time.Second, 1, 0.8, 1.0*wanted
	}
	rate := func(f func()) float64 {
		from := time.Now()
		f()
		took := time.Since(from)
		return float64(tr.ledger().Between(from, from.Add(took))) / took.Seconds()
	}
	var before, during, sent float64
	reached := func() bool { return before > 100 && during > goesOn*before && sent > flooded }
	for round := 1; round <= rounds && !reached(); round++ {
		before = rate(func() { pause(t, span) })
		require.Positive(t, before)
		f := newForger(t, tr.ledger()[0].StatusCallback)
		during = rate(func() { f.flood(wanted*11/10, span) }) // a hand that is late skips a turn
		sent = float64(f.refused.Load()) / span.Seconds()
		t.Logf("%.0f calls/s before, %.0f under %.0f forged callbacks a second", before, during, sent)
		assert.Zero(t, f.other.Load(), "each was refused")
		assert.Positive(t, sent, "the flood came about")
		assert.Positive(t, during, "dialling goes on")
	}
	if !load.Raced {
		assert.Greater(t, before, 100.0)
		assert.Greater(t, during, goesOn*before)
		assert.Greater(t, sent, flooded, "the flood came about")
	}
	tr.command(id, "cancel")
	c := tr.until(id, 30*time.Second, func(c campaignJSON) bool { return c.Stats.Open() == 0 })
	assertAgree(t, c, tr.ledger())
}
