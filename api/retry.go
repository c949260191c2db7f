package api

import (
	"fmt"

	"dialtone/campaign"
)

// RetrySetting describes how a retry policy is given.
type RetrySetting struct {
	MaxAttempts       int               `json:"max_attempts,omitempty" minimum:"1" maximum:"100" default:"3" example:"5" doc:"How often a number is dialled at most, the first time included."`
	Delay             string            `json:"delay,omitempty" example:"90s" default:"5m" doc:"The wait after the first attempt, from 10ms to 720h."`
	Backoff           string            `json:"backoff,omitempty" enum:"fixed,exponential" default:"fixed" example:"exponential" doc:"Whether the delay stays or doubles."`
	MaxDelay          string            `json:"max_delay,omitempty" example:"30m" default:"1h" doc:"Where doubling stops: 1h by default, or the delay if that is longer; from 10ms to 720h."`
	Jitter            float64           `json:"jitter,omitempty" minimum:"0" maximum:"1" default:"0" example:"0.1" doc:"How far delays are spread: each by up to this share of itself."`
	MaxAttemptsPerDay int               `json:"max_attempts_per_day,omitempty" minimum:"1" maximum:"100" example:"2" doc:"How often a number is dialled on one date of its time zone at most (of the first, where there are several; of default_time_zone, else the schedule's, where none is known); no bound if absent."`
	SettleWithin      string            `json:"settle_within,omitempty" example:"30m" default:"1h" doc:"How long the provider is asked in vain what became of an attempt, from 10s to 24h. Then it counts as lost, which costs an attempt; a call that the provider says is up is not lost, however long it lasts."`
	ByDisposition     *DispositionRules `json:"by_disposition,omitempty" doc:"Rules of their own for how an attempt ended. A patch replaces all of them, and null takes them away."`
}

// DispositionRules describes the rules by disposition.
type DispositionRules struct {
	Busy     *RetryRule `json:"busy,omitempty" doc:"The callee's line was busy."`
	NoAnswer *RetryRule `json:"no_answer,omitempty" doc:"Nobody answered."`
	Failed   *RetryRule `json:"failed,omitempty" doc:"The call could not be connected."`
	Lost     *RetryRule `json:"lost,omitempty" doc:"What became of the attempt can't be known."`
	Rejected *RetryRule `json:"rejected,omitempty" doc:"The provider refused the number. It is never dialled again, so that the rule can say no more than {\"max_attempts\": 1}."`
}

// RetryRule is a rule for attempts that ended in one way, both as it is given and as
// it is shown.
type RetryRule struct {
	MaxAttempts int    `json:"max_attempts,omitempty" minimum:"1" maximum:"100" example:"2" doc:"After how many attempts that ended so the number is given up; only the policy's max_attempts bounds them if absent."`
	Delay       string `json:"delay,omitempty" example:"1m" doc:"The wait after the first attempt that ended so, from 10ms to 720h; the policy's if absent."`
	Backoff     string `json:"backoff,omitempty" enum:"fixed,exponential" example:"exponential" doc:"Whether the delay stays or doubles; the policy's if absent."`
	MaxDelay    string `json:"max_delay,omitempty" example:"30m" doc:"Where doubling stops, from 10ms to 720h; the policy's if absent, or the delay if that is longer."`
}

// Retry is a campaign's retry policy as the API shows it.
type Retry struct {
	MaxAttempts       int                  `json:"max_attempts" example:"3" doc:"How often a number is dialled at most, the first time included."`
	Delay             string               `json:"delay" example:"5m0s" doc:"The wait after the first attempt."`
	Backoff           string               `json:"backoff" enum:"fixed,exponential" example:"fixed" doc:"Whether the delay stays or doubles."`
	MaxDelay          string               `json:"max_delay" example:"1h0m0s" doc:"Where doubling stops."`
	Jitter            float64              `json:"jitter" example:"0.1" doc:"How far delays are spread, from 0 to 1."`
	MaxAttemptsPerDay int                  `json:"max_attempts_per_day,omitempty" example:"2" doc:"How often a number is dialled on one date of its time zone at most; absent is no bound."`
	SettleWithin      string               `json:"settle_within" example:"1h0m0s" doc:"How long the provider is asked in vain what became of an attempt before it counts as lost."`
	ByDisposition     map[string]RetryRule `json:"by_disposition,omitempty" doc:"Rules of their own for how an attempt ended."`
}

func showRetry(p campaign.RetryPolicy) Retry {
	p = p.WithDefaults()
	out := Retry{
		MaxAttempts: p.MaxAttempts, Delay: p.Delay.String(), Backoff: string(p.Backoff), MaxDelay: p.MaxDelay.String(),
		Jitter: p.Jitter, MaxAttemptsPerDay: p.MaxAttemptsPerDay, SettleWithin: p.SettleWithin.String(),
	}
	for how, rule := range p.ByDisposition {
		if out.ByDisposition == nil {
			out.ByDisposition = make(map[string]RetryRule, len(p.ByDisposition))
		}
		out.ByDisposition[string(how)] = RetryRule{
			MaxAttempts: rule.MaxAttempts, Delay: shownDelay(rule.Delay), Backoff: string(rule.Backoff), MaxDelay: shownDelay(rule.MaxDelay),
		}
	}
	return out
}

// shownDelay is "" for a delay that was left open.
func shownDelay(d campaign.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// retry reads a retry policy.  Zero stands for the default inside of it, so that a
// zero that somebody wrote has to be found here.
func (o *object) retry(p *campaign.RetryPolicy) {
	raw, given := o.fields["retry"]
	if given && null(raw) {
		*p = campaign.RetryPolicy{}
	}
	follows := p.MaxDelay == (campaign.RetryPolicy{Delay: p.Delay}).WithDefaults().MaxDelay
	if in := o.inner("retry", "Give an object, like {\"max_attempts\": 3, \"delay\": \"5m\"}."); in != nil {
		in.attempts("max_attempts", "a number of attempts", &p.MaxAttempts)
		in.delay("delay", &p.Delay)
		in.backoff("backoff", &p.Backoff)
		if _, own := in.fields["max_delay"]; !own && follows {
			p.MaxDelay = 0 // it is the default for the delay, whatever that is
		}
		in.delay("max_delay", &p.MaxDelay)
		read(in, "jitter", &p.Jitter, 0, "Give a number from 0 to 1, like 0.1.")
		in.attempts("max_attempts_per_day", "a number of attempts a day", &p.MaxAttemptsPerDay)
		in.settleWithin(&p.SettleWithin)
		in.byDisposition(&p.ByDisposition)
		in.rest()
	}
	*p = p.WithDefaults()
}

// byDisposition replaces all rules, because they are one value.
func (o *object) byDisposition(rules *map[campaign.Disposition]campaign.RetryRule) {
	if _, given := o.fields["by_disposition"]; given {
		*rules = nil
	}
	in := o.inner("by_disposition", "Give an object, like {\"busy\": {\"delay\": \"1m\"}}.")
	if in == nil {
		return
	}
	fresh := make(map[campaign.Disposition]campaign.RetryRule, len(in.fields))
	for _, how := range sortedKeys(in.fields) {
		if rule := in.inner(how, "Give an object, like {\"max_attempts\": 2, \"delay\": \"1m\"}."); rule != nil {
			fresh[campaign.Disposition(how)] = rule.rule()
		}
	}
	if len(fresh) > 0 {
		*rules = fresh
	}
}

func (o *object) rule() (r campaign.RetryRule) {
	o.attempts("max_attempts", "a number of attempts", &r.MaxAttempts)
	o.delay("delay", &r.Delay)
	o.backoff("backoff", &r.Backoff)
	o.delay("max_delay", &r.MaxDelay)
	o.rest()
	return r
}

func (o *object) attempts(name, what string, n *int) {
	if read(o, name, n, 0, "Give a whole number, like 3.") && *n == 0 {
		o.fault(name, "Give %s from 1 to %d, not 0.", what, campaign.LimitMaxAttempts)
	}
}

func (o *object) backoff(name string, b *campaign.Backoff) {
	if read(o, name, b, "", "Give fixed or exponential in quotation marks.") && *b == "" {
		o.fault(name, "Give fixed or exponential.")
	}
}

func (o *object) settleWithin(d *campaign.Duration) {
	const name = "settle_within"
	before := len(*o.faults)
	if read(o, name, d, 0, o.wantDuration(name)) && *d == 0 {
		o.fault(name, "Give a time from %v to %v, not 0s.", campaign.MinSettleWithin, campaign.LimitSettleWithin)
	}
	if len(*o.faults) > before {
		*d = 0
	}
}

func (o *object) wantDuration(name string) string {
	return fmt.Sprintf("Give a duration in quotation marks, like \"90s\" or \"1h30m\", with h as the largest unit, and not %s.", o.told(name))
}

func (o *object) delay(name string, d *campaign.Duration) {
	before := len(*o.faults)
	if read(o, name, d, 0, o.wantDuration(name)) && *d == 0 {
		o.fault(name, "Give a delay from %v to %v, not 0s.", campaign.MinRetryDelay, campaign.LimitRetryDelay)
	}
	if len(*o.faults) > before {
		*d = campaign.MinRetryDelay // from which no conclusion is drawn about others
	}
}
