// Package code is how both drivers write the domain's words into columns.  The
// numbers are stored: they may be added to, never changed.
package code

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
)

// The position is the number in the column.
var (
	calls    = []campaign.CallStatus{campaign.CallQueued, campaign.CallInProgress, campaign.CallRetryWait, campaign.CallCompleted, campaign.CallFailed, campaign.CallCanceled}
	attempts = []campaign.AttemptState{"", campaign.AttemptPlacing, campaign.AttemptAmbiguous, campaign.AttemptPlaced, campaign.AttemptEnded}
)

// The numbers that queries name.
const (
	Queued     = 0
	InProgress = 1
	RetryWait  = 2
	Canceled   = 5
)

// OfCall is a call status as a column has it; -1 is none.
func OfCall(s campaign.CallStatus) int { return slices.Index(calls, s) }

// Call reads OfCall's number.
func Call(n int) campaign.CallStatus { return at(calls, n) }

// OfAttempt is an attempt's state as a column has it.
func OfAttempt(s campaign.AttemptState) int { return slices.Index(attempts, s) }

// Attempt reads OfAttempt's number.
func Attempt(n int) campaign.AttemptState { return at(attempts, n) }

// at gives a number that a newer version wrote a name, instead of a panic.
func at[S ~string](of []S, n int) S {
	if n < 0 || n >= len(of) {
		return S(fmt.Sprintf("unknown_%d", n))
	}
	return of[n]
}

// Text makes what a provider sent fit for a text column: PostgreSQL takes neither
// NUL nor bytes that are not UTF-8.
func Text(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Time is a time as it comes back from the store: UTC, whole microseconds.
func Time(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// settings is campaign.Settings with names that stay when a Go field is renamed.
// They are one column of JSON: no query looks into them, and a new setting needs
// no migration.
type settings struct {
	Name               string               `json:"name"`
	From               string               `json:"from,omitempty"`
	DefaultRegion      string               `json:"default_region,omitempty"`
	DefaultTimeZone    string               `json:"default_time_zone,omitempty"`
	Schedule           campaign.Schedule    `json:"schedule,omitzero"`
	MaxConcurrentCalls int                  `json:"max_concurrent_calls"`
	Weight             float64              `json:"weight"`
	Group              string               `json:"group,omitempty"`
	Priority           int                  `json:"priority,omitempty"`
	Deadline           time.Time            `json:"deadline,omitzero"`
	Retry              campaign.RetryPolicy `json:"retry"`
	Routing            campaign.Routing     `json:"routing,omitzero"`
}

// OfSettings writes the settings column.  The conversion does not compile when
// campaign.Settings has a field that settings lacks.
func OfSettings(s campaign.Settings) (string, error) {
	b, err := json.Marshal(settings(s))
	if err != nil {
		return "", fmt.Errorf("write settings: %w", err)
	}
	return string(b), nil
}

// Settings reads the settings column.
func Settings(column string) (campaign.Settings, error) {
	var s settings
	if err := json.Unmarshal([]byte(column), &s); err != nil {
		return campaign.Settings{}, fmt.Errorf("read settings: %w", err)
	}
	s.Priority = cmp.Or(s.Priority, campaign.DefaultPriority) // from before there were priorities
	return campaign.Settings(s), nil
}
