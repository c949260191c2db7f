package scheduler

import (
	"cmp"
	"slices"
	"time"

	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/campaign"
)

// lostAfter is how old a grant that a node's desk has received must be for its campaign's
// silence about it to mean that it never got there.
const lostAfter = 2 * time.Second

// reconcile corrects the leader's books by what a node holds.
func (c *Core) reconcile(r *Report, now time.Time) {
	node, seen := r.Node, r.Full.Seen.Seq
	c.own(node, r.Full.Partitions)
	c.introduceAll(r)
	held := c.count(node, r.Full, now)
	c.dropMissing(node, seen, held)
	c.dropUnnamed(r)
	for _, cl := range c.those(func(cl *client) bool { return cl.node == node && len(cl.sent) > 0 }) {
		cl.settle(func(s sent) bool { return s.seq <= seen && now.Sub(s.at) > lostAfter })
		c.consider(cl)
	}
}

// introduceAll tells the strategies what campaigns bring before their calls that are up are
// counted, which are charged by it.
func (c *Core) introduceAll(r *Report) {
	for i := range r.Demands {
		d := &r.Demands[i]
		if !d.Gone && c.partition[bus.PartitionOf(d.Campaign)].node == r.Node {
			c.announce(d)
		}
	}
}

// announce tells the strategies what a campaign brings that may not be known yet.
func (c *Core) announce(d *Demand) {
	for _, p := range c.pools {
		p.strategy.Set(d.Campaign, d.terms())
	}
	if cl := c.clients[d.Campaign]; cl != nil {
		cl.told = nil
	}
}

// own notes which partitions a node has.  An older epoch than one that was heard of
// loses.  The campaigns of a partition that changes hands ask for nothing until
// the new owner speaks for them.
func (c *Core) own(node string, ps []Partition) {
	var has [bus.Partitions]bool
	for _, p := range ps {
		if p.Number < 0 || p.Number >= bus.Partitions {
			continue
		}
		o := &c.partition[p.Number]
		if p.Epoch < o.epoch {
			continue
		}
		if !o.known {
			c.missing--
		}
		if o.node != node || o.epoch != p.Epoch {
			c.silence(p.Number)
		}
		*o = owner{node: node, epoch: p.Epoch, known: true}
		has[p.Number] = true
	}
	for n := range c.partition {
		if o := &c.partition[n]; o.node == node && !has[n] {
			o.node = ""
			c.silence(n)
		}
	}
}

func (c *Core) silence(partition int) {
	for _, cl := range c.those(func(cl *client) bool { return cl.part == partition }) {
		cl.demand.Retries, cl.demand.Fresh, cl.demand.Routes = 0, 0, nil
		c.route(cl)
		cl.settle(func(sent) bool { return true })
		c.consider(cl)
	}
}

// count enters the tokens that the node holds and the leader did not know, and
// returns all that it holds.
func (c *Core) count(node string, f *Full, now time.Time) map[uint64]bool {
	held := make(map[uint64]bool)
	for _, h := range f.Holdings {
		if c.partition[bus.PartitionOf(h.Campaign)].node != node {
			continue
		}
		h.each(func(t uint64, e campaign.Evidence) {
			held[t] = true
			c.enter(node, t, &h, e, now)
		})
	}
	return held
}

// enter takes over what a Full says of a token, and counts it if it was not known.
func (c *Core) enter(node string, token uint64, h *Holding, e campaign.Evidence, now time.Time) {
	s := c.slots[token]
	switch {
	case s == nil:
		s = c.adopt(node, token, h, now)
	case len(s.pools) > 1 && h.Provider != "":
		c.narrow(s, c.pool(h.Provider, now), now)
	}
	s.show(e, now)
	if s.attempt == 0 && s.evidence != campaign.EvidenceGranted {
		c.puzzled[node] = true
	}
}

func (c *Core) adopt(node string, token uint64, h *Holding, now time.Time) *slot {
	cl := c.client(h.Campaign)
	cl.node = node
	cl.held++
	s := &slot{token: token, client: cl, pools: c.poolsOf(token, h, now), node: node, since: now, evidence: campaign.EvidenceGranted}
	for _, p := range s.pools {
		p.count()
	}
	s.adopt(now)
	c.slots[token] = s
	if c.shadow != nil {
		c.shadow.adopted(s)
	}
	c.consider(cl)
	return s
}

// poolsOf are those in which a token that was not known counts.  A campaign's new owner
// does not know the provider of a call that was claimed, and of which the store has no
// attempt yet; a leader that knew the token for the same attempt does.  Else it counts
// at every provider, until the claim is undone or the attempt is found: it may be up
// at any of them.
func (c *Core) poolsOf(token uint64, h *Holding, now time.Time) []*pool {
	if h.Provider != "" {
		return []*pool{c.pool(h.Provider, now)}
	}
	first := uint64(0)
	for t, s := range c.slots {
		if s.client.id == h.Campaign && s.attempt != 0 && uint64(s.attempt) == token&^adopted && len(s.pools) == 1 && (first == 0 || t < first) {
			first = t
		}
	}
	if first != 0 {
		return c.slots[first].pools
	}
	return slices.Clone(c.pools)
}

// narrow has a call of which the provider has become known count there alone.
func (c *Core) narrow(s *slot, to *pool, now time.Time) {
	s.settle(0, now)
	for _, p := range s.pools {
		if p != to {
			s.leave(p, true, now)
		}
	}
	if !slices.Contains(s.pools, to) {
		to.count()
	}
	s.pools = []*pool{to}
	s.adopt(now)
}

// adopted marks the tokens that an owner makes up for what it finds in flight; the rest
// of such a token is the attempt's id.
const adopted = 1 << 63

// dropMissing frees the tokens that the owner of their campaign should hold by
// now and does not.
func (c *Core) dropMissing(node string, seen uint64, held map[uint64]bool) {
	var missing []uint64
	for t, s := range c.slots {
		if held[t] || c.partition[s.client.part].node != node {
			continue
		}
		if s.node == node && s.seq > seen {
			continue // on its way
		}
		missing = append(missing, t)
	}
	slices.Sort(missing)
	for _, t := range missing {
		c.writeOff(t, c.slots[t])
	}
}

// dropUnnamed takes the campaigns that a node does not speak of beside its Full as
// gone: the word of it was lost.
func (c *Core) dropUnnamed(r *Report) {
	named := make(map[campaign.ID]bool, len(r.Demands))
	for i := range r.Demands {
		named[r.Demands[i].Campaign] = true
	}
	for _, cl := range c.those(func(cl *client) bool { return c.partition[cl.part].node == r.Node && !named[cl.id] }) {
		cl.demand.Gone = true
		c.consider(cl)
		c.forget(cl)
	}
}

// sorted lists the clients by id.
func (c *Core) sorted() []*client { return c.those(func(*client) bool { return true }) }

// those are some of the clients, by id: what is done with them is done in the same order
// each time, so that what a simulation finds can be found again.
func (c *Core) those(pick func(*client) bool) (out []*client) {
	for _, cl := range c.clients {
		if pick(cl) {
			out = append(out, cl)
		}
	}
	slices.SortFunc(out, func(a, b *client) int { return cmp.Compare(a.id, b.id) })
	return out
}

// Stats is the leader's view.
func (c *Core) Stats(leader string, now time.Time) Stats {
	choice := c.choice.effective()
	st := Stats{
		Leader: leader, Term: c.term, Since: c.since, Ready: c.Ready(), Granted: c.granted,
		Strategy: choice.Strategy, Parameters: choice.Parameters, Strategies: strategy.Kinds(),
		Nodes: c.nodes(), Providers: c.Providers(now), Campaigns: []CampaignStats{},
	}
	late := c.late(now)
	for _, cl := range c.sorted() {
		t := cl.terms()
		_, isLate := slices.BinarySearch(late, cl.id)
		st.Campaigns = append(st.Campaigns, CampaignStats{
			Campaign: cl.id, Held: cl.held, Limit: cl.demand.Limit, Waiting: max(cl.waiting(), 0),
			Weight: t.Weight, Group: t.Group, Priority: t.Priority, Due: t.Due, Late: isLate,
		})
	}
	return st
}

// nodes are the owners of partitions, by name.
func (c *Core) nodes() []NodeStats {
	all := []NodeStats{}
	for _, name := range c.Nodes() {
		n := NodeStats{Node: name}
		for _, o := range c.partition {
			if o.node == name {
				n.Partitions++
			}
		}
		for _, s := range c.slots {
			if s.node == name {
				n.Held++
			}
		}
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b NodeStats) int { return cmp.Compare(a.Node, b.Node) })
	return all
}

// late lists, by ascending id, the campaigns that the strategy gives up on, if it is one
// that can tell, at any of the providers.
func (c *Core) late(now time.Time) (out []campaign.ID) {
	for _, p := range c.pools {
		if j, ok := p.strategy.(strategy.Judge); ok {
			out = append(out, j.Late(now)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
