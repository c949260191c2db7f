package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Call is how one call goes.
type Call struct {
	Length time.Duration // for which it holds its channel
	Failed bool          // it is tried again, if attempts are left
}

// Calls says how a campaign's calls go.
type Calls interface {
	Next(r *rand.Rand) Call
}

// Lengths is a distribution of call lengths.
type Lengths interface {
	Draw(r *rand.Rand) time.Duration
}

// shortest keeps calls from taking no time at all: a held of 0 is a token unused.
const shortest = time.Millisecond

// Mix are calls of which a part fails.
type Mix struct {
	Lengths Lengths
	Failing float64 // probability, 0 to 1
	// FailingLengths is how long those that fail last; nil is like the others.
	FailingLengths Lengths
}

// Next draws.
func (m Mix) Next(r *rand.Rand) Call {
	failed := m.Failing > 0 && r.Float64() < m.Failing
	if failed && m.FailingLengths != nil {
		return Call{Length: m.FailingLengths.Draw(r), Failed: true}
	}
	return Call{Length: m.Lengths.Draw(r), Failed: failed}
}

// Fixed is one length for all.
type Fixed time.Duration

// Draw gives it.
func (f Fixed) Draw(*rand.Rand) time.Duration { return time.Duration(f) }

// Uniform is every length between two, each as likely as any other.
type Uniform struct{ Min, Max time.Duration }

// Draw gives one.
func (u Uniform) Draw(r *rand.Rand) time.Duration {
	return u.Min + time.Duration(r.Float64()*float64(u.Max-u.Min))
}

// Exponential is many short calls and few long ones: who has talked for a minute
// talks on like one who just began.
type Exponential struct{ Mean time.Duration }

// Draw gives one.
func (e Exponential) Draw(r *rand.Rand) time.Duration {
	return time.Duration(r.ExpFloat64() * float64(e.Mean))
}

// Lognormal is what holding times of telephone calls look like: most around a
// middle, and a long tail.
type Lognormal struct {
	Mean time.Duration
	// Sigma is the standard deviation of the length's logarithm; 0 is always Mean.
	Sigma float64
}

// Draw gives one.  A lognormal's mean is exp(mu + sigma²/2).
func (l Lognormal) Draw(r *rand.Rand) time.Duration {
	return time.Duration(float64(l.Mean) * math.Exp(l.Sigma*r.NormFloat64()-l.Sigma*l.Sigma/2))
}

// observedCalls is how many of the latest calls an Observed remembers.
const observedCalls = 64

// Observed draws from a campaign's latest real calls.  None of them fails: who
// plays live demand is told of retries.
type Observed struct {
	latest [observedCalls]time.Duration
	seen   int
	// Guess is the length until one was seen.
	Guess time.Duration
}

// See takes in a real call.
func (o *Observed) See(length time.Duration) {
	o.latest[o.seen%observedCalls] = length
	o.seen++
}

// Seen is how many calls it draws from.
func (o *Observed) Seen() int { return min(o.seen, observedCalls) }

// Next draws.
func (o *Observed) Next(r *rand.Rand) Call {
	n := min(o.seen, observedCalls)
	if n == 0 {
		return Call{Length: o.Guess}
	}
	return Call{Length: o.latest[r.IntN(n)]}
}
