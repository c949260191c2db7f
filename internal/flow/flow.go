// Package flow tells how much comes, to who decides how long to wait for more.
package flow

import (
	"math"
	"time"
)

// memory is the time in which what came loses its weight by a factor of e: long
// against a burst, short against a campaign.
const memory = 50 * time.Millisecond

// Rate is an exponentially weighted rate of what comes.  The zero Rate is none.
type Rate struct {
	weight float64
	at     time.Time
}

// Add counts n more, at a time that does not go back.
func (r *Rate) Add(n int, now time.Time) {
	r.weight = r.weightAt(now) + float64(n)
	r.at = now
}

func (r *Rate) weightAt(now time.Time) float64 {
	return r.weight * math.Exp(-now.Sub(r.at).Seconds()/memory.Seconds())
}

// Patience is how long to wait for company: most where enough or more come in that time,
// and in proportion less where less comes.
func (r *Rate) Patience(most time.Duration, enough int, now time.Time) time.Duration {
	expected := r.weightAt(now) / memory.Seconds() * most.Seconds()
	return time.Duration(float64(most) * min(1, expected/float64(enough)))
}
