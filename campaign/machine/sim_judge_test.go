package machine_test

import (
	"slices"

	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// judge holds the world against the promises, after every step.
func (w *world) judge() {
	s := w.store
	w.happyf(s.c.Stats.AddsUp(), "the statistics add up: %+v", s.c.Stats)
	w.happyf(s.recount() == s.c.Stats, "the statistics are true: %+v, counted %+v", s.c.Stats, s.recount())
	w.happyf(w.loses || w.provider.up <= s.c.MaxConcurrentCalls, "WithinLimit: %d calls are up, %d allowed", w.provider.up, s.c.MaxConcurrentCalls)
	w.happyf(s.c.Stats.InProgress <= s.c.MaxConcurrentCalls, "WithinLimit: %d calls are claimed, %d allowed", s.c.Stats.InProgress, s.c.MaxConcurrentCalls)
}

// judgeHeld compares the tokens a machine says it holds with those it was given.
func (w *world) judgeHeld(o *owner) {
	n := 0
	o.mind.Held(func(p machine.Progress) {
		t := p.Token
		n++
		w.happyf(o.held[t.ID], "token %d is held by who got it", t.ID)
	})
	w.happyf(n == len(o.held), "every token is held or was released: %d held, %d out", n, len(o.held))
}

// judgeAck holds an acknowledgement against the store: what the report says must
// be written, or need no writing.
func (w *world) judgeAck(r campaign.Report) {
	if !w.store.under(r.Attempt) {
		return // its call has moved on
	}
	row := w.store.rows[r.Attempt]
	ok := true
	switch r.Kind {
	case campaign.ReportEnded, campaign.ReportRefused:
		ok = false
	case campaign.ReportPlaced:
		ok = row != nil && row.State == campaign.AttemptPlaced
	case campaign.ReportAmbiguous:
		ok = row != nil && row.State != campaign.AttemptPlacing
	case campaign.ReportGivenBack:
		ok = row != nil
		switch r.Reason {
		case campaign.GivenBackExpired, campaign.GivenBackStopped, campaign.GivenBackDrained:
		case campaign.GivenBackNotDialled: // or it is looked for once more
			ok = row != nil && row.State != campaign.AttemptPlacing
		default:
			ok = row != nil && row.State == campaign.AttemptPlaced
		}
	}
	w.happyf(ok, "acknowledged before it was written: %s %s of %v (%+v)", r.Kind, r.Reason, r.Attempt, row)
}

// judgeEnd holds the whole run against the promises.
func (w *world) judgeEnd() {
	s := w.store
	for _, c := range s.calls {
		w.happyf(c.Status.Terminal(), "NothingLost: call %d is %s at the end", c.ID, c.Status)
		w.judgeCall(c)
		w.judgeCaught(c)
	}
	want := s.c.Stats.Outcome()
	if w.user.canceled {
		want = campaign.StatusCanceled
	}
	w.happyf(s.c.Status == want || s.c.Status == campaign.StatusCanceled && w.happened["user: cancel"] > 0,
		"the campaign ends as %s, not %s", want, s.c.Status)
	dials, o := len(w.provider.calls), w.owner
	w.happyf(s.c.Stats.Attempts >= dials && s.c.Stats.Attempts <= dials+w.provider.refusals+w.happened["lost"],
		"%d calls and %d refusals make %d attempts, %d lost", dials, w.provider.refusals, s.c.Stats.Attempts, w.happened["lost"])
	w.happy("at the end there is an owner, and it may go", !o.dead && o.retired && o.commits == 0)
	// The answer to a batch applied twice tells no statistics: they may be old then.
	w.happyf(o.mind.Campaign().Stats == s.c.Stats || w.happened["batch applied twice"] > 0, "the machine knows the statistics: %+v, in truth %+v", o.mind.Campaign().Stats, s.c.Stats)
	w.happyf(len(o.held) == 0, "at the end no token is out: %d", len(o.held))
	for _, q := range []*queue{w.dial, w.reports} {
		for _, m := range q.live {
			w.happyf(m.acked, "at the end nothing is left in %s: %+v %+v", q.name, m.job, m.report)
		}
	}
	for _, r := range w.user.asked {
		w.happyf(r.answers == 1 || r.owner.dead || r.owner.life > 1, "%s is answered", r.verb)
	}
}

// lost reports whether an attempt was given up as lost: what became of it, nobody knew.
func (w *world) lost(id campaign.AttemptID) bool {
	row := w.store.rows[id]
	return row != nil && row.Disposition == campaign.DispositionLost
}

// judgeCall compares a call with what the provider knows of it.
func (w *world) judgeCall(c *campaign.Call) {
	rings := w.provider.byNumber[c.Phone]
	completed := false
	for _, r := range rings {
		if w.lost(r.attempt) {
			continue
		}
		row := w.store.rows[r.attempt]
		w.happyf(row != nil && row.State == campaign.AttemptEnded && row.Disposition == r.disposition && row.ProviderCallID == r.sid,
			"%s of %v is on record: %+v", r.disposition, r.attempt, row)
		completed = completed || r.disposition == campaign.DispositionCompleted
	}
	w.happyf((c.Status == campaign.CallCompleted) == completed, "call %d is %s after %d calls", c.ID, c.Status, len(rings))
	if c.Status == campaign.CallFailed {
		w.happyf(w.mayFail(c), "call %d failed after %d attempts: %s", c.ID, c.Attempts, c.Reason)
	}
}

// mayFail reports whether a call has a reason to have failed for good.
func (w *world) mayFail(c *campaign.Call) bool {
	policy := w.store.c.Retry
	switch d := campaign.Disposition(c.Reason); {
	case c.Reason == campaign.ReasonExpired:
		return slices.ContainsFunc(w.versions, func(v version) bool { return v.Ended(w.store.c.EndedAt) })
	case d == campaign.DispositionRejected:
		return true
	case c.Attempts >= policy.MaxAttempts:
		return true
	default:
		rule, own := policy.ByDisposition[d]
		return own && rule.MaxAttempts > 0 && c.Tally.Of(d) >= rule.MaxAttempts
	}
}
