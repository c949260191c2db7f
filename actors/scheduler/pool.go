package scheduler

import (
	"time"

	"dialtone/provider"
)

// pool is one provider's capacity: channels, and a rate kept by the generic cell
// rate algorithm (ITU-T I.371): each call moves the earliest time of the next one
// on by an interval, and a call may come a little early.
type pool struct {
	name   string
	limits provider.Limits
	held   int

	interval time.Duration // between calls; 0 is no limit
	early    time.Duration // how far ahead of its time a call may go
	next     time.Time     // the time of the next call
}

const (
	// rateMargin keeps the granted rate below the limit by what jitter on the way
	// to the provider, and the burst, may add to it in any second.
	rateMargin = 0.97
	// burstShare is the burst allowed, as a share of a second's calls.
	burstShare = 0.01
)

func newPool(name string, l provider.Limits, now time.Time) *pool {
	p := &pool{name: name, limits: l}
	if l.CallsPerSecond > 0 {
		p.interval = time.Duration(float64(time.Second) / (l.CallsPerSecond * rateMargin))
		p.early = time.Duration(burstShare * float64(time.Second))
	}
	p.next = now.Add(p.early) // no burst at the start
	return p
}

// free reports whether a call may be granted now.
func (p *pool) free(now time.Time) bool {
	if p.limits.Channels > 0 && p.held >= p.limits.Channels {
		return false
	}
	return p.interval == 0 || !now.Before(p.next.Add(-p.early))
}

// take counts a call.  What it took of the rate is gone even if the token comes
// back unused: calls of two seconds would fall into one else.
func (p *pool) take(now time.Time) {
	p.held++
	if p.interval == 0 {
		return
	}
	if p.next.Before(now) {
		p.next = now // unused rate is not banked
	}
	p.next = p.next.Add(p.interval)
}

// waitsFor is when the rate allows the next call, or zero if it does not bind.
func (p *pool) waitsFor(now time.Time) time.Time {
	if p.interval == 0 || p.free(now) || (p.limits.Channels > 0 && p.held >= p.limits.Channels) {
		return time.Time{}
	}
	return p.next.Add(-p.early)
}
