package campaign

import (
	"cmp"
	"maps"
	"math"
	"slices"
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
// dialled again.  The zero value of a field means its default.  A policy never
// changes: who wants another makes one.
type RetryPolicy struct {
	// MaxAttempts bounds the attempts that cost, the first one included. 1–100.
	MaxAttempts int `json:"max_attempts,omitempty"`
	// Delay is the wait after the first attempt. 10 ms to 30 days.
	Delay Duration `json:"delay,omitempty"`
	// Backoff says whether the delay stays or doubles with each attempt.
	Backoff Backoff `json:"backoff,omitempty"`
	// MaxDelay caps the grown delay, before the jitter.
	MaxDelay Duration `json:"max_delay,omitempty"`
	// Jitter spreads a delay d evenly over d·(1−Jitter) … d·(1+Jitter). 0–1.
	Jitter float64 `json:"jitter,omitempty"`
	// MaxAttemptsPerDay bounds the attempts that cost on one date of the contact's
	// zone. 0 is no bound but MaxAttempts.
	MaxAttemptsPerDay int `json:"max_attempts_per_day,omitempty"`
	// SettleWithin is how long the provider is asked in vain what became of an attempt
	// before that counts as lost, which costs an attempt. 10 s to 24 h.  A call that it
	// says is up is not lost, however long it lasts.
	SettleWithin Duration `json:"settle_within,omitempty"`
	// ByDisposition are rules of their own for how an attempt ended: busy,
	// no_answer, failed, lost.  A rejected number is never dialled again, so its rule
	// can say no more than that.
	ByDisposition map[Disposition]RetryRule `json:"by_disposition,omitempty"`
}

// RetryRule is what a RetryPolicy says of the attempts that ended in one way.  The
// zero value of a field means that of the policy.
type RetryRule struct {
	// MaxAttempts bounds the attempts that ended so. 1–100.
	MaxAttempts int `json:"max_attempts,omitempty"`
	// Delay, Backoff and MaxDelay are the policy's, where the delay grows with the
	// attempts that ended so and not with all.
	Delay    Duration `json:"delay,omitempty"`
	Backoff  Backoff  `json:"backoff,omitempty"`
	MaxDelay Duration `json:"max_delay,omitempty"`
}

// The defaults and bounds of a RetryPolicy.
const (
	DefaultMaxAttempts = 3
	DefaultRetryDelay  = Duration(5 * time.Minute)
	DefaultMaxDelay    = Duration(time.Hour)
	// DefaultSettleWithin is longer than a provider's usual trouble: an attempt that is
	// settled is worth more than one that is early.
	DefaultSettleWithin = Duration(time.Hour)
	LimitMaxAttempts    = 100
	// MinRetryDelay keeps a slip of the unit from dialling a number in a tight loop.
	MinRetryDelay   = Duration(10 * time.Millisecond)
	LimitRetryDelay = Duration(30 * 24 * time.Hour)
	// MinSettleWithin leaves time to be asked once.
	MinSettleWithin   = Duration(10 * time.Second)
	LimitSettleWithin = Duration(24 * time.Hour)
)

// WithDefaults fills what was left open.
func (p RetryPolicy) WithDefaults() RetryPolicy {
	p.MaxAttempts = cmp.Or(p.MaxAttempts, DefaultMaxAttempts)
	p.Delay = cmp.Or(p.Delay, DefaultRetryDelay)
	p.Backoff = cmp.Or(p.Backoff, BackoffFixed)
	p.SettleWithin = cmp.Or(p.SettleWithin, DefaultSettleWithin)
	// Within bounds, so that a delay that is none is not blamed twice.
	p.MaxDelay = cmp.Or(p.MaxDelay, min(max(DefaultMaxDelay, p.Delay), LimitRetryDelay))
	return p
}

// rule is what holds for attempts that ended so, with nothing left open.
func (p RetryPolicy) rule(d Disposition) (rule RetryRule, own bool) {
	p = p.WithDefaults()
	rule, own = p.ByDisposition[d]
	rule.MaxAttempts = cmp.Or(rule.MaxAttempts, LimitMaxAttempts)
	rule.Delay = cmp.Or(rule.Delay, p.Delay)
	rule.Backoff = cmp.Or(rule.Backoff, p.Backoff)
	rule.MaxDelay = cmp.Or(rule.MaxDelay, max(p.MaxDelay, rule.Delay))
	return rule, own
}

// Exhausted reports whether a call is dialled no more, now that an attempt of it
// ended so, which the effort includes.
func (p RetryPolicy) Exhausted(d Disposition, e Effort) bool {
	rule, _ := p.rule(d)
	return d == DispositionRejected || e.Attempts >= p.WithDefaults().MaxAttempts || e.Tally.Of(d) >= rule.MaxAttempts
}

// Wait is the time between the end of an attempt that ended so, which the effort
// includes, and the next one.  spread in [0, 1) is where in the jitter's range it
// falls; the caller supplies it, so that the result is reproducible.
func (p RetryPolicy) Wait(d Disposition, e Effort, spread float64) time.Duration {
	rule, own := p.rule(d)
	n := e.Attempts
	if own {
		n = e.Tally.Of(d)
	}
	wait := float64(rule.Delay)
	if rule.Backoff == BackoffExponential {
		wait = math.Min(wait*math.Exp2(float64(max(n, 1)-1)), float64(rule.MaxDelay))
	}
	return time.Duration(wait * (1 + p.Jitter*(2*spread-1)))
}

// retried are the dispositions for which there may be a rule.
var retried = []Disposition{DispositionBusy, DispositionNoAnswer, DispositionFailed, DispositionLost, DispositionRejected}

// faults lists what is wrong with the policy, each with the field's full name.
func (p RetryPolicy) faults(at string) (out Errors) {
	out = append(out, attemptsFault(at+".max_attempts", p.MaxAttempts)...)
	out = append(out, delayFaults(at, p.Delay, p.Backoff, p.MaxDelay)...)
	if !(p.Jitter >= 0 && p.Jitter <= 1) {
		out = append(out, Invalid(at+".jitter", "Give a jitter from 0 to 1, not %v.", p.Jitter))
	}
	if p.MaxAttemptsPerDay < 0 || p.MaxAttemptsPerDay > LimitMaxAttempts {
		out = append(out, Invalid(at+".max_attempts_per_day", "Give a number of attempts a day from 1 to %d, not %d.", LimitMaxAttempts, p.MaxAttemptsPerDay))
	}
	if p.SettleWithin != 0 && (p.SettleWithin < MinSettleWithin || p.SettleWithin > LimitSettleWithin) {
		out = append(out, Invalid(at+".settle_within", "Give a time from %v to %v, not %v.", MinSettleWithin, LimitSettleWithin, p.SettleWithin))
	}
	for _, d := range slices.Sorted(maps.Keys(p.ByDisposition)) {
		out = append(out, p.ruleFaults(at+".by_disposition."+string(d), d)...)
	}
	return out
}

func (p RetryPolicy) ruleFaults(at string, d Disposition) Errors {
	r := p.ByDisposition[d]
	if !slices.Contains(retried, d) {
		return Errors{Invalid(at, "No call that ended as %q is dialled again; take one of busy, no_answer, failed, lost.", d)}
	}
	if d == DispositionRejected && r != (RetryRule{MaxAttempts: 1}) {
		return Errors{Invalid(at, "A number that the provider rejects is never dialled again; leave this out, or give {\"max_attempts\": 1}.")}
	}
	out := append(attemptsFault(at+".max_attempts", r.MaxAttempts), delayFaults(at, r.Delay, r.Backoff, r.MaxDelay)...)
	if r.Delay == 0 && r.MaxDelay != 0 {
		out = append(out, orderFault(at, p.Delay, r.MaxDelay)...)
	}
	return out
}

// inBounds reports whether a delay is one.
func inBounds(d Duration) bool { return d >= MinRetryDelay && d <= LimitRetryDelay }

// orderFault compares only what is right in itself.
func orderFault(at string, delay, most Duration) Errors {
	if !inBounds(delay) || !inBounds(most) || most >= delay {
		return nil
	}
	return Errors{Invalid(at+".max_delay", "The largest delay, %v, is below the delay, %v; raise it or leave it out.", most, delay)}
}

func attemptsFault(field string, n int) Errors {
	if n < 0 || n > LimitMaxAttempts {
		return Errors{Invalid(field, "Give a number of attempts from 1 to %d, not %d.", LimitMaxAttempts, n)}
	}
	return nil
}

func delayFaults(at string, delay Duration, b Backoff, most Duration) (out Errors) {
	if delay != 0 && !inBounds(delay) {
		out = append(out, Invalid(at+".delay", "Give a delay from %v to %v, not %v.", MinRetryDelay, LimitRetryDelay, delay))
	}
	if most != 0 && !inBounds(most) {
		out = append(out, Invalid(at+".max_delay", "Give a largest delay from %v to %v, not %v.", MinRetryDelay, LimitRetryDelay, most))
	}
	out = append(out, orderFault(at, delay, most)...)
	if b != "" && b != BackoffFixed && b != BackoffExponential {
		out = append(out, Invalid(at+".backoff", "There is no backoff %q; take fixed or exponential.", b))
	}
	return out
}
