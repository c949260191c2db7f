package actors

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"
	"dialtone/store"
)

// mailboxBound is how many reports and commands may wait for one campaign.
const mailboxBound = 4096

// actor is one campaign at work.  Its goroutine, run, owns everything but the
// mailbox.
type actor struct {
	*runtime
	id   campaign.ID
	part *partition
	box  *mailbox[any]
	log  *slog.Logger

	mind *machine.Machine
	// life counts the machines built; answers to an older one are dropped.
	life    int
	out     machine.Effects
	inputs  []machine.Input
	pending int            // commits whose answer has not come
	kept    []any          // what came while the machine was built anew, and is for the new one
	asking  []*bus.Request // commands that the machine has not answered
	seen    scheduler.Mark
	told    scheduler.Demand
	first   bool // nothing was told to the desk yet
	broken  bool // a commit failed as a whole: what the machine believes is not so
	// reading: the campaign is being read again; readAgain: and then once more.
	reading, readAgain bool
	// routed is the table that the machine routes by.
	routed  *route.Table
	setback setback
}

// What comes to an actor's mailbox, beside *bus.Request, bus.ReportDelivery,
// granted and *committed.
type (
	// news is the answer to a read or a publication of the life that asked.
	news struct {
		life  int
		input machine.Input
	}
	// reread is the campaign and its zones as they were read again, nil where that
	// failed.
	reread struct {
		life  int
		input *machine.Refreshed
	}
	// rerouted tells that there are other providers.
	rerouted struct{}
	// explained is a request for an explanation, of what, and what the store knows for
	// it.
	explained struct {
		request *bus.Request
		what    ExplainBody
		empty   []campaign.ZoneID
	}
)

func newActor(rt *runtime, p *partition, id campaign.ID) *actor {
	return &actor{
		runtime: rt, id: id, part: p, first: true,
		box: newMailbox[any](mailboxBound),
		log: rt.log.With("campaign", id.String()),
	}
}

// run works until the campaign needs nobody any more, its partition is lost
// (ctx ends), or, when the node stops in good order (begin ends before ctx), until
// everything begun is committed.
func (a *actor) run(ctx, begin context.Context) {
	defer func() {
		a.empty()
		if begin.Err() == nil {
			a.part.awoke(a) // there is no such campaign: nobody need wait for it
		}
	}()
	if !a.wake(ctx, begin) {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	drain := begin.Done()
	for {
		select {
		case <-ctx.Done():
		case <-a.box.signal:
		case <-timer.C:
		case <-drain:
			drain = nil
		}
		if !a.part.holds(time.Now()) {
			a.part.lost()
		}
		if ctx.Err() != nil || !a.turn(ctx, begin) || a.drained(drain == nil) {
			return
		}
		if next := a.mind.NextTick(time.Now()); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// empty gives back what nobody will take in or answer any more, so that the next owner
// gets it at once.
func (a *actor) empty() {
	for _, r := range a.asking {
		r.Again()
	}
	a.asking = nil
	for {
		for _, m := range a.arrived() {
			switch m := m.(type) {
			case bus.ReportDelivery:
				giveBack(m)
			case *bus.Request:
				m.Again()
			case explained:
				m.request.Again()
			}
		}
		if a.box.close() {
			return
		}
	}
}

// drained reports whether a stopping actor has nothing in hand.
func (a *actor) drained(stopping bool) bool {
	return stopping && a.pending == 0 && len(a.kept) == 0 && a.box.empty()
}

// arrived is what is to be taken in, in the order in which it came.
func (a *actor) arrived() []any {
	taken := a.box.take()
	if len(a.kept) > 0 {
		taken = append(a.kept, taken...)
		a.kept = nil
	}
	return taken
}

// turn is one turn; false ends the actor.
func (a *actor) turn(ctx, begin context.Context) bool {
	a.inputs = a.inputs[:0]
	for _, m := range a.arrived() {
		if !a.translate(ctx, m) {
			return false
		}
	}
	a.out.Reset()
	a.mind.Handle(a.inputs, time.Now(), &a.out)
	clear(a.inputs)
	switch {
	case a.out.Rebuild || a.broken:
		a.log.Error("the campaign was not as believed; building it anew from the store")
		return a.setback.rest(begin) && a.wake(ctx, begin)
	case a.out.Renew:
		a.log.Info("the campaign's schedule or routing is of another kind now; building it anew from the store")
		return a.perform(ctx) && a.wake(ctx, begin)
	}
	return a.perform(ctx)
}

// translate makes an input of what was in the mailbox.  It is false when the
// partition has been lost.
func (a *actor) translate(ctx context.Context, m any) bool {
	switch m := m.(type) {
	case bus.ReportDelivery:
		a.input(machine.Reported{Report: m.Report, Ref: m.Receipt})
	case *committed:
		if !a.confirm(m) {
			return false
		}
		if m.life == a.life {
			m.inputs(a)
		}
	case granted:
		a.seen = m.mark
		a.input(machine.Granted{Tokens: m.tokens})
	case news:
		if m.life == a.life {
			a.input(m.input)
		}
	case reread:
		a.refreshed(ctx, m)
	case rerouted:
		a.refresh(ctx)
	case explained:
		a.tell(&m)
	case *bus.Request:
		a.asked(ctx, m)
	}
	return true
}

// confirm counts the answer of the journal.  It is false when the partition has
// been lost.
func (a *actor) confirm(c *committed) bool {
	a.pending--
	if c.fenced() {
		a.log.Info("another node owns this campaign now")
		a.part.lost()
		return false
	}
	return true
}

func (a *actor) input(in machine.Input) { a.inputs = append(a.inputs, in) }

// perform does what the machine wants, in this order: what is to be committed
// goes on its way; what speaks of commits that are confirmed is sent.
func (a *actor) perform(ctx context.Context) bool {
	out := &a.out
	a.commit()
	a.publish()
	for _, ref := range out.Acks {
		a.acknowledge(ref)
	}
	for i := range out.Replies {
		a.reply(&out.Replies[i])
	}
	if len(out.Events) > 0 {
		a.bus.PublishEvents(out.Events)
		out.Events = nil // it is the bus's now
	}
	if out.Load != nil {
		a.load(ctx, *out.Load)
	}
	if out.Refresh {
		a.refresh(ctx)
	}
	a.tellDesk()
	return !out.Retire || a.pending > 0 || len(a.kept) > 0 || !a.part.retire(a)
}

func (a *actor) acknowledge(ref machine.Ref) {
	if err := ref.(bus.Receipt).Ack(); err != nil {
		a.log.Debug("an acknowledgement was lost; the report will come again", "error", err)
	}
}

func (a *actor) reply(r *machine.Reply) {
	req := r.Ref.(*bus.Request)
	a.asking = slices.DeleteFunc(a.asking, func(other *bus.Request) bool { return other == req })
	if r.Err != nil {
		req.Fail(r.Err)
		return
	}
	req.Reply(stateOf(r.Campaign))
}

func (a *actor) publish() {
	if len(a.out.Publish) == 0 {
		return
	}
	ids := make([]campaign.AttemptID, len(a.out.Publish))
	for i := range a.out.Publish {
		ids[i] = a.out.Publish[i].Attempt
	}
	life := a.life
	a.bus.PublishJobs(a.out.Publish, func(err error) {
		if err != nil {
			a.log.Warn("could not publish jobs; trying again", "jobs", len(ids), "error", err)
			a.box.post(news{life, machine.Published{Failed: ids}})
		}
	})
}

// tellDesk passes on what the campaign could use now and gives back.
func (a *actor) tellDesk() {
	d := a.mind.Demand(time.Now())
	demand := scheduler.Demand{
		Campaign: a.id, Seen: a.seen,
		Retries: d.Retries, Fresh: d.Fresh, Limit: d.Limit, Weight: d.Weight,
		Group: d.Group, Priority: d.Priority, Remaining: d.Remaining, Due: d.Due, Length: d.Length,
	}
	for _, r := range d.Routes {
		demand.Routes = append(demand.Routes, scheduler.RouteDemand(r))
	}
	if demand.Equal(&a.told) && len(a.out.Releases)+len(a.out.Progress) == 0 && !a.first {
		return
	}
	a.told, a.first = demand, false
	w := &wants{demand: demand}
	if len(a.out.Releases) > 0 {
		w.releases = slices.Clone(a.out.Releases)
	}
	if len(a.out.Progress) > 0 {
		w.progress = slices.Clone(a.out.Progress)
	}
	a.desk.box.post(w)
}

func (a *actor) load(ctx context.Context, l machine.Load) {
	life := a.life
	a.read(ctx, func() {
		page := a.queued(ctx, l)
		if ctx.Err() == nil {
			a.box.post(news{life, page})
		}
	})
}

// queued reads a page, however long the store takes to answer.
func (a *actor) queued(ctx context.Context, l machine.Load) (page machine.Page) {
	var calls []store.Waiting
	insist(ctx, a.log, "read queued calls", func() (err error) {
		calls, err = a.store.Queued(ctx, a.id, l.Zone, l.After, l.Limit)
		return err
	})
	page.Last = len(calls) < l.Limit
	page.Calls = make([]machine.Waiting, len(calls))
	for i, c := range calls {
		page.Calls[i] = machine.Waiting{ID: c.ID, Claim: c.Claim, Zone: c.Zone, Phone: c.Phone, Provider: c.Provider}
	}
	return page
}
