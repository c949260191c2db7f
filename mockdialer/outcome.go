package mockdialer

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Outcomes are the weights with which calls end this way or that.  They need not
// add up to 100.
type Outcomes struct {
	Completed, Busy, NoAnswer, Failed int
}

// DefaultOutcomes is the mix of a Config that names none.
var DefaultOutcomes = Outcomes{Completed: 70, Busy: 10, NoAnswer: 10, Failed: 10}

// maxWeight keeps the sum of the weights far from overflowing.
const maxWeight = 1_000_000

// weight is the field for a status, or nil.
func (o *Outcomes) weight(s Status) *int {
	switch s {
	case Completed:
		return &o.Completed
	case Busy:
		return &o.Busy
	case NoAnswer:
		return &o.NoAnswer
	case Failed:
		return &o.Failed
	}
	return nil
}

func (o Outcomes) total() int { return o.Completed + o.Busy + o.NoAnswer + o.Failed }

// String writes what UnmarshalText reads.
func (o Outcomes) String() string {
	return fmt.Sprintf("completed=%d,busy=%d,no-answer=%d,failed=%d", o.Completed, o.Busy, o.NoAnswer, o.Failed)
}

// MarshalText writes what UnmarshalText reads.
func (o Outcomes) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads "completed=70,busy=10"; what is not named has no weight.
// The error names the bad part.
func (o *Outcomes) UnmarshalText(b []byte) error {
	var out Outcomes
	seen := map[Status]bool{}
	for part := range strings.SplitSeq(string(b), ",") {
		name, number, _ := strings.Cut(part, "=")
		var s Status
		err := s.UnmarshalText([]byte(strings.TrimSpace(name)))
		w := out.weight(s)
		if err != nil || w == nil {
			return fmt.Errorf("%q: there is no outcome %q; write completed, busy, no-answer or failed, each with its weight, like \"completed=70,busy=30\"", part, name)
		}
		if seen[s] {
			return fmt.Errorf("%q: %s has a weight already; name it once", part, name)
		}
		seen[s] = true
		if *w, err = strconv.Atoi(strings.TrimSpace(number)); err != nil || *w < 0 || *w > maxWeight {
			return fmt.Errorf("%q: %q is not a weight; write a whole number from 0 to %d", part, number, maxWeight)
		}
	}
	if out.total() == 0 {
		return fmt.Errorf("%q: no outcome has a weight above 0", b)
	}
	*o = out
	return nil
}

// pick takes a status by a random number.
func (o Outcomes) pick(random uint64) Status {
	hit, _ := bits.Mul64(random, uint64(o.total()))
	for _, s := range [...]Status{Completed, Busy, NoAnswer} {
		w := uint64(*o.weight(s))
		if hit < w {
			return s
		}
		hit -= w
	}
	return Failed
}

// Outcome is the scripted end of one call.
type Outcome struct {
	Status Status // Completed, Busy, NoAnswer or Failed
	// Duration is how long the call lasts; nil leaves it to the seed.
	Duration *time.Duration
}

// plan says how the nth call to a number, counted from 0, ends and how long it
// lasts.  It is a pure function of the configuration and its arguments.
func (c *Config) plan(to string, n uint32) (Status, time.Duration) {
	random := mix(mix(c.Seed^hashText(to)) + uint64(n))
	status, length := c.Outcomes.pick(random), c.length(to, mix(random))
	if script := c.Script[to]; int(n) < len(script) {
		status = script[n].Status
		if script[n].Duration != nil {
			length = *script[n].Duration
		}
	}
	return status, length
}

// mix is the step of SplitMix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", 2014): equal on every machine and in every
// release, which the standard library's hashes do not promise.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashText is FNV-1a.
func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
