package scheduler

import (
	"slices"
	"time"
)

// Handover is what a leader that ends in good order knows of the providers' latest
// requests, and its successor can't learn from what the nodes hold: without it, that lets
// the window of each provider go by before it grants.
type Handover struct {
	Term      uint64     `json:"term"`
	Providers []Requests `json:"providers"`
}

// Requests are a provider's.
type Requests struct {
	Provider string `json:"provider"`
	// Window is how long a request counts after it was seen.
	Window time.Duration `json:"window_ns"`
	// Seen is how long ago the provider surely had seen each of those that count still.
	Seen []time.Duration `json:"seen_ns,omitempty"`
	// Sent are the tokens of calls that are up, whose requests are among Seen or have ceased
	// to count; Open are those of which it is not known whether the provider has seen the
	// request yet.
	Sent []uint64 `json:"sent,omitempty"`
	Open []uint64 `json:"open,omitempty"`
}

// inherited is what is left to do of a provider's Requests.
type inherited struct {
	sent map[uint64]bool
	open []uint64
}

// noted reports whether the request of a token is among those that were seen.
func (i *inherited) noted(token uint64) bool { return i != nil && i.sent[token] }

// disinherit has the providers' windows go by after all: somebody led in between.
func (c *Core) disinherit() {
	for _, p := range c.pools {
		p.inherited = nil
	}
}

// Handover is what a successor wants to know, when nothing more is granted.  Providers of
// which this leader does not know enough itself are not in it.
func (c *Core) Handover(now time.Time) *Handover {
	h := &Handover{Term: c.term}
	if !c.Ready() {
		return h
	}
	for _, p := range c.pools {
		if p.window == 0 || now.Before(p.quiet) {
			continue
		}
		r := Requests{Provider: p.name, Window: p.window}
		p.recent(now)
		for _, at := range p.seen {
			r.Seen = append(r.Seen, now.Sub(at))
		}
		for token, s := range c.slots {
			switch {
			case !slices.Contains(s.pools, p):
			case s.sent():
				r.Sent = append(r.Sent, token)
			default:
				r.Open = append(r.Open, token)
			}
		}
		slices.Sort(r.Sent)
		slices.Sort(r.Open)
		h.Providers = append(h.Providers, r)
	}
	return h
}

// Inherit takes over what the leader before has told, who ended at a time, or a little
// before.  Nobody may have led since.
func (c *Core) Inherit(h *Handover, at time.Time) {
	if c.Ready() || c.heirOf != 0 || h.Term >= c.term {
		return
	}
	c.heirOf = h.Term
	for _, r := range h.Providers {
		p := c.known(r.Provider)
		if p == nil || r.Window != p.window {
			continue
		}
		p.inherited = &inherited{sent: make(map[uint64]bool, len(r.Sent)), open: r.Open}
		for _, t := range r.Sent {
			p.inherited.sent[t] = true
		}
		for _, ago := range r.Seen {
			p.seen = append(p.seen, at.Add(-ago))
		}
		slices.SortFunc(p.seen, time.Time.Compare)
	}
}

// settleIn makes up for what is in nobody's Full, when the last owner has told what it
// holds: calls that a provider saw just before, and that have ended.  From the leader
// before it is known which they can be; else the provider's window goes by.
func (c *Core) settleIn(wasReady bool, now time.Time) {
	if wasReady || !c.Ready() {
		return
	}
	for _, p := range c.pools {
		if p.inherited == nil {
			p.settle(now)
			continue
		}
		for _, t := range p.inherited.open {
			if c.slots[t] == nil && p.window > 0 {
				p.seen = append(p.seen, now)
			}
		}
	}
}
