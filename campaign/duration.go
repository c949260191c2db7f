package campaign

import (
	"fmt"
	"time"
)

// Duration is a time.Duration that travels as a Go duration string ("90s").
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes "1m30s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write it like \"90s\" or \"1h30m\"", b)
	}
	*d = Duration(v)
	return nil
}
