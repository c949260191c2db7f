// Package clerk stands between a campaign's machine (campaign/machine) and the world: it
// makes operations of what the machine wants written, inputs of what came of them, and
// performs the machine's effects in one fixed order,
//
//	store commit ─▶ publish ─▶ acknowledge ─▶ answer ─▶ tell ─▶ read
//
// of which all but the first speak of commits that are confirmed.
//
// A Clerk is pure: it has no clock and no goroutine, and what it has done in the world is
// asked for through World, whose answers come back as messages to Take.  Package actors
// gives it a mailbox, a goroutine and the real world; package simulation a made-up one.
//
// # Lives
//
// When the machine's view proves wrong, or its settings are of another kind, a new one is
// built from the store: a new life.  Before that everything submitted must have been
// answered (Settled), since what is read must not be older than what the last life wrote.
// What was asked for by the last life and is answered to the next one is dropped.
package clerk

import (
	"log/slog"
	"slices"
	"time"

	"dialtone/actors/book"
	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"
	"dialtone/store"
)

// World is where a Clerk has things done.  None of its methods waits.
type World interface {
	// Submit hands a commit to the journal.  Once it was answered (Commit.Answered), it
	// goes to Take.
	Submit(*Commit)
	// PublishJobs hands jobs to the callers.  The slice is the Clerk's again when it
	// returns.  That some may not have arrived goes to Take as a News, of the life given,
	// with machine.Published.
	PublishJobs(jobs []campaign.Job, life int)
	// PublishEvents takes the slice over.
	PublishEvents([]campaign.Event)
	// Load reads a page, which goes to Take as a News with machine.Page.
	Load(l machine.Load, life int)
	// Reread reads the campaign, and then its zones: in this order no zone of a contact
	// that the campaign counts is missing.  It goes to Take as a Reread.
	Reread(life int)
	// Tell tells the node's book: a *book.Wants or a book.Holds.
	Tell(any)
}

// Request is a command from outside, answered once.
type Request interface {
	Reply(any)
	Fail(error)
}

// State is the answer to a command that was obeyed.
type State struct {
	ID     campaign.ID     `json:"id"`
	Name   string          `json:"name"`
	Status campaign.Status `json:"status"`
	Stats  campaign.Stats  `json:"stats"`
}

// StateOf is a campaign's.
func StateOf(c campaign.Campaign) State {
	return State{ID: c.ID, Name: c.Name, Status: c.Status, Stats: c.Stats}
}

// What a Clerk takes, beside bus.ReportDelivery, book.Granted and *Commit.
type (
	// News is the answer to a read or a publication, of the life that asked.
	News struct {
		Life  int
		Input machine.Input
	}
	// Reread is the campaign and its zones as they were read again, nil where that
	// failed: then they are read again soon.
	Reread struct {
		Life  int
		Input *machine.Refreshed
	}
	// Asked is a command and who waits for its answer.
	Asked struct {
		machine.Command
		Request Request
	}
)

// Next is what is to be done after a turn.
type Next int

// What is to be done.
const (
	// Go on: take the next turn when something came, or Mind().NextTick has.
	Go Next = iota
	// Rebuild: the machine's view is not so, or nobody knows what became of a commit.
	// Nothing of the turn was performed.  Build a new machine, after a pause.
	Rebuild
	// Renew: build a new machine at once.
	Renew
	// Retire: nothing is left to do, and no answer is awaited.
	Retire
)

// Clerk is one campaign's.  It is used by one goroutine.
type Clerk struct {
	world World
	id    campaign.ID
	fence store.Fence
	log   *slog.Logger

	mind *machine.Machine
	// life counts the machines built; answers to an older one are dropped.
	life    int
	out     machine.Effects
	inputs  []machine.Input
	pending int       // commits whose answer has not come
	asking  []Request // commands that the machine has not answered
	seen    scheduler.Mark
	told    scheduler.Demand
	first   bool // nothing was told to the desk yet
	broken  bool // a commit failed as a whole: what the machine believes is not so
	// reading: the campaign is being read again; readAgain: and then once more.
	reading, readAgain bool
	// stands are the slots of a campaign of which no machine can be built.
	stands []machine.Progress
	// routed is the table that the machine routes by.
	routed *route.Table
}

// New makes a clerk that has no machine yet: Wake gives it one.
func New(w World, id campaign.ID, f store.Fence, log *slog.Logger) *Clerk {
	return &Clerk{world: w, id: id, fence: f, log: log, first: true}
}

// Mind is the machine of this life, nil before the first.
func (k *Clerk) Mind() *machine.Machine { return k.mind }

// Life counts the machines built.
func (k *Clerk) Life() int { return k.life }

// Settled reports whether everything submitted has been answered.
func (k *Clerk) Settled() bool { return k.pending == 0 }

// Take takes something in for the next turn.  It is false when another node owns the
// campaign: the clerk is of no use any more.
func (k *Clerk) Take(m any) bool {
	switch m := m.(type) {
	case bus.ReportDelivery:
		k.input(machine.Reported{Report: m.Report, Ref: m.Receipt})
	case *Commit:
		if !k.Confirm(m) {
			return false
		}
		if m.life == k.life {
			m.inputs(k)
		}
	case book.Granted:
		k.seen = m.Mark
		k.input(machine.Granted{Tokens: m.Tokens})
	case News:
		if m.Life == k.life {
			k.input(m.Input)
		}
	case Reread:
		k.refreshed(m)
	case Asked:
		k.asking = append(k.asking, m.Request)
		m.Ref = m.Request
		k.input(m.Command)
	}
	return true
}

// Confirm counts an answer of the journal without telling the machine: for while a new
// one is awaited.  It is false when another node owns the campaign.
func (k *Clerk) Confirm(c *Commit) bool {
	k.pending--
	return !c.fenced()
}

func (k *Clerk) input(in machine.Input) { k.inputs = append(k.inputs, in) }

// Turn lets the machine handle what was taken in, and performs what it wants.
func (k *Clerk) Turn(now time.Time) Next {
	k.out.Reset()
	k.mind.Handle(k.inputs, now, &k.out)
	clear(k.inputs)
	k.inputs = k.inputs[:0]
	if k.out.Rebuild || k.broken {
		return Rebuild
	}
	return k.perform(now)
}

// perform does what the machine wants, in this order: what is to be committed
// goes on its way; what speaks of commits that are confirmed is sent.
func (k *Clerk) perform(now time.Time) Next {
	out := &k.out
	k.commit(now)
	if len(out.Publish) > 0 {
		k.world.PublishJobs(out.Publish, k.life)
	}
	for _, ref := range out.Acks {
		k.acknowledge(ref)
	}
	for i := range out.Replies {
		k.reply(&out.Replies[i])
	}
	if len(out.Events) > 0 {
		k.world.PublishEvents(out.Events)
		out.Events = nil // it is the world's now
	}
	if out.Load != nil {
		k.world.Load(*out.Load, k.life)
	}
	if out.Refresh {
		k.Refresh()
	}
	k.tellDesk(now)
	switch {
	case out.Renew:
		return Renew
	case out.Retire && k.pending == 0:
		return Retire
	}
	return Go
}

func (k *Clerk) acknowledge(ref machine.Ref) {
	if err := ref.(bus.Receipt).Ack(); err != nil {
		k.log.Debug("an acknowledgement was lost; the report will come again", "error", err)
	}
}

func (k *Clerk) reply(r *machine.Reply) {
	req := r.Ref.(Request)
	k.asking = slices.DeleteFunc(k.asking, func(other Request) bool { return other == req })
	if r.Err != nil {
		req.Fail(r.Err)
		return
	}
	req.Reply(StateOf(r.Campaign))
}

// tellDesk passes on what the campaign could use now and gives back.
func (k *Clerk) tellDesk(now time.Time) {
	d := k.mind.Demand(now)
	demand := scheduler.Demand{
		Campaign: k.id, Seen: k.seen,
		Retries: d.Retries, Fresh: d.Fresh, Limit: d.Limit, Grown: d.Grown, Weight: d.Weight,
		Group: d.Group, Priority: d.Priority, Remaining: d.Remaining, Due: d.Due, Length: d.Length,
	}
	for _, r := range d.Routes {
		demand.Routes = append(demand.Routes, scheduler.RouteDemand(r))
	}
	out := &k.out
	if demand.Equal(&k.told) && len(out.Releases)+len(out.Progress) == 0 && !k.first {
		return
	}
	k.told, k.first = demand, false
	k.world.Tell(&book.Wants{Demand: demand, Releases: slices.Clone(out.Releases), Progress: slices.Clone(out.Progress)})
}
