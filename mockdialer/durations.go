package mockdialer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Durations are how long calls last by the prefix of the number called, like "+4930".
// Of the prefixes that fit a number the longest counts.
type Durations map[string]DurationRange

// of is the range for a number, and whether there is one.
func (d Durations) of(to string) (DurationRange, bool) {
	if len(d) == 0 {
		return DurationRange{}, false
	}
	for end := len(to); end > 0; end-- {
		if r, ok := d[to[:end]]; ok {
			return r, true
		}
	}
	return DurationRange{}, false
}

// String writes what UnmarshalText reads, in the order of the prefixes.
func (d Durations) String() string {
	parts := make([]string, 0, len(d))
	for _, prefix := range slices.Sorted(maps.Keys(d)) {
		parts = append(parts, prefix+"="+d[prefix].String())
	}
	return strings.Join(parts, ",")
}

// MarshalText writes what UnmarshalText reads.
func (d Durations) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "+4930=400ms,+49=2s-90s"; an empty text is no prefixes.  The
// error names the bad part.
func (d *Durations) UnmarshalText(b []byte) error {
	out := Durations{}
	for part := range strings.SplitSeq(string(b), ",") {
		if len(b) == 0 {
			break
		}
		prefix, length, _ := strings.Cut(part, "=")
		prefix = strings.TrimSpace(prefix)
		if !validPrefix(prefix) {
			return fmt.Errorf("%q: %q is not the beginning of a number; write prefixes with their durations, like \"+4930=400ms,+49=2s-90s\"", part, prefix)
		}
		if _, twice := out[prefix]; twice {
			return fmt.Errorf("%q: %s has a duration already; name it once", part, prefix)
		}
		r, err := ParseDurationRange(length)
		if err != nil {
			return fmt.Errorf("%q: %w", part, err)
		}
		out[prefix] = r
	}
	*d = out
	return nil
}

// validPrefix reports whether a number can begin like this.
func validPrefix(p string) bool {
	return validNumber([]byte(p + strings.Repeat("0", max(0, minNumber-len(p)))))
}

func (r DurationRange) valid() bool {
	return r.Min >= 0 && r.Max >= r.Min && r.Max <= maxDuration
}

// length picks how long a call to a number lasts, by a random number.
func (c *Config) length(to string, random uint64) time.Duration {
	if r, ok := c.Durations.of(to); ok {
		return r.pick(random)
	}
	return c.Duration.pick(random)
}
