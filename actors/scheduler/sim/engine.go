package sim

import (
	"time"

	"dialtone/actors/scheduler/pace"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// Config is what a run begins with.
type Config struct {
	// Strategy is the engine's from now on.
	Strategy strategy.Strategy
	// Channels and CallsPerSecond are shared; 0 is no limit.
	Channels       int
	CallsPerSecond float64
	Start          time.Time
	Seed           uint64
	// Observer hears what happens; nil is nobody.
	Observer Observer
}

// Want is what stands between a campaign and its next call.
type Want uint8

// The three states.
const (
	Idle    Want = iota // nothing to dial now, out of hours, or paused
	Limited             // its own limit
	Waiting             // only that others are served: it could use a token now
)

// Observer hears what happens, in its order.  Times never go back.
type Observer interface {
	// Capacity is what is shared from now on; 0 is no limit.
	Capacity(channels int, callsPerSecond float64, now time.Time)
	// Weighs tells a campaign's weight, before anything else of it and when it
	// changes.
	Weighs(id campaign.ID, weight float64, now time.Time)
	Wants(id campaign.ID, w Want, now time.Time)
	// Granted: a token, of a campaign that is Waiting.
	Granted(id campaign.ID, now time.Time)
	// Adopted: a call that was up already.
	Adopted(id campaign.ID, now time.Time)
	// Released: a token that was granted or adopted at since came back.  held is how
	// long its call lasted, or 0 if there was none.
	Released(id campaign.ID, since, now time.Time, held time.Duration)
	// Forgotten: a campaign has gone.
	Forgotten(id campaign.ID, now time.Time)
}

// nobody is who listens where no one does.
type nobody struct{}

func (nobody) Capacity(int, float64, time.Time)                          {}
func (nobody) Weighs(campaign.ID, float64, time.Time)                    {}
func (nobody) Wants(campaign.ID, Want, time.Time)                        {}
func (nobody) Granted(campaign.ID, time.Time)                            {}
func (nobody) Adopted(campaign.ID, time.Time)                            {}
func (nobody) Released(campaign.ID, time.Time, time.Time, time.Duration) {}
func (nobody) Forgotten(campaign.ID, time.Time)                          {}

// Engine is a pool at play.  It is used by one goroutine.
type Engine struct {
	strategy strategy.Strategy
	observer Observer
	start    time.Time
	seed     uint64
	now      time.Duration // since start
	channels int           // 0 is no limit
	gate     pace.Gate
	dialers  map[campaign.ID]*dialer
	waiting  int // campaigns that are Waiting
	held     int
	events   events
	sequence uint64
	happened int
	placed   int
	flights  []flight
	vacant   []int32 // places in flights
}

// flight is a call that is up.
type flight struct {
	charge  strategy.Charge
	since   time.Duration
	attempt uint8
	failed  bool // it will have, at its end
}

// New makes an engine at its start, without campaigns.
func New(c Config) *Engine {
	e := &Engine{
		strategy: c.Strategy, observer: c.Observer, start: c.Start, seed: c.Seed,
		dialers: make(map[campaign.ID]*dialer),
	}
	if e.observer == nil {
		e.observer = nobody{}
	}
	e.SetCapacity(c.Channels, c.CallsPerSecond)
	return e
}

// SetCapacity changes what is shared.  Calls beyond it stay up.
func (e *Engine) SetCapacity(channels int, callsPerSecond float64) {
	e.channels = channels
	e.gate = pace.New(callsPerSecond, e.Now())
	e.strategy.SetCapacity(channels, callsPerSecond)
	e.observer.Capacity(channels, callsPerSecond, e.Now())
}

// Now is how far the engine has come.
func (e *Engine) Now() time.Time { return e.start.Add(e.now) }

// Next is when something happens next; ok is false where nothing will.
func (e *Engine) Next() (at time.Time, ok bool) {
	next, ok := e.next()
	return e.start.Add(next), ok
}

// Up is how many calls are up.
func (e *Engine) Up() int { return e.held }

// Events is how many there were so far, calls that ended among them: what a run costs.
func (e *Engine) Events() int { return e.happened }

// Placed is how many calls went out so far, of all campaigns.
func (e *Engine) Placed() int { return e.placed }

// Strategy is what the engine plays under, for asking it; see strategy.Judge.
func (e *Engine) Strategy() strategy.Strategy { return e.strategy }

// Advance plays on to a time, what happens at it included.  A time that is past
// plays only what can be granted now.
func (e *Engine) Advance(until time.Time) {
	last := until.Sub(e.start)
	for {
		e.grant()
		next, ok := e.next()
		if !ok || next > last {
			break
		}
		e.now = max(e.now, next)
		for len(e.events) > 0 && e.events[0].at <= e.now {
			e.happen(e.events.pop())
		}
	}
	e.now = max(e.now, last)
}

// next is when something can happen.
func (e *Engine) next() (next time.Duration, ok bool) {
	if len(e.events) > 0 {
		next, ok = e.events[0].at, true
	}
	if e.waiting > 0 && !e.full() && !e.gate.Open(e.Now()) {
		if at := e.gate.Next().Sub(e.start); !ok || at < next {
			next, ok = at, true
		}
	}
	return next, ok
}

func (e *Engine) full() bool { return e.channels > 0 && e.held >= e.channels }

// grant hands out what can be handed out now.
func (e *Engine) grant() {
	now := e.Now()
	for e.waiting > 0 && !e.full() && e.gate.Open(now) {
		id, ok := e.strategy.Next(now)
		if !ok {
			return
		}
		e.place(e.dialers[id], now)
	}
}

// place begins a campaign's next call.
func (e *Engine) place(d *dialer, now time.Time) {
	e.placed++
	attempt := d.take(now)
	call := d.draw()
	e.gate.Pass(now)
	e.observer.Granted(d.id, now)
	e.begin(d, flight{charge: e.strategy.Grant(d.id, now), since: e.now, attempt: attempt, failed: call.Failed}, call.Length)
	e.tell(d)
	e.consider(d)
}

// begin puts a call up that ends after a time.
func (e *Engine) begin(d *dialer, f flight, after time.Duration) {
	d.held++
	e.held++
	var at int32
	if n := len(e.vacant); n > 0 {
		at, e.vacant = e.vacant[n-1], e.vacant[:n-1]
		e.flights[at] = f
	} else {
		at = int32(len(e.flights))
		e.flights = append(e.flights, f)
	}
	e.schedule(event{at: e.now + max(after, shortest), of: d, kind: callEnds, ref: at})
}

func (e *Engine) schedule(ev event) {
	e.sequence++
	ev.seq = e.sequence
	e.events.push(ev)
}

func (e *Engine) happen(ev event) {
	e.happened++
	switch d := ev.of; ev.kind {
	case callEnds:
		f := e.flights[ev.ref]
		e.vacant = append(e.vacant, ev.ref)
		e.end(d, f)
	case retryDue:
		if d.gone {
			return
		}
		d.later--
		d.due.push(ev.attempt)
		e.consider(d)
	case hoursTurn:
		if ev.ref == d.edition {
			e.turn(d)
		}
	}
}

// end takes a call down, and decides what becomes of its number.
func (e *Engine) end(d *dialer, f flight) {
	now := e.Now()
	d.held--
	e.held--
	e.strategy.Release(d.id, f.charge, e.now-f.since)
	e.observer.Released(d.id, e.start.Add(f.since), now, e.now-f.since)
	switch {
	case !f.failed:
		d.count.Completed++
	case int(f.attempt) > len(d.delays) || d.gone:
		d.count.Failed++
	default:
		d.later++
		e.schedule(event{at: e.now + d.delays[f.attempt-1], of: d, kind: retryDue, attempt: f.attempt})
		e.tell(d)
	}
	if d.held == 0 && d.remaining() == 0 {
		d.count.Done = now
	}
	e.consider(d)
	e.forget(d)
}
