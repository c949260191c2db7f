package scheduler

import (
	"time"

	"dialtone/provider"
)

// pool is one provider's capacity, kept for all campaigns and processes.
//
// A token takes a channel until its call is over, and one of the create requests
// that the provider may see in a second: from the grant until a second after the
// provider has surely seen it.  So whatever holds a request up on its way, in any
// window of a second the provider sees no more than so many; and what it sees more
// slowly is granted more slowly.  Within that bound grants are paced evenly, by the
// generic cell rate algorithm (ITU-T I.371), so that a second's calls don't go out at
// its beginning.
type pool struct {
	name   string
	limits provider.Limits
	held   int

	interval time.Duration // between calls; 0 is no limit
	next     time.Time     // the time of the next call

	window   time.Duration // in which the provider sees no more than requests
	requests int
	open     int         // granted, and perhaps not seen yet
	seen     []time.Time // those that were, ascending, not a window ago when last looked
}

// burst is how far ahead of its time a call may go: what timers that come late
// would lose of the rate.  It is all that is banked of a rate that was not used.
const burst = 10 * time.Millisecond

func newPool(name string, l provider.Limits, now time.Time) *pool {
	p := &pool{name: name, limits: l, next: now.Add(burst)} // no burst at the start
	if l.CallsPerSecond > 0 {
		p.interval = time.Duration(float64(time.Second) / l.CallsPerSecond)
		p.window = max(time.Second, p.interval)
		p.requests = max(1, int(l.CallsPerSecond))
	}
	return p
}

// quiet lets a window go by: of what was granted before, not all is known.
func (p *pool) quiet(now time.Time) {
	if p.interval > 0 {
		p.next = later(p.next, now.Add(p.window+burst))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// free reports whether a call may be granted now.
func (p *pool) free(now time.Time) bool {
	if p.full() {
		return false
	}
	return p.interval == 0 || !now.Before(p.next.Add(-burst)) && p.open+p.recent(now) < p.requests
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
	p.held++
	p.open++
	if p.interval > 0 {
		p.next = later(p.next, now).Add(p.interval) // unused rate is not banked
	}
}

// count enters a call that somebody else granted.
func (p *pool) count() {
	p.held++
	p.open++
}

// saw notes that the provider has seen a request, by now.
func (p *pool) saw(now time.Time) {
	p.open--
	if p.interval > 0 {
		p.seen = append(p.seen, now)
	}
}

// unsent takes back a request that the provider will never see.
func (p *pool) unsent() { p.open-- }

// waitsFor is when time alone lets the next call go, or zero if something else must
// happen before, or nothing.
func (p *pool) waitsFor(now time.Time) time.Time {
	if p.interval == 0 || p.full() || p.free(now) {
		return time.Time{}
	}
	at := p.next.Add(-burst)
	if p.open >= p.requests {
		return time.Time{}
	}
	if over := p.open + p.recent(now) - p.requests; over >= 0 {
		at = later(at, p.seen[over].Add(p.window+1))
	}
	return at
}
