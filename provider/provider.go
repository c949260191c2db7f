// Package provider is the port to whoever places the calls: what Dialtone asks
// of a telephony provider, and the faults that it must tell apart to dial nobody
// twice.  Adapters live below it (provider/twilio); provider/providertest holds
// each of them to this contract.
package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"dialtone/campaign"
)

// Provider places calls and tells what became of them.  All methods may be
// called concurrently.
type Provider interface {
	// Name is the provider's name in the configuration.
	Name() string

	// Place asks for a call and returns once the provider has answered, not when
	// the call ends.  Every error is a *PlaceError, whose Fault says whether
	// somebody may have been dialled.
	Place(ctx context.Context, r Request) (Placement, error)

	// Fetch asks for a call by the provider's id. ErrUnknownCall if there is none.
	Fetch(ctx context.Context, providerCallID string) (Call, error)

	// Find lists the calls to a number that the provider received at or after a
	// time, oldest first: how an attempt without an answer is settled.  An empty from
	// is any caller id.
	Find(ctx context.Context, to, from string, since time.Time) ([]Call, error)

	// HangUp ends a call. It is no error that it has ended; ErrUnknownCall if
	// there is none.
	HangUp(ctx context.Context, providerCallID string) error

	// ParseCallback verifies a callback's signature and reads it.  form is the
	// request's parsed body, publicURL what the provider called.  A signature that
	// does not fit is ErrSignature; a body that can't be read is a *campaign.Error.
	// publicURL is as the provider knows it, not as the server sees it behind a proxy.
	ParseCallback(r *http.Request, publicURL string, form url.Values) (Call, error)
}

// Request is one call to be placed.
type Request struct {
	To string // E.164
	// From is the caller id in E.164; "" takes the provider's own for To.
	From      string
	Variables []byte // a JSON object for the call's script, or nil
	// CallbackURL is where the end of the call is to be told.
	CallbackURL string
}

// Placement is the provider's word that it has the call.
type Placement struct {
	ProviderCallID string
	// At is the provider's own time of it, or zero.
	At time.Time
}

// Call is the provider's view of a call.
type Call struct {
	ProviderCallID string
	To, From       string
	// Ended is true when the call is over, with a Disposition.
	Ended       bool
	Disposition campaign.Disposition
	Duration    time.Duration
	// CreatedAt and EndedAt are the provider's times, zero where it tells none.
	// Where they are coarse, CreatedAt is the first and EndedAt the last moment that
	// they can stand for; EndedAt may so be a little ahead of the clock.
	CreatedAt, EndedAt time.Time
	// AnsweredBy is who took the call, in the provider's word ("human",
	// "machine_start"), where it was asked to find out; else "".
	AnsweredBy string
	// SIPCode is the last response of the callee's network, or 0.
	SIPCode int
	Detail  string // what the provider adds to all this, for people
	// Event names a callback, alike in each delivery of it; "" where the provider does
	// not tell its callbacks apart.
	Event string
}

// Fault is what an unsuccessful Place means for the number.
type Fault string

// The faults of Place.
const (
	// Refused: not dialled, and the reason lies in the number: it costs.
	Refused Fault = "refused"
	// Misconfigured: not dialled, because of the caller id, the script or another part
	// of the request that is ours.  Others may be fine.  Costs no attempt.
	Misconfigured Fault = "misconfigured"
	// Barred: not dialled, because the provider refuses the account, and so all
	// requests.  Costs no attempt.
	Barred Fault = "barred"
	// Full: not dialled, because as many calls are up, or queued, as the provider
	// takes.  Costs no attempt.
	Full Fault = "full"
	// Throttled: not dialled, because too many requests were made; the provider asks
	// for patience.  Costs no attempt.
	Throttled Fault = "throttled"
	// Unreachable: no connection came about, so nothing was asked.  Costs no
	// attempt.
	Unreachable Fault = "unreachable"
	// Ambiguous: it may have been dialled. Never place it again before it is
	// settled.
	Ambiguous Fault = "ambiguous"
)

// PlaceError is why a call was not, or not certainly, placed.
type PlaceError struct {
	Fault  Fault
	Detail string // the provider's or the network's word, for people
	// RetryAfter is how long the provider asked us to wait, being Full or Throttled,
	// or 0.
	RetryAfter time.Duration
	// Unanswered, of an Ambiguous one: the request was sent, and no whole answer of the
	// provider's came.  It may be at it still, and dial later.
	Unanswered bool
	Err        error // the cause, or nil
}

func (e *PlaceError) Error() string { return fmt.Sprintf("place call: %s: %s", e.Fault, e.Detail) }
func (e *PlaceError) Unwrap() error { return e.Err }

// The errors that callers branch on.
var (
	ErrUnknownCall = errors.New("provider: no such call")
	ErrSignature   = errors.New("provider: the callback's signature does not fit")
)

// Limits are what a provider takes, over all campaigns and processes.
type Limits struct {
	// Channels is the number of calls up at once; 0 is no limit.
	Channels int
	// CallsPerSecond bounds the create requests of any second; 0 is no limit.
	CallsPerSecond float64
}
