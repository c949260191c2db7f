package store

import (
	"encoding/json"
	"errors"
	"time"

	"dialtone/campaign"
)

// The refusals of a single operation.  The rest of its batch is not touched by
// them.
var (
	// ErrStaleEpoch: the partition has a newer owner; stop acting for it.
	ErrStaleEpoch = errors.New("store: a newer owner has this partition")
	// ErrState: the row is not in a state from which the operation leads
	// anywhere: the view it was made from is out of date.
	ErrState = errors.New("store: the row is in another state")
	// ErrTaken: the attempt is being placed, or was, by somebody else.
	ErrTaken = errors.New("store: the attempt was placed by another delivery")
	// ErrNotRunning: the campaign is not in progress; dial nobody.
	ErrNotRunning = errors.New("store: the campaign is not in progress")
	// ErrUnknown: there is no such call in that campaign.
	ErrUnknown = errors.New("store: the campaign has no such call")
)

// Fence says by which ownership an operation is written.
type Fence struct {
	Partition int
	Epoch     int64
}

// Op is one operation of a Batch: a pointer to one of the types below.  Apply
// fills its result fields and its error.
type Op interface{ outcome() *Outcome }

// Outcome is what became of an operation.  It is valid once its batch was
// applied; until then it belongs to the journal.
type Outcome struct {
	// Err is nil, or one of the refusals of this package.
	Err error
	// Changed is false when the operation found its work already done.
	Changed bool
}

func (o *Outcome) outcome() *Outcome { return o }

// OutcomeOf is where a driver writes what became of an operation.
func OutcomeOf(op Op) *Outcome { return op.outcome() }

// Claim takes a call for dialling: queued or retry_wait → in_progress.
//
// It is refused with ErrState unless the call has been claimed Attempt.Claim()−1
// times and waits, or is in progress under this very claim.
type Claim struct {
	Outcome
	Fence
	Campaign campaign.ID
	Attempt  campaign.AttemptID

	// Results: what is needed to dial. They are filled when Err is nil.
	Phone           string
	From            string // the call's own, or ""
	Variables       json.RawMessage
	campaign.Effort // so far
}

// Placing is the guard against dialling twice: it creates the attempt's row in
// the state placing.  It carries no fence.
//
// Accepted unchanged when the row exists and is this Placer's, whatever became of
// it since.  Refused with ErrTaken when it is another Placer's; with ErrNotRunning when the campaign is not in progress; with ErrState when the
// call is not in progress under this claim.  The campaign's row is locked in
// share mode until the commit, so that a pause that has committed is seen.
type Placing struct {
	Outcome
	Campaign campaign.ID
	Attempt  campaign.AttemptID
	Number   int
	Provider string
	// Placer is a number that names this delivery of the job; never zero.
	Placer int64
	At     time.Time
}

// Placed records that the provider has the call: placing or ambiguous → placed.
// On a placed or ended attempt it changes nothing and is accepted; with no row
// it is ErrState.
type Placed struct {
	Outcome
	Fence
	Campaign       campaign.ID
	Attempt        campaign.AttemptID
	ProviderCallID string
}

// Ambiguous records that nobody knows: placing → ambiguous.  On any later state
// it changes nothing and is accepted; with no row it is ErrState.
type Ambiguous struct {
	Outcome
	Fence
	Campaign campaign.ID
	Attempt  campaign.AttemptID
	Detail   string
}

// Finish ends an attempt that costs, and moves its call on.
//
// The attempt's row becomes ended (from any earlier state; it must exist), the
// call, which must be in progress under this claim, gets Next, one more attempt,
// and NextAttemptAt when Next is retry_wait; its Effort grows by the disposition and
// the Day.  Statistics: in_progress −1, Next +1, attempts +1,
// and retries +1 unless it was the call's first attempt.
//
// When the call has moved past this claim or the attempt is already ended, it
// changes nothing and is accepted (Changed is false): a duplicate.  With no row
// of the attempt it is ErrState.  An empty ProviderCallID or Detail leaves what the
// row has.
type Finish struct {
	Outcome
	Fence
	Campaign       campaign.ID
	Attempt        campaign.AttemptID
	ProviderCallID string // kept if the row has none yet
	Disposition    campaign.Disposition
	EndedAt        time.Time
	Duration       time.Duration
	Detail         string
	Day            campaign.Day        // on which it was dialled, in the contact's zone
	Next           campaign.CallStatus // completed, failed, canceled or retry_wait
	NextAttemptAt  time.Time
	Reason         string // of the call, when Next is failed or canceled
}

// GiveBack undoes a claim that cost nothing: the attempt's row, if there is
// one and it is not placed or ended, is deleted; the call, which must be in progress under this claim,
// goes to Next: queued, retry_wait (due NextAttemptAt), canceled or failed.
//
// When the call has moved past this claim it changes nothing and is accepted.
// When the attempt is placed or ended it is ErrState; with Unplaced set it is
// ErrState when the attempt has a row at all: the claim is undone only if no
// caller has got as far as placing.
type GiveBack struct {
	Outcome
	Fence
	Unplaced      bool
	Campaign      campaign.ID
	Attempt       campaign.AttemptID
	Next          campaign.CallStatus
	NextAttemptAt time.Time
	Reason        string
}

// CancelCall cancels a call that waits: queued or retry_wait → canceled, for the reason
// canceled.
//
// One in progress is marked only: it gets that reason and stays in progress, since its
// end is that of its attempt.  So whoever owns it next finds in Open that it is to end
// as canceled.  Who ends it must heed that: Finish and GiveBack take the mark away and
// leave the reason that they have, none for a call that was completed.
//
// A call that is over, however it ended, or is marked already, is accepted unchanged.
// ErrUnknown if the campaign has no such call.
type CancelCall struct {
	Outcome
	Fence
	Campaign campaign.ID
	Call     campaign.CallID

	// Result: the call is in progress, and marked.
	Marked bool
}

// SetStatus moves a campaign from one of the statuses From to To, and sets
// started_at (To in_progress, once) or ended_at.  A campaign already in To is
// accepted unchanged; any other is ErrState.
//
// With Drained set it applies only when every call is terminal
// (Stats.Open() == 0, read under the campaign's lock), else ErrState; To is then
// ignored and Stats.Outcome() taken for it.
//
// With Armed set, which goes with To pending, the campaign is marked as armed, also
// one that is pending already, if From has that.  Only a change of status to another
// takes the mark away.
type SetStatus struct {
	Outcome
	Fence
	Campaign campaign.ID
	From     []campaign.Status
	To       campaign.Status
	Drained  bool
	Armed    bool
	At       time.Time

	// Result: the campaign as it stands after the batch, also when Err is ErrState.
	// Zero if there is no such campaign, or the epoch is stale.
	Now campaign.Campaign
}

// EndCalls ends up to Limit calls that wait (queued or retry_wait): those of a
// canceled campaign as canceled, for the reason campaign_canceled; those of one in
// progress as failed, for the reason expired.  Count is how many it found; fewer
// than Limit means that none are left.  ErrState if the campaign is not in the
// Status for which it was asked, or is in progress and the end of its schedule, as
// its settings have it, is after At: it may just have been put off.
type EndCalls struct {
	Outcome
	Fence
	Campaign campaign.ID
	Status   campaign.Status // canceled or in_progress
	At       time.Time
	Limit    int

	// Result.
	Count int
}

// Batch is the operations of one transaction.  Within a batch an attempt's
// operations take effect in the order SetStatus, Finish and GiveBack after
// Placed and Ambiguous, then CancelCall, then Claim, then Placing, then EndCalls; of
// each kind in the order given.  So a call is canceled, and not only marked, that the
// batch gives back or has wait for a retry.
type Batch struct {
	SetStatus  []*SetStatus
	Placed     []*Placed
	Ambiguous  []*Ambiguous
	Finish     []*Finish
	GiveBack   []*GiveBack
	CancelCall []*CancelCall
	Claim      []*Claim
	Placing    []*Placing
	EndCalls   []*EndCalls

	// Stats is a result: the statistics, after the commit, of every campaign of
	// which an operation other than Placing was accepted, also when it found its
	// work already done: the answer may be to a batch that is applied again.
	Stats map[campaign.ID]campaign.Stats
}

// Len is the number of operations.
func (b *Batch) Len() int {
	return len(b.SetStatus) + len(b.Placed) + len(b.Ambiguous) + len(b.Finish) +
		len(b.GiveBack) + len(b.CancelCall) + len(b.Claim) + len(b.Placing) + len(b.EndCalls)
}

// Add sorts an operation in.
func (b *Batch) Add(op Op) {
	switch op := op.(type) {
	case *SetStatus:
		b.SetStatus = append(b.SetStatus, op)
	case *Placed:
		b.Placed = append(b.Placed, op)
	case *Ambiguous:
		b.Ambiguous = append(b.Ambiguous, op)
	case *Finish:
		b.Finish = append(b.Finish, op)
	case *GiveBack:
		b.GiveBack = append(b.GiveBack, op)
	case *CancelCall:
		b.CancelCall = append(b.CancelCall, op)
	case *Claim:
		b.Claim = append(b.Claim, op)
	case *Placing:
		b.Placing = append(b.Placing, op)
	case *EndCalls:
		b.EndCalls = append(b.EndCalls, op)
	}
}
