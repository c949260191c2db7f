// Package pace keeps calls to a rate.  The live scheduler and its simulator go
// through the same gate, so that what one shows holds for the other.
package pace

import (
	"math"
	"time"
)

// Gate lets calls through at a rate, by the generic cell rate algorithm (ITU-T
// I.371): each call moves the earliest time of the next one on by an interval, and
// a call may come a little early.  The zero Gate is always open.
type Gate struct {
	interval time.Duration // between calls; 0 is no limit
	next     time.Time     // the time of the next call
}

// Burst is how far ahead of its time a call may go: what timers that come late would
// lose of the rate.  It is all that is banked of a rate that was not used.
const Burst = 10 * time.Millisecond

// New makes a gate for so many calls per second; 0 is no limit.
func New(callsPerSecond float64, now time.Time) Gate {
	if callsPerSecond <= 0 {
		return Gate{}
	}
	g := Gate{
		// Rounded up, or a rate of 120 would be one of 120.0000048.
		interval: time.Duration(math.Ceil(float64(time.Second) / callsPerSecond)),
		next:     now.Add(Burst), // no burst at the start
	}
	return g
}

// Adjust changes the rate and keeps the turn: what went before counts by the old one.
func (g *Gate) Adjust(callsPerSecond float64) {
	g.interval = 0
	if callsPerSecond > 0 {
		g.interval = time.Duration(math.Ceil(float64(time.Second) / callsPerSecond))
	}
}

// Open reports whether a call may go now.
func (g *Gate) Open(now time.Time) bool { return g.interval == 0 || !now.Before(g.Next()) }

// Next is when the next call may go; zero where nothing limits.
func (g *Gate) Next() time.Time {
	if g.interval == 0 {
		return time.Time{}
	}
	return g.next.Add(-Burst)
}

// Pass counts a call that goes now.
func (g *Gate) Pass(now time.Time) {
	if g.interval == 0 {
		return
	}
	if g.next.Before(now) {
		g.next = now // unused rate is not banked
	}
	g.next = g.next.Add(g.interval)
}
