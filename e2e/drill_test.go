package e2e

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/e2e/cluster"
	"dialtone/e2e/judge"
	"dialtone/internal/load"
	"dialtone/mockdialer"
	"dialtone/provider"
	"dialtone/store/storetest/pgtest"
)

// drillSetting is a number from the environment.
func drillSetting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv("DIALTONE_DRILL_" + name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

const (
	// bearable is the longest time without a call after any fault.
	bearable = 20 * time.Second
	// retryGrace is how late a retry may come for reasons of its own: its end was told to
	// a node that had died, and is asked for; or its request was cut off, and is settled
	// twice.
	retryGrace = 2 * time.Minute
	// hopeless is after how long without a call the drill gives up.
	hopeless = 90 * time.Second
)

// drillTrunks are two providers, at which a little goes wrong all the time.
func drillTrunks(seed uint64) (out []cluster.Trunk) {
	for i, name := range []string{"alpha", "beta"} {
		out = append(out, cluster.Trunk{
			Name: name, Limits: provider.Limits{Channels: 60, CallsPerSecond: 30}, Settings: "    timeout: 3s\n",
			Mock: mockdialer.Config{
				Seed: seed + uint64(i), Outcomes: mockdialer.Outcomes{Completed: 75, Busy: 15, NoAnswer: 10},
				Duration:        mockdialer.DurationRange{Min: 500 * time.Millisecond, Max: 3500 * time.Millisecond},
				CallbackRetries: 2, CallbackRetryDelay: time.Second,
				Faults: mockdialer.FaultPlan{Seed: seed, HangFor: mockdialer.Fixed(5 * time.Second), Rates: mockdialer.FaultRates{
					mockdialer.Fault500: 0.002, mockdialer.Fault500After: 0.002, mockdialer.FaultHangAfter: 0.001, mockdialer.FaultBadJSON: 0.001,
					mockdialer.FaultCallbackDropped: 0.01, mockdialer.FaultCallbackRepeated: 0.02, mockdialer.FaultCallbackShuffled: 0.1,
					mockdialer.FaultList500: 0.02, mockdialer.FaultFetch500: 0.02,
				}},
			},
		})
	}
	return out
}

// everyOther are windows of a minute each, every other minute of the next hours.
func everyOther(zone *time.Location) (out []judge.Window) {
	from := time.Now().In(zone).Truncate(time.Minute)
	for range 100 {
		end := from.Add(time.Minute).Format("15:04")
		if end == "00:00" {
			end = "24:00"
		}
		out = append(out, judge.Window{Start: from.Format("15:04"), End: end})
		from = from.Add(2 * time.Minute)
	}
	return out
}

// drill is a run of it.
type drill struct {
	t        *testing.T
	c        *cluster.Cluster
	user     cluster.User
	evidence judge.Evidence
	ids      map[string]string // of campaigns, by name
	expected int               // calls, about

	mu    sync.Mutex // of what faults and pauses add to the evidence
	kinds map[string]string
	// broken is how often each promise was, as far as that was told.
	broken map[string]int
}

// load makes the campaigns: with large limits and small ones, few attempts and many, and
// one whose hours are short.
func (d *drill) load(numbers int) {
	zone, err := time.LoadLocation("Asia/Kathmandu") // a quarter of an hour off everybody else
	require.NoError(d.t, err)
	hours := &judge.Hours{Zone: zone, Windows: everyOther(zone)}
	for i, c := range []struct {
		name     string
		percent  int
		limit    int
		attempts int
		delay    time.Duration
		hours    *judge.Hours
	}{
		{"large", 35, 60, 3, 2 * time.Second, nil},
		{"middle", 30, 50, 2, time.Second, nil},
		{"patient", 20, 40, 3, 5 * time.Second, nil},
		{"narrow", 5, 5, 1, 0, nil},
		{"hours", 10, 30, 3, 2 * time.Second, hours},
	} {
		own := judge.Campaign{
			Name: c.name, Numbers: berlin(i, numbers*c.percent/100), MaxConcurrentCalls: c.limit, MaxAttempts: c.attempts, RetryDelay: c.delay, Hours: c.hours,
		}
		s := settings{"name": c.name, "max_concurrent_calls": c.limit, "weight": c.percent, "retry": settings{"max_attempts": c.attempts, "delay": max(c.delay, time.Second).String()}}
		if c.hours != nil {
			s["schedule"] = windowsOf(*c.hours)
		}
		var made campaignJSON
		d.ask(http.MethodPost, "/v1/campaigns", s, &made)
		d.ask(http.MethodPost, "/v1/campaigns/"+made.ID+"/contacts", "phone\n"+strings.Join(own.Numbers, "\n")+"\n", nil)
		d.ids[c.name] = made.ID
		d.evidence.Campaigns = append(d.evidence.Campaigns, own)
		d.expected += len(own.Numbers) * 5 / 4
	}
	for _, id := range d.ids {
		d.ask(http.MethodPost, "/v1/campaigns/"+id+"/start", nil, nil)
	}
}

func windowsOf(h judge.Hours) settings {
	var windows []settings
	for _, w := range h.Windows {
		windows = append(windows, settings{"days": []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, "start": w.Start, "end": w.End})
	}
	return settings{"time_zone": h.Zone.String(), "windows": windows}
}

// ask is for when an answer must come.
func (d *drill) ask(method, path string, body, into any) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	require.NoError(d.t, d.user.Do(ctx, method, path, body, into))
}

// placed counts the calls.
func (d *drill) placed() (n int) {
	for _, m := range d.c.Mocks {
		n += m.Summary().Created
	}
	return n
}

// look brings the evidence up to date with the ledgers.
func (d *drill) look() {
	for i := range d.evidence.Providers {
		p := &d.evidence.Providers[i]
		p.Ledger = judge.Of(d.c.Mocks[p.Name])
	}
}

// TestDrillReliability breaks one part after the other under load, and judges by the
// ledgers, the records and the events.  The size is DIALTONE_DRILL_NUMBERS, _FAULTS and
// _SEED; `make drill` runs the long form.
func TestDrillReliability(t *testing.T) {
	if load.Raced {
		t.Skip("the processes are what they are without the race detector")
	}
	faults := drillSetting(t, "FAULTS", 6)
	numbers := drillSetting(t, "NUMBERS", 300*faults)
	seed := uint64(drillSetting(t, "SEED", 1))
	r := rand.New(rand.NewPCG(seed, 6))
	trunks := drillTrunks(seed)

	dir, keep := drillDir(t)
	require.NoError(t, cluster.Build(t.Context(), binaries))
	c, err := cluster.Start(t.Context(), cluster.Config{
		Dir: dir, Binaries: binaries, NATSConf: natsConf, Nodes: 3, Callers: 2, Trunks: trunks,
	})
	t.Cleanup(func() { keep(t.Failed()) })
	if errors.Is(err, pgtest.ErrNone) && os.Getenv(pgtest.EnvRequire) != "1" {
		t.Skip("no PostgreSQL:", err)
	}
	require.NoError(t, err)
	t.Cleanup(c.Close)

	d := &drill{t: t, c: c, user: cluster.User{Base: c.URL()}, ids: map[string]string{}, kinds: map[string]string{}, broken: map[string]int{}}
	d.evidence.RetryGrace, d.evidence.Silence = retryGrace, bearable
	for _, tr := range trunks {
		d.evidence.Providers = append(d.evidence.Providers, judge.Provider{Name: tr.Name, Channels: tr.Limits.Channels, CallsPerSecond: int(tr.Limits.CallsPerSecond)})
	}
	t.Logf("%d numbers, %d faults, seed %d, in %s", numbers, faults, seed, dir)
	began := time.Now()
	d.load(numbers)
	stop := d.pauseNowAndThen(rand.New(rand.NewPCG(seed, 7)))
	d.run(c.Plan(r, faults), r)
	stop()
	d.finish()
	took := time.Since(began)

	verdicts := d.evidence.Judge()
	t.Logf("%d calls in %.0f s\n%s\n%s\n%s", d.placed(), took.Seconds(), verdicts, verdicts.Table(), d.silences())
	var judged []string
	for _, v := range verdicts {
		assert.True(t, v.Held(), "%s", v)
		judged = append(judged, v.Promise)
	}
	if len(d.evidence.Faults) >= 20 { // among fewer no pause may have been answered
		assert.Contains(t, judged, "StopMeansStop")
	}
	assert.Subset(t, judged, []string{"NothingLost", "NeverTwice", "WithinLimit", "InHours", "RetriesFirst", "Statistics", "Events", "Dialling"})
	for _, p := range d.evidence.Providers {
		assert.Greater(t, p.Ledger.Peak(), p.Channels*8/10, "%s was busy", p.Name)
	}
}

var natsConf = "../nats.conf"

// drillDir is short, and stays where the drill failed.
func drillDir(t *testing.T) (dir string, keep func(bool)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "drill-")
	require.NoError(t, err)
	return dir, func(failed bool) {
		if failed || os.Getenv("DIALTONE_DRILL_KEEP") != "" {
			t.Logf("what the processes said is in %s", filepath.Join(dir, "log"))
			return
		}
		require.NoError(t, os.RemoveAll(dir))
	}
}

// run has the faults happen, one after the other, each when so many calls have been
// placed; now and then the next one comes at once.
func (d *drill) run(plan []cluster.Fault, r *rand.Rand) {
	moments := make([]int, len(plan))
	for i := range moments {
		moments[i] = d.expected * (2 + r.IntN(86)) / 100
	}
	slices.Sort(moments)
	together := make([]bool, len(plan))
	for i := 1; i < len(plan); i++ {
		together[i] = r.IntN(8) == 0 && plan[i].Part != plan[i-1].Part && !together[i-1]
	}
	for i := 0; i < len(plan); i++ {
		d.waitForCalls(moments[i])
		if i+1 < len(plan) && together[i+1] {
			var first sync.WaitGroup
			first.Go(func() { d.happen(i, plan[i]) })
			pause(d.t, time.Second)
			d.happen(i+1, plan[i+1])
			first.Wait()
			i++
		} else {
			d.happen(i, plan[i])
		}
		d.recover(2*time.Second + time.Duration(r.IntN(4000))*time.Millisecond)
		d.judgeSoFar()
	}
}

// recover waits until calls are placed again, and then for so long, so that what the
// next fault does is its own doing.
func (d *drill) recover(quiet time.Duration) {
	d.waitForCalls(d.placed() + 20)
	pause(d.t, quiet)
}

// waitForCalls waits until so many have been placed.
func (d *drill) waitForCalls(n int) {
	last, since := d.placed(), time.Now()
	for d.placed() < n {
		if now := d.placed(); now > last {
			last, since = now, time.Now()
		}
		if time.Since(since) > hopeless {
			d.t.Fatalf("nobody has been dialled for %v", hopeless)
		}
		pause(d.t, 50*time.Millisecond)
	}
}
