package scheduler

import (
	"time"

	"dialtone/actors/scheduler/pace"
	"dialtone/provider"
)

// pool is one provider's capacity: channels, and a rate.
type pool struct {
	name   string
	limits provider.Limits
	held   int
	gate   pace.Gate
}

func newPool(name string, l provider.Limits, now time.Time) *pool {
	return &pool{name: name, limits: l, gate: pace.New(l.CallsPerSecond, now)}
}

func (p *pool) full() bool { return p.limits.Channels > 0 && p.held >= p.limits.Channels }

// free reports whether a call may be granted now.
func (p *pool) free(now time.Time) bool { return !p.full() && p.gate.Open(now) }

// take counts a call.  What it took of the rate is gone even if the token comes
// back unused: calls of two seconds would fall into one else.
func (p *pool) take(now time.Time) {
	p.held++
	p.gate.Pass(now)
}

// waitsFor is when the rate allows the next call, or zero if it does not bind.
func (p *pool) waitsFor(now time.Time) time.Time {
	if p.full() || p.gate.Open(now) {
		return time.Time{}
	}
	return p.gate.Next()
}
