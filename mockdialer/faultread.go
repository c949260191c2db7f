package mockdialer

import (
	"fmt"
	"strconv"

	"dialtone/internal/yamlfile"
)

// ParseFaultPlan reads a plan in YAML, which JSON is a part of.  The error is
// campaign.Errors with all that is wrong, each fault with its line and its field; an
// unknown key is one.
func ParseFaultPlan(text []byte) (FaultPlan, error) {
	s := yamlfile.Parse(text, "rates, periods, script, down or forget")
	s.Known("seed", "rates", "periods", "script", "down", "forget",
		"hang_for", "slow_for", "retry_after", "shuffle_by", "delay_by", "repeats")
	p := FaultPlan{
		Seed:       readSeed(s),
		Rates:      readRates(s),
		Script:     readScript(s),
		HangFor:    readRange(s, "hang_for"),
		SlowFor:    readRange(s, "slow_for"),
		RetryAfter: s.Duration("retry_after", maxDuration),
		ShuffleBy:  readRange(s, "shuffle_by"),
		DelayBy:    readRange(s, "delay_by"),
		Repeats:    s.Integer("repeats", 1, maxRepeats),
	}
	if s.Has("periods") {
		for _, sub := range s.List("periods", "period") {
			sub.Known("after", "for", "every", "rates")
			p.Periods = append(p.Periods, FaultPeriod{Times: readTimes(sub), Rates: readRates(sub)})
		}
	}
	if s.Has("down") {
		sub := s.Section("down")
		sub.Known("after", "for", "every", "forget")
		p.Down = &Outage{Times: readTimes(sub), Forget: sub.Switch("forget")}
	}
	if s.Has("forget") {
		sub := s.Section("forget")
		sub.Known("after", "every")
		p.Forget = &Times{After: sub.Duration("after", maxDuration), Every: sub.Duration("every", maxDuration)}
	}
	s.Adopt(p.Validate())
	if faults := s.Faults(); len(faults) > 0 {
		return FaultPlan{}, faults
	}
	return p, nil
}

// readSeed reads more than an int holds.
func readSeed(s yamlfile.Section) uint64 {
	if !s.Has("seed") {
		return 0
	}
	seed, err := strconv.ParseUint(s.Text("seed"), 10, 64)
	if err != nil {
		s.Fault("seed", "Write a whole number from 0 on.")
	}
	return seed
}

func readTimes(s yamlfile.Section) Times {
	return Times{
		After: s.Duration("after", maxDuration),
		For:   s.Duration("for", maxDuration),
		Every: s.Duration("every", maxDuration),
	}
}

func readRange(s yamlfile.Section, key string) DurationRange {
	text := s.Text(key)
	if text == "" {
		return DurationRange{}
	}
	r, err := ParseDurationRange(text)
	if err != nil {
		s.Fault(key, "Write a duration or a range: %v.", err)
	}
	return r
}

// readRates reads what is under "rates".
func readRates(s yamlfile.Section) FaultRates {
	if !s.Has("rates") {
		return nil
	}
	sub, out := s.Section("rates"), FaultRates{}
	for _, name := range sub.Keys() {
		var f Fault
		if f.UnmarshalText([]byte(name)) != nil || !f.plannable() {
			sub.Fault(name, "There is no such fault; take one of %s.", faultNames(ofCreate, ofFetch, ofList, ofHangUp, ofCallback))
			continue
		}
		out[f] = sub.Number(name, 0, 1)
	}
	return out
}

func readScript(s yamlfile.Section) map[string][]FaultStep {
	if !s.Has("script") {
		return nil
	}
	sub, out := s.Section("script"), map[string][]FaultStep{}
	for _, to := range sub.Keys() {
		for _, step := range sub.List(to, "step, like {create: [500_after]}") {
			out[to] = append(out[to], readStep(step))
		}
	}
	return out
}

func readStep(s yamlfile.Section) FaultStep {
	out := FaultStep{}
	for _, key := range s.Keys() {
		faults := []Fault{}
		for _, name := range s.Texts(key) {
			var f Fault
			if err := f.UnmarshalText([]byte(name)); err != nil {
				s.Fault(key, "There is no fault %q; take those of %s.", name, faultNames(ofCreate, ofCallback))
				continue
			}
			faults = append(faults, f)
		}
		out[key] = faults
	}
	return out
}

// indexed is the name of an entry of a list.
func indexed(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
