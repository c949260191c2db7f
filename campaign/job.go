package campaign

import (
	"encoding/json"
	"time"
)

// JobKind is what a caller is asked to do about an attempt.
type JobKind string

// The kinds of job.
const (
	JobPlace  JobKind = "place"  // dial it, if nobody has
	JobSettle JobKind = "settle" // ask the provider what became of it
	JobHangUp JobKind = "hangup" // end it, if it is up
)

// Job is a message of the DIAL work queue: one thing to do about one attempt.
type Job struct {
	Kind      JobKind         `json:"kind"`
	Campaign  ID              `json:"campaign"`
	Attempt   AttemptID       `json:"attempt"`
	Number    int             `json:"number"` // of the attempt, counted from 1
	Provider  string          `json:"provider"`
	To        string          `json:"to"`
	From      string          `json:"from,omitempty"`
	Variables json.RawMessage `json:"variables,omitempty"`
	// NotAfter is when a place job is given back instead of dialled.
	NotAfter time.Time `json:"not_after,omitzero"`
	// For settle: what is known of the attempt.
	ProviderCallID string    `json:"provider_call_id,omitempty"`
	PlacingAt      time.Time `json:"placing_at,omitzero"`
}

// ReportKind is what is said about an attempt.
type ReportKind string

// The kinds of report.
const (
	// ReportPlaced: the provider has the call.
	ReportPlaced ReportKind = "placed"
	// ReportEnded: the attempt is over, with a Disposition.
	ReportEnded ReportKind = "ended"
	// ReportRefused: the provider refused the request for a reason that lies in
	// the number; costs an attempt and ends as rejected.
	ReportRefused ReportKind = "refused"
	// ReportGivenBack: certainly not dialled, and not the callee's doing.  Costs
	// no attempt.
	ReportGivenBack ReportKind = "given_back"
	// ReportAmbiguous: it may have been dialled or not.
	ReportAmbiguous ReportKind = "ambiguous"
	// ReportTaken: the job was found already taken by another delivery.
	ReportTaken ReportKind = "taken"
)

// The reasons of a ReportGivenBack.
//
// Invariant: throttled, full, unreachable, barred, provider and unsent are said only by the
// delivery that wrote placing itself, and not_dialled only by one that settled:
// they undo that placing.  A caller that gives a job back without having written
// placing can't know whether another delivery did, and says one of the others.
const (
	GivenBackThrottled   = "throttled"     // the provider asked for patience
	GivenBackFull        = "full"          // the provider has as many calls up as it takes
	GivenBackUnreachable = "unreachable"   // no connection to the provider came about
	GivenBackBarred      = "barred"        // the provider refuses the account
	GivenBackStopped     = "stopped"       // the campaign was paused or canceled
	GivenBackExpired     = "expired"       // the job waited past its NotAfter
	GivenBackNotDialled  = "not_dialled"   // settled: the provider does not know the call
	GivenBackProvider    = "provider"      // the provider refuses this request: its caller id or script
	GivenBackUnknown     = "no_provider"   // no provider of this name is configured
	GivenBackUnsent      = "unsent"        // the caller had placing, but let the time to ask go by
	GivenBackDrained     = "shutting_down" // the caller is stopping
)

// AmbiguousUnanswered is the reason of a ReportAmbiguous of a create request that got no
// whole answer: the provider may be at it still.  Without it the provider has answered,
// and will not dial later what it has not dialled.
const AmbiguousUnanswered = "unanswered"

// Report is a message of the CALLBACK work queue: a caller's report or a
// provider's callback, translated.
type Report struct {
	Kind           ReportKind  `json:"kind"`
	Campaign       ID          `json:"campaign"`
	Attempt        AttemptID   `json:"attempt"`
	Provider       string      `json:"provider,omitempty"`
	ProviderCallID string      `json:"provider_call_id,omitempty"`
	Disposition    Disposition `json:"disposition,omitempty"`
	// Reason of a given_back or an ambiguous; Detail is the provider's own word.
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	// At is when it happened, by the clock of who says so.
	At time.Time `json:"at"`
	// Duration is how long an ended call was up.
	Duration time.Duration `json:"duration_ns,omitempty"`
	// RetryAfter is the patience that a throttling provider asked for, or 0.
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"`
}
