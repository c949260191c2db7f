package scheduler

import "dialtone/bus"

// termGap is how far a term that is raised goes beyond the one that a node has
// seen: more than its leader can have named tokens.
const termGap = 1 << 32

// leapOf spreads leaders that begin at different times over some four thousand numbers
// (Fibonacci hashing).
func leapOf(term uint64) uint64 { return term * 0x9e3779b97f4a7c15 >> 52 }

// acknowledged reports whether a node's Full was written under this term.  Only
// such a one counts: whoever wrote it drops what an earlier leader may still
// have on the way to it, so nothing can come on top of what it tells.  A node
// that has not heard of this term is greeted, and answers with a Full.
func (c *Core) acknowledged(node string, f *Full) bool {
	if f.Seen.Term == c.term {
		return true
	}
	if f.Seen.Term > c.term {
		c.raise(f.Seen.Term)
	}
	if f.Seen.Term > c.heirOf {
		c.disinherit()
	}
	c.unaware[node] = true
	return false
}

// raise begins the term anew above one that a node has seen already: the leader
// before had a clock that is ahead of ours, and nodes drop what bears a lower
// term.  Every partition must speak again; the books and the sequences go on.
//
// How far above is this leader's own: two that are behind one after the other, and hear of
// the same term first, would else go by the same one, and name their tokens alike.
func (c *Core) raise(seen uint64) {
	c.term = seen + termGap*(1+c.leap)
	c.token = max(c.token, c.term)
	c.missing = bus.Partitions
	for i := range c.partition {
		c.partition[i].known = false
	}
}

// Greet has nodes told of this term at once, that they tell in turn what they hold: each
// would be heard of within a second anyway.
func (c *Core) Greet(nodes []string) {
	for _, node := range nodes {
		c.unaware[node] = true
	}
}

// greetings are empty Grants for the nodes that have not heard of this term.
func (c *Core) greetings() map[string]*Grants {
	out := make(map[string]*Grants, len(c.unaware))
	for node := range c.unaware {
		out[node] = c.Beat(node)
	}
	clear(c.unaware)
	return out
}
