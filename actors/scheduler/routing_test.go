package scheduler_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/provider"
)

// among is a stage with several providers whose one node owns every partition.
func among(t require.TestingT, limits map[string]provider.Limits) (*stage, *node) {
	st := newStage(t, limits)
	n := st.node("n1")
	n.own(1, partitions(0, bus.Partitions)...)
	st.introduce(n)
	return st, n
}

// routed is a demand of so many calls for each route.
func (st *stage) routed(n *node, id campaign.ID, limit int, routes map[route.Route]int) {
	d := scheduler.Demand{Campaign: id, Seen: n.seen, Limit: limit, Weight: 1, Routes: []scheduler.RouteDemand{}}
	for _, r := range slices.Sorted(maps.Keys(routes)) {
		d.Routes = append(d.Routes, scheduler.RouteDemand{Route: r, Ready: routes[r]})
		d.Fresh += routes[r]
	}
	n.demands[id] = d
	st.core.Take(&scheduler.Report{Node: n.name, Demands: []scheduler.Demand{d}}, st.now)
}

// by counts a node's tokens by provider.
func (n *node) by(id campaign.ID) map[string]int {
	out := map[string]int{}
	for _, h := range n.held {
		if h.campaign == id {
			out[h.provider]++
		}
	}
	return out
}

// told has the provider answer for a token.
func (st *stage) told(n *node, o campaign.Outcome, after time.Duration, tokens ...uint64) {
	for _, token := range tokens {
		if o == campaign.OutcomeAnswered {
			st.show(n, campaign.EvidencePlaced, token)
			continue
		}
		st.core.Take(&scheduler.Report{Node: n.name, Releases: []scheduler.Release{{
			Token: token, Campaign: n.held[token].campaign, Held: time.Millisecond, Outcome: o, RetryAfter: after,
		}}}, st.now)
		delete(n.held, token)
	}
}

func (st *stage) status(name string) scheduler.ProviderStatus {
	for _, p := range st.core.Providers(st.now) {
		if p.Provider == name {
			return p
		}
	}
	require.FailNow(st.t, "there is no provider "+name)
	return scheduler.ProviderStatus{}
}

func channels(by map[string]int) map[string]provider.Limits {
	out := map[string]provider.Limits{}
	for name, n := range by {
		out[name] = provider.Limits{Channels: n}
	}
	return out
}

// The next tier takes what the one before has no room for, and nothing else.
func TestTiers(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 3, "b": 5}))
	st.routed(n, 2, 99, map[route.Route]int{"b:1;a:1": 4})
	st.grant()
	require.Equal(t, map[string]int{"b": 4}, n.by(2))
	st.routed(n, 2, 99, map[route.Route]int{"b:1;a:1": 9})
	st.grant()
	require.Equal(t, map[string]int{"b": 5, "a": 3}, n.by(2))
}

// Each campaign may have an order of its own.
func TestTiersTheOtherWayRound(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 10, "b": 10}))
	st.routed(n, 2, 99, map[route.Route]int{"a:1;b:1": 4})
	st.routed(n, 3, 99, map[route.Route]int{"b:1;a:1": 4})
	st.grant()
	require.Equal(t, map[string]int{"a": 4}, n.by(2))
	require.Equal(t, map[string]int{"b": 4}, n.by(3))
}

func TestWeightsInsideATier(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 100, "b": 100, "c": 100}))
	st.routed(n, 2, 999, map[route.Route]int{"a:1,b:3;c:1": 80})
	st.grant()
	require.Equal(t, map[string]int{"a": 20, "b": 60}, n.by(2))
}

func TestARouteLeadsNowhereElse(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 2, "b": 50}))
	st.routed(n, 2, 99, map[route.Route]int{"a:1": 10, "gone:1": 5})
	st.routed(n, 3, 99, map[route.Route]int{"b:1": 7})
	st.grant()
	require.Equal(t, map[string]int{"a": 2}, n.by(2))
	require.Equal(t, map[string]int{"b": 7}, n.by(3))
	require.Empty(t, st.grant())
}

// FairShare, of each provider: who can use only one of them gets its part of that, and
// whoever floods it holds up nobody at the other.
func TestFairShareOfEachProvider(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 20, "b": 20}))
	st.routed(n, 2, 99, map[route.Route]int{"a:1;b:1": 90})
	st.routed(n, 3, 99, map[route.Route]int{"a:1": 90})
	st.routed(n, 4, 99, map[route.Route]int{"b:1": 90})
	st.grant()
	require.Equal(t, 40, len(n.held))
	require.InDelta(t, 10, n.by(3)["a"], 1)
	require.InDelta(t, 10, n.by(4)["b"], 1)
}

func TestDrainAndEnable(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 5, "b": 5}))
	st.core.News(st.now)
	st.core.Drain(map[string]bool{"a": true})
	st.routed(n, 2, 99, map[route.Route]int{"a:1;b:1": 3})
	st.grant()
	require.Equal(t, map[string]int{"b": 3}, n.by(2))
	require.Equal(t, scheduler.ProviderDrained, st.status("a").State)
	require.Equal(t, []campaign.EventType{campaign.EventProviderDrained}, types(st.core.News(st.now)))
	st.core.Drain(nil)
	st.routed(n, 2, 99, map[route.Route]int{"a:1;b:1": 3})
	st.grant()
	require.Equal(t, map[string]int{"a": 3, "b": 3}, n.by(2))
	require.Equal(t, []campaign.EventType{campaign.EventProviderEnabled}, types(st.core.News(st.now)))

	st.core.Drain(map[string]bool{"c": true})
	st.core.Configure(channels(map[string]int{"a": 5, "c": 5}), st.now)
	require.Equal(t, scheduler.ProviderDrained, st.status("c").State, "though it is new")
}

func types(events []campaign.Event) (out []campaign.EventType) {
	for _, e := range events {
		out = append(out, e.Type)
	}
	return out
}

// WithinLimit over a change of the file: what is up at a provider that was taken out is
// counted, and counts again when it is put back.
func TestConfigure(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 5}))
	st.routed(n, 2, 99, map[route.Route]int{"a:1;b:1": 5})
	st.grant()
	st.core.Configure(channels(map[string]int{"b": 2}), st.now)
	require.Equal(t, scheduler.ProviderRemoved, st.status("a").State)
	st.routed(n, 2, 99, map[route.Route]int{"a:1;b:1": 5})
	st.grant()
	require.Equal(t, map[string]int{"a": 5, "b": 2}, n.by(2))
	st.core.Configure(channels(map[string]int{"a": 7, "b": 2}), st.now)
	st.routed(n, 2, 99, map[route.Route]int{"a:1;b:1": 5})
	st.grant()
	require.Equal(t, map[string]int{"a": 7, "b": 2}, n.by(2))
}

// A failing provider gets no tokens; its campaigns go on over the other.  With the time
// comes a probe or three, and with their answers its share.
func TestAFailingProvider(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 50, "b": 10}))
	st.core.News(st.now)
	ask := func() map[campaign.ID][]uint64 {
		st.routed(n, 2, 999, map[route.Route]int{"a:1;b:1": 100})
		return st.grant()
	}
	got := ask()[2]
	require.Len(t, got, 60)
	var atA []uint64
	for _, token := range got {
		if n.held[token].provider == "a" {
			atA = append(atA, token)
		}
	}
	st.told(n, campaign.OutcomeUnreachable, 0, atA[:5]...)
	require.EqualValues(t, "open", st.status("a").Breaker)
	require.Equal(t, []campaign.EventType{campaign.EventProviderOpened}, types(st.core.News(st.now)))
	require.Equal(t, "unreachable", st.status("a").LastFailure)
	st.told(n, campaign.OutcomeUnreachable, 0, atA[5:]...)
	require.Empty(t, ask()[2], "the other is full, and this one gets none")

	until := st.status("a").BreakerUntil
	require.Equal(t, until, st.core.NextGrant(st.now), "the leader wakes for it")
	st.now = until
	probes := ask()[2]
	require.Len(t, probes, 5)
	require.Empty(t, ask()[2])
	require.Equal(t, []campaign.EventType{campaign.EventProviderProbed}, types(st.core.News(st.now)))
	st.told(n, campaign.OutcomeAnswered, 0, probes...)
	require.EqualValues(t, "closed", st.status("a").Breaker)
	require.Equal(t, []campaign.EventType{campaign.EventProviderClosed}, types(st.core.News(st.now)))
	ask()
	require.Equal(t, map[string]int{"a": 50, "b": 10}, n.by(2))
}

// A provider that takes requests and answers none of them gets no more, before the
// first of them has timed out.
func TestASilentProvider(t *testing.T) {
	st, n := among(t, map[string]provider.Limits{"a": {Channels: 500}, "b": {Channels: 10}})
	st.routed(n, 2, 999, map[route.Route]int{"a:1;b:1": 10})
	first := st.grant()[2]
	require.Len(t, first, 10)
	st.pass(1100 * time.Millisecond)
	st.routed(n, 2, 999, map[route.Route]int{"a:1;b:1": 30})
	st.grant()
	require.Equal(t, map[string]int{"a": 11, "b": 10}, n.by(2), "one, to see how it goes")
	require.True(t, st.status("a").Stalled)
	require.Equal(t, st.now.Add(time.Second), st.core.NextGrant(st.now), "and one a second")
	st.told(n, campaign.OutcomeAnswered, 0, first[0])
	st.grant()
	require.Equal(t, 30, n.by(2)["a"])
}

// Requests of which nobody will ever say what came of them are not waited for: their
// caller died.
func TestNobodyWaitsForTheDead(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 10}))
	st.routed(n, 2, 999, map[route.Route]int{"a:1": 10})
	got := st.grant()[2]
	for _, token := range got[:5] {
		st.show(n, campaign.EvidencePlacing, token)
		st.show(n, campaign.EvidenceAmbiguous, token)
	}
	st.told(n, campaign.OutcomeAnswered, 0, got[5:]...)
	st.pass(3 * time.Second)
	st.release(n, 3*time.Second, got[5:]...)
	require.False(t, st.status("a").Stalled)
	st.routed(n, 2, 999, map[route.Route]int{"a:1": 10})
	require.Len(t, st.grant()[2], 5)
}

// What went unpaced while nothing was cut does not count against the next cut.
func TestASecondThrottling(t *testing.T) {
	st, n := among(t, map[string]provider.Limits{"a": {}})
	throttle := func() {
		st.routed(n, 2, 100_000, map[route.Route]int{"a:1": 1})
		for _, token := range st.grant()[2] {
			st.told(n, campaign.OutcomeThrottled, 0, token)
		}
	}
	play := func(span time.Duration) {
		for end := st.now.Add(span); st.now.Before(end); st.pass(10 * time.Millisecond) {
			st.routed(n, 2, 100_000, map[route.Route]int{"a:1": 10})
			for _, token := range st.grant()[2] {
				st.show(n, campaign.EvidencePlaced, token)
				st.release(n, time.Second, token)
			}
		}
	}
	play(time.Second)
	throttle()
	play(5 * time.Minute)
	throttle()
	st.routed(n, 2, 100_000, map[route.Route]int{"a:1": 1})
	require.Empty(t, st.grant())
	require.Less(t, st.core.NextGrant(st.now).Sub(st.now), time.Second)
}

// A route that is stuck does not draw tokens for another of the same campaign.
func TestAStuckRouteDrawsNoTokens(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 500, "b": 500, "c": 500}))
	st.core.Drain(map[string]bool{"c": true})
	st.routed(n, 2, 999, map[route.Route]int{"a:1;b:1": 1, "c:1": 300})
	st.grant()
	require.Equal(t, map[string]int{"a": 1}, n.by(2))
}

// A call of which the provider is not known counts at each of them until it is.
func TestTheProviderOfACallBecomesKnown(t *testing.T) {
	st, n := among(t, channels(map[string]int{"a": 5, "b": 5}))
	const token = 1<<63 | 77
	id := campaign.ID(2)
	n.demands[id] = scheduler.Demand{Campaign: id, Limit: 5}
	n.held[token] = holding{id, "", campaign.EvidencePlacing}
	st.beat(n)
	require.Equal(t, []int{1, 1}, []int{st.held("a"), st.held("b")})
	n.held[token] = holding{id, "a", campaign.EvidencePlaced}
	st.beat(n)
	require.Equal(t, []int{1, 0}, []int{st.held("a"), st.held("b")})
	st.release(n, time.Second, token)
	require.Equal(t, []int{0, 0}, []int{st.held("a"), st.held("b")})
}

// A provider that asks for patience is left alone for as long, then gets less than it
// did, and slowly more again.
func TestAThrottlingProvider(t *testing.T) {
	st, n := among(t, map[string]provider.Limits{"a": {CallsPerSecond: 100}})
	st.pass(2 * time.Second)
	st.core.News(st.now)
	// play lets time pass, and counts what is granted.
	play := func(span time.Duration) (granted int) {
		for end := st.now.Add(span); st.now.Before(end); st.pass(time.Millisecond) {
			st.routed(n, 2, 100_000, map[route.Route]int{"a:1": 1000})
			for _, token := range st.grant()[2] {
				granted++
				st.show(n, campaign.EvidencePlaced, token)
				st.release(n, time.Second, token)
			}
		}
		return granted
	}
	full := play(3 * time.Second)
	require.InDelta(t, 300, full, 30)
	st.routed(n, 2, 100_000, map[route.Route]int{"a:1": 1})
	for st.pass(20 * time.Millisecond); len(n.held) == 0; st.pass(time.Millisecond) {
		st.grant()
	}
	for token := range n.held {
		st.told(n, campaign.OutcomeThrottled, 2*time.Second, token)
	}
	require.Equal(t, []campaign.EventType{campaign.EventProviderThrottled}, types(st.core.News(st.now)))
	require.Zero(t, play(1900*time.Millisecond))
	low := play(time.Second)
	require.Greater(t, low, 40)
	require.Less(t, low, 75)
	require.Greater(t, play(time.Second), low)
	play(6 * time.Second)
	require.InDelta(t, full, play(3*time.Second), 15, "all of it again")
}

// One that has as many calls up as it takes gets no more than those, then slowly more.
func TestAFullProvider(t *testing.T) {
	st, n := among(t, map[string]provider.Limits{"a": {Channels: 100}})
	st.routed(n, 2, 999, map[route.Route]int{"a:1": 50})
	got := st.grant()[2]
	st.told(n, campaign.OutcomeAnswered, 0, got[:40]...)
	st.told(n, campaign.OutcomeFull, 0, got[40:]...)
	require.Equal(t, 40, st.status("a").ChannelsNow)
	st.pass(500 * time.Millisecond)
	st.routed(n, 2, 999, map[route.Route]int{"a:1": 50})
	require.Empty(t, st.grant()[2])
	next := st.core.NextGrant(st.now)
	require.False(t, next.IsZero())
	st.now = next
	require.Len(t, st.grant()[2], 1)
	st.pass(30 * time.Second)
	require.Equal(t, 100, st.status("a").ChannelsNow)
}

// WithinLimit and routes, whatever happens: no token for a provider that the campaign's
// routes do not lead to, none for one that is drained or open, none beyond its channels.
func TestRoutesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := channels(map[string]int{"a": rapid.IntRange(1, 6).Draw(t, "a"), "b": rapid.IntRange(1, 6).Draw(t, "b"), "c": 0})
		st, n := among(t, limits)
		drained := map[string]bool{}
		routes := []route.Route{"a:1", "b:1;a:2", "a:1,b:2;c:1", "c:1", "a:1;b:1"}
		leads := map[campaign.ID][]route.Route{}
		t.Repeat(map[string]func(*rapid.T){
			"want": func(t *rapid.T) {
				id := campaign.ID(rapid.IntRange(2, 5).Draw(t, "campaign"))
				want := map[route.Route]int{}
				for _, r := range rapid.SliceOfNDistinct(rapid.SampledFrom(routes), 0, 3, rapid.ID).Draw(t, "routes") {
					want[r] = rapid.IntRange(1, 9).Draw(t, "ready")
				}
				leads[id] = slices.Collect(maps.Keys(want))
				st.routed(n, id, rapid.IntRange(1, 9).Draw(t, "limit"), want)
			},
			"grant": func(t *rapid.T) {
				open := map[string]bool{}
				for _, p := range st.core.Providers(st.now) {
					open[p.Provider] = p.Breaker == "open"
				}
				for id, tokens := range st.grant() {
					for _, token := range tokens {
						on := n.held[token].provider
						require.True(t, slices.ContainsFunc(leads[id], func(r route.Route) bool { return r.Leads(on) }), "%s for %v", on, leads[id])
						require.False(t, drained[on] || open[on])
					}
				}
			},
			"end": func(t *rapid.T) {
				if len(n.held) == 0 {
					t.Skip()
				}
				tokens := slices.Sorted(maps.Keys(n.held))
				token := rapid.SampledFrom(tokens).Draw(t, "token")
				st.told(n, rapid.SampledFrom([]campaign.Outcome{
					campaign.OutcomeUnreachable, campaign.OutcomeBroken, campaign.OutcomeThrottled, campaign.OutcomeFull, "",
				}).Draw(t, "outcome"), 0, token)
			},
			"place": func(t *rapid.T) {
				for _, token := range slices.Sorted(maps.Keys(n.held)) {
					st.show(n, campaign.EvidencePlaced, token)
				}
			},
			"drain": func(t *rapid.T) {
				name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
				drained[name] = !drained[name]
				st.core.Drain(drained)
			},
			"pass": func(t *rapid.T) { st.pass(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond) },
			"": func(t *rapid.T) {
				for _, p := range st.core.Providers(st.now) {
					held := 0
					for _, h := range n.held {
						if h.provider == p.Provider {
							held++
						}
					}
					require.Equal(t, held, p.Held)
					if p.Channels > 0 {
						require.LessOrEqual(t, held, p.Channels)
					}
				}
			},
		})
	})
}

// A deadline is reserved for once, however many providers could help to meet it.
func TestADeadlineOverTwoProviders(t *testing.T) {
	// reserved is how many slots a campaign gets for its deadline beside a greater one.
	reserved := func(limits map[string]provider.Limits, by route.Route) int {
		st, n := among(t, limits)
		st.use("deadline")
		st.routed(n, 2, 1000, map[route.Route]int{by: 1000})
		d := scheduler.Demand{
			Campaign: 3, Seen: n.seen, Limit: 1000, Weight: 0.001, Fresh: 360, Length: 10 * time.Second, Due: st.now.Add(6 * time.Minute),
			Routes: []scheduler.RouteDemand{{Route: by, Ready: 360}},
		}
		n.demands[3] = d
		st.core.Take(&scheduler.Report{Node: n.name, Demands: []scheduler.Demand{d}}, st.now)
		st.grant()
		require.Equal(t, 100, len(n.held))
		return n.by(3)["a"] + n.by(3)["b"]
	}
	one := reserved(channels(map[string]int{"a": 100}), "a:1")
	require.Greater(t, one, 10)
	require.InDelta(t, one, reserved(channels(map[string]int{"a": 70, "b": 30}), "a:1,b:1"), 2)
}
