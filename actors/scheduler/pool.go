package scheduler

import (
	"time"

	"dialtone/actors/scheduler/pace"
	"dialtone/provider"
)

// pool is one provider's capacity, kept for all campaigns and processes.
//
// A token takes a channel until its call is over, and one of the create requests
// that the provider may see in a second: from the grant until a second after the
// provider has surely seen it.  So whatever holds a request up on its way, in any
// window of a second the provider sees no more than so many; and what it sees more
// slowly is granted more slowly.  Within that bound grants go through a gate that
// paces them evenly, so that a second's calls don't go out at its beginning.
type pool struct {
	name   string
	limits provider.Limits
	held   int
	gate   pace.Gate

	window   time.Duration // in which the provider sees no more than requests; 0 is no limit
	requests int
	open     int         // granted, and perhaps not seen yet
	seen     []time.Time // those that were, ascending, not a window ago when last looked
	quiet    time.Time   // nothing is granted before
}

func newPool(name string, l provider.Limits, now time.Time) *pool {
	p := &pool{name: name, limits: l, gate: pace.New(l.CallsPerSecond, now)}
	if l.CallsPerSecond > 0 {
		p.window = max(time.Second, time.Duration(float64(time.Second)/l.CallsPerSecond))
		p.requests = max(1, int(l.CallsPerSecond))
	}
	return p
}

// settle lets a window go by: of what was granted before, not all is known.
func (p *pool) settle(now time.Time) { p.quiet = now.Add(p.window) }

// free reports whether a call may be granted now.
func (p *pool) free(now time.Time) bool {
	if p.full() {
		return false
	}
	return p.window == 0 || !now.Before(p.quiet) && p.gate.Open(now) && p.open+p.recent(now) < p.requests
}

// full reports whether all channels are in use.
func (p *pool) full() bool { return p.limits.Channels > 0 && p.held >= p.limits.Channels }

// recent counts the requests that the provider has seen within the window.
func (p *pool) recent(now time.Time) int {
	gone := 0
	for gone < len(p.seen) && now.Sub(p.seen[gone]) > p.window {
		gone++
	}
	p.seen = p.seen[gone:]
	return len(p.seen)
}

// take counts a call that is granted.
func (p *pool) take(now time.Time) {
	p.count()
	p.gate.Pass(now)
}

// count enters a call that somebody else granted.
func (p *pool) count() {
	p.held++
	p.open++
}

// saw notes that the provider has seen a request, by now.
func (p *pool) saw(now time.Time) {
	p.open--
	if p.window > 0 {
		p.seen = append(p.seen, now)
	}
}

// unsent takes back a request that the provider will never see.
func (p *pool) unsent() { p.open-- }

// waitsFor is when time alone lets the next call go, or zero if something else must
// happen before, or nothing.
func (p *pool) waitsFor(now time.Time) time.Time {
	if p.window == 0 || p.full() || p.free(now) || p.open >= p.requests {
		return time.Time{}
	}
	at := later(p.quiet, p.gate.Next())
	if over := p.open + p.recent(now) - p.requests; over >= 0 {
		at = later(at, p.seen[over].Add(p.window+1))
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
