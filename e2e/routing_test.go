package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

func shortCalls(length time.Duration) mockdialer.Config {
	return mockdialer.Config{Seed: 3, Outcomes: mockdialer.Outcomes{Completed: 1}, Duration: mockdialer.Fixed(length)}
}

// Each number goes by the provider with the longest prefix, with the caller id of its
// prefix; a number that no provider of the campaign serves waits, and is said to.
func TestRoutesByPrefix(t *testing.T) {
	t.Parallel()
	tr := newTrunks(t, shortCalls(50*time.Millisecond), []trunk{
		{name: "a", channels: 50, settings: "    prefixes: [\"" + prefix(0) + "\"]\n    from_by_prefix: {\"" + prefix(0) + "\": \"+12025550177\"}\n"},
		{name: "b", channels: 50},
		{name: "c", channels: 50, settings: "    priority: 2\n"},
	})
	id := tr.load(settings{"max_concurrent_calls": 40, "from_by_prefix": map[string]string{prefix(2): "+12025550199"}},
		append(append(berlin(0, 200), berlin(1, 200)...), berlin(2, 200)...))
	tr.command(id, "start")
	c := tr.until(id, time.Minute, ended)
	require.Equal(t, 600, c.Stats.Completed)
	want := map[string]string{prefix(0): "a +12025550177", prefix(1): "b +12025550100", prefix(2): "b +12025550199"}
	for name, l := range tr.of {
		for _, e := range l.mock.Ledger() {
			assert.Equal(t, want[e.To[:len(prefix(0))]], name+" "+e.From, e.To)
		}
	}

	id = tr.load(settings{"providers": []string{"a"}}, append(berlin(0, 3), berlin(3, 2)...))
	tr.command(id, "start")
	c = tr.until(id, time.Minute, func(c campaignJSON) bool { return c.Stats.Completed == 3 })
	require.Equal(t, 2, c.Stats.Queued)
	require.EqualValues(t, "in_progress", c.Status)
	require.EqualValues(t, "no_route", tr.explain("/v1/campaigns/"+id).Rule)

	var call callJSON
	tr.do(http.MethodPost, "/v1/calls", settings{"to": berlin(0, 1)[0], "provider": "c"}, &call)
	tr.untilCall(call.ID, func(c callJSON) bool { return c.Status.Terminal() })
	require.Len(t, tr.ledgerOf("c"), 1, "a call may be bound to a provider that would not be its first")
}

// untilCall polls a call until it is as wanted.
func (c client) untilCall(id string, wanted func(callJSON) bool) (now callJSON) {
	c.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		c.do(http.MethodGet, "/v1/calls/"+id, nil, &now)
		if wanted(now) {
			return now
		}
		require.True(c.t, time.Now().Before(deadline), "call %s: %+v", id, now)
		pause(c.t, 20*time.Millisecond)
	}
}

// The cheapest first, as far as it has room.
func TestLeastCost(t *testing.T) {
	t.Parallel()
	// So long that a busy machine, too, has thirty up at once.
	tr := newTrunks(t, shortCalls(2*time.Second), []trunk{
		{name: "a", channels: 50, settings: "    prices: {\"+49\": 0.03}\n"},
		{name: "b", channels: 10, settings: "    prices: {\"+49\": 0.01}\n    priority: 9\n"},
	})
	id := tr.load(settings{"max_concurrent_calls": 30, "routing": "least_cost"}, berlin(0, 120))
	tr.command(id, "start")
	tr.until(id, time.Minute, ended)
	require.Equal(t, 10, tr.ledgerOf("b").Peak(), "the cheap one is full")
	require.InDelta(t, 20, tr.ledgerOf("a").Peak(), 2, "and the other takes the rest")
	require.InDelta(t, 40, len(tr.ledgerOf("b")), 12)
}

// onTheWay is how long a call that was granted may wait for a caller: with the race
// detector, on a busy machine.
const onTheWay = 200 * time.Millisecond * raceSlack * raceSlack

// placing waits until a provider has been asked for so many calls since a moment.
func (tr *trunks) placing(name string, since time.Time, calls int) {
	tr.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; pause(tr.t, 20*time.Millisecond) {
		placed := tr.ledgerOf(name).Between(since, time.Now())
		if placed >= calls {
			return
		}
		require.True(tr.t, time.Now().Before(deadline), "%s: %d calls placed of %d", name, placed, calls)
	}
}

// A drained provider is granted no further call from the moment of the answer on, and its
// share again when it is enabled; so it is told over a restart. What was granted before is
// still placed, as long as it waits for a caller.
func TestDrainAProviderLive(t *testing.T) {
	t.Parallel()
	tr := newTrunks(t, shortCalls(300*time.Millisecond), []trunk{{name: "a", channels: 20}, {name: "b", channels: 20}})
	id := tr.load(settings{"max_concurrent_calls": 100}, berlin(0, 5000))
	tr.command(id, "start")
	pause(t, time.Second)
	state := func(s string) {
		var p struct{ State string }
		tr.do(http.MethodPatch, "/v1/providers/a", settings{"state": s}, &p)
		require.Equal(t, s, p.State)
	}
	state("drained")
	drained := time.Now().Add(onTheWay)
	pause(t, onTheWay+1500*time.Millisecond)
	tr.placing("b", drained, 51)
	assert.Zero(t, tr.ledgerOf("a").Between(drained, time.Now()))

	tr.stop()
	tr.start()
	pause(t, 2*time.Second)
	assert.Zero(t, tr.ledgerOf("a").Between(drained, time.Now()), "it is kept")
	enabled := time.Now()
	state("enabled")
	tr.placing("a", enabled, 31)
	tr.command(id, "cancel")
	tr.until(id, 20*time.Second, func(c campaignJSON) bool { return c.Stats.Open() == 0 })
	assertNeverTwice(t, tr.ledger())
	assert.LessOrEqual(t, tr.ledgerOf("a").Peak(), 20)
}

// A file that is wrong changes nothing and says where; one that is right is in force at
// once, for calls that wait already.
func TestReloadProviders(t *testing.T) {
	t.Parallel()
	lines := []trunk{{name: "a", channels: 5}, {name: "b", channels: 5}}
	tr := newTrunks(t, shortCalls(400*time.Millisecond), lines)
	id := tr.load(settings{"max_concurrent_calls": 100}, berlin(0, 5000))
	tr.command(id, "start")
	pause(t, time.Second)
	good, err := os.ReadFile(tr.cfg.Providers)
	require.NoError(t, err)
	bad := strings.Replace(string(good), "channels: 5", "channels: many", 1)
	require.NoError(t, os.WriteFile(tr.cfg.Providers, []byte(bad), 0o600))
	err = tr.app.Reload()
	require.ErrorContains(t, err, "line 9")
	require.ErrorContains(t, err, "channels")
	t.Log(err)
	at := time.Now()
	pause(t, time.Second)
	for name := range tr.of {
		tr.placing(name, at, 6) // it goes on
		assert.LessOrEqual(t, tr.ledgerOf(name).Peak(), 5)
	}

	lines[0].channels = 15
	tr.configure(lines[:1])
	require.NoError(t, tr.app.Reload())
	at = time.Now().Add(onTheWay)
	pause(t, onTheWay+2*time.Second)
	for deadline := time.Now().Add(20 * time.Second); tr.ledgerOf("a").Peak() < 15 && time.Now().Before(deadline); {
		pause(t, 20*time.Millisecond)
	}
	assert.Equal(t, 15, tr.ledgerOf("a").Peak(), "it has more channels now")
	assert.Zero(t, tr.ledgerOf("b").Between(at, time.Now()), "it was taken out")
	tr.command(id, "cancel")
	c := tr.until(id, 20*time.Second, func(c campaignJSON) bool { return c.Stats.Open() == 0 })
	assertAgree(t, c, tr.ledger())
	assertNeverTwice(t, tr.ledger())
}

// Canceled with a hang-up, what is up ends at once; a single call can be ended alone.
func TestHangUp(t *testing.T) {
	t.Parallel()
	tr := newTrunks(t, shortCalls(10*time.Minute), []trunk{{name: "a", channels: 40}})
	numbers := berlin(0, 100)
	id := tr.load(settings{"max_concurrent_calls": 20}, numbers)
	tr.command(id, "start")
	tr.until(id, 20*time.Second, func(campaignJSON) bool { return tr.mock.Summary().Active == 20 })

	var one callJSON
	for _, c := range tr.calls(id) {
		if c.Status == "in_progress" {
			one = c
			break
		}
	}
	tr.do(http.MethodPost, "/v1/calls/"+one.ID+"/cancel", nil, nil)
	one = tr.untilCall(one.ID, func(c callJSON) bool { return c.Status.Terminal() })
	for _, e := range tr.ledger().Only([]string{one.To}) {
		require.False(t, e.EndedAt.IsZero(), "it was hung up")
	}
	waiting := tr.calls(id)[99]
	tr.do(http.MethodPost, "/v1/calls/"+waiting.ID+"/cancel", nil, &waiting)
	require.EqualValues(t, "canceled", waiting.Status)

	tr.do(http.MethodPost, "/v1/campaigns/"+id+"/cancel?hangup=true", nil, nil)
	from := time.Now()
	c := tr.until(id, 20*time.Second, func(c campaignJSON) bool { return c.Stats.Open() == 0 })
	require.Less(t, time.Since(from), 5*time.Second)
	require.Zero(t, tr.mock.Summary().Active)
	require.Equal(t, len(tr.ledger()), c.Stats.Attempts)
	require.Less(t, len(tr.ledger()), 30)
	assertNeverTwice(t, tr.ledger())

	var single callJSON
	tr.do(http.MethodPost, "/v1/calls", settings{"to": berlin(1, 1)[0]}, &single)
	tr.untilCall(single.ID, func(c callJSON) bool { return len(c.Attempts) == 1 && c.Attempts[0].ProviderCallID != "" })
	tr.do(http.MethodPost, "/v1/calls/"+single.ID+"/cancel", nil, nil)
	tr.untilCall(single.ID, func(c callJSON) bool { return c.Status.Terminal() })
	require.Zero(t, tr.mock.Summary().Active)
}
