package machine_test

import (
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// report delivers a report to the owner, waking one where none is.
func (w *world) report(d *delivery) {
	if !w.owner.dead {
		w.owner.post(machine.Reported{Report: d.report, Ref: d})
	}
}

// desk is the scheduler: it grants at random what is asked for, and now and then
// more, since what it knows is old.
type desk struct {
	w    *world
	next uint64
}

func (k *desk) open() {
	w := k.w
	if w.store.c.Status.Ended() {
		return
	}
	w.after(w.span(50*time.Millisecond, 3*time.Second), func() {
		if o := w.owner; !o.dead {
			k.grant(o)
		}
		k.open()
	})
}

func (k *desk) grant(o *owner) {
	w := k.w
	d := o.mind.Demand(w.now)
	w.happyf(d.Retries >= 0 && d.Fresh >= 0, "a demand is not negative: %+v", d)
	w.happyf(d.Retries+d.Fresh <= max(0, d.Limit-len(o.held)), "WithinLimit: a demand fits in the limit: %+v, %d held", d, len(o.held))
	n := w.pick.below(d.Retries + d.Fresh + 1)
	if w.faults != calm && w.chance(100) {
		n += w.pick.below(4)
	}
	w.judgeRoutes(d)
	if n > 0 {
		o.post(machine.Granted{Tokens: k.tokens(n, d)})
	}
}

// user starts the campaign and then plays with it.
type user struct {
	w *world
	// stopped: a pause or cancel was answered, and nothing has resumed since.
	stopped  bool
	asked    []*request
	canceled bool
	// hungUp: a cancel with a hang-up was asked for; wished are the calls that were to be
	// canceled, lastClaim how often they had been claimed when that was answered, and
	// caught those that were in flight then.
	hungUp    bool
	wished    map[campaign.CallID]bool
	caught    map[campaign.CallID]bool
	lastClaim map[campaign.CallID]int
}

type request struct {
	verb    machine.Verb
	call    campaign.CallID
	at      time.Time
	answers int
	owner   *owner
}

func (u *user) arrive() {
	u.command(machine.Start)
	u.w.every(u.w.faults.users, u.play)
	u.care()
}

// care sees to it that the campaign is not left lying.
func (u *user) care() {
	w := u.w
	if w.store.c.Status.Ended() {
		return
	}
	w.after(time.Minute, func() {
		if w.faults == calm {
			switch w.store.c.Status {
			case campaign.StatusPending:
				if w.store.c.Schedule.Ended(w.now) {
					w.keep(campaign.Schedule{})
					u.tell()
				}
				u.command(machine.Start)
			case campaign.StatusPaused:
				u.command(machine.Resume)
			}
		}
		u.care()
	})
}

func (u *user) play() {
	w := u.w
	switch n := w.pick.below(50); {
	case n < 10:
		u.command(machine.Pause)
	case n < 20:
		u.command(machine.Resume)
	case n < 25:
		u.command(machine.Start)
	case n < 26 && w.faults.cancels:
		u.command(machine.Cancel)
	case n < 33:
		u.addContacts()
	case n < 36:
		u.change()
	case n < 38 && w.faults.hours:
		u.reschedule()
	case n >= 40 && n < 46 && w.faults.cancels:
		u.cancelCall()
	case n >= 46 && w.table != nil:
		u.reroute()
	default:
		u.command(machine.Pause)
		u.command(machine.Resume)
	}
}

func (u *user) command(v machine.Verb) {
	if u.w.owner.dead {
		return
	}
	u.w.saw("user: " + string(v))
	u.ask(machine.Command{Verb: v, HangUp: v == machine.Cancel && u.w.chance(500)})
}

func (u *user) ask(c machine.Command) {
	o := u.w.owner
	r := &request{verb: c.Verb, call: c.Call, at: u.w.now, owner: o}
	u.asked = append(u.asked, r)
	u.hungUp = u.hungUp || c.HangUp
	if c.Verb == machine.CancelCall {
		u.wished[c.Call] = true
	}
	c.Ref = r
	o.post(c)
}

func (u *user) addContacts() {
	if u.w.store.c.Status.Ended() || len(u.w.store.calls) > 3*u.w.scale.contacts {
		return
	}
	u.w.saw("user: contacts added")
	u.w.store.addContacts(1 + u.w.pick.below(5))
	u.tell()
}

// change raises the limit; lowering it would leave calls above it.
func (u *user) change() {
	u.w.saw("user: limit raised")
	u.w.store.c.MaxConcurrentCalls += u.w.pick.below(2)
	u.tell()
}

// tell lets the owner know that something changed, or forgets it.
func (u *user) tell() {
	if o := u.w.owner; !o.dead && u.w.chance(800) {
		o.poke()
	}
}

// answered hears a reply.
func (u *user) answered(r machine.Reply) {
	req := r.Ref.(*request)
	req.answers++
	u.w.log("answer to %s: %v", req.verb, r.Err)
	u.w.happyf(req.answers == 1, "a command is answered once: %s", req.verb)
	if req.verb == machine.CancelCall {
		u.canceledCall(req, r.Err)
		return
	}
	if r.Err != nil {
		return
	}
	to := map[machine.Verb]campaign.Status{
		machine.Start: campaign.StatusInProgress, machine.Resume: campaign.StatusInProgress,
		machine.Pause: campaign.StatusPaused, machine.Cancel: campaign.StatusCanceled,
	}[req.verb]
	if r.Campaign.Armed && req.verb == machine.Start {
		u.w.saw("armed")
		to = campaign.StatusPending
	}
	u.w.happyf(r.Campaign.Status == to, "the answer to %s tells %s", req.verb, r.Campaign.Status)
	if s := u.w.store.c.Status; s == to && (s == campaign.StatusPaused || s == campaign.StatusCanceled) {
		u.w.happened["stops answered"]++
		u.stopped = true
		u.canceled = s == campaign.StatusCanceled
	}
}
