package campaign

import (
	"math"
	"time"
)

// Backoff is how the delay grows from one attempt to the next.
type Backoff string

// The two ways.
const (
	BackoffFixed       Backoff = "fixed"
	BackoffExponential Backoff = "exponential"
)

// RetryPolicy says how often and how soon a call that did not complete is
// dialled again.  The zero value of a field means its default.
type RetryPolicy struct {
	// MaxAttempts bounds the attempts that cost, the first one included. 1–100.
	MaxAttempts int `json:"max_attempts,omitempty"`
	// Delay is the wait after the first attempt. Up to 30 days.
	Delay Duration `json:"delay,omitempty"`
	// Backoff says whether the delay stays or doubles with each attempt.
	Backoff Backoff `json:"backoff,omitempty"`
	// MaxDelay caps the grown delay, before the jitter.
	MaxDelay Duration `json:"max_delay,omitempty"`
	// Jitter spreads a delay d evenly over d·(1−Jitter) … d·(1+Jitter). 0–1.
	Jitter float64 `json:"jitter,omitempty"`
}

// The defaults and bounds of a RetryPolicy.
const (
	DefaultMaxAttempts = 3
	DefaultRetryDelay  = Duration(5 * time.Minute)
	DefaultMaxDelay    = Duration(time.Hour)
	LimitMaxAttempts   = 100
	LimitRetryDelay    = Duration(30 * 24 * time.Hour)
)

// WithDefaults fills what was left open.
func (p RetryPolicy) WithDefaults() RetryPolicy {
	if p.MaxAttempts == 0 {
		p.MaxAttempts = DefaultMaxAttempts
	}
	if p.Delay == 0 {
		p.Delay = DefaultRetryDelay
	}
	if p.Backoff == "" {
		p.Backoff = BackoffFixed
	}
	if p.MaxDelay == 0 {
		p.MaxDelay = max(DefaultMaxDelay, p.Delay)
	}
	return p
}

// faults lists what is wrong with the policy, each with the field's full name.
func (p RetryPolicy) faults(at string) (out Errors) {
	if p.MaxAttempts < 0 || p.MaxAttempts > LimitMaxAttempts {
		out = append(out, Invalid(at+".max_attempts", "Give a number of attempts from 1 to %d, not %d.", LimitMaxAttempts, p.MaxAttempts))
	}
	if p.Delay < 0 || p.Delay > LimitRetryDelay {
		out = append(out, Invalid(at+".delay", "Give a delay above 0s and up to %v, not %v.", LimitRetryDelay, p.Delay))
	}
	if p.MaxDelay < 0 || p.MaxDelay > LimitRetryDelay {
		out = append(out, Invalid(at+".max_delay", "Give a largest delay above 0s and up to %v, not %v.", LimitRetryDelay, p.MaxDelay))
	}
	if p.MaxDelay > 0 && p.MaxDelay < p.Delay {
		out = append(out, Invalid(at+".max_delay", "The largest delay, %v, is below the delay, %v; raise it or leave it out.", p.MaxDelay, p.Delay))
	}
	if p.Backoff != "" && p.Backoff != BackoffFixed && p.Backoff != BackoffExponential {
		out = append(out, Invalid(at+".backoff", "There is no backoff %q; take fixed or exponential.", p.Backoff))
	}
	if !(p.Jitter >= 0 && p.Jitter <= 1) {
		out = append(out, Invalid(at+".jitter", "Give a jitter from 0 to 1, not %v.", p.Jitter))
	}
	return out
}

// Wait is the time between the end of the attempts-th attempt that cost and
// the next one. spread in [0, 1) is where in the jitter's range it falls; the
// caller supplies it, so that the result is reproducible.
func (p RetryPolicy) Wait(attempts int, spread float64) time.Duration {
	p = p.WithDefaults()
	d := float64(p.Delay)
	if p.Backoff == BackoffExponential {
		d = math.Min(d*math.Exp2(float64(max(attempts, 1)-1)), float64(p.MaxDelay))
	}
	return time.Duration(d * (1 + p.Jitter*(2*spread-1)))
}
