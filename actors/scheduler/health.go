package scheduler

import (
	"time"

	"dialtone/actors/scheduler/pace"
	"dialtone/campaign"
	"dialtone/provider/breaker"
)

// health is how a provider is, as far as what it made of our requests tells.
//
//   - Its breaker is open: it gets nothing, then a few probes.
//   - It is silent: requests are out, and for stallAfter it has answered none.  More
//     would hang as well, and hold slots that others could use: it gets one in that
//     time.
//   - It asked for patience: nothing for as long, then less, and slowly more again.
type health struct {
	breaker  *breaker.Breaker
	rate     pace.Allowance // of calls per second
	channels pace.Allowance
	gate     pace.Gate // of the rate allowed
	paused   time.Time
	meter    meter

	waiting  int       // requests that are out, and of which nothing was heard
	silent   time.Time // since when, at most, nothing was heard while some were out
	asked    time.Time // when the latest went out
	placed   int       // calls that are up
	failures uint64    // in all
	last     string    // what the last failure was
}

const (
	// stallAfter and stallOf say when a silent provider gets no more requests.
	stallAfter = time.Second
	stallOf    = 5
	// leastPause and mostPause bound how long a provider that asks for patience is left
	// alone.
	leastPause = 250 * time.Millisecond
	mostPause  = 10 * time.Minute
)

func newHealth() health { return health{breaker: breaker.New(breaker.Config{})} }

// allows reports whether a request may go now.
func (h *health) allows(now time.Time) bool {
	if now.Before(h.paused) || h.stalled(now) || !h.breaker.Allows(now) {
		return false
	}
	return h.paced(now) == nil || h.gate.Open(now)
}

// paced is the gate of the rate that is allowed, or nil where none is cut.
func (h *health) paced(now time.Time) *pace.Gate {
	v, ok := h.rate.Value(now)
	if !ok {
		h.gate = pace.Gate{} // or what passes unpaced would count against the next cut
		return nil
	}
	h.gate.Adjust(v)
	return &h.gate
}

// stalled reports whether a provider is silent.  One request a stallAfter goes out all
// the same, so that one that is well again is found out.
func (h *health) stalled(now time.Time) bool {
	return h.waiting >= stallOf && now.Sub(h.silent) > stallAfter && now.Sub(h.asked) < stallAfter
}

// waitsFor is when time alone lets the next request go; false where it takes more.
func (h *health) waitsFor(now time.Time) (at time.Time, ever bool) {
	at = later(h.paused, h.breaker.Until())
	if h.stalled(now) {
		at = later(at, h.asked.Add(stallAfter))
	}
	if !at.After(now) && !h.breaker.Allows(now) {
		return at, false // its probes are out
	}
	if g := h.paced(now); g != nil {
		at = later(at, g.Next())
	}
	return at, true
}

// pass counts a request that goes now.
func (h *health) pass(now time.Time) {
	h.meter.add(now)
	if g := h.paced(now); g != nil {
		g.Pass(now)
	}
}

// begin notes that a request is on its way.
func (h *health) begin(now time.Time) breaker.Ticket {
	if h.waiting == 0 {
		h.silent = now
	}
	h.waiting++
	h.asked = now
	return h.breaker.Begin(now)
}

// drop takes back a request that was not sent, or of which nothing will be heard.
func (h *health) drop(t breaker.Ticket) {
	h.waiting--
	h.breaker.Drop(t)
}

// heard takes in what came of a request.
func (p *pool) heard(t breaker.Ticket, o campaign.Outcome, retryAfter time.Duration, now time.Time) {
	h := &p.health
	h.waiting--
	h.silent = now
	switch o {
	case campaign.OutcomeThrottled:
		base := h.meter.rate(now)
		if v, ok := h.rate.Value(now); ok {
			base = v
		} else if p.limits.CallsPerSecond > 0 {
			base = min(base, p.limits.CallsPerSecond)
		}
		h.rate.Cut(base/2, base, p.limits.CallsPerSecond, now)
		h.pause(retryAfter, now)
	case campaign.OutcomeFull:
		h.channels.Cut(float64(h.placed), float64(max(p.held, 1)), float64(p.limits.Channels), now)
		h.pause(retryAfter, now)
	}
	if o.Failed() {
		h.failures++
		h.last = string(o)
	}
	// One that asks for patience is well.
	h.breaker.End(t, o.Failed(), now)
}

func (h *health) pause(asked time.Duration, now time.Time) {
	h.paused = later(h.paused, now.Add(min(max(asked, leastPause), mostPause)))
}

// tell completes what people are told.
func (h *health) tell(st *ProviderStatus, now time.Time) {
	st.Breaker, st.BreakerUntil = h.breaker.State(now), h.breaker.Until()
	if failed, of := h.breaker.Failures(now); of > 0 {
		st.FailureRatio = float64(failed) / float64(of)
	}
	if v, ok := h.rate.Value(now); ok && (st.CallsPerSecond == 0 || v < st.CallsPerSecond) {
		st.CallsPerSecondNow = v
	}
	if h.paused.After(now) {
		st.PausedUntil = h.paused
	}
	st.Stalled = h.stalled(now)
	st.Failures, st.LastFailure = h.failures, h.last
}

// meter measures the rate of the latest seconds, roughly.
type meter struct {
	second    int64
	now, last int
}

func (m *meter) roll(at time.Time) {
	switch s := at.Unix(); {
	case s == m.second+1:
		m.second, m.last, m.now = s, m.now, 0
	case s != m.second:
		m.second, m.last, m.now = s, 0, 0
	}
}

func (m *meter) add(at time.Time) {
	m.roll(at)
	m.now++
}

// rate is per second: of the last whole one, or of this one where that has more.
func (m *meter) rate(at time.Time) float64 {
	m.roll(at)
	return float64(max(m.last, m.now))
}
