package machine_test

import (
	"time"

	"dialtone/campaign"
)

// sendLimit is how long after asking for placing a caller may still send its
// create request.  With createLimit it stays below PlacingPatience, and below
// StopPatience by itself.
const sendLimit = 4 * time.Second

// job is a caller at work on one delivery of a job.  It may crash between any
// two steps, and then the job comes again.
func (w *world) job(d *delivery) {
	switch d.job.Kind {
	case campaign.JobSettle:
		w.step(func() { w.settle(d) })
		return
	case campaign.JobHangUp:
		w.step(func() { w.hangUp(d) })
		return
	}
	w.step(func() {
		switch {
		case w.now.After(d.job.NotAfter):
			w.saw("job expired")
			w.tell(d, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackExpired})
		case w.chance(w.faults.callerStall):
			w.saw("caller stopping")
			w.tell(d, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackDrained})
		default:
			w.guard(d)
		}
	})
}

// step goes on after a moment, unless the caller crashes.
func (w *world) step(next func()) {
	if w.chance(w.faults.callerCrash) {
		w.saw("caller crashed")
		return
	}
	w.after(w.soon(), next)
}

// guard writes placing through the caller's own journal, perhaps twice.
func (w *world) guard(d *delivery) {
	w.seq++
	placer, asked, j := w.seq, w.now, d.job
	write := func() string { return w.store.placing(j.Attempt, placer, j.Provider, j.Number, asked) }
	wait := w.soon()
	if w.chance(w.faults.callerStall) {
		w.saw("caller stalled")
		wait = w.span(0, 10*time.Second)
	}
	w.after(wait, func() {
		got := write()
		w.step(func() {
			if w.chance(w.faults.commitTwice) {
				got = write()
			}
			w.log("placing %v: %s", j.Attempt, got)
			w.guarded(d, got, asked)
		})
	})
}

func (w *world) guarded(d *delivery, got string, asked time.Time) {
	switch {
	case got == placingTaken:
		w.saw("job found taken")
		w.tell(d, campaign.Report{Kind: campaign.ReportTaken})
	case got == placingNotRunning:
		w.saw("job found stopped")
		w.tell(d, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackStopped})
	case got == placingState:
		w.saw("job found outdated")
		d.ack()
	case w.now.Sub(asked) > sendLimit, w.now.After(d.job.NotAfter):
		w.saw("job unsent")
		w.tell(d, campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackUnsent})
	default:
		w.provider.create(d.job, func(f fate, c *ringing) { w.step(func() { w.placed(d, f, c) }) })
	}
}

// placed tells what came of a create request.
func (w *world) placed(d *delivery, f fate, c *ringing) {
	r := campaign.Report{Kind: campaign.ReportGivenBack}
	switch f {
	case fateDialled:
		r = campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: c.sid}
	case fateRefused:
		r.Kind = campaign.ReportRefused
	case fateThrottled:
		r.Reason, r.RetryAfter = campaign.GivenBackThrottled, w.span(0, 5*time.Second)
	case fateFull:
		r.Reason = campaign.GivenBackFull
	case fateBarred:
		r.Reason = campaign.GivenBackBarred
	case fateUnreachable:
		r.Reason = campaign.GivenBackUnreachable
	case fateMisconfigured:
		r.Reason = campaign.GivenBackProvider
	case fateBroken:
		r.Kind = campaign.ReportAmbiguous
	default:
		r.Kind, r.Reason = campaign.ReportAmbiguous, campaign.AmbiguousUnanswered
	}
	w.tell(d, r)
}

// settle asks the provider what became of an attempt.
func (w *world) settle(d *delivery) {
	if w.chance(w.faults.settleFails) {
		w.saw("settling failed")
		w.provider.silent[d.job.Attempt] = true
		w.tell(d, campaign.Report{Kind: campaign.ReportAmbiguous})
		return
	}
	w.saw("settled")
	var c *ringing
	if d.job.ProviderCallID != "" {
		c = w.provider.fetch(d.job.ProviderCallID)
	} else {
		c = w.provider.find(d.job.To, d.job.PlacingAt, func(sid string) bool {
			for id, r := range w.store.rows {
				if id != d.job.Attempt && r.ProviderCallID == sid {
					return true
				}
			}
			return false
		})
	}
	r := campaign.Report{Kind: campaign.ReportGivenBack, Reason: campaign.GivenBackNotDialled}
	if c != nil {
		w.happyf(c.attempt == d.job.Attempt || !w.store.under(d.job.Attempt), "settling %v finds the call of %v", d.job.Attempt, c.attempt)
		r = c.view()
	}
	w.step(func() { w.tell(d, r) })
}

// tell publishes a report, and acknowledges the job after it.
func (w *world) tell(d *delivery, r campaign.Report) {
	r.Campaign, r.Attempt, r.Provider = d.job.Campaign, d.job.Attempt, d.job.Provider
	if r.At.IsZero() {
		r.At = w.now
	}
	w.reports.publish(message{report: r})
	w.step(func() {
		if !d.done {
			d.ack()
		}
	})
}
