package strategy

import (
	"slices"
	"time"

	"dialtone/campaign"
)

// priority serves campaigns in bands: the most urgent that wants tokens goes first.
// Every other band that wants some keeps a guaranteed minimum of the capacity, so that
// it never starves: of every call's cost it is owed that part, and it goes first while
// it is owed anything.  Inside a band: fair.
type priority struct {
	bands   [campaign.LimitPriority]*band // the most urgent first
	of      map[campaign.ID]*band
	minimum float64
}

// band is the campaigns of one priority.
type band struct {
	*tree
	// owed is the cost that the band has not had yet of its minimum; below 0 it has
	// had more.  It is never much above 0, since the band then goes first.
	owed float64
}

func newPriority(t tuning, minimum float64) *priority {
	p := &priority{of: make(map[campaign.ID]*band), minimum: minimum}
	for i := range p.bands {
		p.bands[i] = &band{tree: newTree(t)}
	}
	return p
}

// band is a campaign's.
func (p *priority) band(id campaign.ID) *band {
	b := p.of[id]
	if b == nil {
		b = p.bands[campaign.DefaultPriority-1]
		p.of[id] = b
	}
	return b
}

func (p *priority) Set(id campaign.ID, t Terms) {
	was, is := p.band(id), p.bands[min(max(t.Priority, 1), campaign.LimitPriority)-1]
	if was != is {
		p.move(id, was, is)
	}
	is.set(is.campaign(id), t)
}

// move takes a campaign to another band, at the present of that.
func (p *priority) move(id campaign.ID, from, to *band) {
	n := from.campaign(id)
	eligible := n.at >= 0
	m := to.campaign(id)
	to.inherit(m, n)
	from.forget(id)
	p.of[id] = to
	if eligible {
		to.enter(m)
	}
}

func (p *priority) Enter(id campaign.ID) {
	b := p.band(id)
	b.enter(b.campaign(id))
}

func (p *priority) Leave(id campaign.ID) {
	b := p.band(id)
	if n := b.campaigns[id]; n != nil {
		b.leave(n)
	}
}

func (b *band) wants() bool { return len(b.root.eligible) > 0 }

func (p *priority) Next(now time.Time) (campaign.ID, bool) {
	b, _ := p.turn()
	if b == nil {
		return 0, false
	}
	return b.next(now).id, true
}

// turn is the band whose turn it is, and whether it is by its minimum.
func (p *priority) turn() (b *band, byMinimum bool) {
	for _, c := range p.bands {
		switch {
		case !c.wants():
		case b == nil:
			b = c
		case c.owed > 0:
			return c, true
		}
	}
	return b, false
}

func (p *priority) Grant(id campaign.ID, now time.Time) Charge {
	b := p.band(id)
	turn, byMinimum := p.turn()
	c := b.grant(b.campaign(id), now)
	if turn == b && byMinimum {
		c.kind = guaranteed
	}
	p.account(b, c, c.cost)
	return c
}

// account notes that a band had so much more, and what the bands are owed for it that
// don't go first anyway, itself among them.
func (p *priority) account(b *band, c Charge, cost float64) {
	if c.kind == guaranteed {
		b.owed -= cost
	}
	first := true // who goes first anyway is owed nothing
	for _, other := range p.bands {
		if !other.wants() {
			continue
		}
		if !first {
			other.owed += p.minimum * cost
		}
		first = false
	}
}

// Adopt charges the call inside its band only: minimums are of what is granted from
// now on.
func (p *priority) Adopt(id campaign.ID, now time.Time) Charge {
	b := p.band(id)
	return b.adopt(b.campaign(id), now)
}

func (p *priority) Release(id campaign.ID, c Charge, held time.Duration) {
	b := p.of[id]
	if b == nil {
		b = p.bands[campaign.DefaultPriority-1] // not known any more; any knows the costs
	}
	b.settle(b.campaigns[id], c, held)
	if c.under != nil && c.kind != adopted {
		p.account(p.charged(c), c, b.spent(c, held)-c.cost)
	}
}

// charged is the band that a charge is of; its campaign may be in another by now.
func (p *priority) charged(c Charge) *band {
	root := c.under
	for root.parent != nil {
		root = root.parent
	}
	return p.bands[slices.IndexFunc(p.bands[:], func(b *band) bool { return &b.root == root })]
}

func (p *priority) SetCapacity(channels int, callsPerSecond float64) {
	for _, b := range p.bands {
		b.setCapacity(channels, callsPerSecond)
	}
}

func (p *priority) Forget(id campaign.ID) {
	if b := p.of[id]; b != nil {
		b.forget(id)
		delete(p.of, id)
	}
}
