// Package book is a node's side of the exchange with the scheduler: what its campaigns
// could use, which tokens they hold and what is known of those, and what is to be told
// of it.  The leader's side is scheduler.Core; both say in package scheduler what is
// exchanged, and what a lost message means.
//
// A Book is pure: it is told what happened by Take, sends and hands on through what it
// was made with, and has no clock.  Package actors gives it a goroutine.
package book

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// Book is what one node holds and wants.  It is used by one goroutine.
type Book struct {
	node    string
	send    func(scheduler.Report) error
	deliver func(campaign.ID, Granted) bool
	log     *slog.Logger

	seen       scheduler.Mark
	partitions map[int]int64 // epoch of those whose campaigns are awake
	quieted    map[int]bool  // those that are being given to another node
	clients    map[campaign.ID]*client
	changed    []campaign.ID
	progress   []scheduler.Progress
	releases   []scheduler.Release
	tellAll    bool // the leader should hear at once of all that we have
	retell     bool // and what is known of each of our tokens
}

// client is what the book has of a campaign.
type client struct {
	demand  scheduler.Demand
	held    map[uint64]*heldToken
	dirty   bool
	rebuilt bool // its machine was built anew, and its actor has not spoken since
}

// heldToken is where a token is for, the Grants that it came with, none for a
// token that a machine made up for what it found in flight, and what is known of its
// call.
type heldToken struct {
	provider string
	mark     scheduler.Mark
	evidence campaign.Evidence
	attempt  campaign.AttemptID
	to       string
	since    time.Time
}

// learn takes over what a machine tells; it is false for nothing new.
func (t *heldToken) learn(p machine.Progress) bool {
	news := t.evidence != p.Evidence || t.to != p.To
	t.evidence, t.attempt, t.to, t.since = p.Evidence, p.Attempt, p.To, p.Since
	return news
}

func (t *heldToken) progress(id uint64) scheduler.Progress {
	return scheduler.Progress{Token: id, Evidence: t.evidence, Attempt: t.attempt, To: t.to, Since: t.since}
}

// What a Book is told.
type (
	// Wants is a campaign's demand after a turn, what became known of its tokens, and
	// those that it gave back.
	Wants struct {
		Demand   scheduler.Demand
		Progress []machine.Progress
		Releases []machine.Release
	}
	// Holds replaces what a campaign holds: its machine was built anew.
	Holds struct {
		Campaign campaign.ID
		Tokens   []machine.Progress
	}
	// Awake: all campaigns of a partition stand, and have told what they hold.
	Awake struct {
		Partition int
		Epoch     int64
	}
	// Quieted: a partition is being given to another node.  Nothing more is asked for it,
	// and tokens for it are refused.
	Quieted struct{ Partition int }
	// Gone: a partition is not the node's any more, nor are these campaigns.
	Gone struct {
		Partition int
		Campaigns []campaign.ID
	}
	// Left: a campaign has nothing left to do, and no actor.
	Left struct{ Campaign campaign.ID }
)

// Granted is tokens on their way to an actor.
type Granted struct {
	Mark   scheduler.Mark
	Tokens []machine.Token
}

// New makes the book of a node.  send tells the leader, who may not hear it; what it was
// given is the book's again when it returns.  deliver hands tokens to a campaign's actor,
// and is false where there is none.
func New(node string, send func(scheduler.Report) error, deliver func(campaign.ID, Granted) bool, log *slog.Logger) *Book {
	return &Book{
		node: node, send: send, deliver: deliver, log: log,
		partitions: make(map[int]int64), quieted: make(map[int]bool), clients: make(map[campaign.ID]*client),
	}
}

const (
	// FullEvery is how often the leader is told all.
	FullEvery = time.Second
	// FullFirst is how often a node shows itself until a leader has noticed it.
	FullFirst = 100 * time.Millisecond
)

// FullPause is how long after a report of all the next one is due.
func (b *Book) FullPause() time.Duration {
	if b.seen.Term == 0 {
		return FullFirst
	}
	return FullEvery
}

// TellAll has the next Report tell all.
func (b *Book) TellAll() { b.tellAll = true }

// Take takes in one of the messages of this package, or a *scheduler.Grants.
func (b *Book) Take(m any) {
	switch m := m.(type) {
	case *Wants:
		b.wanted(m)
	case *scheduler.Grants:
		b.grant(m)
	case Holds:
		b.rebuilt(m)
	case Awake:
		b.tellAll = b.tellAll || b.partitions[m.Partition] != m.Epoch
		b.partitions[m.Partition] = m.Epoch
		delete(b.quieted, m.Partition)
	case Quieted:
		b.quieted[m.Partition] = true
		b.askNothing(m.Partition)
	case Gone:
		b.tellAll = true
		delete(b.partitions, m.Partition)
		delete(b.quieted, m.Partition)
		for _, id := range m.Campaigns {
			delete(b.clients, id)
		}
	case Left:
		b.leave(m.Campaign)
	}
}

// askNothing withdraws what the campaigns of a partition could use.
func (b *Book) askNothing(partition int) {
	for _, id := range b.campaigns() {
		if c := b.clients[id]; bus.PartitionOf(id) == partition {
			c.demand.Retries, c.demand.Fresh, c.demand.Routes = 0, 0, nil
			b.touch(c)
		}
	}
}

// quiet reports whether nothing is asked for a campaign any more, and no token taken.
func (b *Book) quiet(id campaign.ID) bool { return b.quieted[bus.PartitionOf(id)] }

func (b *Book) client(id campaign.ID) *client {
	c := b.clients[id]
	if c == nil {
		c = &client{held: make(map[uint64]*heldToken), demand: scheduler.Demand{Campaign: id}}
		b.clients[id] = c
	}
	return c
}

// rebuilt takes over what a new machine found in flight.  Tokens of grants that the
// actor has not answered yet may still be in its mailbox, and then the new
// machine spends them: they stay on the books.
func (b *Book) rebuilt(h Holds) {
	c := b.client(h.Campaign)
	maps.DeleteFunc(c.held, func(_ uint64, t *heldToken) bool { return !after(t.mark, c.demand.Seen) })
	for _, p := range h.Tokens {
		t := &heldToken{provider: p.Token.Provider}
		t.learn(p)
		c.held[p.Token.ID] = t
	}
	b.retell = true // once the leader has heard of these tokens
	c.rebuilt, c.demand.Gone = true, false
}

// settle lets go of what the machine before had taken in and not answered, now that
// the new one says how far the actor has come.
func (b *Book) settle(c *client, seen scheduler.Mark) {
	c.rebuilt = false
	for _, id := range slices.Sorted(maps.Keys(c.held)) {
		if t := c.held[id]; t.mark != (scheduler.Mark{}) && !after(t.mark, seen) {
			delete(c.held, id)
			b.giveBack(c.demand.Campaign, id)
		}
	}
}

// after reports whether a comes after b in the sequence of Grants.
func after(a, b scheduler.Mark) bool {
	return a.Term > b.Term || (a.Term == b.Term && a.Seq > b.Seq)
}

func (b *Book) wanted(w *Wants) {
	c := b.client(w.Demand.Campaign)
	if c.rebuilt {
		b.settle(c, w.Demand.Seen)
	}
	if b.quiet(w.Demand.Campaign) {
		w.Demand.Retries, w.Demand.Fresh, w.Demand.Routes = 0, 0, nil
	}
	if !c.demand.Equal(&w.Demand) {
		c.demand = w.Demand
		b.touch(c)
	}
	for _, p := range w.Progress {
		if t := c.held[p.Token.ID]; t != nil && (t.learn(p) || p.Outcome != "") {
			told := t.progress(p.Token.ID)
			told.Since, told.Outcome = time.Time{}, p.Outcome // since when, who granted it knows
			b.progress = append(b.progress, told)
		}
	}
	for _, r := range w.Releases {
		delete(c.held, r.Token.ID)
		b.releases = append(b.releases, scheduler.Release{
			Token: r.Token.ID, Campaign: w.Demand.Campaign, Held: r.Held, Unsent: r.Unsent,
			Outcome: r.Outcome, RetryAfter: r.RetryAfter,
		})
	}
}

func (b *Book) touch(c *client) {
	if !c.dirty {
		c.dirty = true
		b.changed = append(b.changed, c.demand.Campaign)
	}
}

// grant hands tokens on.  Those of an older term are of a leader that has been
// replaced; those for another epoch, or for a campaign that has no actor, go back.
func (b *Book) grant(g *scheduler.Grants) {
	if !after(g.Mark, b.seen) {
		return
	}
	b.retell = b.retell || g.Retell || g.Term != b.seen.Term
	b.tellAll = b.tellAll || g.Term != b.seen.Term // a new leader wants to know all
	b.seen = g.Mark
	tokens := make(map[campaign.ID][]machine.Token, len(g.Grants))
	for _, gr := range g.Grants {
		if b.partitions[bus.PartitionOf(gr.Campaign)] != gr.Epoch {
			b.giveBack(gr.Campaign, gr.Tokens...)
			continue
		}
		for _, t := range gr.Tokens {
			tokens[gr.Campaign] = append(tokens[gr.Campaign], machine.Token{ID: t, Provider: gr.Provider})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(tokens)) {
		b.hand(g.Mark, id, tokens[id])
	}
}

// hand gives a campaign all that a message brought for it, at once: an actor that
// has seen the message's mark has seen all of it.
func (b *Book) hand(mark scheduler.Mark, id campaign.ID, tokens []machine.Token) {
	c := b.clients[id]
	if b.quiet(id) || c == nil || c.demand.Gone || !b.deliver(id, Granted{mark, tokens}) {
		for _, t := range tokens {
			b.giveBack(id, t.ID)
		}
		return
	}
	for _, t := range tokens {
		c.held[t.ID] = &heldToken{provider: t.Provider, mark: mark, evidence: campaign.EvidenceGranted}
	}
}

// giveBack returns tokens that were not used.
func (b *Book) giveBack(id campaign.ID, tokens ...uint64) {
	for _, t := range tokens {
		b.releases = append(b.releases, scheduler.Release{Token: t, Campaign: id, Unsent: true})
	}
}

// leave forgets a campaign that has nothing left to do.
func (b *Book) leave(id campaign.ID) {
	c := b.client(id)
	b.giveBack(id, slices.Sorted(maps.Keys(c.held))...)
	c.demand = scheduler.Demand{Campaign: id, Gone: true, Seen: b.seen}
	clear(c.held)
	b.touch(c)
}
