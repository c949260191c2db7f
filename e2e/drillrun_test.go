package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"

	"dialtone/campaign"
	"dialtone/e2e/cluster"
	"dialtone/e2e/judge"
)

// happen does a fault, sees to it that it came about, and heals it.
func (d *drill) happen(i int, f cluster.Fault) {
	ctx := d.t.Context()
	e := judge.Fault{Name: f.String(), Span: judge.Span{From: time.Now()}}
	ok := assert.NoError(d.t, f.Happen(ctx), "%s", f)
	pause(d.t, f.For)
	ok = ok && assert.NoError(d.t, f.Prove(ctx), "%s did not come about", f)
	healing := time.Now()
	healed := assert.NoError(d.t, f.Heal(ctx), "after %s", f)
	e.To = time.Now()
	d.mu.Lock()
	d.evidence.Faults = append(d.evidence.Faults, e)
	d.kinds[e.Name] = f.Kind
	d.mu.Unlock()
	d.t.Logf("%s #%d %s; up again after %.1f s%s", e.From.UTC().Format("15:04:05"), i+1, f, time.Since(healing).Seconds(), strings.Repeat(" FAILED", btoi(!ok || !healed)))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// judgeSoFar is what must hold at every moment, a line for each promise.
func (d *drill) judgeSoFar() {
	d.t.Helper()
	for i := range d.evidence.Campaigns {
		own := &d.evidence.Campaigns[i]
		var now campaignJSON
		d.ask(http.MethodGet, "/v1/campaigns/"+d.ids[own.Name], nil, &now)
		own.Stats = now.Stats
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	verdicts := d.evidence.Running()
	all := d.evidence.Ledger()
	var statistics []judge.Verdict
	for _, c := range d.evidence.Campaigns {
		statistics = append(statistics, judge.StatisticsSoFar(c, all.Only(c.Numbers)))
	}
	verdicts = append(verdicts, judge.Sum(statistics...))
	d.t.Logf("so far:\n%s", verdicts)
	for _, v := range verdicts {
		if v.Broken > d.broken[v.Promise] { // and not for the same once more
			assert.Fail(d.t, v.String())
		}
		d.broken[v.Promise] = v.Broken
	}
	for _, n := range d.c.Processes() {
		assert.True(d.t, n.Running(), "%s ended by itself", n.Name)
	}
}

// pauseNowAndThen is a user who pauses a campaign for a moment, again and again.
func (d *drill) pauseNowAndThen(r *rand.Rand) (stop func()) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		// A request that was not answered may come to have its effect much later: until
		// then a pause proves nothing.
		var doubtful time.Time
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Duration(5+r.IntN(10)) * time.Second):
			}
			name := d.evidence.Campaigns[r.IntN(3)].Name
			path := "/v1/campaigns/" + d.ids[name]
			status, _ := d.user.Once(d.t.Context(), http.MethodPost, path+"/pause", nil, nil)
			s := judge.Stop{Campaign: name, Span: judge.Span{From: time.Now()}}
			select {
			case <-done:
			case <-time.After(time.Duration(1+r.IntN(2)) * time.Second):
			}
			s.To = time.Now()
			if status != http.StatusOK {
				doubtful = s.To.Add(time.Minute)
			}
			if s.From.After(doubtful) {
				d.mu.Lock()
				d.evidence.Stops = append(d.evidence.Stops, s)
				d.mu.Unlock()
			}
			if d.resume(path) > 1 {
				doubtful = time.Now().Add(time.Minute)
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// resume asks until the campaign goes on, and tells how often.
func (d *drill) resume(path string) (tries int) {
	for d.t.Context().Err() == nil {
		tries++
		if status, _ := d.user.Once(d.t.Context(), http.MethodPost, path+"/resume", nil, nil); status == http.StatusOK {
			return tries
		}
		var now campaignJSON
		if _, err := d.user.Once(d.t.Context(), http.MethodGet, path, nil, &now); err == nil && (now.Status == "in_progress" || now.Status.Ended()) {
			return tries
		}
		time.Sleep(200 * time.Millisecond)
	}
	return tries
}

// finish waits until the campaigns have ended, and asks what the service has on record.
func (d *drill) finish() {
	for i := range d.evidence.Campaigns {
		own := &d.evidence.Campaigns[i]
		path := "/v1/campaigns/" + d.ids[own.Name]
		for last, since := d.placed(), time.Now(); ; pause(d.t, 100*time.Millisecond) {
			var now campaignJSON
			d.ask(http.MethodGet, path, nil, &now)
			if own.Status, own.Stats = now.Status, now.Stats; now.Status.Ended() {
				break
			}
			if now.Status == "paused" { // by a request that came late
				d.resume(path)
			}
			if n := d.placed(); n > last {
				last, since = n, time.Now()
			}
			if !assert.Less(d.t, time.Since(since), 2*hopeless, "campaign %s: %+v", own.Name, now) {
				break
			}
		}
		own.Calls = d.records(path)
		own.Events = d.events(d.ids[own.Name])
	}
	d.look()
}

func (d *drill) records(path string) (all []judge.Record) {
	cursor := ""
	for {
		var page struct {
			Calls      []judge.Record `json:"calls"`
			NextCursor string         `json:"next_cursor"`
		}
		d.ask(http.MethodGet, path+"/calls?limit=500"+cursor, nil, &page)
		all = append(all, page.Calls...)
		if page.NextCursor == "" {
			return all
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

// events are the ends of calls that were told, as far as the stream still has them.
func (d *drill) events(id string) (all []judge.Event) {
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	all = []judge.Event{}
	assert.NoError(d.t, d.user.Events(ctx, id, string(campaign.EventCallEnded), func(data []byte) error {
		var e judge.Event
		err := json.Unmarshal(data, &e)
		all = append(all, e)
		return err
	}))
	return all
}

// silences is a table of the faults, with the longest time without a call after each kind.
func (d *drill) silences() string {
	times, longest := map[string]int{}, map[string]time.Duration{}
	for _, f := range d.evidence.Faults {
		times[d.kinds[f.Name]]++
	}
	for _, g := range d.evidence.Gaps() {
		kind := d.kinds[g.After]
		longest[kind] = max(longest[kind], g.Length())
	}
	var b strings.Builder
	b.WriteString("| fault | times | longest without a call |\n|---|---|---|\n")
	for _, kind := range cluster.Kinds() {
		if times[kind] > 0 {
			fmt.Fprintf(&b, "| %s | %d | %.1f s |\n", kind, times[kind], longest[kind].Seconds())
		}
	}
	fmt.Fprintf(&b, "| before the first | | %.1f s |\n", longest[""].Seconds())
	return b.String()
}
