package actors

import (
	"context"
	"log/slog"
	"time"

	"dialtone/actors/clerk"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/store"
)

// mailboxBound is how many reports and commands may wait for one campaign.
const mailboxBound = 4096

// actor is one campaign at work: a clerk with a mailbox and a goroutine, run, which owns
// everything but the mailbox.
type actor struct {
	*runtime
	id    campaign.ID
	part  *partition
	box   *mailbox[any]
	log   *slog.Logger
	clerk *clerk.Clerk

	ctx     context.Context // of run
	kept    []any           // what came while the machine was built anew, and is for the new one
	setback setback
	// unreadable: no machine can be built, see doWithout.
	unreadable bool
}

// What comes to an actor's mailbox, beside *bus.Request, bus.ReportDelivery, granted and
// what else its clerk takes.
type (
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
	a := &actor{
		runtime: rt, id: id, part: p,
		box: newMailbox[any](mailboxBound),
		log: rt.log.With("campaign", id.String()),
	}
	a.clerk = clerk.New(a, id, store.Fence{Partition: p.number, Epoch: p.epoch}, a.log)
	return a
}

// run works until the campaign needs nobody any more, its partition is lost
// (ctx ends), or, when the node stops in good order (begin ends before ctx), until
// everything begun is committed.
func (a *actor) run(ctx, begin context.Context) {
	a.ctx = ctx
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
		if next := a.clerk.Mind().NextTick(time.Now()); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// empty gives back what nobody will take in or answer any more, so that the next owner
// gets it at once.
func (a *actor) empty() {
	for _, r := range a.clerk.Unanswered() {
		r.(*bus.Request).Again()
	}
	for {
		for _, m := range a.arrived() {
			switch m := m.(type) {
			case bus.ReportDelivery:
				clerk.GiveBack(m)
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
	return stopping && a.clerk.Settled() && len(a.kept) == 0 && a.box.empty()
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
	for _, m := range a.arrived() {
		if !a.take(ctx, m) {
			a.deposed()
			return false
		}
	}
	next := a.clerk.Turn(time.Now())
	switch next {
	case clerk.Rebuild:
		a.log.Error("the campaign was not as believed; building it anew from the store")
		return a.setback.rest(begin) && a.wake(ctx, begin)
	case clerk.Renew:
		a.log.Info("the campaign's schedule or routing is of another kind now; building it anew from the store")
		return a.wake(ctx, begin)
	}
	return !a.retires(next)
}

// retires lets the actor go, if nothing is left to do and nothing has come.
func (a *actor) retires(next clerk.Next) bool {
	return next == clerk.Retire && len(a.kept) == 0 && a.part.retire(a)
}

// deposed ends the partition, whose campaigns another node owns now.
func (a *actor) deposed() {
	a.log.Info("another node owns this campaign now")
	a.part.lost()
}

// take takes in what was in the mailbox.  It is false when the partition has been lost.
func (a *actor) take(ctx context.Context, m any) bool {
	switch m := m.(type) {
	case rerouted:
		a.clerk.Refresh()
	case explained:
		a.tell(&m)
	case *bus.Request:
		a.asked(ctx, m)
	default:
		return a.clerk.Take(m)
	}
	return true
}

// Submit, PublishJobs, PublishEvents, Load, Reread and Tell are what the clerk has done.

// Submit hands a commit to the journal, whose answer comes to the mailbox.
func (a *actor) Submit(c *clerk.Commit) {
	a.journal.Submit(c.Ops, func(stats map[campaign.ID]campaign.Stats, err error) {
		c.Answered(a.id, stats, err)
		a.box.post(c)
	})
}

// PublishJobs hands jobs to the callers.
func (a *actor) PublishJobs(jobs []campaign.Job, life int) {
	ids := make([]campaign.AttemptID, len(jobs))
	for i := range jobs {
		ids[i] = jobs[i].Attempt
	}
	a.bus.PublishJobs(jobs, func(err error) {
		if err != nil {
			a.log.Warn("could not publish jobs; trying again", "jobs", len(ids), "error", err)
			a.box.post(clerk.News{Life: life, Input: machine.Published{Failed: ids}})
		}
	})
}

// PublishEvents publishes what happened.
func (a *actor) PublishEvents(events []campaign.Event) { a.bus.PublishEvents(events) }

// Tell posts to the node's desk.
func (a *actor) Tell(m any) { a.desk.box.post(m) }

// Load reads a page beside the actor.
func (a *actor) Load(l machine.Load, life int) {
	ctx := a.ctx
	a.read(ctx, func() {
		page := a.queued(ctx, l)
		if ctx.Err() == nil {
			a.box.post(clerk.News{Life: life, Input: page})
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
