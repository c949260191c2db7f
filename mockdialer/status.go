package mockdialer

import (
	"fmt"
	"slices"
	"strings"
)

// Status is where a call is, or how it ended.
type Status uint8

// The statuses of the dialect, those of ended calls last.
const (
	Queued Status = iota
	Ringing
	InProgress
	Completed
	Busy
	NoAnswer
	Failed
	Canceled

	statusCount
)

var statusNames = [statusCount]string{
	"queued", "ringing", "in-progress", "completed", "busy", "no-answer", "failed", "canceled",
}

// Ended reports whether a call with this status is over.
func (s Status) Ended() bool { return s >= Completed }

func (s Status) String() string {
	if s < statusCount {
		return statusNames[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// MarshalText writes the dialect's word.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the dialect's word.
func (s *Status) UnmarshalText(b []byte) error {
	i := slices.Index(statusNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("there is no status %q; take one of %s", b, strings.Join(statusNames[:], ", "))
	}
	*s = Status(i)
	return nil
}
