package scheduler_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/actors/scheduler"
	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/provider"
)

// WithinLimit, across leaders: nothing is granted before every partition has told
// what is up.
func TestNoGrantBeforeEveryPartitionSpoke(t *testing.T) {
	st := newStage(t, only(10, 0))
	first, last := st.node("n1"), st.node("n2")
	first.own(1, partitions(0, bus.Partitions-1)...)
	first.demands[idIn(0, 0)] = scheduler.Demand{Campaign: idIn(0, 0), Fresh: 5, Limit: 5}
	st.introduce(first)
	require.False(t, st.core.Ready())
	require.Empty(t, st.grant())

	last.own(1, bus.Partitions-1)
	last.held[77] = holding{idIn(bus.Partitions-1, 0), "a", campaign.EvidencePlaced}
	st.introduce(last)
	require.True(t, st.core.Ready())
	require.Equal(t, 1, st.held("a"))
	require.Len(t, st.grant()[idIn(0, 0)], 5)
}

// A Full from before the node heard of this leader may be followed by tokens of
// the leader before; only an answer to the greeting counts.
func TestFullOfAnOlderTermOnlyIntroduces(t *testing.T) {
	st := newStage(t, only(10, 0))
	n := st.node("n1")
	n.own(1, partitions(0, bus.Partitions)...)
	n.seen = scheduler.Mark{Term: 5, Seq: 9}
	st.core.Take(n.full(), st.now)
	require.False(t, st.core.Ready())
	out := st.core.Grant(st.now)
	require.Len(t, out, 1)
	require.Empty(t, out["n1"].Grants)
	require.Empty(t, st.core.Grant(st.now), "it is greeted once for each such Full")
	st.deliver(out)
	st.core.Take(n.full(), st.now)
	require.True(t, st.core.Ready())
}

// A leader whose clock is behind finds nodes that would drop what it grants.
func TestTermRisesAboveWhatNodesHaveSeen(t *testing.T) {
	st := newStage(t, only(2, 0))
	n := st.node("n1")
	ahead := uint64(epoch.Add(time.Hour).UnixNano())
	n.own(1, partitions(0, bus.Partitions)...)
	n.seen = scheduler.Mark{Term: ahead, Seq: 3}
	id := idIn(0, 0)
	n.held[ahead+1] = holding{id, "a", campaign.EvidencePlaced}
	n.demands[id] = scheduler.Demand{Campaign: id, Fresh: 5, Limit: 5}
	st.introduce(n)
	require.Greater(t, n.seen.Term, ahead)
	require.True(t, st.core.Ready())
	got := st.grant()[id]
	require.Len(t, got, 1, "one channel is held already")
	require.Greater(t, got[0], ahead+1e9, "and no token is named like the other leader's")
}

// Two leaders one after the other whose clocks are behind hear of the same old term first.
// They go by terms of their own, and name no tokens alike.
func TestTermsRaisedFromTheSameAreApart(t *testing.T) {
	terms := map[uint64]bool{}
	for i := range 20 {
		st := newStage(t, only(2, 0))
		st.lead(uint64(epoch.Add(time.Duration(i)*731*time.Millisecond).UnixNano()), only(2, 0))
		n := st.node("n1")
		n.own(1, partitions(0, bus.Partitions)...)
		n.seen.Term = uint64(epoch.Add(time.Hour).UnixNano())
		st.introduce(n)
		require.Greater(t, n.seen.Term, uint64(epoch.Add(time.Hour).UnixNano()))
		for other := range terms {
			require.Greater(t, max(other, n.seen.Term)-min(other, n.seen.Term), uint64(1<<31))
		}
		terms[n.seen.Term] = true
	}
}

// When a node of a higher term turns up late, everyone must speak anew.
func TestRaisedTermAsksEveryone(t *testing.T) {
	st := newStage(t, only(4, 0))
	n1, n2 := st.node("n1"), st.node("n2")
	n1.own(1, partitions(0, 8)...)
	n2.own(1, partitions(8, bus.Partitions)...)
	st.introduce(n1)
	n2.seen.Term = n1.seen.Term + 1000
	st.introduce(n2)
	require.False(t, st.core.Ready())
	st.introduce(n1)
	require.True(t, st.core.Ready())
}

func TestChannelsBindGrants(t *testing.T) {
	st, n := started(t, 3, 0)
	st.want(n, 2, 10, 10)
	got := st.grant()[2]
	require.Len(t, got, 3)
	require.Empty(t, st.grant())
	st.release(n, time.Second, got[0])
	require.Len(t, st.grant()[2], 1)
	require.Equal(t, 3, st.held("a"))
	require.EqualValues(t, 4, st.core.Stats("", st.now).Granted)
}

func TestLimitBindsACampaign(t *testing.T) {
	st, n := started(t, 100, 0)
	st.want(n, 2, 50, 4)
	got := st.grant()[2]
	require.Len(t, got, 4)
	st.want(n, 2, 46, 4)
	require.Empty(t, st.grant())
	st.release(n, time.Second, got...)
	require.Len(t, st.grant()[2], 4)

	st.want(n, 2, 42, 7)
	require.Len(t, st.grant()[2], 3, "a raised limit")
	st.want(n, 2, 39, 2)
	for token := range n.held {
		st.release(n, time.Second, token)
		st.grant()
	}
	require.Equal(t, 2, st.held("a"), "a lowered limit")
}

func TestWithoutLimitsDemandBinds(t *testing.T) {
	st, n := started(t, 0, 0)
	st.want(n, 2, 500, 1000)
	require.Len(t, st.grant()[2], 500)
}

// The demand that a grant on its way will meet is not met twice.
func TestGrantOnItsWayIsCounted(t *testing.T) {
	st, n := started(t, 100, 0)
	st.want(n, 2, 3, 50)
	require.Len(t, st.grant()[2], 3)
	require.Zero(t, st.of(2).Waiting)

	// The same demand, written before the grant came, changes nothing.
	d := n.demands[2]
	for range 3 {
		st.core.Take(&scheduler.Report{Node: "n1", Demands: []scheduler.Demand{d}}, st.now)
		require.Empty(t, st.grant())
	}
	d.Fresh = 5 // two more, still without having seen it
	st.core.Take(&scheduler.Report{Node: "n1", Demands: []scheduler.Demand{d}}, st.now)
	require.Len(t, st.grant()[2], 2)

	st.want(n, 2, 1, 50) // having seen all
	require.Len(t, st.grant()[2], 1)
}

func TestDemandSeenUpToOneOfTwoGrants(t *testing.T) {
	st, n := started(t, 2, 0)
	st.want(n, 2, 9, 50)
	first := st.grant()[2]
	seenFirst := n.seen
	st.release(n, time.Second, first[0])
	require.Len(t, st.grant()[2], 1)
	st.core.Take(&scheduler.Report{Node: "n1", Demands: []scheduler.Demand{{Campaign: 2, Seen: seenFirst, Fresh: 7, Limit: 50}}}, st.now)
	require.Equal(t, 6, st.of(2).Waiting, "the second grant is still on its way")
}

func TestLostGrantIsReclaimed(t *testing.T) {
	st, n := started(t, 4, 0)
	st.want(n, 2, 9, 9)
	require.Equal(t, 4, st.lose())
	st.core.Take(n.full(), st.now)
	require.Equal(t, 4, st.held("a"), "they may be on their way")
	st.beat(n)
	require.Zero(t, st.held("a"))
	require.Len(t, st.grant()[2], 4)
}

// A campaign that was sent all it asked for, and got none of it, gets it after all
// though it never speaks again.
func TestLostGrantIsGrantedAgain(t *testing.T) {
	st, n := started(t, 10, 0)
	st.want(n, 2, 4, 9)
	require.Equal(t, 4, st.lose())
	st.pass(time.Second)
	st.beat(n)
	require.Empty(t, st.grant(), "its actor may just be slow to answer")
	st.pass(1500 * time.Millisecond)
	st.beat(n)
	require.Len(t, st.grant()[2], 4)
}

func TestLostReleaseIsReclaimed(t *testing.T) {
	st, n := started(t, 2, 0)
	st.want(n, 2, 9, 9)
	got := st.grant()[2]
	delete(n.held, got[0]) // and nobody hears of it
	require.Empty(t, st.grant())
	st.core.Take(n.full(), st.now)
	require.Equal(t, 1, st.held("a"))
	st.want(n, 2, 9, 9)
	require.Len(t, st.grant()[2], 1)
}

func TestReleaseTwiceOrOfNobody(t *testing.T) {
	st, n := started(t, 2, 0)
	st.want(n, 2, 9, 9)
	got := st.grant()[2]
	for range 3 {
		st.core.Take(&scheduler.Report{Node: "n1", Releases: []scheduler.Release{{Token: got[0], Campaign: 2, Held: time.Second}, {Token: 12345, Campaign: 2}}}, st.now)
	}
	require.Equal(t, 1, st.held("a"))
	require.Equal(t, 1, st.of(2).Held)
}

// What is up is up: it counts, even beyond a limit.
func TestUnknownTokensAreAdopted(t *testing.T) {
	st, n := started(t, 3, 0)
	for token := range uint64(5) {
		n.held[1<<63|token] = holding{2, "a", campaign.EvidencePlaced}
	}
	n.held[1<<63|99] = holding{3, "closed", campaign.EvidencePlaced} // a provider that is not configured any more
	n.demands[2] = scheduler.Demand{Campaign: 2, Fresh: 9, Limit: 4}
	n.demands[3] = scheduler.Demand{Campaign: 3, Fresh: 9, Limit: 1}
	st.core.Take(n.full(), st.now)
	require.Equal(t, 5, st.held("a"))
	require.Equal(t, 5, st.of(2).Held)
	require.Equal(t, 1, st.of(3).Held)
	require.Empty(t, st.grant())
	st.release(n, time.Second, 1<<63, 1<<63|1)
	require.Empty(t, st.grant())
	st.release(n, time.Second, 1<<63|2)
	require.Len(t, st.grant()[2], 1)
	st.release(n, time.Second, 1<<63|99)
	require.Zero(t, st.of(3).Held)
}

// A campaign that grows into its limit is granted as much as it has grown to, and the
// shadow, which has it as a whole, does not take that for its limit.
func TestCampaignThatGrows(t *testing.T) {
	st, n := started(t, 10, 0)
	st.shadow("round_robin")
	grown := func(up int) int {
		st.core.Take(&scheduler.Report{Node: n.name, Demands: []scheduler.Demand{
			{Campaign: 2, Seen: n.seen, Fresh: 50, Remaining: 50, Limit: 8, Grown: up, Length: time.Minute},
		}}, st.now)
		return len(st.grant()[2])
	}
	require.Equal(t, 1, grown(1))
	require.Equal(t, 2, grown(3))
	require.Equal(t, 8, st.of(2).Limit)
	require.Equal(t, 8, st.report().Campaigns[0].Shadow.Calls)
	require.Equal(t, 5, grown(0))
	require.Zero(t, grown(0))
}

func TestTakeoverReplacesWhatTheOldOwnerHeld(t *testing.T) {
	st, old := started(t, 4, 0)
	id, other := idIn(5, 0), idIn(6, 0)
	st.want(old, id, 9, 3)
	st.want(old, other, 1, 1)
	require.Len(t, st.grant(), 2)
	require.Equal(t, 4, st.held("a"))

	heir := st.node("n2") // found two attempts in flight, of three
	heir.own(2, 5)
	heir.held[1<<63|1], heir.held[1<<63|2] = holding{id, "a", campaign.EvidencePlaced}, holding{id, "a", campaign.EvidencePlaced}
	heir.demands[id] = scheduler.Demand{Campaign: id, Fresh: 9, Limit: 3}
	st.introduce(heir)
	require.Equal(t, 2, st.of(id).Held)
	require.Equal(t, 1, st.of(other).Held)

	// The old owner, that does not know it yet, has no say any more.
	st.core.Take(old.full(), st.now)
	require.Equal(t, 2, st.of(id).Held)
	st.want(old, id, 99, 99)
	require.Equal(t, 3, st.of(id).Limit)

	out := st.core.Grant(st.now)
	require.Len(t, out["n2"].Grants, 1)
	require.Nil(t, out["n1"])
}

// What was on its way to the old owner does not count against the new one's demand,
// whose Grants have numbers of their own.
func TestTakeoverForgetsWhatWasOnItsWay(t *testing.T) {
	st, old := started(t, 9, 0)
	id := idIn(5, 0)
	for range 50 {
		st.beat(old)
	}
	st.want(old, id, 3, 9)
	require.Equal(t, 3, st.lose())
	heir := st.node("n2")
	heir.own(2, 5)
	heir.demands[id] = scheduler.Demand{Campaign: id, Fresh: 3, Limit: 9}
	st.introduce(heir)
	require.Len(t, st.grant()[id], 3)
}

// A campaign that the new owner does not speak of gets nothing, least of all at the
// old owner.
func TestTakeoverSilencesWhatNobodySpeaksFor(t *testing.T) {
	st, old := started(t, 4, 0)
	id := idIn(5, 0)
	st.want(old, id, 9, 9)
	heir := st.node("n2")
	heir.own(2, 5)
	st.introduce(heir)
	require.Empty(t, st.core.Grant(st.now))
	require.Nil(t, st.of(id))
}

func TestOlderEpochIsIgnored(t *testing.T) {
	st, n := started(t, 4, 0)
	id := idIn(5, 0)
	n.own(7, 5)
	st.want(n, id, 2, 2)
	st.core.Take(n.full(), st.now)
	require.Len(t, st.grant()[id], 2)

	stale := st.node("n2")
	stale.own(6, 5)
	stale.demands[id] = scheduler.Demand{Campaign: id, Fresh: 50, Limit: 50}
	stale.held[4711] = holding{id, "a", campaign.EvidencePlaced}
	st.introduce(stale)
	require.Equal(t, 2, st.held("a"))
	require.Equal(t, 2, st.of(id).Limit)
	require.Empty(t, st.grant())
}

// The node's own second incarnation: what the first held stays on the books until
// the second knows what is in flight.
func TestRestartedNodeKeepsTheBooksUntilItKnows(t *testing.T) {
	st, n := started(t, 4, 0)
	id := idIn(5, 0)
	st.want(n, id, 9, 9)
	require.Len(t, st.grant()[id], 4)

	again := st.node("n1")
	st.introduce(again) // nothing is awake yet
	require.Equal(t, 4, st.held("a"))
	require.Empty(t, st.grant())
	again.own(2, partitions(0, bus.Partitions)...)
	again.held[1<<63|8] = holding{id, "a", campaign.EvidencePlaced}
	again.demands[id] = scheduler.Demand{Campaign: id, Fresh: 9, Limit: 9}
	st.beat(again)
	require.Equal(t, 1, st.held("a"))
	require.Len(t, st.grant()[id], 3)
}

func TestLostPartitionStopsItsGrants(t *testing.T) {
	st, n := started(t, 4, 0)
	id := idIn(5, 0)
	st.want(n, id, 9, 3)
	require.Len(t, st.grant()[id], 3)
	delete(n.owns, 5)
	delete(n.demands, id)
	for token := range n.held {
		delete(n.held, token)
	}
	st.core.Take(n.full(), st.now)
	require.Equal(t, 3, st.held("a"), "who takes it over will say what became of them")
	require.True(t, st.core.Ready())
	st.want(n, id, 50, 50)
	require.Empty(t, st.grant())
}

func TestGoneCampaignIsForgotten(t *testing.T) {
	st, n := started(t, 4, 0)
	st.want(n, 2, 2, 2)
	got := st.grant()[2]
	st.core.Take(&scheduler.Report{Node: "n1", Demands: []scheduler.Demand{{Campaign: 2, Seen: n.seen, Gone: true}}}, st.now)
	require.Equal(t, 2, st.of(2).Held, "not before it holds nothing")
	st.release(n, time.Second, got...)
	require.Nil(t, st.of(2))
	st.want(n, 2, 1, 1)
	require.Len(t, st.grant()[2], 1, "it may come again")
}

// The word of a campaign's going may get lost; it would be granted tokens for ever.
func TestLostGoingIsMadeUpFor(t *testing.T) {
	st, n := started(t, 4, 0)
	st.want(n, 2, 2, 2)
	st.want(n, 3, 1, 1)
	delete(n.demands, 2)
	st.core.Take(n.full(), st.now)
	require.Nil(t, st.of(2))
	require.NotNil(t, st.of(3))
	require.NotContains(t, st.grant(), campaign.ID(2))
}

func TestWeightIsInForceFromTheNextGrant(t *testing.T) {
	st, n := started(t, 40, 0)
	weigh := func(weight float64) {
		d := scheduler.Demand{Campaign: 2, Seen: n.seen, Fresh: 10_000, Limit: 40, Weight: weight}
		st.core.Take(&scheduler.Report{Node: "n1", Demands: []scheduler.Demand{d}}, st.now)
	}
	st.want(n, 3, 10_000, 40)
	split := func() (got [4]int) {
		for range 100 {
			for id, tokens := range st.grant() {
				got[id] += len(tokens)
				st.pass(100 * time.Millisecond)
				st.release(n, 10*time.Second, tokens...)
			}
		}
		return got
	}
	weigh(1)
	got := split()
	require.InEpsilon(t, got[3], got[2], 0.1)
	weigh(3)
	got = split()
	require.InEpsilon(t, 3*got[3], got[2], 0.1)
	require.InDelta(t, 3.0, st.of(2).Weight, 0)
}

// Another strategy takes over what is in flight and who waits.
func TestUseDropsNothing(t *testing.T) {
	st, n := started(t, 4, 0)
	st.want(n, 2, 9, 9)
	st.want(n, 3, 9, 9)
	got := st.grant()
	require.Equal(t, 4, len(got[2])+len(got[3]))
	st.use("round_robin")
	require.Equal(t, "round_robin", st.core.Stats("", st.now).Strategy)
	require.Equal(t, 4, st.held("a"))
	require.Empty(t, st.grant())
	st.release(n, time.Second, append(got[2], got[3]...)...)
	got = st.grant()
	require.Len(t, got[2], 2)
	require.Len(t, got[3], 2)
	st.use("fair")
	st.release(n, time.Second, append(got[2], got[3]...)...)
	got = st.grant()
	require.Len(t, got[2], 2)
	require.Len(t, got[3], 2)
}

// What one strategy charged is not another's to give back; but what is up counts.
func TestUseCountsWhatIsUp(t *testing.T) {
	st, n := started(t, 20, 0)
	st.want(n, 2, 99, 99)
	st.want(n, 3, 99, 99)
	got := st.grant()
	require.Len(t, got[2], 10)
	for _, token := range got[3] {
		st.show(n, campaign.EvidencePlaced, token)
	}
	st.pass(time.Hour)
	st.use("fair")
	st.release(n, 0, got[2]...)
	again := st.grant()
	require.GreaterOrEqual(t, len(again[2]), 7, "the other has its calls up still")
	st.pass(10 * time.Second)
	st.release(n, time.Hour+10*time.Second, got[3]...)
	st.release(n, 10*time.Second, append(again[2], again[3]...)...)
	again = st.grant()
	require.InDelta(t, 10, len(again[2]), 3, "the hour before is forgotten")
}

func TestProvidersFillInOrder(t *testing.T) {
	st := newStage(t, map[string]provider.Limits{"b": {Channels: 2}, "a": {Channels: 1}})
	n := st.node("n1")
	n.own(1, partitions(0, bus.Partitions)...)
	st.introduce(n)
	st.want(n, 2, 9, 9)
	require.Len(t, st.grant()[2], 3)
	require.Equal(t, 1, st.held("a"))
	require.Equal(t, 2, st.held("b"))
}

func TestStatsAndSlots(t *testing.T) {
	st, n := started(t, 4, 2)
	st.want(n, 2, 9, 9)
	token := st.grant()[2][0]
	stats := st.core.Stats("n1", st.now)
	require.Equal(t, strategy.Names(), namesOf(stats.Strategies))
	stats.Strategies = nil // there are functions in it
	require.Equal(t, scheduler.Stats{
		Leader: "n1", Term: n.seen.Term, Since: epoch, Strategy: "fair", Parameters: map[string]any{"gain": 0.1, "first_guess": "10s", "group_weights": map[string]float64{}},
		Ready: true, Granted: 1,
		Nodes: []scheduler.NodeStats{{Node: "n1", Partitions: bus.Partitions, Held: 1}},
		Providers: []scheduler.ProviderStatus{{
			Provider: "a", State: "enabled", Channels: 4, ChannelsNow: 4, CallsPerSecond: 2, CallsPerSecondNow: 2, Held: 1, Breaker: "closed",
		}},
		Campaigns: []scheduler.CampaignStats{{Campaign: 2, Held: 1, Limit: 9, Waiting: 8, Weight: 1, Priority: 5}},
	}, stats)
	slots := st.core.Slots(scheduler.SlotQuery{}, st.now)
	require.Len(t, slots, 1)
	require.Equal(t, campaign.ID(2), slots[0].Campaign)
	require.Equal(t, "a", slots[0].Provider)
	require.Equal(t, "n1", slots[0].Node)
	require.NotZero(t, token)
	require.Empty(t, st.core.Slots(scheduler.SlotQuery{Campaign: 3}, st.now))
}

// Each node with its part; what a dead one had is its until somebody else has it.
func TestStatsOfNodes(t *testing.T) {
	st := newStage(t, only(4, 0))
	b, a := st.node("b"), st.node("a")
	b.own(1, partitions(0, 40)...)
	a.own(1, partitions(40, bus.Partitions)...)
	st.introduce(b)
	st.introduce(a)
	require.Equal(t, []scheduler.NodeStats{{Node: "a", Partitions: 24}, {Node: "b", Partitions: 40}}, st.core.Stats("a", st.now).Nodes)
	a.own(2, partitions(0, 40)...)
	st.introduce(a)
	require.Equal(t, []scheduler.NodeStats{{Node: "a", Partitions: 64}}, st.core.Stats("a", st.now).Nodes)
}

// A leader that knows who is there asks them at once what they hold.
func TestGreetsWhoIsThere(t *testing.T) {
	st := newStage(t, only(4, 0))
	st.core.Greet([]string{"n1", "n2"})
	g := st.core.Grant(st.now)
	require.Len(t, g, 2)
	require.Empty(t, g["n1"].Grants)
	require.NotZero(t, g["n2"].Term)
	require.Empty(t, st.core.Grant(st.now), "once")
}

func namesOf(kinds []strategy.Kind) (names []string) {
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	return names
}

// judging is a strategy that gives up on some campaigns from a time on.
type judging struct {
	strategy.Strategy
	from time.Time
	late []campaign.ID
}

func (j judging) Late(now time.Time) []campaign.ID {
	if now.Before(j.from) {
		return nil
	}
	return j.late
}

// The leader shows what campaigns bring to the distribution, and which of them the
// strategy gives up on, if it can tell.
func TestStatsTellWhatCounts(t *testing.T) {
	st, n := started(t, 4, 0)
	due := epoch.Add(time.Hour)
	st.want(n, 2, 9, 9)
	d := scheduler.Demand{Campaign: 3, Seen: n.seen, Limit: 9, Weight: 2.5, Group: "team-a", Priority: 1, Due: due}
	n.demands[3] = d
	st.core.Take(&scheduler.Report{Node: n.name, Demands: []scheduler.Demand{d}}, st.now)
	want := scheduler.CampaignStats{Campaign: 3, Limit: 9, Weight: 2.5, Group: "team-a", Priority: 1, Due: due}
	require.Equal(t, want, *st.of(3), "who does not judge finds nobody late")

	choice, build := chosen(t, "fair")
	st.core.Use(choice, func() strategy.Strategy {
		return judging{build(), epoch.Add(time.Minute), []campaign.ID{3, 7}}
	}, st.now)
	require.Equal(t, want, *st.of(3))
	st.pass(time.Minute)
	want.Late = true
	require.Equal(t, want, *st.of(3))
	require.False(t, st.of(2).Late)
}

func TestGrantsAreNumberedWithoutGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := newStage(t, only(0, 0))
		n := st.node("n1")
		n.own(1, partitions(0, bus.Partitions)...)
		st.introduce(n)
		last := n.seen.Seq
		for range 30 {
			if rapid.Bool().Draw(t, "beat") {
				n.seen = st.core.Beat("n1").Mark
			} else {
				st.want(n, 2, rapid.IntRange(1, 3).Draw(t, "more"), 1000)
				st.grant()
			}
			require.Equal(t, last+1, n.seen.Seq)
			last = n.seen.Seq
		}
	})
}

// FairShare, across leaders: what is up is charged by what its campaign brings, as its
// first Full says in the same breath.
func TestNewLeaderChargesByTheTerms(t *testing.T) {
	st, n := started(t, 60, 0)
	terms := func(id campaign.ID, group string, fresh int) {
		d := scheduler.Demand{Campaign: id, Seen: n.seen, Fresh: fresh, Limit: 1000, Weight: 1, Group: group, Length: 10 * time.Second}
		n.demands[id] = d
		st.core.Take(&scheduler.Report{Node: "n1", Demands: []scheduler.Demand{d}}, st.now)
	}
	terms(2, "a", 50)
	require.Len(t, st.grant()[2], 50)
	terms(2, "a", 1000)
	terms(3, "b", 0)
	st.lead(n.seen.Term+1<<33, only(100, 0))
	st.core.Take(n.full(), st.now)
	n.seen = st.core.Grant(st.now)["n1"].Mark
	n.demands[3] = scheduler.Demand{Campaign: 3, Seen: n.seen, Fresh: 1000, Limit: 1000, Weight: 1, Group: "b", Length: 10 * time.Second}
	st.core.Take(n.full(), st.now)
	got := st.grant()
	require.Equal(t, 50, len(got[2])+len(got[3]))
	require.Greater(t, len(got[3]), 35, "group a has fifty calls up, half of each still to come")
}

// WithinLimit, over a change of owner: a call that was claimed and has no attempt on
// record counts at the provider for which its token was granted.
func TestTakenOverClaimsKeepTheirChannel(t *testing.T) {
	for _, leader := range []string{"the same", "a new one"} {
		st, n1 := started(t, 10, 0)
		id := idIn(0, 0)
		n2 := st.node("n2")
		st.introduce(n2)
		st.want(n1, id, 100, 100)
		var attempts []campaign.AttemptID
		for i, token := range st.grant()[id] {
			a := campaign.NewAttemptID(campaign.CallID(i+1), 1)
			attempts = append(attempts, a)
			st.core.Take(&scheduler.Report{Node: "n1", Progress: []scheduler.Progress{{Token: token, Evidence: campaign.EvidencePlacing, Attempt: a, To: "+1"}}}, st.now)
		}
		require.Len(t, attempts, 10)
		if leader == "a new one" {
			st.lead(n1.seen.Term+1<<33, only(10, 0))
			clear(n1.held)
			st.introduce(n1)
		}
		n2.own(2, partitions(0, bus.Partitions)...)
		for _, a := range attempts {
			n2.held[1<<63|uint64(a)] = holding{id, "", campaign.EvidencePlacing}
		}
		n2.demands[id] = scheduler.Demand{Campaign: id, Fresh: 100, Limit: 100}
		st.introduce(n2)
		require.Equal(t, 10, st.held("a"), leader)
		require.Empty(t, st.grant()[id], leader)
		st.want(n2, id, 100, 100)
		var tokens []uint64
		for token := range n2.held {
			tokens = append(tokens, token)
		}
		st.release(n2, time.Second, tokens[:4]...)
		require.Len(t, st.grant()[id], 4, leader)
		require.Equal(t, 10, st.held("a"), leader)
	}
}

// Of providers of which one has no limit, there is none in all.
func TestCapacityWithAnUnlimitedProvider(t *testing.T) {
	for _, limits := range []map[string]provider.Limits{
		{"a": {Channels: 10, CallsPerSecond: 5}, "b": {CallsPerSecond: 5}}, {"a": {Channels: 10, CallsPerSecond: 5}, "b": {Channels: 5, CallsPerSecond: 5}},
	} {
		st := newStage(t, limits)
		channels, rate := scheduler.CapacityOf(st.core)
		require.Equal(t, map[bool]int{true: 0, false: 15}[limits["b"].Channels == 0], channels)
		require.InDelta(t, 10, rate, 0)
	}
}
