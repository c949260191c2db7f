package machine

import "time"

// hold is how a campaign slows down while its calls come back undialled through its own
// fault, its caller id or its script: nothing is dialled until a time, then one call at
// a time until one gets through.  A provider that is not well, or that has enough, is
// no reason: the scheduler, who is told (Release.Outcome), spares it for all campaigns,
// and this one goes on with the others.
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
// that come back during a hold belong to the same trouble and don't prolong it.
func (h *hold) extend(now time.Time) time.Time {
	if !now.Before(h.until) {
		wait := min(holdFirst<<min(h.streak, 10), holdMost)
		h.streak++
		h.until = now.Add(wait)
	}
	return h.until
}

// clear notes that a call got through.
func (h *hold) clear() { *h = hold{} }
