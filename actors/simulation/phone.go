package simulation

import (
	"errors"
	"fmt"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/provider"
)

var providerNames = []string{"north", "south"}

// phone is a provider: it writes down every call, and tells the truth about them, where
// it tells anything.
type phone struct {
	w        *world
	name     string
	limits   provider.Limits
	calls    []*ringing
	byNumber map[string][]*ringing
	up       int
	seen     []time.Time // the latest requests
}

// ringing is one call at a provider.
type ringing struct {
	phone       *phone
	sid         string
	to          string
	in          campaign.ID
	attempt     campaign.AttemptID
	at          time.Time
	endedAt     time.Time // zero while it is up
	disposition campaign.Disposition
}

func (w *world) installProviders() {
	for _, name := range providerNames {
		w.providers = append(w.providers, &phone{
			w: w, name: name, limits: w.sizes.limits[name], byNumber: make(map[string][]*ringing),
		})
	}
}

// simTable is all providers for all numbers.
var simTable = route.NewTable([]route.Provider{{Name: providerNames[0]}, {Name: providerNames[1]}})

func (w *world) table() *route.Table {
	if w.sizes.table {
		return simTable
	}
	return nil
}

func (w *world) phone(name string) *phone {
	for _, p := range w.providers {
		if p.name == name {
			return p
		}
	}
	w.fail("a job names a provider that there is, not %q", name)
	return nil
}

var errUnreachable = &provider.PlaceError{Fault: provider.Unreachable, Err: errors.New("no connection")}

// place takes a request of a process.  What answers comes later, if anything does.
func (ph *phone) place(p *process, j campaign.Job, answer func(*ringing, error)) {
	w := ph.w
	if w.chance(w.faults.unreachable) {
		w.saw("provider unreachable")
		p.after(w.trip(), func() { answer(nil, errUnreachable) })
		return
	}
	w.after(w.trip(), func() {
		w.judgeRequest(ph, j)
		ph.treat(j, func(c *ringing, err error) { p.after(w.trip(), func() { answer(c, err) }) })
	})
}

// treat does with a request what it may come to.
func (ph *phone) treat(j campaign.Job, answer func(*ringing, error)) {
	w, f := ph.w, &ph.w.faults
	for _, x := range []struct {
		rate  int
		fault provider.Fault
	}{
		{f.refused, provider.Refused}, {f.throttled, provider.Throttled}, {f.full, provider.Full},
		{f.barred, provider.Barred}, {f.misconfigured, provider.Misconfigured},
	} {
		if w.chance(x.rate) {
			w.saw("provider: " + string(x.fault))
			if x.fault == provider.Refused {
				w.userOf(j.Campaign).refusals++
			}
			answer(nil, &provider.PlaceError{Fault: x.fault, RetryAfter: w.span(0, time.Second)})
			return
		}
	}
	switch {
	case w.chance(f.broken):
		w.saw("provider answers garbage")
		if w.below(2) == 0 {
			ph.dial(j)
		}
		answer(nil, &provider.PlaceError{Fault: provider.Ambiguous})
	case w.chance(f.timesOut):
		w.saw("provider does not answer")
	case w.chance(f.timesOutDialled):
		w.saw("provider dials and does not answer")
		w.after(w.span(0, 2*time.Second), func() { ph.dial(j) })
	case w.chance(f.dialsLate):
		w.saw("provider dials late")
		w.after(w.span(time.Second, dialsLateBy), func() { ph.dial(j) })
	default:
		w.after(w.span(0, 200*time.Millisecond), func() { answer(ph.dial(j), nil) })
	}
}

// dial rings somebody up.
func (ph *phone) dial(j campaign.Job) *ringing {
	w := ph.w
	c := &ringing{
		phone: ph, sid: fmt.Sprintf("%s-%d", ph.name, len(ph.calls)+1), to: j.To, in: j.Campaign, attempt: j.Attempt, at: w.now,
	}
	ph.up++
	w.userOf(j.Campaign).up++
	if w.telling {
		w.tell("DIAL claim %d of call %d as %s", j.Attempt.Claim(), j.Attempt.Call(), c.sid)
	}
	w.judgeDial(ph, c)
	ph.calls = append(ph.calls, c)
	ph.byNumber[j.To] = append(ph.byNumber[j.To], c)
	w.saw("dialled")
	if w.below(10) == 0 {
		ph.tellOf(campaign.Report{Kind: campaign.ReportPlaced, ProviderCallID: c.sid, At: w.now}, c)
	}
	long := 1500 * time.Millisecond
	if w.below(6) == 0 { // longer than it takes to find out that its owner is dead
		long = 8 * time.Second
	}
	w.after(w.span(100*time.Millisecond, long), func() {
		if c.endedAt.IsZero() {
			c.end()
		}
	})
	return c
}

func (c *ringing) end() {
	w := c.phone.w
	c.phone.up--
	w.userOf(c.in).up--
	c.endedAt = w.now
	c.disposition = []campaign.Disposition{
		campaign.DispositionCompleted, campaign.DispositionCompleted, campaign.DispositionCompleted,
		campaign.DispositionBusy, campaign.DispositionNoAnswer, campaign.DispositionFailed,
	}[w.below(6)]
	if w.telling {
		w.tell("END of claim %d of call %d: %s", c.attempt.Claim(), c.attempt.Call(), c.disposition)
	}
	c.phone.tellOf(campaign.Report{
		Kind: campaign.ReportEnded, ProviderCallID: c.sid, Disposition: c.disposition, At: c.endedAt, Duration: c.endedAt.Sub(c.at),
	}, c)
}

// tellOf calls back, or fails to, or does it twice.
func (ph *phone) tellOf(r campaign.Report, c *ringing) {
	w := ph.w
	r.Campaign, r.Attempt, r.Provider = c.in, c.attempt, ph.name
	if w.chance(w.faults.callbackLost) {
		w.saw("callback lost")
		return
	}
	times := 1
	if w.chance(w.faults.callbackTwice) {
		w.saw("callback twice")
		times = 2
	}
	for range times {
		ph.callBack(r, 1)
	}
}

// callBack posts a callback to some node, which answers once JetStream has it; else it is
// posted again.
func (ph *phone) callBack(r campaign.Report, try int) {
	w := ph.w
	again := func() {
		if try < mostTries {
			w.after(w.span(500*time.Millisecond, 2*time.Second), func() { ph.callBack(r, try+1) })
		} else {
			w.saw("callback given up")
		}
	}
	running := w.running()
	if len(running) == 0 {
		again()
		return
	}
	to, heard := running[w.below(len(running))], false
	to.after(w.trip(), func() {
		to.w.reports.publish(to, message{report: r}, func(ok bool) { heard = ok })
	})
	w.after(2*publishWithin, func() {
		if !heard {
			again()
		}
	})
}

// view is what a provider tells of a call.
func (c *ringing) view() provider.Call {
	return provider.Call{
		ProviderCallID: c.sid, To: c.to, Ended: !c.endedAt.IsZero(), Disposition: c.disposition,
		CreatedAt: c.at, EndedAt: c.endedAt, Duration: max(c.endedAt.Sub(c.at), 0),
	}
}

func (ph *phone) fetch(sid string) *ringing {
	for _, c := range ph.calls {
		if c.sid == sid {
			return c
		}
	}
	return nil
}

// find lists the calls to a number since a time, the oldest first.
func (ph *phone) find(to string, since time.Time) (out []provider.Call) {
	for _, c := range ph.byNumber[to] {
		if !c.at.Before(since) {
			out = append(out, c.view())
		}
	}
	return out
}
