package machine

import "time"

const (
	// rampRest is after how long without a call a campaign begins at the bottom again.
	rampRest = time.Second
	// rampStep is the least time between two steps.
	rampStep = 5 * time.Millisecond
)

// ramp has a campaign grow into its limit.  Calls that are placed at the same moment and
// last equally long end at the same moment, again and again: each round is a burst at
// the provider and at us, and slots stay free while it is worked off.  Spread once, when
// the campaign begins, they stay apart.
//
// What was reached stays: a slot that is freed is used again at once.
type ramp struct {
	most float64 // calls that may be up
	at   time.Time
	busy bool // calls were up then
}

// step moves the ramp, of so many calls up now, towards a limit which it reaches within
// over.
func (r *ramp) step(up, limit int, over time.Duration, now time.Time) {
	switch {
	case over <= 0:
		r.most = float64(limit)
	case r.busy:
		r.most += float64(limit) * now.Sub(r.at).Seconds() / over.Seconds()
	case up == 0 && now.Sub(r.at) < rampRest:
		return // the rest goes on
	case now.Sub(r.at) >= rampRest:
		r.most = 1
	}
	r.most = max(min(r.most, float64(limit)), float64(up), 1)
	r.busy, r.at = up > 0, now
}

// grown is how many calls may be up, on the way to a limit; 0 if that is reached.
func (r *ramp) grown(limit int) int {
	if most := int(r.most); most < limit {
		return most
	}
	return 0
}

// next is when one call more may be up, on the way to a limit, or a rest is over; zero
// for not before something happens.
func (r *ramp) next(limit int, over time.Duration) time.Time {
	switch {
	case over <= 0:
		return time.Time{}
	case !r.busy && r.most > 1:
		return r.at.Add(rampRest)
	case !r.busy || r.grown(limit) == 0:
		return time.Time{}
	}
	missing := float64(r.grown(limit)+1) - r.most
	wait := time.Duration(missing / float64(limit) * float64(over))
	return r.at.Add(max(wait, rampStep))
}
