package machine_test

import (
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"
)

// owner is the shell around a machine: it performs the effects and tells what
// came of them, until it dies.
type owner struct {
	w       *world
	epoch   int
	life    int // machines built, by Rebuild
	dead    bool
	retired bool // the machine wants nothing any more
	mind    *machine.Machine
	inbox   []machine.Input
	pending int // turns that are on the agenda
	commits int // commits whose answer has not come
	ticks   int
	heard   time.Time       // when the newest answer arrives, to keep them in order
	held    map[uint64]bool // tokens, by what was granted and released
	// outcomes are the tokens of which one was told; plan is how the machine routes.
	outcomes map[uint64]bool
	plan     *route.Plan
	wishes   map[campaign.CallID]machine.Wish // of the machine before
	spent    map[uint64]campaign.AttemptID    // on what the tokens were spent
	due      map[campaign.CallID]time.Time
}

// wake makes a new owner from what the store has.
func (w *world) wake() {
	w.store.epoch++
	w.owner = &owner{w: w, epoch: w.store.epoch}
	w.owner.build()
}

func (o *owner) build() {
	o.life++
	o.commits, o.inbox = 0, nil
	o.held, o.due = map[uint64]bool{}, map[campaign.CallID]time.Time{}
	o.outcomes, o.spent, o.plan = map[uint64]bool{}, map[uint64]campaign.AttemptID{}, nil
	if o.w.table != nil {
		o.plan = o.w.table.Plan(o.w.store.c.Routing)
	}
	var out machine.Effects
	open := o.w.store.open()
	for i := range open {
		open[i].Wish = o.wishes[open[i].Call.ID]
	}
	if o.life == 1 {
		o.w.takeUp(open)
	}
	o.mind = machine.New(o.w.config(), o.w.store.c, o.w.store.zones(), open, o.w.now, &out)
	o.mind.Held(func(p machine.Progress) { o.held[p.Token.ID] = true })
	for _, c := range open {
		if c.Call.Status == campaign.CallRetryWait {
			o.due[c.Call.ID] = c.Call.NextAttemptAt
		}
	}
	o.w.log("a machine is built in epoch %d: %d open", o.epoch, len(open))
	o.perform(&out)
}

// die loses everything that was in memory.  What was submitted to the journal may
// still be committed until the next owner raises the epoch.
func (o *owner) die(how string) {
	if o.dead {
		return
	}
	o.w.saw("owner " + how)
	o.dead = true
	if o.w.owner == o {
		o.w.after(o.w.span(0, 15*time.Second), o.w.wake)
	}
}

// depose makes a new owner while the old one believes that it still is.
func (w *world) depose() {
	if !w.owner.dead {
		w.saw("owner deposed")
		old := w.owner
		w.wake()
		w.after(w.span(0, time.Minute), func() { old.die("found its lease gone") })
	}
}

// post puts something in the mailbox.
func (o *owner) post(in machine.Input) {
	o.inbox = append(o.inbox, in)
	o.pending++
	o.w.after(o.w.span(0, 20*time.Millisecond), func() {
		o.pending--
		o.turn()
	})
}

// turn handles what is in the mailbox, or a part of it.
func (o *owner) turn() {
	if o.dead {
		return
	}
	n := len(o.inbox)
	if o.pending > 0 && n > 1 {
		n = 1 + o.w.pick.below(n)
	}
	in := o.inbox[:n:n]
	o.inbox = o.inbox[n:]
	for _, i := range in {
		if g, ok := i.(machine.Granted); ok {
			for _, t := range g.Tokens {
				o.held[t.ID] = true
			}
		}
	}
	o.note()
	var out machine.Effects
	o.mind.Handle(in, o.w.now, &out)
	o.judgeClaims(out.Claims)
	o.learn(in, out.Claims)
	o.perform(&out)
}

// note remembers on what the tokens were spent.
func (o *owner) note() {
	o.mind.Held(func(p machine.Progress) { o.spent[p.Token.ID] = p.Attempt })
}

// perform does what the machine wants, in the order of package actors; it may
// die on the way.
func (o *owner) perform(out *machine.Effects) {
	if out.Rebuild {
		o.rebuild(false)
		return
	}
	for _, part := range []func(*machine.Effects){o.commit, o.publish, o.acknowledge, o.release, o.reply, o.announce, o.read} {
		if o.w.chance(o.w.faults.ownerCrash) {
			o.die("crashed between two effects")
			return
		}
		part(out)
	}
	o.w.judgeHeld(o)
	if out.Renew {
		o.rebuild(true)
		return
	}
	o.retired = out.Retire
	if o.retired && o.commits == 0 && o.pending == 0 && !o.w.store.c.Status.Ended() && o.w.chance(o.w.faults.letGo) {
		o.die("let go")
		return
	}
	o.schedule()
}

// rebuild waits for what was submitted and begins anew.
func (o *owner) rebuild(meant bool) {
	if meant {
		o.w.saw("renewed")
	} else {
		o.w.saw("rebuilt")
		o.w.happy("the view of an owner that lasts stays true", !o.w.lasting)
	}
	o.wishes = map[campaign.CallID]machine.Wish{}
	o.mind.Wishes(func(id campaign.CallID, w machine.Wish) { o.wishes[id] = w })
	o.mind.Unacknowledged(func(r machine.Ref) { r.(*delivery).again() })
	o.w.journal.flush(o)
	if o.epoch < o.w.store.epoch {
		o.die("found itself deposed")
		return
	}
	o.build()
}

func (o *owner) commit(out *machine.Effects) {
	if len(out.Claims)+len(out.Records)+len(out.Status) == 0 && out.EndWaiting == nil {
		return
	}
	o.commits++
	o.w.journal.submit(&commit{
		owner: o, life: o.life, claims: out.Claims, records: out.Records, status: out.Status, end: out.EndWaiting, asked: o.w.now,
	})
}

// hear is the answer of the journal.
func (o *owner) hear(c *commit) {
	at := o.w.now.Add(o.w.soon())
	if at.Before(o.heard) {
		at = o.heard
	}
	o.heard = at
	o.w.after(at.Sub(o.w.now), func() {
		if o.dead || c.life != o.life {
			return
		}
		if c.stale {
			o.die("found itself deposed")
			return
		}
		o.commits--
		o.postAnswers(c)
	})
}

func (o *owner) postAnswers(c *commit) {
	for _, s := range c.statuses {
		o.post(s)
	}
	if len(c.recorded) > 0 {
		o.post(machine.Recorded{Results: c.recorded, Stats: c.stats})
	}
	if len(c.claimed) > 0 {
		o.post(machine.Claimed{Results: c.claimed, Stats: c.stats})
	}
	if c.end != nil {
		o.post(machine.WaitingEnded{EndWaiting: *c.end, Refused: c.refused, Count: c.count, Stats: c.stats})
	}
}

func (o *owner) publish(out *machine.Effects) {
	life := o.life
	for _, j := range out.Publish {
		o.w.happyf(j.Kind != campaign.JobPlace || o.leads(o.w.store.call(j.Attempt.Call()), j.Provider), "%s goes by a provider that its route leads to, not by %s", j.To, j.Provider)
		o.w.happyf(j.Provider != "" && j.To != "" && j.Number > 0 && j.Campaign == o.w.store.c.ID, "a job is complete: %+v", j)
		if o.w.chance(o.w.faults.publishFails) {
			o.w.saw("publish failed")
			o.w.after(o.w.soon(), func() {
				if life == o.life {
					o.post(machine.Published{Failed: []campaign.AttemptID{j.Attempt}})
				}
			})
			continue
		}
		o.w.log("publish %s %v", j.Kind, j.Attempt)
		o.w.dial.publish(message{job: j})
	}
}

func (o *owner) acknowledge(out *machine.Effects) {
	for _, r := range out.Acks {
		d := r.(*delivery)
		o.w.judgeAck(d.report)
		d.ack()
	}
}

func (o *owner) release(out *machine.Effects) {
	for _, p := range out.Progress {
		o.judgeOutcome(p.Token, p.Attempt, p.Outcome)
	}
	for _, r := range out.Releases {
		o.judgeOutcome(r.Token, o.spent[r.Token.ID], r.Outcome)
		o.w.happyf(o.held[r.Token.ID], "token %d is released once, by who holds it", r.Token.ID)
		delete(o.held, r.Token.ID)
	}
}

func (o *owner) reply(out *machine.Effects) {
	for _, r := range out.Replies {
		o.w.user.answered(r)
	}
}

func (o *owner) announce(out *machine.Effects) {
	for _, e := range out.Events {
		if c, ok := e.Data.(campaign.EventCampaign); ok {
			o.w.happyf(c.Stats.AddsUp(), "the statistics of an event add up: %+v", c.Stats)
		}
		o.w.happened["event "+string(e.Type)]++
	}
}

// read looks things up in the store at some moment, and hears of it at another.
func (o *owner) read(out *machine.Effects) {
	if out.Load != nil {
		load := *out.Load
		o.answerTo(func() machine.Input { return o.w.store.queued(load) })
	}
	if out.Refresh {
		o.poke()
	}
}

func (o *owner) poke() {
	o.answerTo(func() machine.Input {
		return machine.Refreshed{Campaign: o.w.store.c, Zones: o.w.store.zones(), Table: o.w.table}
	})
}

func (o *owner) answerTo(read func() machine.Input) {
	life := o.life
	o.w.after(o.w.soon(), func() {
		in := read()
		wait := o.w.soon()
		if o.w.chance(o.w.faults.delayed) {
			wait = o.w.span(0, 5*time.Second)
		}
		o.w.after(wait, func() {
			if life == o.life && !o.dead {
				o.post(in)
			}
		})
	})
}

// schedule lets the machine be told the time when it wants it.
func (o *owner) schedule() {
	o.ticks++
	next, mine := o.mind.NextTick(o.w.now), o.ticks
	if next.IsZero() {
		return
	}
	o.w.happyf(next.After(o.w.now), "NextTick is ahead: %v", next.Sub(o.w.now))
	o.w.after(next.Sub(o.w.now), func() {
		if mine == o.ticks && !o.dead {
			o.w.happened["ticks"]++
			o.turn()
		}
	})
}

// learn notes which retries the machine has been told of and has not claimed.
func (o *owner) learn(in []machine.Input, claims []machine.Claim) {
	for _, i := range in {
		if rec, ok := i.(machine.Recorded); ok {
			for _, r := range rec.Results {
				if !r.Refused && r.Next == campaign.CallRetryWait {
					o.due[r.Attempt.Call()] = r.NextAttemptAt
				}
			}
		}
	}
	for _, cl := range claims {
		delete(o.due, cl.Attempt.Call())
	}
}

// judgeClaims holds claims against what the machine knew before this turn.
func (o *owner) judgeClaims(claims []machine.Claim) {
	by := o.providers()
	for _, cl := range claims {
		id := cl.Attempt.Call()
		call := o.w.store.call(id)
		if at, ok := o.due[id]; ok {
			o.w.happyf(!at.After(o.w.now), "a retry is dialled before its time: %v", cl.Attempt)
			delete(o.due, id)
			continue
		}
		if call.Attempts > 0 {
			continue // it was given back in this very turn
		}
		for other, at := range o.due {
			if o.w.user.wished[other] || !o.leads(o.w.store.call(other), by[cl.Attempt]) {
				continue
			}
			o.w.happyf(at.After(o.w.now) || !o.w.inHours(o.w.store.call(other), true), "RetriesFirst: new number %d goes before retry %d, due %v", id, other, o.w.now.Sub(at))
		}
	}
}
