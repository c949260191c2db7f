package scheduler

import (
	"math"
	"slices"
	"time"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign/route"
	"dialtone/provider"
)

// path is a route as the pools see it.  Campaigns of the same route share it, and so
// its turns.
type path struct{ tiers [][]turn }

// turn is a pool's place in a tier.  What it is given follows the weights, whichever of
// them are free when: smooth weighted round robin, as nginx does it (Ermakov, 2012).
type turn struct {
	pool   *pool
	weight float64
	credit float64
}

// best is the pool that takes the next call: of the first tier of which any is free.  It
// is nil where none is.
func (p *path) best(now time.Time) *turn {
	for _, tier := range p.tiers {
		var found *turn
		for i := range tier {
			if t := &tier[i]; t.pool.free(now) && (found == nil || t.credit+t.weight > found.credit+found.weight) {
				found = t
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// took notes that a pool took a call for which others in its tier were free as well.
func (p *path) took(pool *pool, now time.Time) {
	for _, tier := range p.tiers {
		if !slices.ContainsFunc(tier, func(t turn) bool { return t.pool == pool }) {
			continue
		}
		total := 0.0
		for i := range tier {
			if t := &tier[i]; t.pool == pool || t.pool.free(now) {
				t.credit += t.weight
				total += t.weight
			}
		}
		for i := range tier {
			if tier[i].pool == pool {
				tier[i].credit -= total
			}
		}
		return
	}
}

// path finds the path of a route, or makes it.  A route that can't be read, or names
// nobody who is known, leads nowhere.
func (c *Core) path(r route.Route) *path {
	if p := c.paths[r]; p != nil {
		return p
	}
	tiers, _ := r.Tiers()
	p := &path{}
	for _, tier := range tiers {
		var turns []turn
		for _, choice := range tier {
			if pool := c.known(choice.Provider); pool != nil {
				turns = append(turns, turn{pool: pool, weight: choice.Weight})
			}
		}
		if len(turns) > 0 {
			p.tiers = append(p.tiers, turns)
		}
	}
	c.paths[r] = p
	return p
}

// anywhere is the path of calls that any provider may place.
func (c *Core) anywhere() *path {
	if c.all == nil {
		c.all = &path{tiers: make([][]turn, 1)}
		for _, p := range c.pools {
			c.all.tiers[0] = append(c.all.tiers[0], turn{pool: p, weight: 1})
		}
	}
	return c.all
}

// ways are a campaign's paths and how many of its calls could go by each.
type way struct {
	path  *path
	ready int
}

func (c *Core) route(cl *client) {
	cl.ways = cl.ways[:0]
	for _, r := range cl.demand.Routes {
		cl.ways = append(cl.ways, way{c.path(r.Route), r.Ready})
	}
	if cl.demand.Routes == nil {
		cl.ways = append(cl.ways, way{c.anywhere(), cl.demand.Retries + cl.demand.Fresh})
	}
}

// left is how many of a campaign's calls could still go by a way, beyond what was sent
// to it.
func (cl *client) left(w *way) int {
	n := w.ready
	for i := range cl.sent {
		if cl.sent[i].path == w.path {
			n -= cl.sent[i].n
		}
	}
	return max(0, n)
}

// waitsAt reports whether a provider could take more of a campaign's calls.
func (cl *client) waitsAt(p *pool) bool {
	for i := range cl.ways {
		if w := &cl.ways[i]; w.path.leads(p) && cl.left(w) > 0 {
			return true
		}
	}
	return false
}

// termsAt is what a campaign brings to the distribution of one provider.  Of the calls
// that it has still to place, those are counted there that are the provider's part by
// its channels, or a deadline would be reserved for at each of them in full.
func (cl *client) termsAt(p *pool, pools []*pool) strategy.Terms {
	t := cl.terms()
	all, own := 0.0, 0.0
	for _, other := range pools {
		if cl.leads(other) && !other.drained && !other.removed {
			all += other.size()
			if other == p {
				own = other.size()
			}
		}
	}
	if own > 0 && own < all {
		t.Remaining = int(math.Ceil(float64(t.Remaining) * own / all))
	}
	return t
}

// size is how many calls a provider takes, for comparing it with others.
func (p *pool) size() float64 {
	const boundless = 1000
	if p.limits.Channels == 0 {
		return boundless
	}
	return float64(p.limits.Channels)
}

// leads reports whether any of a campaign's ways leads to a provider.
func (cl *client) leads(to *pool) bool {
	return slices.ContainsFunc(cl.ways, func(w way) bool { return w.path.leads(to) })
}

// place finds the pool on which a campaign's next call goes, when it is its turn at one
// of them, and by which path: on a better one of the same route, if that is free.
func (cl *client) place(at *pool, now time.Time) (on *pool, by *path) {
	for i := range cl.ways {
		w := &cl.ways[i]
		if !w.path.leads(at) || cl.left(w) == 0 {
			continue
		}
		best := w.path.best(now)
		switch {
		case best == nil:
		case best.pool == at:
			return at, w.path
		case on == nil:
			on, by = best.pool, w.path
		}
	}
	return on, by
}

func (p *path) leads(to *pool) bool {
	for _, tier := range p.tiers {
		for i := range tier {
			if tier[i].pool == to {
				return true
			}
		}
	}
	return false
}

// known is the pool of a provider, or nil.
func (c *Core) known(name string) *pool {
	for _, p := range c.pools {
		if p.name == name {
			return p
		}
	}
	return nil
}

// pool finds a provider's pool.  Calls may be up at a provider that is not
// configured any more; nothing is granted there, but they are counted.
func (c *Core) pool(name string, now time.Time) *pool {
	p := c.known(name)
	if p == nil {
		p = c.addPool(name, provider.Limits{}, now)
		p.removed = true
		c.reroute()
	}
	return p
}

func (c *Core) addPool(name string, l provider.Limits, now time.Time) *pool {
	p := newPool(name, l, now)
	p.index = len(c.pools)
	p.strategy, p.drained = c.build(), c.drained[name]
	c.pools = append(c.pools, p)
	return p
}

// reroute reckons all paths anew, after the pools have changed.
func (c *Core) reroute() {
	c.paths, c.all = make(map[route.Route]*path), nil
	for _, cl := range c.sorted() {
		c.route(cl)
		c.introduce(cl)
		c.consider(cl)
	}
}

// Configure puts other providers and limits in force, from the next grant on.  One that
// is missing gets no calls any more; those that are up there are counted until they
// end.
func (c *Core) Configure(limits map[string]provider.Limits, now time.Time) {
	c.pass(now)
	for _, p := range c.pools {
		l, configured := limits[p.name]
		p.removed = !configured
		if configured && l != p.limits {
			p.limit(l)
			p.settle(now)
		}
	}
	for _, name := range sortedNames(limits) {
		if c.known(name) == nil {
			c.addPool(name, limits[name], now).settle(now)
		}
	}
	c.share()
	c.reroute()
}

// Drain keeps calls from the providers named, and from no others, be they configured
// now or later.
func (c *Core) Drain(drained map[string]bool) {
	c.drained, c.blind = drained, false
	for _, p := range c.pools {
		p.drained = drained[p.name]
	}
}

func sortedNames(limits map[string]provider.Limits) []string {
	names := make([]string, 0, len(limits))
	for name := range limits {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
