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
	slope float64 // growth a second
	at    time.Time
}

const (
	// growth is the part that comes back a second: of what there was before the cut, or,
	// as that may have been a quiet moment, of quietGrowth of the limit, if that is more.
	growth      = 0.1
	quietGrowth = 0.3
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
	*a = Allowance{
		cut: max(1, to), base: max(1, base), limit: max(1, limit), at: now,
		slope: max(1, growth*max(base, quietGrowth*limit)),
	}
}

// Value is what is given now; ok is false where the limit itself is in force.
func (a *Allowance) Value(now time.Time) (v float64, ok bool) {
	if a.base == 0 {
		return 0, false
	}
	grown := max(0, now.Sub(a.at)-rest).Seconds() * a.slope
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
	wait := (min(v, a.limit) - a.cut) / a.slope
	return a.at.Add(rest + time.Duration(math.Ceil(wait*float64(time.Second))))
}
