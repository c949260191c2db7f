package mockdialer

import (
	"math/bits"
	"time"
)

// call is one accepted create request.  Times are Unix nanoseconds.
//
// The strings and what is planned never change; the rest belongs to the book.
type call struct {
	to, from, callback string
	received           int64
	ended              int64 // 0 while the call is up
	// talk is how long the call lasts, in nanoseconds: the plan, and after a hang-up
	// what came of it.
	talk     int64
	ring     int32  // nanoseconds from the create request to the answer, planned
	previous uint32 // 1 + the index of the call before it to the same number, or 0
	outcome  Status // how it ends if nobody hangs up
	final    Status // how it ended
	wanted   events // the callbacks that were asked for
	fired    events // what has happened so far
	byGet    bool   // callbacks go by GET
	detect   bool   // the callee's nature was asked for
	told     bool   // the last callback is done with; kept with a journal only
	faults   faultSet
	fate     *fate // what the plan held for the request; nil without a plan
}

// suffer gives a call that is asked for its fate.
func (c *call) suffer(a *fate) {
	if c.wanted == 0 && a.first != nil {
		a.first = nil // nobody is called back: there is nothing to wait for
	}
	c.fate = a
	c.faults = a.faults &^ faultsOf(FaultCallbackFirst) // that is struck when it has come to pass
}

// events is a set of the moments in a call that have callbacks.
type events uint8

// The moments in their order.
const (
	eventInitiated events = 1 << iota
	eventRinging
	eventAnswered
	eventCompleted
)

var eventNames = map[events]string{
	eventInitiated: "initiated", eventRinging: "ringing", eventAnswered: "answered", eventCompleted: "completed",
}

func (e events) has(x events) bool { return e&x != 0 }
func (e events) count() int        { return bits.OnesCount8(uint8(e)) }

// maxSetup bounds how long an answered call rings.
const maxSetup = 200 * time.Millisecond

// setup is how long a call rings that is answered and then lasts that long.
func setup(talk int64) int32 { return int32(min(talk/20, int64(maxSetup))) }

// dialed is when the call leaves the queue.
func (c *call) dialed() int64 { return c.received + int64(c.ring/4) }

// answers is when the call is answered, if it is to be.
func (c *call) answers() int64 { return c.received + int64(c.ring) }

// ends is when the call is over if nobody hangs up.
func (c *call) ends() int64 {
	if c.outcome == Completed {
		return c.answers() + c.talk
	}
	return c.received + c.talk
}

// startedAt is when the call left the queue, 0 if it has not, or never did.
func (c *call) startedAt(now int64) int64 {
	if c.ended != 0 {
		now = c.ended
	}
	if now < c.dialed() {
		return 0
	}
	return c.dialed()
}

// answeredAt is when the call was answered, 0 if it was not.
func (c *call) answeredAt(now int64) int64 {
	if s := c.status(now); s != InProgress && s != Completed {
		return 0
	}
	return c.answers()
}

// lasted is how long an ended call was answered.
func (c *call) lasted() int64 {
	if c.final != Completed {
		return 0
	}
	return c.talk
}

// seconds is lasted in whole seconds; a second that was begun counts.
func (c *call) seconds() int64 {
	return (c.lasted() + int64(time.Second) - 1) / int64(time.Second)
}

// status is where the call is.
func (c *call) status(now int64) Status {
	switch {
	case c.ended != 0:
		return c.final
	case now < c.dialed():
		return Queued
	case c.outcome == Failed:
		return Queued // it never rings
	case c.outcome == Completed && now >= c.answers():
		return InProgress
	}
	return Ringing
}

// moment is the next thing that happens to the call and that somebody wants to
// know: a callback's event, or its end.
func (c *call) moment() (events, int64) {
	due := c.wanted &^ c.fired
	switch {
	case due.has(eventInitiated):
		return eventInitiated, c.received
	case due.has(eventRinging) && c.outcome != Failed:
		return eventRinging, c.dialed()
	case due.has(eventAnswered) && c.outcome == Completed:
		return eventAnswered, c.answers()
	}
	return eventCompleted, c.ends()
}

// statusAt is the status that goes with an event's callback.
func (c *call) statusAt(e events) Status {
	switch e {
	case eventInitiated:
		return initiated
	case eventRinging:
		return Ringing
	case eventAnswered:
		return InProgress
	}
	return c.final
}

// initiated is a status of callbacks alone.
const initiated = statusCount

// callbackStatus is the status's word in a callback.
func callbackStatus(s Status) string {
	if s == initiated {
		return "initiated"
	}
	return s.String()
}

// sidLength is that of "CA" and 32 hexadecimal digits.
const sidLength = 34

const hexDigits = "0123456789abcdef"

// appendSid writes a call's id.  It holds the call's index, so that no table of
// ids is needed, and a half that depends on the key, so that no two servers give
// out the same id.
func appendSid(b []byte, key uint64, index uint32) []byte {
	b = append(b, 'C', 'A')
	b = appendHex(b, mix(key+uint64(index)))
	return appendHex(b, mix(^key)+uint64(index))
}

func appendHex(b []byte, x uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[x>>shift&15])
	}
	return b
}

// parseSid is the index in an id of this key.
func parseSid(sid string, key uint64) (uint32, bool) {
	if len(sid) != sidLength {
		return 0, false
	}
	var low uint64
	for i := sidLength - 16; i < sidLength; i++ {
		digit := hexValue(sid[i])
		if digit < 0 {
			return 0, false
		}
		low = low<<4 | uint64(digit)
	}
	index := low - mix(^key)
	if index >= 1<<32 {
		return 0, false
	}
	var want [sidLength]byte
	return uint32(index), string(appendSid(want[:0], key, uint32(index))) == sid
}

// hexValue is -1 for what is no hexadecimal digit.
func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
