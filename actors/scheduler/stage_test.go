package scheduler_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/provider"
)

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// stage is a Core, the time, and the nodes that talk to it.
type stage struct {
	t     require.TestingT
	core  *scheduler.Core
	now   time.Time
	nodes map[string]*node
}

// node is a naive node: what it was granted it holds, until told otherwise.
type node struct {
	name    string
	seen    scheduler.Mark
	owns    map[int]int64
	demands map[campaign.ID]scheduler.Demand
	held    map[uint64]holding
}

type holding struct {
	campaign campaign.ID
	provider string
	evidence campaign.Evidence
}

// told is how a Full speaks of a token.
func (h holding) told(token uint64) scheduler.Holding {
	out := scheduler.Holding{Campaign: h.campaign, Provider: h.provider}
	out.Add(token, h.evidence)
	return out
}

func fair(t require.TestingT) (scheduler.Choice, scheduler.Build) { return chosen(t, "fair") }

func chosen(t require.TestingT, name string) (scheduler.Choice, scheduler.Build) {
	return scheduler.Choice{Strategy: name}, func() strategy.Strategy {
		s, err := strategy.New(name, nil)
		require.NoError(t, err)
		return s
	}
}

func newStage(t require.TestingT, limits map[string]provider.Limits) *stage {
	st := &stage{t: t, now: epoch, nodes: map[string]*node{}}
	st.lead(uint64(epoch.UnixNano()), limits)
	return st
}

// lead puts a new leader in office.
func (st *stage) lead(term uint64, limits map[string]provider.Limits) {
	choice, s := fair(st.t)
	st.core = scheduler.NewCore(term, limits, choice, s, st.now)
}

// only is one provider.
func only(channels int, rate float64) map[string]provider.Limits {
	return map[string]provider.Limits{"a": {Channels: channels, CallsPerSecond: rate}}
}

// started is a stage whose one node, n1, owns every partition and has said so.
func started(t testing.TB, channels int, rate float64) (*stage, *node) {
	st := newStage(t, only(channels, rate))
	n := st.node("n1")
	n.own(1, partitions(0, bus.Partitions)...)
	st.introduce(n)
	if rate > 0 {
		st.pass(max(time.Second, time.Duration(float64(time.Second)/rate))) // the first window goes by
	}
	return st, n
}

func partitions(from, to int) (ps []int) {
	for p := from; p < to; p++ {
		ps = append(ps, p)
	}
	return ps
}

func (st *stage) node(name string) *node {
	n := &node{name: name, owns: map[int]int64{}, demands: map[campaign.ID]scheduler.Demand{}, held: map[uint64]holding{}}
	st.nodes[name] = n
	return n
}

func (n *node) own(epoch int64, ps ...int) {
	for _, p := range ps {
		n.owns[p] = epoch
	}
}

// full is all that the node has.
func (n *node) full() *scheduler.Report {
	r := &scheduler.Report{Node: n.name, Full: &scheduler.Full{Seen: n.seen}}
	for p, e := range n.owns {
		r.Full.Partitions = append(r.Full.Partitions, scheduler.Partition{Number: p, Epoch: e})
	}
	for token, h := range n.held {
		r.Full.Holdings = append(r.Full.Holdings, h.told(token))
	}
	for _, d := range n.demands {
		r.Demands = append(r.Demands, d)
	}
	return r
}

// introduce lets a node tell all, be greeted, and tell it again.
func (st *stage) introduce(n *node) {
	st.core.Take(n.full(), st.now)
	st.deliver(st.core.Grant(st.now))
	st.core.Take(n.full(), st.now)
}

// want changes a campaign's demand and tells it, as of what the node has seen.
func (st *stage) want(n *node, id campaign.ID, fresh, limit int) {
	d := scheduler.Demand{Campaign: id, Seen: n.seen, Fresh: fresh, Limit: limit, Weight: 1}
	n.demands[id] = d
	st.core.Take(&scheduler.Report{Node: n.name, Demands: []scheduler.Demand{d}}, st.now)
}

// grant lets the leader grant and delivers it; it returns the tokens by campaign.
func (st *stage) grant() map[campaign.ID][]uint64 { return st.deliver(st.core.Grant(st.now)) }

func (st *stage) deliver(out map[string]*scheduler.Grants) map[campaign.ID][]uint64 {
	got := map[campaign.ID][]uint64{}
	for name, g := range out {
		n := st.nodes[name]
		require.NotNil(st.t, n, "grants go to nodes that there are")
		n.seen = g.Mark
		for _, gr := range g.Grants {
			for _, token := range gr.Tokens {
				_, twice := n.held[token]
				require.False(st.t, twice, "a token is named once")
				n.held[token] = holding{gr.Campaign, gr.Provider, campaign.EvidenceGranted}
				got[gr.Campaign] = append(got[gr.Campaign], token)
			}
		}
	}
	return got
}

// lose lets the leader grant, and the message get lost.
func (st *stage) lose() (tokens int) {
	for _, g := range st.core.Grant(st.now) {
		for _, gr := range g.Grants {
			tokens += len(gr.Tokens)
		}
	}
	return tokens
}

// show tells what has become known of a token.
func (st *stage) show(n *node, e campaign.Evidence, token uint64) {
	h := n.held[token]
	h.evidence = e
	n.held[token] = h
	st.core.Take(&scheduler.Report{Node: n.name, Progress: []scheduler.Progress{{
		Token: token, Evidence: e, Attempt: campaign.NewAttemptID(7, 1), To: "+12125550147",
	}}}, st.now)
}

// use chooses another strategy.
func (st *stage) use(name string) {
	c, s := chosen(st.t, name)
	st.core.Use(c, s, st.now)
}

// release gives tokens back after a time, or unused after none.
func (st *stage) release(n *node, held time.Duration, tokens ...uint64) {
	r := &scheduler.Report{Node: n.name}
	for _, token := range tokens {
		r.Releases = append(r.Releases, scheduler.Release{Token: token, Campaign: n.held[token].campaign, Held: held, Unsent: held == 0})
		delete(n.held, token)
	}
	st.core.Take(r, st.now)
}

func (st *stage) pass(d time.Duration) { st.now = st.now.Add(d) }

// beat delivers a sign of life and takes the node's Full.
func (st *stage) beat(n *node) {
	n.seen = st.core.Beat(n.name).Mark
	st.core.Take(n.full(), st.now)
}

// held is what the books say of a provider.
func (st *stage) held(name string) int {
	for _, p := range st.core.Stats("", st.now).Providers {
		if p.Provider == name {
			return p.Held
		}
	}
	return -1
}

// of is what the books say of a campaign, or nil.
func (st *stage) of(id campaign.ID) *scheduler.CampaignStats {
	all := st.core.Stats("", st.now).Campaigns
	i := slices.IndexFunc(all, func(c scheduler.CampaignStats) bool { return c.Campaign == id })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// idIn is the nth campaign of a partition.
func idIn(partition, nth int) campaign.ID {
	for id := campaign.ID(2); ; id++ {
		if bus.PartitionOf(id) == partition {
			if nth--; nth < 0 {
				return id
			}
		}
	}
}

func tokenString(token uint64) string { return strconv.FormatUint(token, 10) }
