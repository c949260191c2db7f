package scheduler

import (
	"time"

	"dialtone/actors/scheduler/pace"
	"dialtone/actors/scheduler/strategy"
	"dialtone/provider"
	"dialtone/provider/breaker"
)

// pool is one provider's capacity, kept for all campaigns and processes, and shared by
// a strategy of its own among those that could use it.
//
// A token takes a channel until its call is over, and one of the create requests
// that the provider may see in a second: from the grant until a second after the
// provider has surely seen it.  So whatever holds a request up on its way, in any
// window of a second the provider sees no more than so many; and what it sees more
// slowly is granted more slowly.  Within that bound grants go through a gate that
// paces them evenly, so that a second's calls don't go out at its beginning.
//
// How the provider is, and what it asks for, narrows that further: see health.
type pool struct {
	name     string
	index    int // in Core.pools
	limits   provider.Limits
	strategy strategy.Strategy
	held     int
	gate     pace.Gate
	health   health
	drained  bool // by people: it gets no calls
	removed  bool // it is not configured (any more)

	// What News has told of it.
	toldState   string
	toldBreaker breaker.State
	toldPaused  bool

	window   time.Duration // in which the provider sees no more than requests; 0 is no limit
	requests int
	open     int         // granted, and perhaps not seen yet
	seen     []time.Time // those that were, ascending, not a window ago when last looked
	quiet    time.Time   // nothing is granted before
	// inherited is what the leader before has told of it; nil if that told nothing.
	inherited *inherited
}

func newPool(name string, l provider.Limits, now time.Time) *pool {
	p := &pool{name: name, gate: pace.New(l.CallsPerSecond, now), health: newHealth()}
	p.limit(l)
	return p
}

// limit puts limits in force.
func (p *pool) limit(l provider.Limits) {
	p.limits, p.window, p.requests = l, 0, 0
	p.gate.Adjust(l.CallsPerSecond)
	if l.CallsPerSecond > 0 {
		p.window = max(time.Second, time.Duration(float64(time.Second)/l.CallsPerSecond))
		p.requests = max(1, int(l.CallsPerSecond))
	}
}

// settle lets a window go by: of what was granted before, not all is known.
func (p *pool) settle(now time.Time) { p.quiet = later(p.quiet, now.Add(p.window)) }

// free reports whether a call may be granted now.
func (p *pool) free(now time.Time) bool {
	if p.drained || p.removed || p.full(now) || !p.health.allows(now) {
		return false
	}
	return p.window == 0 || !now.Before(p.quiet) && p.gate.Open(now) && p.open+p.recent(now) < p.requests
}

// full reports whether all channels are in use.
func (p *pool) full(now time.Time) bool {
	n := p.channels(now)
	return n > 0 && p.held >= n
}

// channels are those that may be used now; 0 is no limit.
func (p *pool) channels(now time.Time) int {
	n := p.limits.Channels
	if v, ok := p.health.channels.Value(now); ok && (n == 0 || int(v) < n) {
		return int(v)
	}
	return n
}

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
	p.health.pass(now)
}

// count enters a call that somebody else granted.
func (p *pool) count() {
	p.held++
	p.open++
}

// saw notes that the provider has seen a token's request, by now, or earlier where the
// leader before has noted it.
func (p *pool) saw(token uint64, now time.Time) {
	p.open--
	if p.window > 0 && !p.inherited.noted(token) {
		p.seen = append(p.seen, now)
	}
}

// unsent takes back a request that the provider will never see.
func (p *pool) unsent() { p.open-- }

// waitsFor is when time alone lets the next call go, or zero if something else must
// happen before, or nothing.
func (p *pool) waitsFor(now time.Time) time.Time {
	if p.drained || p.removed || p.free(now) {
		return time.Time{}
	}
	at, ever := p.health.waitsFor(now)
	if p.full(now) {
		grows := p.health.channels.Reaches(float64(p.held+1), now)
		if grows.IsZero() {
			return time.Time{}
		}
		at = later(at, grows)
	}
	if !ever || p.window > 0 && p.open >= p.requests {
		return time.Time{}
	}
	if p.window == 0 {
		return at
	}
	at = later(at, later(p.quiet, p.gate.Next()))
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

// state is what is to be said of the pool in a word.
func (p *pool) state() string {
	switch {
	case p.removed:
		return ProviderRemoved
	case p.drained:
		return ProviderDrained
	}
	return ProviderEnabled
}

// The states of a provider.
const (
	ProviderEnabled = "enabled"
	ProviderDrained = "drained" // it gets no calls, by people's wish
	ProviderRemoved = "removed" // it is not configured any more, and calls are up still
)

// status is what people are told of it.
func (p *pool) status(now time.Time) ProviderStatus {
	st := ProviderStatus{
		Provider: p.name, State: p.state(), Held: p.held,
		Channels: p.limits.Channels, ChannelsNow: p.channels(now),
		CallsPerSecond: p.limits.CallsPerSecond, CallsPerSecondNow: p.limits.CallsPerSecond,
	}
	p.health.tell(&st, now)
	return st
}
