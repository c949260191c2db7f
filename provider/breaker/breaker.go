// Package breaker is the circuit breaker of one provider: it says when a provider is
// failing, lets nothing through to it then, and finds out with few calls whether it
// is well again.
//
//	          failures                       time is up
//	closed ──────────────▶ open ──────────────────────────▶ half-open
//	  ▲                     ▲                                  │ │
//	  │                     ╰──────── most probes failed ──────╯ │
//	  ╰───────────────────────── most were answered ─────────────╯
//
// The states are those of Nygard, Release It! (2007), chapter 5.  It is pure: the
// time is an argument, and a request of which nobody ever hears takes no place for
// ever.
//
// Failures are heard of late: a refusal comes at once, a time-out when the time is out.
// So a failure is no part of a row if the provider has answered a request which began
// later; in the ratio every one counts.
package breaker

import (
	"cmp"
	"time"
)

// State is where a breaker stands.
type State string

// The states.
const (
	Closed   State = "closed"    // requests go through
	Open     State = "open"      // none do
	HalfOpen State = "half_open" // a few do, to see how it goes
)

// Config is when a breaker opens and how it closes; zero values take the defaults.
type Config struct {
	// Consecutive failures, of requests that began after the latest that was answered,
	// open it; default 5.
	Consecutive int
	// Ratio of the requests of the last Window that failed opens it, where there were
	// Requests at least; defaults 0.5, 10 s and 20.
	Ratio    float64
	Window   time.Duration
	Requests int
	// OpenFor is how long it stays open at first; each time that the probes fail doubles
	// it, up to MostOpenFor.  Defaults 5 s and 30 s.
	OpenFor, MostOpenFor time.Duration
	// Probes are how many requests go out while it is half-open; what comes of more
	// than half of them decides.  Default 5.
	Probes int
	// ProbeFor is how long a probe of which nothing is heard keeps its place; default
	// 30 s.
	ProbeFor time.Duration
}

func (c Config) withDefaults() Config {
	c.Consecutive = cmp.Or(c.Consecutive, 5)
	c.Ratio = cmp.Or(c.Ratio, 0.5)
	c.Window = cmp.Or(c.Window, 10*time.Second)
	c.Requests = cmp.Or(c.Requests, 20)
	c.OpenFor = cmp.Or(c.OpenFor, 5*time.Second)
	c.MostOpenFor = cmp.Or(c.MostOpenFor, 30*time.Second)
	c.Probes = cmp.Or(c.Probes, 5)
	c.ProbeFor = cmp.Or(c.ProbeFor, 30*time.Second)
	return c
}

// Breaker is used by one goroutine.
type Breaker struct {
	cfg     Config
	state   State
	turn    uint64    // counts the states gone through
	until   time.Time // of Open
	openFor time.Duration
	streak  int       // of failures
	good    time.Time // when the latest request began that was answered
	window  window

	probing          int // probes under way
	answered, failed int // probes that were, or did
	probed           time.Time
}

// Ticket is a request under way.  What comes of it counts only in the state in which it
// began.
type Ticket struct {
	turn uint64
	at   time.Time
}

// New makes a breaker that is closed.
func New(c Config) *Breaker {
	c = c.withDefaults()
	return &Breaker{cfg: c, state: Closed, openFor: c.OpenFor, window: newWindow(c.Window)}
}

// State is where it stands.
func (b *Breaker) State(now time.Time) State {
	b.pass(now)
	return b.state
}

// Until is when it lets a probe through; zero unless it is open.
func (b *Breaker) Until() time.Time {
	if b.state != Open {
		return time.Time{}
	}
	return b.until
}

// Failures are how many of the requests of the window failed.
func (b *Breaker) Failures(now time.Time) (failed, of int) { return b.window.sum(now) }

// pass lets time go by.
func (b *Breaker) pass(now time.Time) {
	switch {
	case b.state == Open && !now.Before(b.until):
		b.enter(HalfOpen)
	case b.state == HalfOpen && b.probing > 0 && now.Sub(b.probed) >= b.cfg.ProbeFor:
		b.probing = 0
	}
}

func (b *Breaker) enter(s State) {
	b.state, b.streak, b.probing, b.answered, b.failed = s, 0, 0, 0, 0
	b.turn++
}

// Allows reports whether a request may go now.
func (b *Breaker) Allows(now time.Time) bool {
	b.pass(now)
	return b.state == Closed || b.state == HalfOpen && b.probing+b.answered+b.failed < b.cfg.Probes
}

// Begin counts a request that goes now, allowed or not.
func (b *Breaker) Begin(now time.Time) Ticket {
	b.pass(now)
	if b.state == HalfOpen {
		b.probing++
		b.probed = now
	}
	return Ticket{b.turn, now}
}

// Drop takes back a request that never got to the provider, or of which nothing will
// be known.
func (b *Breaker) Drop(t Ticket) {
	if t.turn == b.turn && b.probing > 0 {
		b.probing--
	}
}

// End tells what came of a request.
func (b *Breaker) End(t Ticket, failed bool, now time.Time) {
	b.pass(now)
	b.window.add(failed, now)
	switch {
	case t.turn != b.turn:
	case b.state == HalfOpen:
		b.Drop(t)
		b.probe(failed, now)
	case !failed:
		b.streak = 0
		if t.at.After(b.good) {
			b.good = t.at
		}
	case b.state == Closed:
		if !t.at.Before(b.good) {
			b.streak++
		}
		if b.failing(now) {
			b.open(now)
		}
	}
}

// probe takes in what came of a probe.
func (b *Breaker) probe(failed bool, now time.Time) {
	if failed {
		b.failed++
	} else {
		b.answered++
	}
	switch {
	case 2*b.failed > b.cfg.Probes:
		b.openFor = min(2*b.openFor, b.cfg.MostOpenFor)
		b.open(now)
	case 2*b.answered > b.cfg.Probes || b.answered+b.failed >= b.cfg.Probes:
		b.openFor = b.cfg.OpenFor
		b.window = newWindow(b.cfg.Window)
		b.enter(Closed)
	}
}

func (b *Breaker) open(now time.Time) {
	b.enter(Open)
	b.until = now.Add(b.openFor)
}

// failing is the rule by which it opens.
func (b *Breaker) failing(now time.Time) bool {
	if b.streak >= b.cfg.Consecutive {
		return true
	}
	failed, of := b.window.sum(now)
	return of >= b.cfg.Requests && float64(failed) >= b.cfg.Ratio*float64(of)
}
