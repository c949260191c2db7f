package campaign

import (
	"encoding/json"
	"time"
)

// CallStatus is where one call stands.
type CallStatus string

// The statuses of a call.
const (
	CallQueued     CallStatus = "queued"
	CallInProgress CallStatus = "in_progress" // claimed, being placed, or up
	CallRetryWait  CallStatus = "retry_wait"
	CallCompleted  CallStatus = "completed"
	CallFailed     CallStatus = "failed"
	CallCanceled   CallStatus = "canceled"
)

// CallStatuses lists them in the order of a life.
var CallStatuses = []CallStatus{CallQueued, CallInProgress, CallRetryWait, CallCompleted, CallFailed, CallCanceled}

// Terminal reports whether the call is over for good.
func (s CallStatus) Terminal() bool {
	return s == CallCompleted || s == CallFailed || s == CallCanceled
}

// Contact is somebody to be called.
type Contact struct {
	Phone     string          // E.164
	Zones     Zones           // where the number may be
	Variables json.RawMessage // a JSON object, or nil
}

// Call is one contact of a campaign and what became of it.
type Call struct {
	ID         CallID
	CampaignID ID
	Contact
	// From is this call's own caller id; "" takes the campaign's.
	From string
	// Provider is the only one that may place it; "" is any.
	Provider string
	Status   CallStatus
	// Zone is the store's number for the contact's Zones.
	Zone ZoneID
	Effort
	// Claim counts how often the call was claimed, attempts that cost nothing
	// included.
	Claim int
	// NextAttemptAt is when a call in retry_wait is due, else zero.
	NextAttemptAt time.Time
	CreatedAt     time.Time
	// Reason says why a failed or canceled call ended so, in a word.  One in progress
	// that is to end as canceled has ReasonCanceled already.
	Reason string
	// History is filled only where the store's reader says so.
	History []Attempt
}

// Effort is what has been done to reach somebody, counted in attempts that cost.
type Effort struct {
	Attempts int
	// Tally counts them by how they ended.
	Tally Tally
	// Day is the date, in the contact's zone, of the last one, and OnDay how many
	// there were on it.
	Day   Day
	OnDay int
}

// On is how many there were on a day, the last one's or later.
func (e Effort) On(d Day) int {
	if e.Day != d {
		return 0
	}
	return e.OnDay
}

// With is the effort after one more attempt.
func (e Effort) With(how Disposition, on Day) Effort {
	return Effort{Attempts: e.Attempts + 1, Tally: e.Tally.With(how), Day: on, OnDay: e.On(on) + 1}
}

// The reasons for which a call ends otherwise than by an attempt.
const (
	ReasonCampaignCanceled = "campaign_canceled"
	ReasonCanceled         = "canceled"     // it was canceled by itself
	ReasonExpired          = "expired"      // the schedule's end came first
	ReasonMaxAttempts      = "max_attempts" // the policy was changed, and allows no more
)

// AttemptState is where one attempt stands.
type AttemptState string

// The states of an attempt that has a row in the store.  A claimed attempt has
// none: its claim stands on the call.
const (
	AttemptPlacing   AttemptState = "placing"   // the provider is being asked
	AttemptAmbiguous AttemptState = "ambiguous" // nobody knows whether it was dialled
	AttemptPlaced    AttemptState = "placed"    // the provider has it
	AttemptEnded     AttemptState = "ended"
)

// Disposition is how an attempt ended.
type Disposition string

// The dispositions.
const (
	DispositionCompleted Disposition = "completed"
	DispositionBusy      Disposition = "busy"
	DispositionNoAnswer  Disposition = "no_answer"
	DispositionFailed    Disposition = "failed"
	DispositionCanceled  Disposition = "canceled"
	DispositionRejected  Disposition = "rejected" // the provider refused the request
	DispositionLost      Disposition = "lost"     // what became of it can't be known
)

// Dispositions lists them all.
var Dispositions = []Disposition{
	DispositionCompleted, DispositionBusy, DispositionNoAnswer, DispositionFailed, DispositionCanceled, DispositionRejected, DispositionLost,
}

// Attempt is one time that a call was, or may have been, dialled.
type Attempt struct {
	ID             AttemptID
	Number         int // counted from 1 over the attempts that cost
	Provider       string
	ProviderCallID string // "" until known
	State          AttemptState
	Disposition    Disposition // "" until ended
	StartedAt      time.Time   // when placing was written
	EndedAt        time.Time   // zero until ended
	Duration       time.Duration
	// Detail is the provider's word on a refusal ("21211: Invalid 'To'"), or "".
	Detail string
}
