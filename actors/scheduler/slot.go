package scheduler

import (
	"cmp"
	"slices"
	"time"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/provider/breaker"
)

// slot is a token that somebody holds: a line of the ledger of what is up.
type slot struct {
	token  uint64
	client *client
	pools  []*pool // its provider's; of a call whose provider is not known, all
	node   string  // the holder
	seq    uint64
	since  time.Time

	charges []strategy.Charge // of the pools' strategies
	adopted time.Time         // since when the charges count, where that is not since the grant

	unheard bool // nothing is known of what its provider made of the request
	ticket  breaker.Ticket

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
	if e == campaign.EvidenceAmbiguous && s.unheard {
		s.unheard = false // nobody will say what the provider made of it
		s.pools[0].health.drop(s.ticket)
	}
	if e == campaign.EvidencePlaced {
		for _, p := range s.pools {
			p.health.placed++
		}
		s.hear(campaign.OutcomeAnswered, 0, now)
	}
	if s.sent() && !was {
		for _, p := range s.pools {
			p.saw(s.token, now)
		}
	}
}

// hear takes in what the provider made of the request, once.
func (s *slot) hear(o campaign.Outcome, retryAfter time.Duration, now time.Time) {
	if o == "" || !s.unheard {
		return
	}
	s.unheard = false
	s.pools[0].heard(s.ticket, o, retryAfter, now)
}

func rank(e campaign.Evidence) int {
	return slices.Index([]campaign.Evidence{
		campaign.EvidenceGranted, campaign.EvidencePlacing, campaign.EvidenceAmbiguous, campaign.EvidencePlaced,
	}, e)
}

// adopt has the strategies count the call that they did not grant themselves.
func (s *slot) adopt(now time.Time) {
	s.charges, s.adopted = make([]strategy.Charge, len(s.pools)), now
	for i, p := range s.pools {
		s.charges[i] = p.strategy.Adopt(s.client.id, now)
	}
}

// settle tells the strategies how long the token was held.
func (s *slot) settle(held time.Duration, now time.Time) {
	for i, p := range s.pools {
		p.strategy.Release(s.client.id, s.charges[i], s.used(held, now))
	}
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
	s.hear(p.Outcome, 0, now)
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
	s.hear(r.Outcome, r.RetryAfter, now)
	s.settle(r.Held, now)
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
	s.settle(held, c.now)
	c.free(token, s, held, false)
}

// free takes a slot off the books; held is 0 for a token that was not used.
func (c *Core) free(token uint64, s *slot, held time.Duration, unsent bool) {
	delete(c.slots, token)
	if c.shadow != nil {
		c.shadow.released(s, held)
	}
	if s.unheard {
		s.pools[0].health.drop(s.ticket)
	}
	for _, p := range s.pools {
		s.leave(p, unsent, c.now)
	}
	s.client.held--
	c.consider(s.client)
	c.forget(s.client)
}

// leave takes a slot off a provider's books.  Unsent: it was not asked for a call with
// it.
func (s *slot) leave(p *pool, unsent bool, now time.Time) {
	if s.evidence == campaign.EvidencePlaced {
		p.health.placed--
	}
	switch {
	case s.sent():
	case unsent:
		p.unsent()
	default:
		p.saw(s.token, now)
	}
	p.held--
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
