package scheduler

import (
	"cmp"
	"slices"
	"time"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// slot is a token that somebody holds: a line of the ledger of what is up.
type slot struct {
	client *client
	pools  []*pool // its provider's; of a call whose provider is not known, all
	node   string  // the holder
	seq    uint64
	since  time.Time

	charge  strategy.Charge
	adopted time.Time // since when the charge counts, where that is not since the grant

	evidence campaign.Evidence
	attempt  campaign.AttemptID
	to       string
}

// provider is the name of it, "" where that is not known.
func (s *slot) provider() string {
	if len(s.pools) != 1 {
		return ""
	}
	return s.pools[0].name
}

// sent reports whether the provider has surely seen the request.
func (s *slot) sent() bool {
	return s.evidence == campaign.EvidencePlaced || s.evidence == campaign.EvidenceAmbiguous
}

// show takes over how far the call has come.  Evidence never goes back: an older word
// may come after a newer one.
func (s *slot) show(e campaign.Evidence, now time.Time) {
	if rank(e) <= rank(s.evidence) {
		return
	}
	was := s.sent()
	s.evidence = e
	if s.sent() && !was {
		for _, p := range s.pools {
			p.saw(now)
		}
	}
}

func rank(e campaign.Evidence) int {
	return slices.Index([]campaign.Evidence{
		campaign.EvidenceGranted, campaign.EvidencePlacing, campaign.EvidenceAmbiguous, campaign.EvidencePlaced,
	}, e)
}

// adopt has a strategy count the call that it did not grant itself.
func (s *slot) adopt(by strategy.Strategy, now time.Time) {
	s.charge, s.adopted = by.Adopt(s.client.id), now
}

// used is how long the token was held for its charge, of the time that it was held.
func (s *slot) used(held time.Duration, now time.Time) time.Duration {
	if held == 0 || s.adopted.IsZero() {
		return held
	}
	return max(min(held, now.Sub(s.adopted)), 1)
}

// learn takes in what has become known of a token.
func (c *Core) learn(p *Progress, now time.Time) {
	s := c.slots[p.Token]
	if s == nil {
		return // not counted yet, or not any more
	}
	s.show(p.Evidence, now)
	s.attempt, s.to = p.Attempt, cmp.Or(p.To, s.to)
	if !p.Since.IsZero() {
		s.since = p.Since
	}
}

func (c *Core) release(r *Release, now time.Time) {
	s := c.slots[r.Token]
	if s == nil {
		return // released before, or of a term that nobody holds any more
	}
	if r.Held > 0 {
		s.client.calls.See(r.Held)
	}
	c.strategy.Release(s.client.id, s.charge, s.used(r.Held, now))
	c.free(r.Token, s, r.Held, r.Unsent)
}

// writeOff takes a slot off the books of which nobody said how long it was held: its
// release was lost, or its grant, or the campaign's new owner holds another for the
// same call.
func (c *Core) writeOff(token uint64, s *slot) {
	held := time.Duration(0)
	if s.evidence != campaign.EvidenceGranted {
		held = c.now.Sub(s.since)
	}
	c.strategy.Release(s.client.id, s.charge, s.used(held, c.now))
	c.free(token, s, held, false)
}

// free takes a slot off the books; held is 0 for a token that was not used.
func (c *Core) free(token uint64, s *slot, held time.Duration, unsent bool) {
	delete(c.slots, token)
	if c.shadow != nil {
		c.shadow.released(s, held)
	}
	for _, p := range s.pools {
		switch {
		case s.sent():
		case unsent:
			p.unsent()
		default:
			p.saw(c.now)
		}
		p.held--
	}
	s.client.held--
	c.consider(s.client)
	c.forget(s.client)
}

// SlotQuery selects slots.
type SlotQuery struct {
	Campaign campaign.ID `json:"campaign,omitempty"` // 0 is any
	Limit    int         `json:"limit,omitempty"`    // 0 is DefaultSlots
}

// The bounds of a SlotQuery's Limit.
const (
	DefaultSlots = 1000
	MostSlots    = 10_000
)

// Slots copies the ledger's lines, in no order.
func (c *Core) Slots(q SlotQuery, now time.Time) []Slot {
	out := make([]Slot, 0, len(c.slots))
	for t, s := range c.slots {
		if q.Campaign != 0 && s.client.id != q.Campaign {
			continue
		}
		out = append(out, Slot{
			Token: tokenName(t), Campaign: s.client.id, Provider: s.provider(), Node: s.node,
			Since: s.since, Age: now.Sub(s.since).Seconds(),
			Evidence: s.evidence, Call: s.attempt.Call(), Attempt: s.attempt, To: s.to,
		})
	}
	return out
}

// page sorts slots, the oldest first, and cuts them to the limit.
func (q SlotQuery) page(all []Slot) Slots {
	slices.SortFunc(all, func(a, b Slot) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Token, b.Token))
	})
	return Slots{Total: len(all), Slots: all[:min(cmp.Or(q.Limit, DefaultSlots), len(all))]}
}
