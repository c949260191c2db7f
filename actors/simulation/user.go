package simulation

import (
	"fmt"
	"time"

	"dialtone/actors/clerk"
	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/campaign/machine"
)

// user has one campaign, starts it, and plays with it.
type user struct {
	w        *world
	row      *row
	calendar *hours.Calendar // nil: always open
	numbers  int
	busy     bool // a command is under way
	// stopped: a pause or a cancel was answered, and nothing has been asked for since that
	// might resume.
	stopped bool
	told    time.Duration // when the newest of its commands reaches a node
	// wished are the calls that were asked to be canceled, and lastClaim how often those had
	// been claimed when that was answered.
	wished    map[campaign.CallID]bool
	lastClaim map[campaign.CallID]int
	hungUp    bool

	// What its provider's ledger says of the campaign.
	up, refusals int
}

func (w *world) installUsers() {
	// Campaigns of one partition, of two at one node, and of two nodes.
	ids := []campaign.ID{2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	w.dice.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids[:w.sizes.campaigns] {
		u := &user{w: w, wished: make(map[campaign.CallID]bool), lastClaim: make(map[campaign.CallID]int)}
		u.row = w.store.create(id, u.settings())
		if len(u.row.Schedule.Windows) > 0 {
			c, err := hours.New(u.row.Schedule, "UTC")
			if err != nil {
				panic(err) // it is one of ours
			}
			u.calendar = &c
			if c.Open(w.now) {
				w.saw("hours that close")
			} else {
				w.saw("hours that open")
			}
		}
		w.users = append(w.users, u)
		u.addContacts(w.sizes.contacts)
	}
}

func (u *user) settings() campaign.Settings {
	w := u.w
	s := campaign.Settings{
		Name: "simulated", From: "+4930123456", MaxConcurrentCalls: []int{1, 2, 2, 3, 3, 4}[w.below(6)], DefaultTimeZone: "UTC",
		Weight: float64(1 + w.below(3)), Priority: 1 + w.below(3),
		Retry: campaign.RetryPolicy{
			MaxAttempts: 1 + w.below(3), Delay: campaign.Duration(w.span(200*time.Millisecond, 4*time.Second)),
			Jitter: float64(w.below(2)) / 2,
		},
	}
	if w.below(5) == 0 {
		s.Deadline = w.now.Add(w.span(10*time.Second, time.Minute))
	}
	if w.sizes.hours && w.below(2) == 0 {
		s.Schedule = u.schedule()
	}
	return s.WithDefaults()
}

// schedule closes, or opens, some seconds after the run begins, and is closed for a minute
// at the most.
func (u *user) schedule() campaign.Schedule {
	began := campaign.Clock(9 * 60) // the minute in which the run begins
	if u.w.below(2) == 0 {
		return campaign.Schedule{TimeZone: "UTC", Windows: []campaign.Window{
			{Days: campaign.EveryDay, Span: campaign.Span{Start: began + 1, End: campaign.Midnight}},
		}}
	}
	return campaign.Schedule{TimeZone: "UTC", Windows: []campaign.Window{
		{Days: campaign.EveryDay, Span: campaign.Span{Start: began, End: began + 1}},
		{Days: campaign.EveryDay, Span: campaign.Span{Start: began + 2, End: campaign.Midnight}},
	}}
}

func (w *world) userOf(id campaign.ID) *user {
	for _, u := range w.users {
		if u.row.ID == id {
			return u
		}
	}
	w.fail("a job names a campaign that there is, not %v", id)
	return nil
}

func (u *user) addContacts(n int) {
	phones := make([]string, n)
	for i := range phones {
		u.numbers++
		phones[i] = fmt.Sprintf("+49%02d%04d", u.row.ID, u.numbers)
	}
	u.w.store.addContacts(u.row, phones)
}

func (u *user) arrive() {
	u.w.after(u.w.span(0, 2*time.Second), func() {
		u.command(machine.Start)
		u.w.every(u.w.faults.userActions, u.act)
	})
}

// care sees to it that the campaign is not left lying.
func (u *user) care() {
	if u.row.Status.Ended() {
		return
	}
	switch u.row.Status {
	case campaign.StatusPending:
		u.command(machine.Start)
	case campaign.StatusPaused:
		u.command(machine.Resume)
	}
	u.w.after(2*time.Second, u.care)
}

func (u *user) act() {
	w := u.w
	switch n := w.below(26); {
	case n < 5:
		u.command(machine.Pause)
	case n < 10:
		u.command(machine.Resume)
	case n < 11:
		u.command(machine.Cancel)
	case n < 14:
		u.cancelCall()
	case n < 17:
		if !u.row.Status.Ended() && u.numbers < 3*w.sizes.contacts {
			w.saw("user: contacts added")
			u.addContacts(1 + w.below(3))
			u.poke()
		}
	case n < 23 && w.sizes.table:
		u.reroute()
	default: // lowering it would leave calls above it
		w.saw("user: limit raised")
		u.row.MaxConcurrentCalls++
		u.poke()
	}
}

// nearTheEnd has contacts added at the very moment at which a campaign has none left.
func (u *user) nearTheEnd() {
	w := u.w
	if u.row.Stats.Open() == 0 && u.row.Status == campaign.StatusInProgress && u.numbers < 3*w.sizes.contacts && w.chance(40_000) {
		w.after(w.trip(), func() {
			if !u.row.Status.Ended() {
				w.saw("user: contacts added at the end")
				u.addContacts(1 + w.below(2))
			}
		})
	}
}

// reroute chooses among the providers, by which the campaign's machine is built anew.
func (u *user) reroute() {
	w := u.w
	w.saw("user: providers chosen")
	u.row.Routing.Providers = nil
	if n := w.below(len(providerNames) + 1); n < len(providerNames) {
		u.row.Routing.Providers = []campaign.ProviderChoice{{Name: providerNames[n]}}
	}
	u.poke()
}

func (u *user) cancelCall() {
	id := campaign.CallID(1 + u.w.below(int(u.w.store.lastCall)+1))
	u.ask(machine.Command{Verb: machine.CancelCall, Call: id})
}

func (u *user) command(v machine.Verb) {
	u.ask(machine.Command{Verb: v, HangUp: v == machine.Cancel && u.w.below(2) == 0})
}

// poke tells the owner that something has changed, if it hears it.
func (u *user) poke() {
	u.post(func(p *process) {
		if pt := p.owner.part(u.row.ID); pt != nil {
			if a := pt.actors[u.row.ID]; a != nil && a.stage == working && !a.idle() {
				a.clerk.Refresh()
			}
		}
	})
}

// post has every process hear something over core NATS, in the order in which it was
// said.
func (u *user) post(heard func(*process)) {
	w := u.w
	u.told = max(w.now.Sub(w.began)+w.trip(), u.told)
	for _, p := range w.running() {
		if w.chance(w.faults.coreLost) {
			w.saw("command lost")
			continue
		}
		p.after(u.told-w.now.Sub(w.began), func() { heard(p) })
	}
}

// question is a command that is asked until it is answered, or nobody does.
type question struct {
	machine.Command
	u     *user
	tries int
	over  bool
}

// request is one time that it was asked of one process.
type request struct {
	*question
	p    *process
	done bool
}

func (r *request) asked() clerk.Asked { return clerk.Asked{Command: r.Command, Request: r} }

func (u *user) ask(c machine.Command) {
	if u.busy {
		return
	}
	u.busy = true
	u.w.saw("user: " + string(c.Verb))
	if c.Verb == machine.Start || c.Verb == machine.Resume {
		u.stopped = false
	}
	if c.Verb == machine.CancelCall {
		u.wished[c.Call] = true
	}
	u.hungUp = u.hungUp || c.HangUp
	q := &question{Command: c, u: u}
	q.try()
}

const mostAsked = 8

func (q *question) try() {
	if q.over {
		return
	}
	if q.tries == mostAsked {
		q.u.w.saw("command not answered")
		q.end()
		return
	}
	q.tries++
	q.u.post(func(p *process) {
		r, pt := &request{question: q, p: p}, p.owner.part(q.u.row.ID)
		if pt != nil && pt.hand(q.u.row.ID, r.asked()) {
			return
		}
		if p.owner.concerns(q.u.row.ID) {
			r.again()
		}
	})
	tries := q.tries
	q.u.w.after(commandTry, func() {
		if q.tries == tries {
			q.try()
		}
	})
}

func (q *question) end() {
	q.over, q.u.busy = true, false
}

// Reply answers with the campaign as it stands.
func (r *request) Reply(v any) { r.answer(v.(clerk.State), nil) }

// again refuses for now: it is asked again soon.
func (r *request) again() {
	w := r.u.w
	if r.done || r.p.dead || r.tries == mostAsked {
		return
	}
	r.done = true
	tries := r.tries
	w.after(w.trip()+100*time.Millisecond, func() {
		if r.tries == tries {
			r.try()
		}
	})
}

// Fail refuses.
func (r *request) Fail(err error) { r.answer(clerk.State{}, err) }

func (r *request) answer(s clerk.State, err error) {
	w := r.u.w
	if r.done {
		w.fail("a command is answered once: %s", r.Verb)
	}
	r.done = true
	if r.p.dead || w.chance(w.faults.coreLost) {
		return
	}
	w.after(w.trip(), func() {
		if !r.over {
			r.end()
			w.tell("%s of %v is answered: %s %v", r.Verb, r.u.row.ID, s.Status, err)
			r.u.heard(r.Command, s, err)
		}
	})
}

// heard takes in an answer.
func (u *user) heard(c machine.Command, s clerk.State, err error) {
	w := u.w
	if c.Verb == machine.CancelCall {
		u.canceledCall(c.Call, err)
		return
	}
	if err != nil {
		return
	}
	to := map[machine.Verb]campaign.Status{
		machine.Start: campaign.StatusInProgress, machine.Resume: campaign.StatusInProgress,
		machine.Pause: campaign.StatusPaused, machine.Cancel: campaign.StatusCanceled,
	}[c.Verb]
	if s.Status != to {
		w.fail("the answer to %s tells %s", c.Verb, s.Status)
	}
	if now := u.row.Status; now == to && (c.Verb == machine.Pause || c.Verb == machine.Cancel) {
		w.saw("stop answered")
		u.stopped = true
	}
}

func (u *user) canceledCall(id campaign.CallID, err error) {
	w := u.w
	c := w.store.calls[id]
	known := c != nil && c.CampaignID == u.row.ID
	if err != nil {
		if known || campaign.CodeOf(err) != campaign.CodeNotFound {
			w.fail("a call that there is is canceled: %v", err)
		}
		return
	}
	if !known {
		w.fail("what is canceled is a call of the campaign: %v", id)
	}
	if !c.Status.Terminal() && (c.Status != campaign.CallInProgress || c.Reason != campaign.ReasonCanceled) {
		w.fail("TruthInStore: that %v is to be canceled is on record: %s %s", id, c.Status, c.Reason)
	}
	u.lastClaim[id] = c.Claim
}
