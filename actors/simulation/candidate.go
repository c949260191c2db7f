package simulation

import (
	"maps"
	"slices"
	"time"

	"dialtone/actors/scheduler"
	"dialtone/bus"
)

// candidate stands for leader of the scheduler, and leads while it holds the lease.
type candidate struct {
	p       *process
	lease   *lease
	core    *scheduler.Core
	term    int // counts its times of leading
	alarm   int // counts the times for which its timer was set
	trying  bool
	leaving bool
	there   map[string]bool // nodes, as far as is seen
	// estate is what a leader that ended in good order has told last, and when.
	estate   *scheduler.Handover
	estateAt time.Time
}

// see takes in who holds a lease.
func (c *candidate) see(name, holder string) {
	if node, ok := bus.ParseLeaseNode(name); ok {
		if c.there == nil {
			c.there = make(map[string]bool)
		}
		if c.there[node] = true; holder == "" {
			delete(c.there, node)
		}
	}
	if name == bus.LeaseScheduler && holder == "" {
		c.stand()
	}
}

const (
	beatEvery  = 500 * time.Millisecond
	standEvery = time.Second // who sees that nobody leads does not wait for it
)

// stand tries for the lease until it has it.
func (c *candidate) stand() {
	if c.leaving || c.trying || c.core != nil {
		return
	}
	c.trying = true
	c.p.w.bucket.acquire(c.p, bus.LeaseScheduler, func(l *lease, err error) {
		c.trying = false
		if err != nil {
			c.p.after(standEvery, c.stand)
			return
		}
		c.lead(l)
	})
}

func (c *candidate) lead(l *lease) {
	w := c.p.w
	choice := scheduler.Choice{Strategy: w.sizes.strategy}
	build, err := choice.Builder()
	if err != nil {
		panic(err) // it is one of those there are
	}
	term := uint64(w.now.Add(c.p.node.skew).UnixNano())
	w.saw("a leader")
	c.lease, c.core = l, scheduler.NewCore(term, w.sizes.limits, choice, build, w.now)
	if w.plant == PlantBlindLeader {
		c.blind(term)
	}
	if c.estate != nil && w.now.Sub(c.estateAt) < leaseTTL*4/5 {
		w.saw("a leader inherits")
		c.core.Inherit(c.estate, c.estateAt)
	}
	c.core.Greet(slices.Sorted(maps.Keys(c.there)))
	c.term++
	c.grant()
	c.renew(c.term)
	c.beat(c.term)
}

// blind has the leader believe that it knows what every partition's owner holds.
func (c *candidate) blind(term uint64) {
	full := &scheduler.Full{Seen: scheduler.Mark{Term: term}}
	for n := range bus.Partitions {
		full.Partitions = append(full.Partitions, scheduler.Partition{Number: n})
	}
	c.core.Take(&scheduler.Report{Node: "nobody", Full: full}, c.p.w.now)
}

// renew keeps the lease; when it can't, it ends the leading.
func (c *candidate) renew(term int) {
	c.p.after(leaseTTL/3, func() {
		if c.term != term || c.core == nil {
			return
		}
		c.p.w.bucket.renew(c.p, []*lease{c.lease}, func(_ *lease, err error) {
			if err != nil && c.term == term && !c.lease.valid() {
				c.p.w.saw("a leader deposed")
				c.core = nil
				c.stand()
			}
		})
		c.renew(term)
	})
}

func (c *candidate) beat(term int) {
	c.p.after(beatEvery, func() {
		if c.term != term || c.core == nil {
			return
		}
		if c.lease.valid() {
			for _, name := range c.core.Nodes() {
				c.send(name, c.core.Beat(name))
			}
		}
		c.grant()
		c.beat(term)
	})
}

func (c *candidate) hear(r *scheduler.Report) {
	if r.Handover != nil && c.core == nil {
		c.estate, c.estateAt = r.Handover, c.p.w.now
	}
	if c.core == nil {
		return
	}
	if r.Handover != nil {
		c.core.Inherit(r.Handover, c.p.w.now) // it came after the lease
	}
	c.core.Take(r, c.p.w.now)
	c.grant()
}

// grant acts only while the lease surely holds.
func (c *candidate) grant() {
	now := c.p.w.now
	if c.lease.valid() {
		out := c.core.Grant(now)
		for _, name := range slices.Sorted(maps.Keys(out)) {
			c.send(name, out[name])
		}
	}
	c.alarm++
	if next := c.core.NextGrant(now); !next.IsZero() {
		mine := c.alarm
		c.p.after(max(next.Sub(now), 0), func() {
			if c.alarm == mine && c.core != nil {
				c.grant()
			}
		})
	}
}

// send puts grants on their way, which the process may not live to see done.
func (c *candidate) send(name string, g *scheduler.Grants) {
	if len(g.Grants) == 0 {
		c.post(name, g)
		return
	}
	c.p.after(c.p.w.moment(), func() { c.post(name, g) })
	if c.p.w.chance(c.p.w.faults.stallsGranting) {
		c.p.w.saw("a leader stands still as it grants")
		c.p.freezeFor(c.p.w.span(leaseTTL, 2*leaseTTL))
	}
}

func (c *candidate) post(name string, g *scheduler.Grants) {
	w := c.p.w
	for _, to := range w.nodes {
		if to.name != name || to.p == nil {
			continue
		}
		if w.chance(w.faults.coreLost) {
			w.saw("grants lost")
			return
		}
		if w.telling && len(g.Grants) > 0 {
			w.tell("%s grants %s %+v", c.p.node.name, name, g.Grants)
		}
		to.p.desk.hand(g, w.trip())
	}
}

// stop hands the lease over.
func (c *candidate) stop() {
	c.leaving = true
	if c.core != nil {
		if c.lease.valid() {
			c.p.desk.tell(scheduler.Report{Node: c.p.node.name, Handover: c.core.Handover(c.p.w.now)}, func(*process) bool { return true })
		}
		c.core = nil
		c.p.w.bucket.release(c.lease, func() {})
	}
}
