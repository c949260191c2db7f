package mockdialer

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
)

// FaultPlan says what goes wrong, and when.  The zero value is a provider without
// faults.  Which request or callback is hit is a function of the seed, the number,
// and how manieth request of its kind to the number it is since the plan was set;
// so a run can be repeated, whatever the order in which its requests arrive.
type FaultPlan struct {
	Seed uint64
	// Rates are the shares of requests and callbacks that are hit.
	Rates FaultRates
	// Periods have rates of their own, which go before Rates for the faults they
	// name; a later period goes before an earlier one.
	Periods []FaultPeriod
	// Script goes before all rates: the nth create request to a number, and the
	// callbacks of the call it makes, have the faults of its nth step, and no others.
	// Requests beyond the last step go by the rates again.
	Script map[string][]FaultStep
	// Down is when connections are refused.
	Down *Outage
	// Forget is when the calls so far are forgotten.  Its For has no meaning.
	Forget *Times

	HangFor    DurationRange // until the connection is closed; 30s if zero
	SlowFor    DurationRange // 100ms-1s if zero
	RetryAfter time.Duration // in whole seconds; 1s if 0
	ShuffleBy  DurationRange // 0s-1s if zero
	DelayBy    DurationRange // 1m-5m if zero
	// Repeats is how often a repeated callback is sent beyond the first; 1 if 0.
	Repeats int
}

// FaultRates are shares from 0 to 1.
type FaultRates map[Fault]float64

// FaultPeriod is a time with rates of its own.
type FaultPeriod struct {
	Times
	Rates FaultRates
}

// Outage is a time in which connections are refused, and those there are cut.  Calls
// go on, and so do their callbacks.
type Outage struct {
	Times
	// Forget makes it a restart that forgets the calls so far.
	Forget bool
}

// FaultStep are the faults of one create request, under "create", and of the
// callbacks of its call, each under its event: "initiated", "ringing", "answered",
// "completed".
type FaultStep map[string][]Fault

// stepOfCreate is a step's key for the request itself.
const stepOfCreate = "create"

// none reports whether the plan does nothing.
func (p *FaultPlan) none() bool {
	return len(p.Rates) == 0 && len(p.Periods) == 0 && len(p.Script) == 0 && p.Down == nil && p.Forget == nil
}

// withDefaults fills what is not given.
func (p FaultPlan) withDefaults() FaultPlan {
	p.HangFor = cmp.Or(p.HangFor, Fixed(30*time.Second))
	p.SlowFor = cmp.Or(p.SlowFor, DurationRange{Min: 100 * time.Millisecond, Max: time.Second})
	p.RetryAfter = cmp.Or(p.RetryAfter, time.Second)
	p.ShuffleBy = cmp.Or(p.ShuffleBy, DurationRange{Max: time.Second})
	p.DelayBy = cmp.Or(p.DelayBy, DurationRange{Min: time.Minute, Max: 5 * time.Minute})
	p.Repeats = cmp.Or(p.Repeats, 1)
	return p
}

// maxRepeats keeps a slip of the pen from eating the machine.
const maxRepeats = 1000

// planFaults collects what is wrong with a plan.
type planFaults struct{ campaign.Errors }

func (e *planFaults) add(bad bool, field, format string, args ...any) {
	if bad {
		e.Errors = append(e.Errors, campaign.Invalid(field, format, args...))
	}
}

// Validate returns every fault at once, as campaign.Errors, or nil.
func (p *FaultPlan) Validate() error {
	var e planFaults
	e.rates("rates", p.Rates, nil)
	for i, period := range p.Periods {
		field := indexed("periods", i)
		e.times(field, period.Times)
		e.add(len(period.Rates) == 0, field+".rates", "Give the period a rate at least.")
		e.rates(field+".rates", period.Rates, p.Rates)
	}
	for _, to := range slices.Sorted(maps.Keys(p.Script)) {
		e.add(!validNumber([]byte(to)), "script."+to, "Give numbers in the form +15550100, not %q.", to)
		for i, step := range p.Script[to] {
			e.step(indexed("script."+to, i), step)
		}
	}
	if p.Down != nil {
		e.times("down", p.Down.Times)
		e.add(p.Down.For == 0, "down.for", "Say how long; who is down can't be asked back.")
	}
	if p.Forget != nil {
		e.times("forget", Times{After: p.Forget.After, Every: p.Forget.Every})
	}
	for _, r := range [...]struct {
		field string
		value DurationRange
	}{{"hang_for", p.HangFor}, {"slow_for", p.SlowFor}, {"shuffle_by", p.ShuffleBy}, {"delay_by", p.DelayBy}} {
		e.add(!r.value.valid(), r.field, "Give a duration or a range from the shorter to the longer, of up to %v, not %v.", maxDuration, r.value)
	}
	e.add(p.RetryAfter < 0 || p.RetryAfter > maxDuration || p.RetryAfter%time.Second != 0, "retry_after", "Give whole seconds, not %v.", p.RetryAfter)
	e.add(p.Repeats < 0 || p.Repeats > maxRepeats, "repeats", "Give a number from 1 to %d, not %d.", maxRepeats, p.Repeats)
	if len(e.Errors) == 0 {
		return nil
	}
	return e.Errors
}

// rates checks rates that go before others.
func (e *planFaults) rates(field string, rates, others FaultRates) {
	both := maps.Clone(others)
	if both == nil {
		both = FaultRates{}
	}
	for _, f := range slices.Sorted(maps.Keys(rates)) {
		e.add(!f.plannable(), field+"."+f.String(), "There is no rate for this; take those of %s.", faultNames(ofCreate, ofFetch, ofList, ofHangUp, ofCallback))
		e.add(!(rates[f] >= 0 && rates[f] <= 1), field+"."+f.String(), "Give a share from 0 to 1, not %g.", rates[f])
		both[f] = rates[f]
	}
	for of := ofCreate; of <= ofHangUp; of++ {
		sum := 0.0
		for f := range faultCount {
			if faultTable[f].of == of && f.ends() {
				sum += both[f]
			}
		}
		// A billionth for the rounding of ten times 0.1.
		e.add(sum > 1+1e-9, field, "A request can have one of %s only: their rates must not add up to more than 1, and give %g.", endings(of), sum)
	}
}

// endings lists the faults of which a request has one at most.
func endings(of operation) string {
	var names []string
	for f := range faultCount {
		if faultTable[f].of == of && f.ends() {
			names = append(names, f.String())
		}
	}
	return strings.Join(names, ", ")
}

func (e *planFaults) times(field string, t Times) {
	for _, d := range [...]struct {
		key   string
		value time.Duration
	}{{"after", t.After}, {"for", t.For}, {"every", t.Every}} {
		e.add(d.value < 0 || d.value > maxDuration, field+"."+d.key, "Give a duration from 0s to %v, not %v.", maxDuration, d.value)
	}
	e.add(t.Every > 0 && t.Every <= t.For, field+".every", "Give a duration above that of %s.for, %v, or it never ends.", field, t.For)
	e.add(t.Every > 0 && t.Every < tick, field+".every", "Give a duration of %v at least.", tick)
}

func (e *planFaults) step(field string, step FaultStep) {
	for _, key := range slices.Sorted(maps.Keys(step)) {
		of := ofCallback
		if key == stepOfCreate {
			of = ofCreate
		}
		_, event := eventOf(key)
		e.add(of == ofCallback && !event, field+"."+key, "Take create, or an event: initiated, ringing, answered, completed.")
		ended := 0
		for _, f := range step[key] {
			wrong := f >= faultCount || faultTable[f].of != of
			e.add(wrong, field+"."+key, "%v does not belong here; take those of %s.", f, faultNames(of))
			if !wrong && f.ends() {
				ended++
			}
		}
		e.add(ended > 1, field+"."+key, "A request can have one of %s only.", endings(ofCreate))
	}
}

// eventOf is the event with a name.
func eventOf(name string) (events, bool) {
	for e, n := range eventNames {
		if n == name {
			return e, true
		}
	}
	return 0, false
}

// length is a duration that JSON writes like "10s".
type length time.Duration

// MarshalText writes "10s".
func (l length) MarshalText() ([]byte, error) { return []byte(time.Duration(l).String()), nil }

type timesJSON struct {
	After length `json:"after,omitzero"`
	For   length `json:"for,omitzero"`
	Every length `json:"every,omitzero"`
}

func (t Times) json() timesJSON {
	return timesJSON{After: length(t.After), For: length(t.For), Every: length(t.Every)}
}

type periodJSON struct {
	timesJSON
	Rates FaultRates `json:"rates"`
}

type outageJSON struct {
	timesJSON
	Forget bool `json:"forget,omitzero"`
}

// MarshalJSON writes what ParseFaultPlan reads.
func (p FaultPlan) MarshalJSON() ([]byte, error) {
	out := struct {
		Seed       uint64                 `json:"seed,omitzero"`
		Rates      FaultRates             `json:"rates,omitempty"`
		Periods    []periodJSON           `json:"periods,omitempty"`
		Script     map[string][]FaultStep `json:"script,omitempty"`
		Down       *outageJSON            `json:"down,omitempty"`
		Forget     *timesJSON             `json:"forget,omitempty"`
		HangFor    DurationRange          `json:"hang_for,omitzero"`
		SlowFor    DurationRange          `json:"slow_for,omitzero"`
		RetryAfter length                 `json:"retry_after,omitzero"`
		ShuffleBy  DurationRange          `json:"shuffle_by,omitzero"`
		DelayBy    DurationRange          `json:"delay_by,omitzero"`
		Repeats    int                    `json:"repeats,omitzero"`
	}{
		Seed: p.Seed, Rates: p.Rates, Script: p.Script,
		HangFor: p.HangFor, SlowFor: p.SlowFor, RetryAfter: length(p.RetryAfter),
		ShuffleBy: p.ShuffleBy, DelayBy: p.DelayBy, Repeats: p.Repeats,
	}
	for _, period := range p.Periods {
		out.Periods = append(out.Periods, periodJSON{period.json(), period.Rates})
	}
	if p.Down != nil {
		out.Down = &outageJSON{p.Down.json(), p.Down.Forget}
	}
	if p.Forget != nil {
		out.Forget = new(p.Forget.json())
	}
	return json.Marshal(out)
}

// UnmarshalJSON is ParseFaultPlan.
func (p *FaultPlan) UnmarshalJSON(b []byte) (err error) {
	*p, err = ParseFaultPlan(b)
	return err
}
