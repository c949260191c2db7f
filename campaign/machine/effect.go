package machine

import (
	"time"

	"dialtone/campaign"
	"dialtone/campaign/route"
)

// Effects is what is to be done.  Handle appends to it; the owner performs it
// and empties it.
type Effects struct {
	// To be committed. Each is answered by the input named.
	Claims     []Claim        // Claimed
	Records    []Record       // Recorded
	Status     []ChangeStatus // StatusChanged, one each
	EndWaiting *EndWaiting    // WaitingEnded

	// To be read.  Each is answered by the input named.
	Load    *Load // Page
	Refresh bool  // Refreshed

	// To be sent, now that what they speak of is committed.
	Publish  []campaign.Job
	Acks     []Ref
	Progress []Progress // before the Releases
	Releases []Release
	Replies  []Reply
	Events   []campaign.Event

	// Rebuild: the machine's view was wrong; build a new one from the store.
	Rebuild bool
	// Renew: settings have changed by which the machine was built; build a new one.
	Renew bool
	// Retire: there is nothing left to do; the owner may let go.
	Retire bool
}

// Reset empties e and keeps its memory.
func (e *Effects) Reset() {
	*e = Effects{
		Claims: e.Claims[:0], Records: e.Records[:0], Status: e.Status[:0],
		Publish: e.Publish[:0], Acks: e.Acks[:0], Progress: e.Progress[:0], Releases: e.Releases[:0],
		Replies: e.Replies[:0], Events: e.Events[:0],
	}
}

// Claim takes a call for dialling.
type Claim struct{ Attempt campaign.AttemptID }

// RecordKind is what a Record writes.
type RecordKind int

// The kinds of record.
const (
	RecordPlaced RecordKind = iota
	RecordAmbiguous
	RecordFinish
	RecordGiveBack
	// RecordCancel cancels the call of an Attempt, of which only that counts; one in
	// progress is marked.
	RecordCancel
)

// Record is something about one attempt that is to be written.
type Record struct {
	Kind           RecordKind
	Attempt        campaign.AttemptID
	ProviderCallID string
	Disposition    campaign.Disposition
	EndedAt        time.Time
	Duration       time.Duration
	Detail         string
	Next           campaign.CallStatus
	NextAttemptAt  time.Time
	Reason         string
	Day            campaign.Day // on which it was dialled, where it was
	// Unplaced: give back only if no placing is on record.
	Unplaced bool
}

// ChangeStatus moves the campaign.
type ChangeStatus struct {
	From []campaign.Status
	To   campaign.Status
	// Drained: only if every call is terminal; the statistics then say to which
	// status.
	Drained bool
	// Armed: it stays pending until its schedule's start.
	Armed bool
}

// EndWaiting ends up to Limit of the calls that wait: as canceled in a canceled
// campaign, as expired in one that is in progress.
type EndWaiting struct {
	Status campaign.Status
	Limit  int
}

// Load asks for the queued calls of a zone, or of all, after a cursor.
type Load struct {
	Zone  campaign.ZoneID
	After campaign.CallID
	Limit int
}

// Progress is what has become known of the call for which a token is held.
type Progress struct {
	Token    Token
	Evidence campaign.Evidence
	Attempt  campaign.AttemptID
	To       string    // the number, as far as it is known
	Since    time.Time // when the token was spent
	// Outcome is what the provider made of the request, "" where that is not known
	// or was told already.
	Outcome campaign.Outcome
}

// Release gives a token back.
type Release struct {
	Token Token
	// Unsent: the provider was certainly not asked for a call with it.
	Unsent bool
	// Held is how long a call kept the slot; 0 for a token that was not used.
	Held time.Duration
	// Outcome is what the provider made of the request, "" where that is not known
	// or was told already; RetryAfter is the patience that it asked for, or 0.
	Outcome    campaign.Outcome
	RetryAfter time.Duration
}

// Reply answers a Command: Err, or the campaign as it stands.
type Reply struct {
	Ref      Ref
	Campaign campaign.Campaign
	Err      *campaign.Error
}

// Demand is what the campaign could use at this moment.
type Demand struct {
	// Retries and Fresh are the due retries and the new numbers at hand.
	Retries, Fresh int
	// Routes say which providers could take how many of them.  Nil: any, all of them.
	Routes []RouteDemand
	// Limit bounds the tokens that the campaign may hold in all.
	Limit int
	// Grown is how far it has grown into that: so many may it hold now.  0 is all the way.
	Grown int
	// What counts for its share; see scheduler/strategy.Terms.
	Weight   float64
	Group    string
	Priority int
	// Remaining is how many calls are still to be placed, as far as is known.
	Remaining int
	// Due is by when: the deadline with the time outside the hours taken out, so that
	// Due - now is the open time that is left; see target.  Zero is no deadline.
	Due time.Time
	// Length is how long calls hold a slot on average; 0 until one has ended.
	Length time.Duration
}

// RouteDemand is how many of the calls at hand could go by one route.
type RouteDemand struct {
	Route route.Route
	Ready int
}
