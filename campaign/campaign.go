package campaign

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Status is where a campaign stands in its life.
type Status string

// The statuses of a campaign.
const (
	StatusPending    Status = "pending"     // created, not started, or its start_at is ahead
	StatusInProgress Status = "in_progress" // dialling, or waiting to
	StatusPaused     Status = "paused"      // dials nobody; calls that are up go on
	StatusCompleted  Status = "completed"   // every call is terminal, one at least completed, or there was none
	StatusFailed     Status = "failed"      // every call is terminal and all failed
	StatusCanceled   Status = "canceled"    // stopped for good from outside
)

// Statuses lists them in the order of a life.
var Statuses = []Status{StatusPending, StatusInProgress, StatusPaused, StatusCompleted, StatusFailed, StatusCanceled}

// Ended reports whether a campaign in this status can never dial again.
func (s Status) Ended() bool {
	return s == StatusCompleted || s == StatusFailed || s == StatusCanceled
}

// Settings are what a user decides about a campaign; all but DefaultRegion may
// change while it runs.
type Settings struct {
	Name string
	// From is the caller id in E.164; "" takes the service's.
	From string
	// DefaultRegion is the country of numbers written without their country
	// code (ISO 3166-1 alpha-2); "" accepts international numbers only.
	DefaultRegion string
	// DefaultTimeZone is the IANA zone of numbers of which none is known; "" has
	// none to offer.
	DefaultTimeZone string
	// Schedule is when calls are placed.
	Schedule Schedule
	// MaxConcurrentCalls bounds the calls that are up or being placed.
	MaxConcurrentCalls int
	// Weight is the campaign's part in the shared capacity, relative to others.
	Weight float64
	// Group is the team or customer with which the campaign shares first; "" is none.
	// It is up to LimitGroup printable characters, without a space at either end, and
	// groups are the same where they are written alike.
	Group string
	// Priority is 1 for the most urgent to LimitPriority; it counts where the
	// service's strategy goes by it.
	Priority int
	// Deadline is by when the campaign should be done; zero is none. It counts where
	// the service's strategy goes by it.  The schedule's end is one by itself.
	Deadline time.Time
	Retry    RetryPolicy
	Routing  Routing
}

// The defaults and bounds of Settings.
const (
	DefaultMaxConcurrentCalls = 10
	LimitMaxConcurrentCalls   = 100_000
	DefaultWeight             = 1.0
	LimitWeight               = 1e6
	LeastWeight               = 1e-3 // below, a cost divided by it drowns what others add up
	LimitName                 = 200
	LimitGroup                = 64
	DefaultPriority           = 5
	LimitPriority             = 10
)

// WithDefaults fills what was left open.
func (s Settings) WithDefaults() Settings {
	if s.MaxConcurrentCalls == 0 {
		s.MaxConcurrentCalls = DefaultMaxConcurrentCalls
	}
	if s.Weight == 0 {
		s.Weight = DefaultWeight
	}
	if s.Priority == 0 {
		s.Priority = DefaultPriority
	}
	s.Retry = s.Retry.WithDefaults()
	return s
}

// Validate returns every fault at once, as Errors, or nil.  Numbers and regions
// are the business of campaign/phone, zones and schedules that of campaign/hours.
func (s Settings) Validate() error {
	var out Errors
	if n := utf8.RuneCountInString(s.Name); strings.TrimSpace(s.Name) == "" || n > LimitName {
		out = append(out, Invalid("name", "Give the campaign a name of 1 to %d characters.", LimitName))
	}
	if s.MaxConcurrentCalls < 1 || s.MaxConcurrentCalls > LimitMaxConcurrentCalls {
		out = append(out, Invalid("max_concurrent_calls", "Give a limit from 1 to %d, not %d.", LimitMaxConcurrentCalls, s.MaxConcurrentCalls))
	}
	if !(s.Weight >= LeastWeight && s.Weight <= LimitWeight) {
		out = append(out, Invalid("weight", "Give a weight above 0: from %g to %.0f, not %g.", LeastWeight, LimitWeight, s.Weight))
	}
	if s.Priority < 1 || s.Priority > LimitPriority {
		out = append(out, Invalid("priority", "Give a priority from 1, the most urgent, to %d, not %d.", LimitPriority, s.Priority))
	}
	if s.Group != "" && !ValidGroup(s.Group) {
		out = append(out, Invalid("group", "Give a group of 1 to %d printable characters, without a space at either end, like \"team-a\" or \"Customer 12\".", LimitGroup))
	}
	out = append(out, s.Routing.faults()...)
	return append(out, s.Retry.faults("retry")...).orNil()
}

// ValidGroup reports whether a group can be told from others by looking at it.  What
// stands for a character that could not be read tells nothing.
func ValidGroup(name string) bool {
	odd := func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }
	return name != "" && utf8.RuneCountInString(name) <= LimitGroup && name == strings.TrimSpace(name) && !strings.ContainsFunc(name, odd)
}

// Campaign is one campaign as the store has it.
type Campaign struct {
	ID ID
	Settings
	Status Status
	// Armed: it was started while its schedule's start was still ahead, and is
	// pending until then.
	Armed     bool
	Stats     Stats
	CreatedAt time.Time
	UpdatedAt time.Time
	StartedAt time.Time // zero until started
	EndedAt   time.Time // zero until ended
}

// Stats count a campaign's calls by status, and what they took.
//
// Invariant: Total = Queued + InProgress + RetryWait + Completed + Failed + Canceled,
// at every commit.
type Stats struct {
	Total      int `json:"total"`
	Queued     int `json:"queued"`
	InProgress int `json:"in_progress"`
	RetryWait  int `json:"retry_wait"`
	Completed  int `json:"completed"`
	Failed     int `json:"failed"`
	Canceled   int `json:"canceled"`
	Attempts   int `json:"attempts"` // attempts that ended and cost
	Retries    int `json:"retries"`  // those of them that were not a call's first
}

// In is the counter of the calls in a status.
func (s *Stats) In(of CallStatus) *int {
	switch of {
	case CallQueued:
		return &s.Queued
	case CallInProgress:
		return &s.InProgress
	case CallRetryWait:
		return &s.RetryWait
	case CallCompleted:
		return &s.Completed
	case CallFailed:
		return &s.Failed
	}
	return &s.Canceled
}

// Open is the number of calls that are not terminal.
func (s Stats) Open() int { return s.Queued + s.InProgress + s.RetryWait }

// AddsUp reports whether the invariant holds.
func (s Stats) AddsUp() bool {
	return s.Total == s.Open()+s.Completed+s.Failed+s.Canceled
}

// Outcome is the status in which a campaign whose calls are all terminal ends.
func (s Stats) Outcome() Status {
	if s.Failed > 0 && s.Completed == 0 {
		return StatusFailed
	}
	return StatusCompleted
}
