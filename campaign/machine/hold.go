package machine

import "time"

// hold is how a campaign slows down while its calls come back undialled through
// no fault of the callees: nothing is dialled until a time, then one call at a
// time until one gets through.
type hold struct {
	until  time.Time
	streak int // calls given back since one was placed
}

const (
	holdFirst = 500 * time.Millisecond
	holdMost  = 30 * time.Second
)

// room bounds what may be dialled at a moment, by how many calls are on their
// way to the provider already.
func (h *hold) room(now time.Time, room, underway int) int {
	switch {
	case now.Before(h.until):
		return 0
	case h.streak > 0:
		return min(room, 1-underway)
	}
	return room
}

// extend notes a call given back and returns when dialling may go on.  Calls
// that come back during a hold belong to the same trouble and don't prolong it,
// unless the provider asks for longer.
func (h *hold) extend(now time.Time, asked time.Duration) time.Time {
	if !now.Before(h.until) {
		wait := min(holdFirst<<min(h.streak, 10), holdMost)
		h.streak++
		h.until = now.Add(wait)
	}
	if asked := now.Add(min(asked, holdMost)); asked.After(h.until) {
		h.until = asked
	}
	return h.until
}

// clear notes that a call got through.
func (h *hold) clear() { *h = hold{} }
