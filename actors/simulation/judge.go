package simulation

import (
	"fmt"
	"strings"
	"time"

	"dialtone/actors/book"
	"dialtone/actors/clerk"
	"dialtone/actors/ownership"
	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/store"
)

// judgeStore holds the store against itself after each transaction.
func (w *world) judgeStore(touched []int64) {
	for _, id := range touched {
		r := w.store.campaigns[campaign.ID(id)]
		if got := r.recount(); got != r.Stats {
			w.fail("the statistics of %v are true: %+v, counted %+v", r.ID, r.Stats, got)
		}
		if r.Stats.InProgress > r.MaxConcurrentCalls {
			w.fail("WithinLimit: %v has %d calls in progress, %d allowed", r.ID, r.Stats.InProgress, r.MaxConcurrentCalls)
		}
	}
}

// recount counts the statistics from the calls.
func (r *row) recount() (s campaign.Stats) {
	for _, c := range r.calls {
		s.Total++
		s.Attempts += c.Attempts
		s.Retries += max(0, c.Attempts-1)
		*s.In(c.Status)++
	}
	return s
}

// judgeRaise: an epoch is not raised over somebody who owns the partition by the store's
// word and by the bucket's, and would not learn of it.
func (w *world) judgeRaise(by *process, partition int) {
	u := partition % units
	k := w.bucket.keys[bus.LeasePartition(u)]
	for _, p := range w.running() {
		t := &p.owner.tenures[u]
		if p != by && k != nil && t.part != nil && t.lease != nil && t.lease.nonce == k.nonce && t.part.epochs[partition] == w.store.epochs[partition] {
			w.fail("OneOwner: %s raises the epoch of %d, which %s owns", by.node.name, partition, p.node.name)
		}
	}
}

// judgeRequest holds a request that reaches a provider against its rate, the campaign's
// hours, and what its user was told.
func (w *world) judgeRequest(ph *phone, j campaign.Job) {
	u := w.userOf(j.Campaign)
	if u.stopped {
		w.fail("StopMeansStop: a request for %d of call %d reaches the provider after the answer", j.Attempt.Claim(), j.Attempt.Call())
	}
	if u.calendar != nil && !u.calendar.Open(w.now) {
		w.fail("InHours: call %d of %v is dialled at %v", j.Attempt.Call(), j.Campaign, w.now.Format(time.TimeOnly))
	}
	most := int(ph.limits.CallsPerSecond)
	ph.seen = append(ph.seen, w.now)
	if n := len(ph.seen); most > 0 && n > most && ph.seen[n-1].Sub(ph.seen[n-1-most]) < time.Second {
		w.fail("WithinLimit: %s sees %d requests within %v", ph.name, most+1, ph.seen[n-1].Sub(ph.seen[n-1-most]))
	}
}

// judgeDial holds a call that just begins against the limits, and against what the store
// and all providers know of its number.
func (w *world) judgeDial(ph *phone, c *ringing) {
	u, name := w.userOf(c.in), fmt.Sprintf("claim %d of call %d", c.attempt.Claim(), c.attempt.Call())
	if u.up > u.row.MaxConcurrentCalls {
		w.fail("WithinLimit: %d calls of %v are up, %d allowed", u.up, c.in, u.row.MaxConcurrentCalls)
	}
	if n := ph.limits.Channels; n > 0 && ph.up > n {
		w.fail("WithinLimit: %d calls are up at %s, which has %d channels", ph.up, ph.name, n)
	}
	dials := 0
	for _, other := range w.providers {
		for _, before := range other.byNumber[c.to] {
			dials++
			row := w.store.attempts[before.attempt]
			switch {
			case before.attempt == c.attempt:
				w.fail("NeverTwice: %s is dialled twice", name)
			case before.endedAt.IsZero():
				w.fail("NeverTwice: %s is dialled while claim %d is up", name, before.attempt.Claim())
			case row == nil || row.State != campaign.AttemptEnded:
				w.fail("NeverTwice: %s is dialled while claim %d is unsettled", name, before.attempt.Claim())
			}
		}
	}
	if dials >= u.row.Retry.MaxAttempts {
		w.fail("NeverTwice: %s is dialled oftener than max_attempts", name)
	}
	if !w.store.under(c.attempt) || w.store.attempts[c.attempt] == nil {
		w.fail("NeverTwice: %s is dialled after it was given back", name)
	}
	if last, canceled := u.lastClaim[c.attempt.Call()]; canceled && c.attempt.Claim() > last {
		w.fail("StopMeansStop: %s is dialled after it was canceled", name)
	}
}

func (w *world) judgeHangUp(c *ringing) {
	if u := w.userOf(c.in); !u.wished[c.attempt.Call()] && !u.hungUp {
		w.fail("a call is hung up only on request: %v", c.attempt)
	}
}

// judgeAck holds an acknowledgement of a report against the store: what the report says
// must be written, or need no writing.  An owner that does not know yet that it is none any
// more may take a report for one that comes late; acknowledgements are not fenced, and that
// costs time.
func (w *world) judgeAck(d *delivery) {
	r := d.report
	if !w.store.under(r.Attempt) || !d.p.owner.current(r.Campaign) {
		return
	}
	state := campaign.AttemptState("")
	if a := w.store.attempts[r.Attempt]; a != nil {
		state = a.State
	}
	ok := true
	switch r.Kind {
	case campaign.ReportEnded, campaign.ReportRefused:
		ok = false
	case campaign.ReportPlaced:
		ok = state == campaign.AttemptPlaced
	case campaign.ReportAmbiguous:
		ok = state != "" && state != campaign.AttemptPlacing
	case campaign.ReportGivenBack:
		switch r.Reason {
		case campaign.GivenBackExpired, campaign.GivenBackStopped, campaign.GivenBackDrained:
			ok = state != ""
		case campaign.GivenBackNotDialled: // or it is looked for once more
			ok = state != "" && state != campaign.AttemptPlacing
		default:
			ok = state == campaign.AttemptPlaced
		}
	}
	if !ok {
		w.fail("TruthInStore: acknowledged before it was written: %s %s of claim %d of call %d, which is %q", r.Kind, r.Reason, r.Attempt.Claim(), r.Attempt.Call(), state)
	}
}

// current reports whether the process owns a campaign by the store's word.
func (o *owner) current(id campaign.ID) bool {
	pt, n := o.tenures[unitOf(id)].part, bus.PartitionOf(id)
	return pt != nil && pt.epochs[n] == o.p.w.store.epochs[n]
}

// expectRetries notes how many retries are due before a turn that brings tokens, unless it
// brings commands as well, by which they may be gone.
func (a *actor) expectRetries(taken []any) {
	a.retries = 0
	granted := false
	for _, m := range taken {
		switch m.(type) {
		case book.Granted:
			granted = true
		case clerk.Asked:
			return
		}
	}
	if granted {
		a.retries = a.clerk.Mind().Demand(a.p.w.now).Retries
	}
}

// judgeRetries holds the claims of a turn against the retries that were due.
func (a *actor) judgeRetries(ops []store.Op) {
	claims, retries := 0, 0
	for _, op := range ops {
		if c, ok := op.(*store.Claim); ok {
			claims++
			if call := a.p.w.store.calls[c.Attempt.Call()]; call.Attempts > 0 || call.Status == campaign.CallRetryWait {
				retries++
			}
		}
	}
	if retries < min(a.retries, claims) {
		a.p.w.fail("RetriesFirst: of %v, %d claims have %d retries, of %d that are due", a.id, claims, retries, a.retries)
	}
	a.retries = 0
}

// over reports whether every campaign has ended, and every call of it.
func (w *world) over() bool {
	for _, u := range w.users {
		if !u.row.Status.Ended() || u.row.Stats.Open() > 0 {
			return false
		}
	}
	return true
}

// unfinished is what is left, for people.
func (w *world) unfinished() string {
	var b strings.Builder
	for _, u := range w.users {
		fmt.Fprintf(&b, "%v is %s, %+v; ", u.row.ID, u.row.Status, u.row.Stats)
	}
	for _, p := range w.running() {
		fmt.Fprintf(&b, "%s: ", p.node.name)
		for u := range p.owner.tenures {
			t := &p.owner.tenures[u]
			if t.stage == ownership.None {
				continue
			}
			pt, l := t.part, t.lease
			fmt.Fprintf(&b, "%d stage %d, leased %v", u, t.stage, l != nil && l.valid())
			if pt != nil {
				fmt.Fprintf(&b, ", epoch %d of %d, waking %v", pt.epochs[u], w.store.epochs[u], pt.waking)
			}
			b.WriteString("; ")
		}
		if p.lead.core != nil {
			fmt.Fprintf(&b, "leads, ready %v, slots %+v; ", p.lead.core.Ready(), p.lead.core.Slots(scheduler.SlotQuery{}, w.now))
		}
	}
	return b.String()
}

// quiet reports whether nothing is under way any more.
func (w *world) quiet() bool {
	return w.jobs.empty() && w.reports.empty() && w.idle() == ""
}

// idle is what somebody still holds, or "".
func (w *world) idle() string {
	leaders := 0
	for _, p := range w.running() {
		for u := range p.owner.tenures {
			if pt := p.owner.tenures[u].part; pt != nil && len(pt.actors) > 0 {
				return fmt.Sprintf("%s has actors in %d", p.node.name, u)
			}
		}
		if p.lead.core == nil {
			continue
		}
		leaders++
		for _, s := range p.lead.core.Providers(w.now) {
			if s.Held > 0 {
				return fmt.Sprintf("%d slots of %s are held in the books of %s: %+v", s.Held, s.Provider, p.node.name, p.lead.core.Slots(scheduler.SlotQuery{}, w.now))
			}
		}
	}
	if leaders != 1 {
		return fmt.Sprintf("%d lead", leaders)
	}
	return ""
}

// judgeEnd holds the whole run against the promises.
func (w *world) judgeEnd() {
	if !w.jobs.empty() || !w.reports.empty() {
		w.fail("at the end nothing is left in the queues")
	}
	if held := w.idle(); held != "" {
		w.fail("at the end no token is out: %s", held)
	}
	for _, u := range w.users {
		u.judgeEnd()
	}
}

func (u *user) judgeEnd() {
	w, s := u.w, u.row.Stats
	dials, completed := 0, 0
	for _, c := range u.row.calls {
		d, done := u.judgeCall(c)
		dials += d
		if done {
			completed++
		}
	}
	if s.Completed != completed {
		w.fail("the statistics of %v are the ledger's: %d completed, %d in the ledgers", u.row.ID, s.Completed, completed)
	}
	if s.Attempts < dials || s.Attempts > dials+u.refusals {
		w.fail("the statistics of %v are the ledger's: %d attempts, %d calls and %d refusals", u.row.ID, s.Attempts, dials, u.refusals)
	}
	if want := s.Outcome(); u.row.Status != want && u.row.Status != campaign.StatusCanceled {
		w.fail("%v ends as %s, not %s", u.row.ID, want, u.row.Status)
	}
	if u.up != 0 {
		w.fail("at the end nothing is up: %d of %v", u.up, u.row.ID)
	}
}

// judgeCall compares a call with what the providers know of it.
func (u *user) judgeCall(c *campaign.Call) (dials int, completed bool) {
	w := u.w
	if !c.Status.Terminal() {
		w.fail("NothingLost: call %d is %s at the end", c.ID, c.Status)
	}
	for _, ph := range w.providers {
		for _, r := range ph.byNumber[c.Phone] {
			dials++
			a := w.store.attempts[r.attempt]
			if a == nil || a.State != campaign.AttemptEnded || a.Disposition != r.disposition || a.ProviderCallID != r.sid {
				w.fail("NothingLost: %s of claim %d of call %d is on record: %+v", r.disposition, r.attempt.Claim(), c.ID, a)
			}
			completed = completed || r.disposition == campaign.DispositionCompleted
		}
	}
	if completed != (c.Status == campaign.CallCompleted) {
		w.fail("NothingLost: call %d is %s after %d calls", c.ID, c.Status, dials)
	}
	if c.Status == campaign.CallFailed && c.Attempts < u.row.Retry.MaxAttempts && campaign.Disposition(c.Reason) != campaign.DispositionRejected {
		w.fail("NothingLost: call %d failed after %d attempts: %s", c.ID, c.Attempts, c.Reason)
	}
	return dials, completed
}
