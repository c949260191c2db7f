package machine_test

import (
	"fmt"
	"time"

	"dialtone/campaign"
)

// ledger is the provider: it writes down every call and tells the truth about
// them.
type ledger struct {
	w        *world
	calls    []*ringing
	byNumber map[string][]*ringing
	dialled  map[campaign.AttemptID]bool
	up       int
	refusals int
	fates    map[campaign.AttemptID]fate // of the requests
	silent   map[campaign.AttemptID]bool // attempts about which it was asked in vain
	late     map[campaign.AttemptID]bool // that it dials in its own time
}

// ringing is one call at the provider.
type ringing struct {
	sid         string
	attempt     campaign.AttemptID
	at          time.Time
	endedAt     time.Time // zero while it is up
	disposition campaign.Disposition
}

// lateLimit is how long after a request the provider may still dial: it is first asked 11 s
// after that at the earliest, and then once more.
const lateLimit = 11*time.Second + 29*time.Second

// createLimit is the time limit of a create request.
const createLimit = 8 * time.Second

// fate is what becomes of a create request.
type fate string

const (
	fateDialled       fate = "dialled"
	fateRefused       fate = "refused"
	fateThrottled     fate = "throttled"
	fateUnreachable   fate = "unreachable"
	fateMisconfigured fate = "misconfigured"
	fateFull          fate = "full"
	fateBarred        fate = "barred"
	fateTimeoutBefore fate = "create timed out before dialling"
	fateTimeoutAfter  fate = "create timed out after dialling"
	fateTimeoutLate   fate = "create timed out long before dialling"
	fateBroken        fate = "create answered with garbage"
)

// create takes a request; answer comes later, if the caller still listens.
func (l *ledger) create(j campaign.Job, answer func(fate, *ringing)) {
	w := l.w
	w.happyf(!w.user.stopped, "StopMeansStop: a create of %v reaches the provider after the answer", j.Attempt)
	f := l.fate()
	w.saw(string(f))
	l.fates[j.Attempt] = f
	switch f {
	case fateDialled:
		w.after(w.span(0, 2*time.Second), func() {
			c := l.dial(j)
			w.after(w.soon(), func() { answer(f, c) })
		})
		return
	case fateTimeoutAfter:
		w.after(w.span(0, createLimit), func() { l.dial(j) })
		w.after(createLimit, func() { answer(f, nil) })
		return
	case fateTimeoutLate:
		l.late[j.Attempt] = true
		w.after(w.span(createLimit, lateLimit), func() { l.dial(j) })
		w.after(createLimit, func() { answer(f, nil) })
		return
	case fateBroken:
		if w.chance(500) {
			l.dial(j)
		}
	case fateTimeoutBefore:
		w.after(createLimit, func() { answer(f, nil) })
		return
	case fateRefused:
		l.refusals++
	}
	w.after(w.soon(), func() { answer(f, nil) })
}

func (l *ledger) fate() fate {
	f, n := l.w.faults, l.w.pick.below(1000)
	for _, x := range []struct {
		fate   fate
		chance int
	}{
		{fateRefused, f.refused}, {fateThrottled, f.throttled}, {fateUnreachable, f.unreachable},
		{fateFull, f.full}, {fateBarred, f.barred}, {fateMisconfigured, f.misconfigured}, {fateTimeoutBefore, f.timeoutBefore}, {fateTimeoutAfter, f.timeoutAfter},
		{fateTimeoutLate, f.timeoutLate}, {fateBroken, f.broken},
	} {
		if n -= x.chance; n < 0 {
			return x.fate
		}
	}
	return fateDialled
}

// dial rings somebody up.
func (l *ledger) dial(j campaign.Job) *ringing {
	w := l.w
	w.happyf(!l.dialled[j.Attempt], "NeverTwice: attempt %v is dialled twice", j.Attempt)
	l.dialled[j.Attempt] = true
	for _, c := range l.byNumber[j.To] {
		if w.lost(c.attempt) {
			continue
		}
		w.happyf(!c.endedAt.IsZero(), "NeverTwice: %s is dialled as %v while %v is up", j.To, j.Attempt, c.attempt)
		w.happyf(w.store.rows[c.attempt].State == campaign.AttemptEnded,
			"NeverTwice: %s is dialled as %v while %v is unsettled", j.To, j.Attempt, c.attempt)
	}
	w.happyf(w.store.under(j.Attempt) && w.store.rows[j.Attempt] != nil, "NeverTwice: %v is dialled after it was given back", j.Attempt)
	c := &ringing{sid: fmt.Sprintf("CA%04d", len(l.calls)+1), attempt: j.Attempt, at: w.now}
	l.calls = append(l.calls, c)
	l.byNumber[j.To] = append(l.byNumber[j.To], c)
	w.happyf(len(l.byNumber[j.To]) <= w.store.c.Retry.MaxAttempts, "NeverTwice: %s is dialled oftener than max_attempts", j.To)
	l.up++
	if !l.late[j.Attempt] { // else it is the provider that is late
		w.judgeHours(j.To)
	}
	w.judgeCanceled(j.Attempt)
	w.log("DIAL %v %s as %s", j.Attempt, j.To, c.sid)
	if w.chance(100) {
		l.callback(campaign.Report{Kind: campaign.ReportPlaced, Attempt: c.attempt, ProviderCallID: c.sid, At: w.now})
	}
	long := 3 * time.Minute
	if w.chance(30) {
		long = 20 * time.Minute
	}
	w.after(w.span(0, long), func() {
		if c.endedAt.IsZero() {
			l.end(c)
		}
	})
	return c
}

func (l *ledger) end(c *ringing) {
	l.up--
	c.endedAt = l.w.now
	c.disposition = []campaign.Disposition{
		campaign.DispositionCompleted, campaign.DispositionCompleted, campaign.DispositionCompleted,
		campaign.DispositionBusy, campaign.DispositionNoAnswer, campaign.DispositionNoAnswer, campaign.DispositionFailed,
		campaign.DispositionCanceled,
	}[l.w.pick.below(8)]
	l.w.log("END %v %s %s", c.attempt, c.sid, c.disposition)
	l.callback(c.ended())
}

// callback tells of a call, or fails to, or tells it twice.
func (l *ledger) callback(r campaign.Report) {
	w := l.w
	r.Campaign = w.store.c.ID
	if w.chance(w.faults.callbackLost) {
		w.saw("callback lost")
		return
	}
	n := 1
	if w.chance(w.faults.callbackTwice) {
		w.saw("callback repeated")
		n = 2
	}
	for range n {
		w.after(w.soon(), func() { w.reports.publish(message{report: r}) })
	}
}

func (c *ringing) ended() campaign.Report {
	return campaign.Report{
		Kind: campaign.ReportEnded, Attempt: c.attempt, ProviderCallID: c.sid, Disposition: c.disposition,
		At: c.endedAt, Duration: c.endedAt.Sub(c.at),
	}
}

// view is what Fetch and Find tell of a call.
func (c *ringing) view() campaign.Report {
	if !c.endedAt.IsZero() {
		return c.ended()
	}
	return campaign.Report{Kind: campaign.ReportPlaced, Attempt: c.attempt, ProviderCallID: c.sid, At: c.at}
}

func (l *ledger) fetch(sid string) *ringing {
	for _, c := range l.calls {
		if c.sid == sid {
			return c
		}
	}
	return nil
}

// find is the newest call to a number since a time that is nobody else's.
func (l *ledger) find(to string, since time.Time, known func(sid string) bool) *ringing {
	for i := len(l.byNumber[to]) - 1; i >= 0; i-- {
		if c := l.byNumber[to][i]; !c.at.Before(since) && !known(c.sid) {
			return c
		}
	}
	return nil
}
