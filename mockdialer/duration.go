package mockdialer

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// DurationRange is how long calls last: from Min to Max, each length as likely as
// the next.  The zero value is calls that end as soon as they are received.
type DurationRange struct {
	Min, Max time.Duration
}

// Fixed is the range of one length.
func Fixed(d time.Duration) DurationRange { return DurationRange{Min: d, Max: d} }

// ParseDurationRange reads "10s" or "2s-90s".
func ParseDurationRange(text string) (DurationRange, error) {
	low, high, ranged := strings.Cut(text, "-")
	if !ranged {
		high = low
	}
	var r DurationRange
	var err error
	if r.Min, err = parseLength(low, text); err != nil {
		return DurationRange{}, err
	}
	if r.Max, err = parseLength(high, text); err != nil {
		return DurationRange{}, err
	}
	if r.Max < r.Min {
		return DurationRange{}, fmt.Errorf("%q: the range ends (%v) before it begins (%v)", text, r.Max, r.Min)
	}
	return r, nil
}

func parseLength(part, whole string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(part))
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q: %q is not a duration; write \"10s\" or a range like \"2s-90s\"", whole, part)
	}
	return d, nil
}

func (r DurationRange) String() string {
	if r.Min == r.Max {
		return r.Min.String()
	}
	return r.Min.String() + "-" + r.Max.String()
}

// MarshalText writes what UnmarshalText reads.
func (r DurationRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "10s" or "2s-90s".
func (r *DurationRange) UnmarshalText(b []byte) (err error) {
	*r, err = ParseDurationRange(string(b))
	return err
}

// pick takes a length by a random number; Max is as likely as any other.
func (r DurationRange) pick(random uint64) time.Duration {
	span := uint64(r.Max-r.Min) + 1
	offset, _ := bits.Mul64(random, span)
	return r.Min + time.Duration(offset)
}
