package actors

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// desk speaks with the scheduler for all actors of a node: it gathers what they
// could use and give back into few messages, and hands out what is granted.  One
// goroutine owns its state; the actors post to its mailbox.
type desk struct {
	node    string
	send    func(scheduler.Report) error
	deliver func(campaign.ID, granted) bool // false: there is no such actor
	log     *slog.Logger
	box     *mailbox[any]
	run     sync.WaitGroup
	cancel  context.CancelFunc

	// Owned by the loop.
	seen       scheduler.Mark
	partitions map[int]int64 // epoch of those whose campaigns are awake
	quieted    map[int]bool  // those that are being given to another node
	clients    map[campaign.ID]*deskClient
	changed    []campaign.ID
	progress   []scheduler.Progress
	releases   []scheduler.Release
	tellAll    bool // the leader should hear at once of all that we have
	retell     bool // and what is known of each of our tokens
}

// deskClient is what the desk knows of a campaign.
type deskClient struct {
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

// What is posted to a desk.
type (
	// wants is a campaign's demand after a turn, what became known of its tokens, and
	// those that it gave back.
	wants struct {
		demand   scheduler.Demand
		progress []machine.Progress
		releases []machine.Release
	}
	// holds replaces what a campaign holds: its machine was built anew.
	holds struct {
		campaign campaign.ID
		tokens   []machine.Progress
	}
	awake struct {
		partition int
		epoch     int64
	}
	// quieted asks for nothing more for a partition, and refuses tokens for it.
	quieted struct{ partition int }
	gone    struct {
		partition int
		campaigns []campaign.ID
	}
	left struct{ campaign campaign.ID }
)

// granted is tokens on their way to an actor.
type granted struct {
	mark   scheduler.Mark
	tokens []machine.Token
}

func newDesk(node string, send func(scheduler.Report) error, deliver func(campaign.ID, granted) bool, log *slog.Logger) *desk {
	return &desk{
		node: node, send: send, deliver: deliver, log: log, box: newMailbox[any](0),
		partitions: make(map[int]int64), quieted: make(map[int]bool), clients: make(map[campaign.ID]*deskClient),
	}
}

// start begins the loop; stop ends it.
func (d *desk) start(b *bus.Bus) error {
	grants, err := bus.Subscribe(b, bus.SubjectGrants(d.node), func(g scheduler.Grants) { d.box.post(&g) })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.run.Go(func() {
		defer grants.Stop()
		d.loop(ctx)
	})
	return nil
}

func (d *desk) stop() {
	if d.cancel != nil {
		d.cancel()
	}
	d.run.Wait()
}

const (
	fullEvery = time.Second
	// fullFirst is how often a desk shows itself until a leader has noticed it.
	fullFirst = 100 * time.Millisecond
)

func (d *desk) loop(ctx context.Context) {
	full := time.NewTimer(fullFirst)
	defer full.Stop()
	for {
		select {
		case <-ctx.Done():
			d.report(true)
			return
		case <-d.box.signal:
			for _, m := range d.box.take() {
				d.take(m)
			}
		case <-full.C:
			d.tellAll = true
			full.Reset(d.fullPause())
		}
		d.report(d.tellAll)
	}
}

func (d *desk) fullPause() time.Duration {
	if d.seen.Term == 0 {
		return fullFirst
	}
	return fullEvery
}

func (d *desk) take(m any) {
	switch m := m.(type) {
	case *wants:
		d.wanted(m)
	case *scheduler.Grants:
		d.grant(m)
	case holds:
		d.rebuilt(m)
	case awake:
		d.tellAll = d.tellAll || d.partitions[m.partition] != m.epoch
		d.partitions[m.partition] = m.epoch
		delete(d.quieted, m.partition)
	case quieted:
		d.quieted[m.partition] = true
		d.askNothing(func(id campaign.ID) bool { return bus.PartitionOf(id) == m.partition })
	case gone:
		d.tellAll = true
		delete(d.partitions, m.partition)
		delete(d.quieted, m.partition)
		for _, id := range m.campaigns {
			delete(d.clients, id)
		}
	case left:
		d.leave(m.campaign)
	}
}

// askNothing withdraws what campaigns could use.
func (d *desk) askNothing(of func(campaign.ID) bool) {
	for id, c := range d.clients {
		if of(id) {
			c.demand.Retries, c.demand.Fresh, c.demand.Routes = 0, 0, nil
			d.touch(c)
		}
	}
}

// quiet reports whether nothing is asked for a campaign any more, and no token taken.
func (d *desk) quiet(id campaign.ID) bool { return d.quieted[bus.PartitionOf(id)] }

func (d *desk) client(id campaign.ID) *deskClient {
	c := d.clients[id]
	if c == nil {
		c = &deskClient{held: make(map[uint64]*heldToken), demand: scheduler.Demand{Campaign: id}}
		d.clients[id] = c
	}
	return c
}

// rebuilt takes over what a new machine found in flight.  Tokens of grants that the
// actor has not answered yet may still be in its mailbox, and then the new
// machine spends them: they stay on the books.
func (d *desk) rebuilt(h holds) {
	c := d.client(h.campaign)
	maps.DeleteFunc(c.held, func(_ uint64, t *heldToken) bool { return !after(t.mark, c.demand.Seen) })
	for _, p := range h.tokens {
		t := &heldToken{provider: p.Token.Provider}
		t.learn(p)
		c.held[p.Token.ID] = t
	}
	d.retell = true // once the leader has heard of these tokens
	c.rebuilt, c.demand.Gone = true, false
}

// settle lets go of what the machine before had taken in and not answered, now that
// the new one says how far the actor has come.
func (d *desk) settle(c *deskClient, seen scheduler.Mark) {
	c.rebuilt = false
	for id, t := range c.held {
		if t.mark != (scheduler.Mark{}) && !after(t.mark, seen) {
			delete(c.held, id)
			d.giveBack(c.demand.Campaign, id)
		}
	}
}

// after reports whether a comes after b in the sequence of Grants.
func after(a, b scheduler.Mark) bool {
	return a.Term > b.Term || (a.Term == b.Term && a.Seq > b.Seq)
}

func (d *desk) wanted(w *wants) {
	c := d.client(w.demand.Campaign)
	if c.rebuilt {
		d.settle(c, w.demand.Seen)
	}
	if d.quiet(w.demand.Campaign) {
		w.demand.Retries, w.demand.Fresh, w.demand.Routes = 0, 0, nil
	}
	if !c.demand.Equal(&w.demand) {
		c.demand = w.demand
		d.touch(c)
	}
	for _, p := range w.progress {
		if t := c.held[p.Token.ID]; t != nil && (t.learn(p) || p.Outcome != "") {
			told := t.progress(p.Token.ID)
			told.Since, told.Outcome = time.Time{}, p.Outcome // since when, who granted it knows
			d.progress = append(d.progress, told)
		}
	}
	for _, r := range w.releases {
		delete(c.held, r.Token.ID)
		d.releases = append(d.releases, scheduler.Release{
			Token: r.Token.ID, Campaign: w.demand.Campaign, Held: r.Held, Unsent: r.Unsent,
			Outcome: r.Outcome, RetryAfter: r.RetryAfter,
		})
	}
}

func (d *desk) touch(c *deskClient) {
	if !c.dirty {
		c.dirty = true
		d.changed = append(d.changed, c.demand.Campaign)
	}
}

// grant hands tokens on.  Those of an older term are of a leader that has been
// replaced; those for another epoch, or for a campaign that has no actor, go back.
func (d *desk) grant(g *scheduler.Grants) {
	if !after(g.Mark, d.seen) {
		return
	}
	d.retell = d.retell || g.Retell || g.Term != d.seen.Term
	d.tellAll = d.tellAll || g.Term != d.seen.Term // a new leader wants to know all
	d.seen = g.Mark
	tokens := make(map[campaign.ID][]machine.Token, len(g.Grants))
	for _, gr := range g.Grants {
		if d.partitions[bus.PartitionOf(gr.Campaign)] != gr.Epoch {
			d.giveBack(gr.Campaign, gr.Tokens...)
			continue
		}
		for _, t := range gr.Tokens {
			tokens[gr.Campaign] = append(tokens[gr.Campaign], machine.Token{ID: t, Provider: gr.Provider})
		}
	}
	for id, ts := range tokens {
		d.hand(g.Mark, id, ts)
	}
}

// hand gives a campaign all that a message brought for it, at once: an actor that
// has seen the message's mark has seen all of it.
func (d *desk) hand(mark scheduler.Mark, id campaign.ID, tokens []machine.Token) {
	c := d.clients[id]
	if d.quiet(id) || c == nil || c.demand.Gone || !d.deliver(id, granted{mark, tokens}) {
		for _, t := range tokens {
			d.giveBack(id, t.ID)
		}
		return
	}
	for _, t := range tokens {
		c.held[t.ID] = &heldToken{provider: t.Provider, mark: mark, evidence: campaign.EvidenceGranted}
	}
}

// giveBack returns tokens that were not used.
func (d *desk) giveBack(id campaign.ID, tokens ...uint64) {
	for _, t := range tokens {
		d.releases = append(d.releases, scheduler.Release{Token: t, Campaign: id, Unsent: true})
	}
}

// leave forgets a campaign that has nothing left to do.
func (d *desk) leave(id campaign.ID) {
	c := d.client(id)
	for t := range c.held {
		d.giveBack(id, t)
	}
	c.demand = scheduler.Demand{Campaign: id, Gone: true, Seen: d.seen}
	clear(c.held)
	d.touch(c)
}
