package pace

import (
	"math"
	"time"
)

// Allowance is what a provider that asked for patience is given for a while in the
// place of one of its limits.  It is cut at once and grows back slowly, by a fixed part
// a second: additive increase and multiplicative decrease (Chiu and Jain, "Analysis of
// the increase and decrease algorithms", 1989).  The zero Allowance gives what the
// limit gives.
type Allowance struct {
	cut   float64 // what was left by the last cut
	base  float64 // what there was before it
	limit float64 // where it ends
	at    time.Time
}

const (
	// growth is the part of what there was before the cut that comes back a second.
	growth = 0.1
	// rest is how long after a cut nothing grows, and another changes nothing: the
	// requests that were under way meet the same answer.
	rest = time.Second
	// headroom is how far beyond what there was it grows where nothing limits.
	headroom = 2
)

// Cut reduces what is given from base to a value, at least 1.  limit is the provider's
// own limit, 0 for none.
func (a *Allowance) Cut(to, base, limit float64, now time.Time) {
	if a.base > 0 && now.Sub(a.at) < rest {
		return
	}
	if limit <= 0 {
		limit = headroom * base
	}
	*a = Allowance{cut: max(1, to), base: max(1, base), limit: max(1, limit), at: now}
}

// Value is what is given now; ok is false where the limit itself is in force.
func (a *Allowance) Value(now time.Time) (v float64, ok bool) {
	if a.base == 0 {
		return 0, false
	}
	grown := max(0, now.Sub(a.at)-rest).Seconds() * max(1, growth*a.base)
	if v = a.cut + grown; v >= a.limit {
		*a = Allowance{}
		return 0, false
	}
	return v, true
}

// Reaches is when the value will be as high, or zero where it is or no limit is in
// force.
func (a *Allowance) Reaches(v float64, now time.Time) time.Time {
	is, ok := a.Value(now)
	if !ok || is >= v {
		return time.Time{}
	}
	wait := (min(v, a.limit) - a.cut) / max(1, growth*a.base)
	return a.at.Add(rest + time.Duration(math.Ceil(wait*float64(time.Second))))
}
