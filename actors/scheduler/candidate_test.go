package scheduler_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/provider"
)

// settings are a store's, in memory.
type settings struct {
	mu    sync.Mutex
	value []byte            // of the strategy
	other map[string][]byte // of the rest
	err   error
	stuck bool // of the strategy, it answers when the asker gives up
	// otherErr is that of reading the rest.
	otherErr error
	asked    atomic.Int32
}

func (s *settings) Setting(ctx context.Context, name string) ([]byte, error) {
	if name != "scheduler" {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.other[name], s.otherErr
	}
	s.asked.Add(1)
	if s.stuck {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value, s.err
}

func (s *settings) PutSetting(_ context.Context, name string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
	case name == "scheduler":
		s.value = value
	case s.other == nil:
		s.other = map[string][]byte{name: value}
	default:
		s.other[name] = value
	}
	return s.err
}

func (s *settings) kept() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.value)
}

func (s *settings) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// remote is a node beyond the network: it tells all that it has when it hears of
// anything, and often enough.
type remote struct {
	*node
	t   *testing.T
	bus *bus.Bus

	mu     sync.Mutex
	grants int // tokens it got
	run    conc.WaitGroup
}

// startNode lets n1 own every partition, and want calls of campaign 2.
func startNode(t *testing.T, b *bus.Bus, fresh, limit int) *remote {
	return startNodeThatTells(t, b, fresh, limit, 50*time.Millisecond)
}

// startNodeThatTells has it tell all so often, besides when it hears of anything.
func startNodeThatTells(t *testing.T, b *bus.Bus, fresh, limit int, every time.Duration) *remote {
	r := &remote{t: t, bus: b, node: (&stage{nodes: map[string]*node{}}).node("n1")}
	r.own(1, partitions(0, bus.Partitions)...)
	r.demands[2] = scheduler.Demand{Campaign: 2, Fresh: fresh, Limit: limit, Weight: 1}
	sub, err := bus.Subscribe(b, bus.SubjectGrants("n1"), r.hear)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r.run.Go(func() { r.speak(ctx, every) })
	t.Cleanup(func() { cancel(); r.run.Wait(); sub.Stop() })
	return r
}

func (r *remote) speak(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		r.mu.Lock()
		r.tell(r.full())
		r.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// tell may fail: the server may be down.
func (r *remote) tell(report *scheduler.Report) { _ = r.bus.Send(bus.SubjectDemand(), report) }

func (r *remote) hear(g scheduler.Grants) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g.Term < r.seen.Term {
		return
	}
	r.seen = g.Mark
	for _, gr := range g.Grants {
		for _, token := range gr.Tokens {
			r.held[token] = holding{gr.Campaign, gr.Provider, campaign.EvidencePlaced} // at once
			r.grants++
			d := r.demands[gr.Campaign]
			d.Fresh--
			d.Seen = g.Mark
			r.demands[gr.Campaign] = d
		}
	}
	r.tell(r.full())
}

// hangUp ends every call.
func (r *remote) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := &scheduler.Report{Node: r.name}
	for token, h := range r.held {
		report.Releases = append(report.Releases, scheduler.Release{Token: token, Campaign: h.campaign, Held: time.Second})
		delete(r.held, token)
	}
	r.tell(report)
}

func (r *remote) holds() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.held)
}

func (r *remote) term() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen.Term
}

func (r *remote) got() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.grants
}

const soon, often = 8 * time.Second, 5 * time.Millisecond

// lasting is for leases that no machine is too busy to renew.
var lasting = bustest.WithLeaseTTL(10 * time.Second)

func stand(t *testing.T, b *bus.Bus, name string, s scheduler.Settings) *scheduler.Candidate {
	c := scheduler.NewCandidate(scheduler.Config{
		Node: name, Bus: b, Settings: s, Logger: bustest.Logger(t),
		Limits: map[string]provider.Limits{"a": {Channels: 5}},
	})
	require.NoError(t, c.Start(t.Context()))
	t.Cleanup(c.Stop)
	return c
}

func ask[T any](t *testing.T, b *bus.Bus, endpoint string, body any) (answer T, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err = b.Ask(ctx, bus.SubjectRole(bus.ServiceScheduler, endpoint), body, &answer)
	return answer, err
}

func stats(t *testing.T, b *bus.Bus) scheduler.Stats {
	s, err := ask[scheduler.Stats](t, b, "stats", nil)
	require.NoError(t, err)
	return s
}

func TestCandidateGrantsEndToEnd(t *testing.T) {
	b := bustest.Start(t, lasting)
	n := startNode(t, b, 100, 50)
	stand(t, b, "n1", &settings{})
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)
	for round := 2; round <= 4; round++ {
		n.hangUp()
		require.Eventually(t, func() bool { return n.got() == 5*round }, soon, often)
		require.LessOrEqual(t, n.holds(), 5)
	}
	s := stats(t, b)
	require.Equal(t, "n1", s.Leader)
	require.True(t, s.Ready)
	require.Equal(t, strategy.Names(), namesOf(s.Strategies))
	require.Equal(t, 5, s.Providers[0].Held)
	slots, err := ask[struct {
		Total int
		Slots []scheduler.Slot
	}](t, b, "slots", nil)
	require.NoError(t, err)
	require.Equal(t, 5, slots.Total)
	require.Len(t, slots.Slots, 5)
	require.Equal(t, campaign.ID(2), slots.Slots[0].Campaign)
}

// A rate is followed by a timer, not by the beat.
func TestCandidateFollowsTheRate(t *testing.T) {
	b := bustest.Start(t, lasting)
	n := startNodeThatTells(t, b, 1000, 1000, 500*time.Millisecond)
	c := scheduler.NewCandidate(scheduler.Config{
		Node: "n1", Bus: b, Settings: &settings{}, Logger: bustest.Logger(t),
		Limits: map[string]provider.Limits{"a": {CallsPerSecond: 100}},
	})
	require.NoError(t, c.Start(t.Context()))
	defer c.Stop()
	require.Eventually(t, func() bool { return n.got() > 0 }, soon, often)
	begin := time.Now()
	first := n.got()
	require.Eventually(t, func() bool { return n.got() >= first+190 }, soon, often)
	took := time.Since(begin)
	require.GreaterOrEqual(t, took, 1500*time.Millisecond, "190 take 1.9 s")
	// What the machine withholds is not made up for.  The node's reports and the beat alone,
	// two each a second, would take far longer.
	require.Less(t, took, 6*time.Second)
}

func TestCandidateHandsOver(t *testing.T) {
	server := bustest.StartServer(t)
	b1 := server.Connect(t, bustest.WithName("n1"), bustest.WithLeaseTTL(time.Minute))
	b2 := server.Connect(t, bustest.WithName("n2"), bustest.WithLeaseTTL(time.Minute))
	n := startNode(t, b2, 100, 50)
	first := stand(t, b1, "n1", &settings{})
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)
	stand(t, b2, "n2", &settings{})
	for range 20 {
		require.Equal(t, "n1", stats(t, b2).Leader, "who stands by is silent")
	}
	old := stats(t, b2)

	first.Stop()
	require.Eventually(t, func() bool { return n.term() > old.Term }, soon, often, "long before the lease would have run out")
	require.Eventually(t, func() bool { return stats(t, b2).Ready }, soon, often)
	s := stats(t, b2)
	require.Equal(t, "n2", s.Leader)
	require.Equal(t, 5, s.Providers[0].Held, "the new leader knows what is up")
	require.Equal(t, 5, n.got(), "and granted nothing on top")
	n.hangUp()
	require.Eventually(t, func() bool { return n.got() == 10 }, soon, often)
	first.Stop()
}

func TestCandidateKeepsTheStrategy(t *testing.T) {
	b := bustest.Start(t, lasting)
	kept := &settings{}
	c := stand(t, b, "n1", kept)
	now, err := ask[scheduler.Choice](t, b, "strategy", nil)
	require.NoError(t, err)
	require.Equal(t, "fair", now.Strategy)
	require.Equal(t, "10s", now.Parameters["first_guess"], "with what nobody gave")
	now, err = ask[scheduler.Choice](t, b, "strategy", []byte(" \n"))
	require.NoError(t, err)
	require.Equal(t, "fair", now.Strategy, "an empty line is nothing, too")
	require.Empty(t, kept.kept())

	now, err = ask[scheduler.Choice](t, b, "strategy", scheduler.Choice{Strategy: "round_robin"})
	require.NoError(t, err)
	require.Equal(t, "round_robin", now.Strategy)
	require.JSONEq(t, `{"strategy":"round_robin"}`, kept.kept())
	require.Equal(t, "round_robin", stats(t, b).Strategy)

	c.Stop()
	stand(t, b, "n2", kept)
	require.Equal(t, "round_robin", stats(t, b).Strategy, "the next leader takes it up")
}

func TestCandidateRefusesAStrategy(t *testing.T) {
	b := bustest.Start(t, lasting)
	kept := &settings{}
	stand(t, b, "n1", kept)
	cases := []struct {
		name string
		body any
		code campaign.Code
		say  string
	}{
		{"unknown", scheduler.Choice{Strategy: "lifo"}, campaign.CodeInvalid, "take one of deadline, fair, priority, remaining, round_robin"},
		{"none", scheduler.Choice{}, campaign.CodeInvalid, "take one of deadline, fair, priority, remaining, round_robin"},
		{"parameters", scheduler.Choice{Strategy: "fair", Parameters: map[string]any{"x": 1}}, campaign.CodeInvalid, "it takes first_guess, gain, group_weights"},
		{"no JSON", []byte("fair"), campaign.CodeInvalid, "must be JSON"},
		{"null", []byte("null"), campaign.CodeInvalid, "must be JSON"},
		{"a list", []byte("[]"), campaign.CodeInvalid, "must be JSON"},
		{"a number", []byte(`{"strategy": 1}`), campaign.CodeInvalid, "strategy: Give a strategy in quotation marks: one of " + strings.Join(strategy.Names(), ", ")},
		{"a list of parameters", []byte(`{"strategy": "fair", "parameters": []}`), campaign.CodeInvalid, "parameters: Give the parameters as an object"},
		{"an unknown field", []byte(`{"strategy": "fair", "direction": "most"}`), campaign.CodeInvalid, "direction: There is no such field here"},
		{"all at once", []byte(`{"strategy": 1, "parameters": 2, "x": 3}`), campaign.CodeInvalid, "(and 2 more)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ask[scheduler.Choice](t, b, "strategy", c.body)
			require.Equal(t, c.code, campaign.CodeOf(err))
			require.ErrorContains(t, err, c.say)
		})
	}
	kept.fail(errors.New("the store is down"))
	_, err := ask[scheduler.Choice](t, b, "strategy", scheduler.Choice{Strategy: "round_robin"})
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
	require.Equal(t, "fair", stats(t, b).Strategy, "kept first, then in force")
	require.Empty(t, kept.kept())
}

// Campaigns must go on, whatever the store says of the strategy.
func TestCandidateLeadsWithTheDefault(t *testing.T) {
	cases := map[string]*settings{
		"the store fails":      {err: errors.New("no such host")},
		"the store hangs":      {stuck: true},
		"an unknown strategy":  {value: []byte(`{"strategy":"gone"}`)},
		"what is kept is torn": {value: []byte(`{"strat`)},
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bustest.Start(t, lasting)
			n := startNode(t, b, 100, 50)
			stand(t, b, "n1", s)
			require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)
			require.Equal(t, "fair", stats(t, b).Strategy)
			require.Positive(t, s.asked.Load())
		})
	}
}

// A drained provider gets no calls because it is not known yet that it is.
func TestNothingIsGrantedUntilTheDrainedAreKnown(t *testing.T) {
	b := bustest.Start(t, lasting)
	n := startNode(t, b, 100, 50)
	s := &settings{otherErr: errors.New("no such host"), other: map[string][]byte{"scheduler.drained": []byte(`["a"]`)}}
	stand(t, b, "n1", s)
	require.Eventually(t, func() bool { return stats(t, b).Ready }, soon, often)
	require.Never(t, func() bool { return n.holds() > 0 }, 300*time.Millisecond, often)
	s.mu.Lock()
	s.otherErr = nil
	s.mu.Unlock()
	state := func() string {
		list, err := ask[scheduler.ProviderList](t, b, "providers", nil)
		require.NoError(t, err)
		return list.Providers[0].State
	}
	require.Eventually(t, func() bool { return state() == scheduler.ProviderDrained }, soon, often)
	require.Zero(t, n.holds())

	is, err := ask[scheduler.ProviderStatus](t, b, "providers", scheduler.ProviderChange{Provider: "a", State: "enabled"})
	require.NoError(t, err)
	require.Equal(t, "enabled", is.State)
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)
	s.mu.Lock()
	defer s.mu.Unlock()
	require.JSONEq(t, `[]`, string(s.other["scheduler.drained"]))
}

// What becomes of providers is told as CloudEvents, and as how they are.
func TestProvidersAreToldOf(t *testing.T) {
	b := bustest.Start(t, lasting)
	type event struct{ Type, Subject string }
	heard := make(chan event, 10)
	sub, err := bus.Subscribe(b, "event.a.provider.>", func(e event) { heard <- e })
	require.NoError(t, err)
	defer sub.Stop()
	c := stand(t, b, "n1", &settings{})
	startNode(t, b, 100, 50)
	require.Eventually(t, func() bool { return len(c.Health()) == 1 }, soon, often)
	for _, state := range []string{"drained", "enabled"} {
		_, err := ask[scheduler.ProviderStatus](t, b, "providers", scheduler.ProviderChange{Provider: "a", State: state})
		require.NoError(t, err)
		select {
		case e := <-heard:
			require.Equal(t, event{"dialtone.provider." + state + ".v1", "a"}, e)
		case <-time.After(soon):
			require.Fail(t, "no event")
		}
		require.Eventually(t, func() bool { return c.Health()[0].State == state }, soon, often)
	}
	c.SetProviders(map[string]provider.Limits{"a": {Channels: 7}, "b": {}})
	require.Eventually(t, func() bool {
		h := c.Health()
		return len(h) == 2 && h[0].Channels == 7 && h[1].Provider == "b"
	}, soon, often)
}

// Bad input changes nothing.
func TestProvidersAreNotChangedByBadInput(t *testing.T) {
	b := bustest.Start(t, lasting)
	stand(t, b, "n1", &settings{})
	for _, c := range []struct {
		body any
		code campaign.Code
		say  string
	}{
		{scheduler.ProviderChange{Provider: "x", State: "drained"}, campaign.CodeNotFound, `no provider "x"`},
		{scheduler.ProviderChange{Provider: "a", State: "off"}, campaign.CodeInvalid, `take one of enabled, drained.`},
		{map[string]any{}, campaign.CodeInvalid, `provider: Name the provider and say what is to become of it, like {"provider": "main", "state": "drained"}`},
		{map[string]any{"state": "drained"}, campaign.CodeInvalid, "provider: Name the provider"},
		{map[string]any{"provider": "a"}, campaign.CodeInvalid, "state: Say what is to become of it: enabled or drained."},
		{map[string]any{"provider": "x"}, campaign.CodeNotFound, `no provider "x"`},
		{map[string]any{"provider": "a", "status": "drained"}, campaign.CodeInvalid, "status"},
	} {
		_, err := ask[scheduler.ProviderStatus](t, b, "providers", c.body)
		require.Equal(t, c.code, campaign.CodeOf(err))
		require.ErrorContains(t, err, c.say)
	}
	list, err := ask[scheduler.ProviderList](t, b, "providers", nil)
	require.NoError(t, err)
	require.Equal(t, "enabled", list.Providers[0].State)
}

// Who has lost the lease grants nothing and says nothing, and stands again.
func TestCandidateStopsWhenTheLeaseIsLost(t *testing.T) {
	server := bustest.StartServer(t)
	// The thief keeps it for longer than n1 takes to find out, which is when it renews.
	b := server.Connect(t, bustest.WithName("n1"), lasting)
	n := startNode(t, b, 100, 50)
	stand(t, b, "n1", &settings{})
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)

	thief := steal(t, b)
	require.Eventually(t, func() bool { return silent(t, b) }, soon, often)
	n.hangUp()
	got := n.got()
	for range 3 {
		require.NoError(t, thief.Renew(t.Context()))
		require.True(t, silent(t, b))
	}
	require.Equal(t, got, n.got())

	require.NoError(t, thief.Release(t.Context()))
	require.Eventually(t, func() bool { return n.got() == got+5 }, soon, often)
}

// steal takes the lease from n1 in favour of somebody else.
func steal(t *testing.T, b *bus.Bus) *bus.Lease {
	l, err := b.Acquire(t.Context(), bus.LeaseScheduler, "n1")
	require.NoError(t, err)
	require.NoError(t, l.Release(t.Context()))
	l, err = b.Acquire(t.Context(), bus.LeaseScheduler, "thief")
	require.NoError(t, err)
	return l
}

// silent reports whether nobody answers for a moment.
func silent(t *testing.T, b *bus.Bus) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var s scheduler.Stats
	return b.Ask(ctx, bus.SubjectRole(bus.ServiceScheduler, "stats"), nil, &s) != nil
}

// NATS goes away and comes back, without what it had kept: time is lost, and nothing
// else.
func TestCandidateLeadsAgainWhenNATSIsBack(t *testing.T) {
	server := bustest.StartServer(t)
	b := server.Connect(t, bustest.WithName("n1"), bustest.WithLeaseTTL(3*time.Second))
	n := startNode(t, b, 100, 50)
	stand(t, b, "n1", &settings{})
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)
	before := n.term()
	server.Kill()
	n.hangUp() // nobody hears it
	server.Wipe()
	server.Restart()
	require.Eventually(t, func() bool { return n.term() > before && n.holds() == 5 }, 2*soon, often)
}

func TestCandidateStops(t *testing.T) {
	b := bustest.Start(t, lasting)
	c := scheduler.NewCandidate(scheduler.Config{Node: "n1", Bus: b, Settings: &settings{}, Logger: bustest.Logger(t)})
	c.Stop() // before it is started: nothing
	c = stand(t, b, "n1", &settings{})
	require.Equal(t, "n1", stats(t, b).Leader)
	c.Stop()
	c.Stop()
	require.True(t, silent(t, b))
	l, err := b.Acquire(t.Context(), bus.LeaseScheduler, "n2")
	require.NoError(t, err, "the lease is free at once")
	require.NoError(t, l.Release(t.Context()))
}
