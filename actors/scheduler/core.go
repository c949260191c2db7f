package scheduler

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/provider"
)

// Core is the leader's mind: pure, used by one goroutine.
type Core struct {
	term      uint64
	leap      uint64 // by how many more gaps than one a term is raised
	since     time.Time
	choice    Choice
	build     Build
	shadow    *shadow // nil where none plays
	now       time.Time
	pools     []*pool
	drained   map[string]bool // providers, by people's wish, whether there are such or not
	paths     map[route.Route]*path
	all       *path
	clients   map[campaign.ID]*client
	slots     map[uint64]*slot
	partition [bus.Partitions]owner
	missing   int    // partitions that nobody has reported in this term
	blind     bool   // which providers are drained is not known yet: nothing is granted
	heirOf    uint64 // the term whose Handover was taken over, or 0
	sequence  map[string]uint64
	unaware   map[string]bool // nodes to be told of this term
	puzzled   map[string]bool // nodes that hold tokens of which too little is known
	token     uint64
	granted   uint64
}

// Build makes a strategy: each provider's capacity is shared by one of its own.
type Build func() strategy.Strategy

// client is a campaign as the leader sees it.
type client struct {
	id     campaign.ID
	part   int // its partition
	node   string
	demand Demand
	sent   []sent // grants that the demand does not reflect yet
	away   int    // tokens in them
	held   int
	want   sim.Want
	ways   []way
	in     []bool           // by the index of a pool: it is eligible there
	told   []strategy.Terms // by the index of a pool: what its strategy knows
	calls  sim.Observed     // how long the latest ones lasted
}

// sent is tokens on their way to a campaign.
type sent struct {
	seq  uint64
	at   time.Time
	path *path
	n    int
}

// owner is who reported a partition last.
type owner struct {
	node  string
	epoch int64
	known bool
}

// NewCore begins a term.  Terms must ascend from leader to leader; tokens are
// named from the term on, so terms that are nanoseconds apart never name two
// alike.
func NewCore(term uint64, limits map[string]provider.Limits, c Choice, build Build, now time.Time) *Core {
	core := &Core{
		term: term, leap: leapOf(term), since: now, token: term, missing: bus.Partitions, build: build,
		paths:    make(map[route.Route]*path),
		clients:  make(map[campaign.ID]*client),
		slots:    make(map[uint64]*slot),
		sequence: make(map[string]uint64),
		unaware:  make(map[string]bool),
		puzzled:  make(map[string]bool),
	}
	for _, name := range sortedNames(limits) {
		core.addPool(name, limits[name], now)
	}
	core.Use(c, build, now)
	return core
}

// Use puts a strategy in force from the next grant on.
func (c *Core) Use(choice Choice, build Build, now time.Time) {
	c.pass(now)
	c.choice, c.build = choice, build
	for _, p := range c.pools {
		p.strategy = build()
	}
	c.share()
	for _, cl := range c.sorted() {
		clear(cl.in)
		cl.told = nil
		c.introduce(cl)
		c.enlist(cl)
	}
	for _, t := range slices.Sorted(maps.Keys(c.slots)) {
		c.slots[t].adopt(now) // what the strategy before charged is not this one's to settle
	}
	c.restartShadow(now)
}

// share tells the strategies what they share: each of them its provider's capacity.
func (c *Core) share() {
	for _, p := range c.pools {
		p.strategy.SetCapacity(p.limits.Channels, p.limits.CallsPerSecond)
	}
	if c.shadow != nil {
		channels, rate := c.capacity()
		c.shadow.engine.SetCapacity(channels, rate)
		c.shadow.live.Capacity(channels, rate, c.now)
	}
}

// terms are what the campaign brings to the distribution.
func (cl *client) terms() strategy.Terms { return cl.demand.terms() }

// waiting is what the campaign could still use beyond what was sent to it.
func (cl *client) waiting() int { return cl.demand.Retries + cl.demand.Fresh - cl.away }

// Ready reports whether every partition's owner has told, in this term, what it
// holds.
func (c *Core) Ready() bool { return c.missing == 0 }

// Take takes in a node's report.
func (c *Core) Take(r *Report, now time.Time) {
	c.pass(now)
	for i := range r.Progress {
		c.learn(&r.Progress[i], now)
	}
	for i := range r.Releases {
		c.release(&r.Releases[i], now)
	}
	if r.Full != nil && c.acknowledged(r.Node, r.Full) {
		was := c.Ready()
		c.reconcile(r, now)
		c.settleIn(was, now)
	}
	for i := range r.Demands {
		c.demanded(r.Node, &r.Demands[i])
	}
}

func (c *Core) client(id campaign.ID) *client {
	cl := c.clients[id]
	if cl == nil {
		cl = &client{id: id, part: bus.PartitionOf(id)}
		c.clients[id] = cl
	}
	return cl
}

func (c *Core) demanded(node string, d *Demand) {
	if c.partition[bus.PartitionOf(d.Campaign)].node != node {
		return // not, or no longer, its owner; the owner's Full brings its demand
	}
	cl := c.client(d.Campaign)
	cl.node, cl.demand = node, *d
	c.route(cl)
	c.introduce(cl)
	if c.shadow != nil {
		c.shadow.weighs(cl)
	}
	if d.Seen.Term == c.term {
		cl.settle(func(s sent) bool { return s.seq <= d.Seen.Seq })
	}
	c.consider(cl)
	if c.shadow != nil {
		c.shadow.demanded(cl)
	}
	c.forget(cl)
}

// introduce tells the strategies what a campaign brings, where that has changed.
func (c *Core) introduce(cl *client) {
	for i, p := range c.pools {
		t := cl.termsAt(p, c.pools)
		if i == len(cl.told) {
			cl.told = append(cl.told, strategy.Terms{})
		}
		if t != cl.told[i] {
			p.strategy.Set(cl.id, t)
			cl.told[i] = t
		}
	}
}

// consider tells the strategies whether the campaign could use a token.
func (c *Core) consider(cl *client) {
	want := cl.wants()
	changed := want != cl.want
	cl.want = want
	c.enlist(cl)
	if changed && c.shadow != nil {
		c.shadow.live.Wants(cl.id, want, c.now)
	}
}

// enlist enters the campaign with the providers that could take its calls, and takes it
// off the lists of the others.
func (c *Core) enlist(cl *client) {
	for len(cl.in) < len(c.pools) {
		cl.in = append(cl.in, false)
	}
	for i, p := range c.pools {
		in := cl.want == sim.Waiting && cl.waitsAt(p)
		switch {
		case in == cl.in[i]:
		case in:
			p.strategy.Enter(cl.id)
		default:
			p.strategy.Leave(cl.id)
		}
		cl.in[i] = in
	}
}

// wants is what stands between the campaign and its next token.
func (cl *client) wants() sim.Want {
	switch {
	case cl.demand.Gone || cl.waiting() <= 0:
		return sim.Idle
	case cl.held >= cmp.Or(cl.demand.Grown, cl.demand.Limit):
		return sim.Limited
	}
	return sim.Waiting
}

// pass brings the core to a time.
func (c *Core) pass(now time.Time) {
	c.now = now
	if c.shadow != nil {
		c.shadow.engine.Advance(now)
	}
}

// forget drops a campaign that has gone and holds nothing.
func (c *Core) forget(cl *client) {
	if cl.demand.Gone && cl.held == 0 {
		for _, p := range c.pools {
			p.strategy.Forget(cl.id)
		}
		if c.shadow != nil {
			c.shadow.forgotten(cl)
		}
		delete(c.clients, cl.id)
	}
}

// Grant hands out what can be handed out now: for each node, its next Grants.  A
// node that is new to the term gets one in any case.
func (c *Core) Grant(now time.Time) map[string]*Grants {
	c.pass(now)
	out := c.greetings()
	if !c.Ready() || c.blind {
		return out
	}
	for _, p := range c.pools {
		for p.free(now) {
			id, ok := p.strategy.Next(now)
			if !ok {
				break
			}
			cl := c.clients[id]
			on, by := cl.place(p, now)
			by.took(on, now)
			c.grant(cl, on, by, out, now)
		}
	}
	return out
}

func (c *Core) grant(cl *client, p *pool, by *path, out map[string]*Grants, now time.Time) {
	g := out[cl.node]
	if g == nil {
		g = c.Beat(cl.node)
		out[cl.node] = g
	}
	c.token++
	c.granted++
	p.take(now)
	cl.held++
	c.slots[c.token] = &slot{
		token: c.token, client: cl, pools: []*pool{p}, node: cl.node, seq: g.Seq, since: now,
		evidence: campaign.EvidenceGranted, charges: []strategy.Charge{p.strategy.Grant(cl.id, now)},
		ticket: p.health.begin(now), unheard: true,
	}
	if c.shadow != nil {
		c.shadow.granted(cl)
	}
	cl.send(g.Seq, by, now)
	g.add(Grant{Campaign: cl.id, Provider: p.name, Epoch: c.partition[cl.part].epoch}, c.token)
	c.consider(cl)
}

func (cl *client) send(seq uint64, by *path, now time.Time) {
	cl.away++
	for i := len(cl.sent) - 1; i >= 0 && cl.sent[i].seq == seq; i-- {
		if cl.sent[i].path == by {
			cl.sent[i].n++
			return
		}
	}
	cl.sent = append(cl.sent, sent{seq: seq, at: now, path: by, n: 1})
}

// settle drops the grants that are not on their way any more.
func (cl *client) settle(arrived func(sent) bool) {
	kept := cl.sent[:0]
	for _, s := range cl.sent {
		if arrived(s) {
			cl.away -= s.n
		} else {
			kept = append(kept, s)
		}
	}
	cl.sent = kept
}

// add appends a token, to the campaign's latest grant where it goes on.
func (g *Grants) add(to Grant, token uint64) {
	for i := len(g.Grants) - 1; i >= max(0, len(g.Grants)-16); i-- {
		if last := &g.Grants[i]; last.Campaign == to.Campaign && last.Provider == to.Provider {
			last.Tokens = append(last.Tokens, token)
			return
		}
	}
	to.Tokens = []uint64{token}
	g.Grants = append(g.Grants, to)
}

// Beat is the next Grants to a node, empty: a sign of life.
func (c *Core) Beat(node string) *Grants {
	c.sequence[node]++
	g := &Grants{Mark: Mark{Term: c.term, Seq: c.sequence[node]}, Retell: c.puzzled[node]}
	delete(c.puzzled, node)
	return g
}

// Nodes lists the nodes that have reported.
func (c *Core) Nodes() []string {
	var nodes []string
	for _, o := range c.partition {
		if o.node != "" && !slices.Contains(nodes, o.node) {
			nodes = append(nodes, o.node)
		}
	}
	return nodes
}

// NextGrant is when time allows the next call, or zero if time holds nothing
// back.  It wants the time of the Grant before it: a moment later a rate
// may hold nothing back any more, and nobody would be waiting for it.
func (c *Core) NextGrant(now time.Time) time.Time {
	var next time.Time
	if !c.Ready() || c.blind {
		return next
	}
	for _, p := range c.pools {
		if _, wanted := p.strategy.Next(now); !wanted {
			continue
		}
		if t := p.waitsFor(now); !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}
