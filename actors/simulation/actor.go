package simulation

import (
	"time"

	"dialtone/actors/clerk"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/store"
)

// actor is the shell around a campaign's clerk: a mailbox, a timer, and the reads.
type actor struct {
	pt    *part
	p     *process
	id    campaign.ID
	clerk *clerk.Clerk
	box   []any
	kept  []any // what came while the machine was built anew
	stage stage
	over  bool
	soon  bool // a turn is on the agenda
	alarm int
	// retries is how many due ones a turn that brought tokens began with, and 0 where that
	// says nothing.
	retries int
}

type stage int

const (
	working      stage = iota
	settlingPast       // waits for what the last life submitted
	reading            // what the store has
	resting            // after a machine that went wrong
)

func newActor(pt *part, id campaign.ID) *actor {
	a := &actor{pt: pt, p: pt.p, id: id}
	n := bus.PartitionOf(id)
	a.clerk = clerk.New(a, id, store.Fence{Partition: n, Epoch: pt.epochs[n]}, a.p.w.log)
	return a
}

func (a *actor) post(m any) {
	a.box = append(a.box, m)
	a.due()
}

// due puts a turn on the agenda.
func (a *actor) due() {
	if !a.soon {
		a.soon = true
		a.p.after(a.p.w.moment(), func() {
			a.soon = false
			a.turn()
		})
	}
}

// idle reports whether the actor is at its end.
func (a *actor) idle() bool { return a.over || a.pt.gone || a.p.dead }

func (a *actor) turn() {
	if a.idle() {
		return
	}
	if !a.pt.lease.valid() {
		a.p.owner.lost(a.pt)
		return
	}
	switch a.stage {
	case settlingPast:
		a.settlePast()
	case working:
		a.work()
	}
}

// wake builds the machine from the store.
func (a *actor) wake() {
	a.stage = settlingPast
	a.settlePast()
}

// settlePast waits until what an earlier life submitted is answered.
func (a *actor) settlePast() {
	box := a.box
	a.box = nil
	for _, m := range box {
		c, ok := m.(*clerk.Commit)
		if !ok {
			a.kept = append(a.kept, m)
		} else if !a.clerk.Confirm(c) {
			a.p.owner.lost(a.pt)
			return
		}
	}
	if !a.clerk.Settled() {
		return
	}
	var again []any
	for _, r := range a.clerk.LayDown() {
		again = append(again, r.(*request).asked())
	}
	a.kept = append(again, a.kept...)
	a.recall()
}

// recall reads the campaign, and then its open calls.
func (a *actor) recall() {
	a.stage = reading
	s := a.p.w.store
	var c campaign.Campaign
	s.insist(a.p, func() { c = s.campaigns[a.id].Campaign }, func() {
		var open []machine.Open
		s.insist(a.p, func() { open = s.open(a.id) }, func() {
			if a.idle() {
				return
			}
			if a.pt.draining {
				a.end() // the next owner builds its own
				return
			}
			a.live(c, open)
		})
	})
}

// live begins a life.
func (a *actor) live(c campaign.Campaign, open []machine.Open) {
	a.stage = working
	if a.p.w.telling {
		a.p.w.tell("%s builds the machine of %v: %s, %d open", a.p.node.name, a.id, c.Status, len(open))
	}
	if a.p.w.plant == PlantNoHours {
		c.Schedule = campaign.Schedule{}
	}
	next := a.clerk.Wake(a.p.w.machineConfig(), c, []machine.Zone{{}}, open, a.p.w.now)
	if a.p.dead {
		return
	}
	a.pt.awoke(a.id)
	if len(a.kept)+len(a.box) > 0 {
		a.due()
	}
	a.goOn(next)
}

func (a *actor) work() {
	taken := append(a.kept, a.box...)
	a.kept, a.box = nil, nil
	for _, m := range taken {
		if !a.clerk.Take(m) {
			a.p.owner.lost(a.pt)
			return
		}
	}
	a.p.w.plant.hasten(taken)
	a.expectRetries(taken)
	next := a.clerk.Turn(a.p.w.plant.behind(a.p.w.now, a.retries))
	if !a.p.dead {
		a.goOn(next)
	}
}

// goOn does what is to be done after a turn.
func (a *actor) goOn(next clerk.Next) {
	w := a.p.w
	switch next {
	case clerk.Rebuild:
		w.saw("a machine in doubt")
		a.stage = resting
		a.p.after(w.span(50*time.Millisecond, 500*time.Millisecond), func() {
			if !a.idle() {
				a.wake()
			}
		})
		return
	case clerk.Renew:
		w.saw("a machine renewed")
		a.wake()
		return
	case clerk.Retire:
		if a.pt.retire(a) {
			a.pt.restIfDone()
			return
		}
	}
	if a.pt.draining && a.clerk.Settled() && len(a.box)+len(a.kept) == 0 {
		a.end()
		return
	}
	a.setTimer()
}

// end ends an actor that has nothing in hand, with its part.
func (a *actor) end() {
	a.over = true
	a.empty()
	a.pt.restIfDone()
}

func (a *actor) setTimer() {
	a.alarm++
	now := a.p.w.now
	next, mine := a.clerk.Mind().NextTick(now), a.alarm
	if next.IsZero() {
		return
	}
	a.p.after(max(next.Sub(now), 0), func() {
		if a.alarm == mine && a.stage == working {
			a.turn()
		}
	})
}

// empty gives back what nobody will take in or answer any more.
func (a *actor) empty() {
	for _, r := range a.clerk.Unanswered() {
		r.(*request).again()
	}
	for _, m := range append(a.kept, a.box...) {
		switch m := m.(type) {
		case bus.ReportDelivery:
			clerk.GiveBack(m)
		case clerk.Asked:
			m.Request.(*request).again()
		}
	}
	a.kept, a.box = nil, nil
}

// What the clerk has done; between any two of these the process may die.

func (a *actor) Submit(c *clerk.Commit) {
	a.judgeRetries(c.Ops)
	if a.p.dies() {
		return
	}
	a.p.journal.submit(c.Ops, func(stats map[campaign.ID]campaign.Stats, err error) {
		c.Answered(a.id, stats, err)
		if !a.idle() {
			a.post(c)
		}
	})
}

func (a *actor) PublishJobs(jobs []campaign.Job, life int) {
	for _, j := range jobs {
		if a.p.dies() {
			return
		}
		if a.p.w.telling {
			a.p.w.tell("%s publishes %s %d of call %d", a.p.node.name, j.Kind, j.Attempt.Claim(), j.Attempt.Call())
		}
		a.p.w.jobs.publish(a.p, message{job: j}, func(ok bool) {
			if !ok && !a.idle() {
				a.post(clerk.News{Life: life, Input: machine.Published{Failed: []campaign.AttemptID{j.Attempt}}})
			}
		})
	}
}

func (a *actor) PublishEvents(events []campaign.Event) {
	for _, e := range events {
		if c, ok := e.Data.(campaign.EventCampaign); ok && !c.Stats.AddsUp() {
			a.p.w.fail("the statistics of an event add up: %+v", c.Stats)
		}
	}
}

func (a *actor) Load(l machine.Load, life int) {
	s := a.p.w.store
	var page machine.Page
	s.insist(a.p, func() { page = s.queued(a.id, l) }, func() {
		if !a.idle() {
			a.post(clerk.News{Life: life, Input: page})
		}
	})
}

func (a *actor) Reread(life int) {
	s := a.p.w.store
	var c campaign.Campaign
	s.ask(a.p, func() { c = s.campaigns[a.id].Campaign }, func(ok bool) {
		if a.idle() {
			return
		}
		if !ok {
			a.post(clerk.Reread{Life: life})
			return
		}
		a.post(clerk.Reread{Life: life, Input: &machine.Refreshed{Campaign: c, Zones: []machine.Zone{{}}, Table: a.p.w.table()}})
	})
}

func (a *actor) Tell(m any) {
	if !a.p.dies() {
		a.p.desk.post(a.p.w.plant.early(m))
	}
}
