package machine

import (
	"encoding/json"

	"dialtone/campaign"
	"dialtone/campaign/route"
)

// Input is something that happened: one of the types of this file.
type Input any

// Ref is the owner's handle of a message or a request.  The machine carries it
// and gives it back.
type Ref any

// Token is the scheduler's leave to have one call up.
type Token struct {
	ID       uint64
	Provider string
}

// Page is the next queued calls after the cursor of Effects.Load.
type Page struct {
	Calls []Waiting // of the Load's zone, by ascending id
	// Last is true when the store had no more at that moment.
	Last bool
}

// Waiting is a queued call and how often it was claimed before.
type Waiting struct {
	ID    campaign.CallID
	Claim int
	Zone  campaign.ZoneID
	Phone string // by which the call is routed
	// Provider is the only one that may place it; "" is any.
	Provider string
}

// Refreshed is the campaign as the store has it, and the zones of its calls, by
// ascending id, read no earlier: its settings may have been changed and contacts
// added.
//
// Table is the providers that there are; nil where they are as they were.
type Refreshed struct {
	Campaign campaign.Campaign
	Zones    []Zone
	Table    *route.Table
}

// Granted are tokens for this campaign.
type Granted struct{ Tokens []Token }

// Claimed tells what came of Effects.Claims.  Here and below, Stats are those
// after the commit; zero where the commit tells none, having changed nothing.
type Claimed struct {
	Results []ClaimResult
	Stats   campaign.Stats
}

// ClaimResult is what came of one Claim.
type ClaimResult struct {
	Attempt campaign.AttemptID
	// Refused means that the call was not as the machine believed.
	Refused         bool
	To              string
	From            string
	Variables       json.RawMessage
	campaign.Effort // so far
}

// Published tells that jobs could not be handed to the queue; success is
// silent.
type Published struct{ Failed []campaign.AttemptID }

// Reported is a report or callback about one attempt.
type Reported struct {
	Report campaign.Report
	Ref    Ref
}

// Recorded tells what came of Effects.Records.
type Recorded struct {
	Results []RecordResult
	Stats   campaign.Stats
}

// RecordResult is what came of one Record.
type RecordResult struct {
	Record
	Refused bool
	Missing bool // there is no such call
	Marked  bool // it is in progress, and will be canceled
	Changed bool
}

// Verb is what a Command wants.
type Verb string

// The verbs.
const (
	Start  Verb = "start"
	Pause  Verb = "pause"
	Resume Verb = "resume"
	Cancel Verb = "cancel"
	// CancelCall cancels one call: it is not dialled any more, and hung up if it is
	// up.
	CancelCall Verb = "cancel_call"
)

// Command is a wish from outside, answered through Effects.Replies.
type Command struct {
	Verb Verb
	// HangUp, of a Cancel: end what is up as well.
	HangUp bool
	// Call is whom a CancelCall concerns.
	Call campaign.CallID
	Ref  Ref
}

// StatusChanged tells what came of Effects.Status.
type StatusChanged struct {
	Refused  bool
	Changed  bool
	Campaign campaign.Campaign // as it stands now
}

// WaitingEnded tells how many calls an Effects.EndWaiting found.
type WaitingEnded struct {
	EndWaiting
	// Refused: the campaign is in another status, or its schedule's end was put off.
	Refused bool
	Count   int
	Stats   campaign.Stats
}

// Tick tells that time has passed.
type Tick struct{}
