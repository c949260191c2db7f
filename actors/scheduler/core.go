package scheduler

import (
	"cmp"
	"slices"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/provider"
)

// Core is the leader's mind: pure, used by one goroutine.
type Core struct {
	term      uint64
	since     time.Time
	choice    Choice
	strategy  strategy.Strategy
	shadow    *shadow // nil where none plays
	now       time.Time
	pools     []*pool
	clients   map[campaign.ID]*client
	slots     map[uint64]*slot
	partition [bus.Partitions]owner
	missing   int // partitions that nobody has reported in this term
	sequence  map[string]uint64
	unaware   map[string]bool // nodes to be told of this term
	puzzled   map[string]bool // nodes that hold tokens of which too little is known
	token     uint64
	granted   uint64
}

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
	calls  sim.Observed // how long the latest ones lasted
}

// sent is tokens on their way to a campaign.
type sent struct {
	seq uint64
	at  time.Time
	n   int
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
func NewCore(term uint64, limits map[string]provider.Limits, c Choice, s strategy.Strategy, now time.Time) *Core {
	core := &Core{
		term: term, since: now, token: term, missing: bus.Partitions,
		clients:  make(map[campaign.ID]*client),
		slots:    make(map[uint64]*slot),
		sequence: make(map[string]uint64),
		unaware:  make(map[string]bool),
		puzzled:  make(map[string]bool),
	}
	for name, l := range limits {
		core.pools = append(core.pools, newPool(name, l, now))
	}
	slices.SortFunc(core.pools, func(a, b *pool) int { return cmp.Compare(a.name, b.name) })
	core.Use(c, s, now)
	return core
}

// Use puts a strategy in force from the next grant on.
func (c *Core) Use(choice Choice, s strategy.Strategy, now time.Time) {
	c.pass(now)
	c.choice, c.strategy = choice, s
	s.SetCapacity(c.capacity())
	for _, cl := range c.sorted() {
		s.Set(cl.id, cl.terms())
		if cl.want == sim.Waiting {
			s.Enter(cl.id)
		}
	}
	for _, sl := range c.slots {
		sl.adopt(s, now) // what the strategy before charged is not this one's to settle
	}
	c.restartShadow(now)
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
	if t := d.terms(); t != cl.terms() || cl.node == "" {
		c.strategy.Set(d.Campaign, t)
	}
	cl.node, cl.demand = node, *d
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

// consider tells the strategy whether the campaign could use a token.
func (c *Core) consider(cl *client) {
	want := cl.wants()
	if want == cl.want {
		return
	}
	switch {
	case want == sim.Waiting:
		c.strategy.Enter(cl.id)
	case cl.want == sim.Waiting:
		c.strategy.Leave(cl.id)
	}
	cl.want = want
	if c.shadow != nil {
		c.shadow.live.Wants(cl.id, want, c.now)
	}
}

// wants is what stands between the campaign and its next token.
func (cl *client) wants() sim.Want {
	switch {
	case cl.demand.Gone || cl.waiting() <= 0:
		return sim.Idle
	case cl.held >= cl.demand.Limit:
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
		c.strategy.Forget(cl.id)
		if c.shadow != nil {
			c.shadow.forgotten(cl)
		}
		delete(c.clients, cl.id)
	}
}

// settleIn lets the providers' windows go by when the last owner has told what it
// holds: calls that they saw just before, and that have ended, are in nobody's Full.
func (c *Core) settleIn(wasReady bool, now time.Time) {
	if wasReady || !c.Ready() {
		return
	}
	for _, p := range c.pools {
		p.settle(now)
	}
}

// Grant hands out what can be handed out now: for each node, its next Grants.  A
// node that is new to the term gets one in any case.
func (c *Core) Grant(now time.Time) map[string]*Grants {
	c.pass(now)
	out := c.greetings()
	if !c.Ready() {
		return out
	}
	for p := c.freePool(now); p != nil; p = c.freePool(now) {
		id, ok := c.strategy.Next(now)
		if !ok {
			break
		}
		c.grant(c.clients[id], p, out, now)
	}
	return out
}

func (c *Core) freePool(now time.Time) *pool {
	for _, p := range c.pools {
		if p.free(now) {
			return p
		}
	}
	return nil
}

func (c *Core) grant(cl *client, p *pool, out map[string]*Grants, now time.Time) {
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
		client: cl, pools: []*pool{p}, node: cl.node, seq: g.Seq, since: now,
		evidence: campaign.EvidenceGranted, charge: c.strategy.Grant(cl.id),
	}
	if c.shadow != nil {
		c.shadow.granted(cl)
	}
	cl.send(g.Seq, now)
	g.add(Grant{Campaign: cl.id, Provider: p.name, Epoch: c.partition[cl.part].epoch}, c.token)
	c.consider(cl)
}

func (cl *client) send(seq uint64, now time.Time) {
	cl.away++
	if n := len(cl.sent); n > 0 && cl.sent[n-1].seq == seq {
		cl.sent[n-1].n++
		return
	}
	cl.sent = append(cl.sent, sent{seq: seq, at: now, n: 1})
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

// NextGrant is when a rate allows the next call, or zero if no rate holds
// anything back.  It wants the time of the Grant before it: a moment later a rate
// may hold nothing back any more, and nobody would be waiting for it.
func (c *Core) NextGrant(now time.Time) time.Time {
	var next time.Time
	if _, ok := c.strategy.Next(now); !ok || !c.Ready() {
		return next
	}
	for _, p := range c.pools {
		if t := p.waitsFor(now); !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}
