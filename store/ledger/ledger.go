// Package ledger decides what the operations of a batch do to the rows they
// touch.  It is pure: a driver reads the rows that a Ledger asks for, under
// locks, calls Decide, and writes what it finds changed.
//
//	New ─▶ the driver locks and reads ─▶ Decide ─▶ the driver writes
//
// So both drivers decide alike, whatever two operations of one batch say about
// the same call, and a row that several of them change is written once.
//
// Invariant: who changes or creates an attempt holds the lock of its call, so a
// driver needs no locks on attempts.
package ledger

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/store"
)

// Campaign is what operations need to know of a campaign.  A deleted one is not
// given to the ledger.
type Campaign struct {
	ID        campaign.ID
	Status    campaign.Status
	Armed     bool
	StartedAt time.Time
	EndedAt   time.Time
	UpdatedAt time.Time
	// ScheduleEnd is that of its settings, zero for none; needed only if Ends says so.
	ScheduleEnd time.Time
	// Stats are needed only if Drained says so.
	Stats campaign.Stats

	changed bool
}

// Call is a row of calls.  Phone, From and Variables are read for those in
// Claimed only.
type Call struct {
	ID       campaign.CallID
	Campaign campaign.ID
	Status   campaign.CallStatus
	Claim    int
	campaign.Effort
	NextAttemptAt time.Time
	// Reason is that of its end, or, of a call in progress, its mark.
	Reason string

	Phone     string
	From      string
	Variables json.RawMessage

	changed bool
}

// Attempt is a row of attempts.
type Attempt struct {
	campaign.Attempt
	Campaign campaign.ID
	Placer   int64

	stored, changed, dropped bool
}

// Ledger is the rows of one batch.  It belongs to the goroutine that made it.
type Ledger struct {
	batch *store.Batch

	epochs    map[int]int64
	campaigns map[campaign.ID]*Campaign
	calls     map[campaign.CallID]*Call
	attempts  map[campaign.AttemptID]*Attempt
	deltas    map[campaign.ID]*campaign.Stats
	ends      []End
}

// New makes the ledger of a batch.
func New(b *store.Batch) *Ledger {
	n := b.Len()
	return &Ledger{
		batch:     b,
		epochs:    map[int]int64{},
		campaigns: map[campaign.ID]*Campaign{},
		calls:     make(map[campaign.CallID]*Call, n),
		attempts:  make(map[campaign.AttemptID]*Attempt, n),
		deltas:    map[campaign.ID]*campaign.Stats{},
	}
}

// Epoch sets a partition's epoch.
func (l *Ledger) Epoch(partition int, epoch int64) { l.epochs[partition] = epoch }

// AddCampaign takes a campaign's row.
func (l *Ledger) AddCampaign(c Campaign) { l.campaigns[c.ID] = &c }

// AddCall takes a call's row.
func (l *Ledger) AddCall(c Call) { l.calls[c.ID] = &c }

// AddAttempt takes an attempt's row.
func (l *Ledger) AddAttempt(a Attempt) {
	a.stored = true
	l.attempts[a.ID] = &a
}

// Campaigns are those whose rows changed, by ascending id.
func (l *Ledger) Campaigns() []*Campaign {
	return sorted(l.campaigns, func(c *Campaign) bool { return c.changed })
}

// Calls are those whose rows changed, by ascending id.
func (l *Ledger) Calls() []*Call {
	return sorted(l.calls, func(c *Call) bool { return c.changed })
}

// NewAttempts are rows to insert, by ascending id.
func (l *Ledger) NewAttempts() []*Attempt {
	return sorted(l.attempts, func(a *Attempt) bool { return !a.stored && !a.dropped })
}

// ChangedAttempts are rows to update, by ascending id.
func (l *Ledger) ChangedAttempts() []*Attempt {
	return sorted(l.attempts, func(a *Attempt) bool { return a.stored && a.changed && !a.dropped })
}

// DroppedAttempts are rows to delete, by ascending id.
func (l *Ledger) DroppedAttempts() []int64 {
	var out []int64
	for _, a := range sorted(l.attempts, func(a *Attempt) bool { return a.stored && a.dropped }) {
		out = append(out, int64(a.ID))
	}
	return out
}

// End is how the calls end that an EndCalls finds waiting.
type End struct {
	*store.EndCalls
	To     campaign.CallStatus
	Reason string
}

// Ends are the operations for which the driver ends waiting calls, after it has
// written everything else.
func (l *Ledger) Ends() []End { return l.ends }

// Ended takes what came of one of the Ends.
func (l *Ledger) Ended(e End, queued, retryWait int) {
	e.Count = queued + retryWait
	e.Changed = e.Count > 0
	d := l.delta(e.Campaign)
	d.Queued -= queued
	d.RetryWait -= retryWait
	*d.In(e.To) += e.Count
}

// Now fills in a campaign as the batch leaves it.
func (l *Ledger) Now(c campaign.Campaign) {
	for _, op := range l.batch.SetStatus {
		if op.Campaign == c.ID && !errors.Is(op.Err, store.ErrStaleEpoch) {
			op.Now = c
		}
	}
}

// Delta is how a campaign's statistics move.
type Delta struct {
	ID campaign.ID
	campaign.Stats
}

// Deltas are the movements of statistics, by ascending id; not those of nothing.
func (l *Ledger) Deltas() []Delta {
	var out []Delta
	for _, id := range slices.Sorted(maps.Keys(l.deltas)) {
		if d := *l.deltas[id]; d != (campaign.Stats{}) {
			out = append(out, Delta{id, d})
		}
	}
	return out
}

// Touched are the campaigns whose statistics the batch returns, by ascending id:
// those of every operation of an owner that was not refused, whether it changed
// them now or had before its answer was lost.
func (l *Ledger) Touched() []int64 {
	out := make([]int64, 0, len(l.deltas))
	for _, id := range slices.Sorted(maps.Keys(l.deltas)) {
		out = append(out, int64(id))
	}
	return out
}

// sorted picks rows and puts them in the order in which they must be written.
func sorted[K cmp.Ordered, R any](rows map[K]*R, pick func(*R) bool) []*R {
	keys := make([]K, 0, len(rows))
	for k, r := range rows {
		if pick(r) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	out := make([]*R, len(keys))
	for i, k := range keys {
		out[i] = rows[k]
	}
	return out
}
