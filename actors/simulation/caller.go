package simulation

import (
	"errors"
	"fmt"
	"time"

	roles "dialtone/actors/caller"
	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/store"
)

// caller takes jobs, writes placing, asks the provider, and reports what came of it.
// What an error means for the number, and whose a call is, the real one's words say.
type caller struct {
	p       *process
	leaving bool
}

func (c *caller) take(d *delivery) {
	w := c.p.w
	switch {
	case c.leaving:
		_ = d.Nak(0)
	case d.job.Kind == campaign.JobSettle:
		c.settle(d)
	case d.job.Kind == campaign.JobHangUp:
		c.hangUp(d)
	case w.now.After(d.job.NotAfter):
		w.saw("job expired")
		c.report(d, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackExpired})
	default:
		c.place(d)
	}
}

// place writes placing; only who has written it may ask the provider.
func (c *caller) place(d *delivery) {
	w, asked := c.p.w, c.p.w.now
	op := &store.Placing{
		Campaign: d.job.Campaign, Attempt: d.job.Attempt, Number: d.job.Number,
		Provider: d.job.Provider, Placer: int64(w.below(1<<62)) + 1, At: asked.UTC(),
	}
	c.p.journal.submit([]store.Op{op}, func(_ map[campaign.ID]campaign.Stats, err error) {
		wait := w.moment()
		if w.chance(w.faults.callerStalls) {
			w.saw("caller stalled")
			wait = w.span(0, 4*sendWithin)
		}
		refused := op.Err // of this answer
		c.p.after(wait, func() { c.placing(d, asked, refused) })
	})
}

func (c *caller) placing(d *delivery, asked time.Time, err error) {
	w := c.p.w
	switch {
	case errors.Is(err, store.ErrTaken):
		w.saw("job found taken")
		c.report(d, campaign.Report{Kind: campaign.ReportTaken})
	case errors.Is(err, store.ErrNotRunning):
		w.saw("job found stopped")
		c.report(d, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackStopped})
	case errors.Is(err, store.ErrState):
		w.saw("job found outdated")
		_ = d.Ack()
	case w.plant != PlantLateCaller && (w.now.Sub(asked) > sendWithin || w.now.After(d.job.NotAfter) || c.leaving):
		w.saw("job unsent")
		c.report(d, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackUnsent})
	default:
		c.dial(d, asked)
	}
}

// dial asks the provider, until a time after placing.
func (c *caller) dial(d *delivery, asked time.Time) {
	w := c.p.w
	answered := false
	answer := func(r campaign.Report) {
		if !answered {
			answered = true
			c.report(d, r)
		}
	}
	w.phone(d.job.Provider).place(c.p, d.job, func(call *ringing, err error) {
		if err != nil {
			answer(roles.NotPlaced(err))
			return
		}
		answer(campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: call.sid})
	})
	c.p.after(max(asked.Add(requestTimeout).Sub(w.now), 0), func() {
		if !answered {
			answer(roles.NotPlaced(errors.New("the time is out")))
		}
	})
}

// settle asks the provider what became of an attempt.
func (c *caller) settle(d *delivery) {
	w := c.p.w
	if w.plant == PlantUnasked {
		c.report(d, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackNotDialled})
		return
	}
	p, job := w.phone(d.job.Provider), d.job
	var calls []provider.Call
	w.after(w.trip(), func() {
		if w.chance(w.faults.settleFails) {
			w.saw("settling failed")
			c.p.after(w.trip(), func() { c.report(d, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: "no answer"}) })
			return
		}
		w.saw("settled")
		if job.ProviderCallID != "" {
			r := roles.ReportOf(p.fetch(job.ProviderCallID).view())
			c.p.after(w.trip(), func() { c.report(d, r) })
			return
		}
		calls = p.find(job.To, roles.SettleSince(&job))
		c.p.after(w.trip(), func() { c.settleUnknown(d, calls) })
	})
}

func (c *caller) settleUnknown(d *delivery, calls []provider.Call) {
	s := c.p.w.store
	var known []campaign.Attempt
	s.ask(c.p, func() { known = s.attemptsTo(d.job.To, roles.SettleSince(&d.job).Add(-time.Hour)) }, func(ok bool) {
		if !ok {
			c.report(d, campaign.Report{Kind: campaign.ReportAmbiguous, Detail: "the store did not answer"})
			return
		}
		c.report(d, roles.Settled(calls, known, &d.job))
	})
}

// hangUp ends a call, of whose end a callback tells.
func (c *caller) hangUp(d *delivery) {
	w := c.p.w
	call := w.phone(d.job.Provider).fetch(d.job.ProviderCallID)
	if call == nil || call.attempt != d.job.Attempt {
		w.fail("what is hung up is a call that the provider has: %+v", d.job)
	}
	w.judgeHangUp(call)
	w.after(w.trip(), func() {
		if call.endedAt.IsZero() && !w.chance(w.faults.settleFails) {
			w.saw("hung up")
			call.end()
		}
		c.p.after(w.trip(), func() { _ = d.Ack() })
	})
}

const (
	mostTries  = 5
	tryAgainIn = 500 * time.Millisecond
)

// report publishes what became of a job, and acknowledges that after it.
func (c *caller) report(d *delivery, r campaign.Report) {
	r.Campaign, r.Attempt, r.Provider = d.job.Campaign, d.job.Attempt, d.job.Provider
	if r.At.IsZero() {
		r.At = c.p.w.now.UTC()
	}
	if c.p.w.telling {
		c.p.w.tell("%s reports %s %s of %d of call %d", c.p.node.name, r.Kind, r.Reason, r.Attempt.Claim(), r.Attempt.Call())
	}
	c.publish(d, r, 1)
}

func (c *caller) publish(d *delivery, r campaign.Report, try int) {
	c.p.w.reports.publish(c.p, message{report: r}, func(ok bool) {
		switch {
		case ok:
			_ = d.Ack()
		case try == mostTries:
			_ = d.Nak(time.Second)
		default:
			c.p.after(tryAgainIn, func() { c.publish(d, r, try+1) })
		}
	})
}

func (d *delivery) String() string { return fmt.Sprintf("%s %v", d.job.Kind, d.job.Attempt) }
