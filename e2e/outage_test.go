package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign/machine"
	"dialtone/cmd/dialtone/app"
	"dialtone/internal/load"
	"dialtone/mockdialer"
)

// dead is how a provider may fail altogether.
var dead = map[string]struct {
	fall, rise func(t *testing.T, mock *mockdialer.Server)
}{
	"refusing connections": {
		func(t *testing.T, mock *mockdialer.Server) { require.NoError(t, mock.GoDown(context.Background())) },
		func(t *testing.T, mock *mockdialer.Server) { require.NoError(t, mock.GoUp(context.Background())) },
	},
	"answering nothing": {
		func(t *testing.T, mock *mockdialer.Server) {
			require.NoError(t, mock.SetFaults(mockdialer.FaultPlan{
				Rates:   mockdialer.FaultRates{mockdialer.FaultHang: 1, mockdialer.FaultListHang: 1, mockdialer.FaultFetchHang: 1},
				HangFor: mockdialer.Fixed(30 * time.Second),
			}))
		},
		func(t *testing.T, mock *mockdialer.Server) {
			require.NoError(t, mock.SetFaults(mockdialer.FaultPlan{}))
		},
	},
	"answering 500": {
		func(t *testing.T, mock *mockdialer.Server) {
			require.NoError(t, mock.SetFaults(mockdialer.FaultPlan{
				Rates: mockdialer.FaultRates{mockdialer.Fault500: 1, mockdialer.FaultList500: 1, mockdialer.FaultFetch500: 1},
			}))
		},
		func(t *testing.T, mock *mockdialer.Server) {
			require.NoError(t, mock.SetFaults(mockdialer.FaultPlan{}))
		},
	},
}

// With one of two providers dead, throughput falls to the other's capacity within two
// seconds and no further; when it recovers, it carries its share again within the time
// after which it is probed.
func TestOneOfTwoProvidersDead(t *testing.T) {
	for name, how := range dead {
		t.Run(name, func(t *testing.T) {
			if load.Raced && name != "answering nothing" {
				t.Skip("one of them will do for the race detector")
			}
			t.Parallel()
			const each = 40 // channels
			// Calls of two seconds on average: a busy machine, too, has each channel in use.
			// Longer ones would leave fewer requests hanging at once, in the two seconds
			// after which they are given up, than there are channels.
			const (
				wanted = each / 2                // calls a second, of each
				round  = 2100 * time.Millisecond // of calls, with ringing: those that began together end together
			)
			further := 0.85
			if load.Raced { // slots stand idle for longer than without
				further = 0.7
			}
			tr := newTrunks(t, mockdialer.Config{
				Seed: 3, Outcomes: mockdialer.Outcomes{Completed: 1}, Duration: mockdialer.DurationRange{Min: 1400 * time.Millisecond, Max: 2600 * time.Millisecond},
			}, []trunk{
				{name: "a", channels: each, settings: "    timeout: 2s\n"},
				{name: "b", channels: each, settings: "    timeout: 2s\n"},
			}, func(c *app.Config) {
				// Requests that got no answer hold their channels until they have been looked
				// for twice; how long that is, is not what is measured here.
				c.Machine = machine.Config{ConfirmAfter: 5 * time.Second}
			})
			id := tr.load(settings{"max_concurrent_calls": 8 * each}, berlin(0, 6000))
			tr.command(id, "start")
			rate := func(name string, from time.Time, span time.Duration) float64 {
				return float64(tr.ledgerOf(name).Between(from, from.Add(span))) / span.Seconds()
			}
			pause(t, 4*round)
			start := time.Now().Add(-3 * round)
			share := rate("b", start, 3*round)
			before := share + rate("a", start, 3*round)
			require.Greater(t, before, 1.3*wanted, "both carry their share")

			fell := time.Now()
			how.fall(t, tr.of["a"].mock)
			tr.broken(t, "a", fell.Add(15*time.Second))
			pause(t, time.Until(fell.Add(2*time.Second+6*round)))
			alone := rate("b", fell.Add(2*time.Second), 6*round)
			assert.Greater(t, alone, further*share, "it falls to the other's capacity and no further")
			assert.Zero(t, tr.ledgerOf("a").Between(fell.Add(200*time.Millisecond), time.Now()), "it was dead")

			rose := time.Now()
			how.rise(t, tr.of["a"].mock)
			back := time.Duration(0)
			for deadline := rose.Add(40 * time.Second); back == 0; pause(t, 50*time.Millisecond) {
				require.True(t, time.Now().Before(deadline), "it did not come back")
				now := time.Now()
				if rate("a", now.Add(-2*time.Second), 2*time.Second) > 0.8*share {
					back = now.Sub(rose)
				}
			}
			assert.Less(t, back, 25*time.Second, "it carries its share again within the time of a probe")
			l := tr.ledger()
			assertNeverTwice(t, l)
			assert.LessOrEqual(t, tr.ledgerOf("a").Peak(), each)
			assert.LessOrEqual(t, tr.ledgerOf("b").Peak(), each)
			assert.EqualValues(t, "in_progress", tr.campaign(id).Status, "no campaign is paused for a provider's fault")
			t.Logf("%s: %.1f calls/s before, %.1f of them by the other, %.1f alone, the dead one's share back after %.1f s", name, before, share, alone, back.Seconds())
			tr.command(id, "cancel")
		})
	}
}

// broken waits until the API and the metrics say that a provider's breaker is open.
func (tr *trunks) broken(t *testing.T, name string, deadline time.Time) {
	t.Helper()
	open := func() bool {
		var list struct {
			Providers []struct{ Name, Breaker, State string }
		}
		tr.do(http.MethodGet, "/v1/providers", nil, &list)
		_, metrics := tr.ask(http.MethodGet, "/metrics", "", nil)
		for _, p := range list.Providers {
			if p.Name == name {
				return p.State == "enabled" && p.Breaker == "open" &&
					strings.Contains(string(metrics), `dialtone_provider_breaker_state{provider="`+name+`",state="open"} 1`)
			}
		}
		return false
	}
	for !open() {
		require.True(t, time.Now().Before(deadline), "%s is not told to be broken", name)
		pause(t, 20*time.Millisecond)
	}
}
