package ledger

import (
	"cmp"
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/internal/code"
)

// Decide performs the operations on the rows, in the order that store.Batch
// documents, and writes their outcomes.  now stands in for a missing time.
func (l *Ledger) Decide(now time.Time) {
	b := l.batch
	for _, op := range b.SetStatus {
		if l.owned(op.Fence, &op.Outcome) {
			op.Changed, op.Err = l.setStatus(op, now)
			l.touch(op.Campaign, op.Err)
		}
	}
	l.decideAttempts()
	for _, op := range b.CancelCall {
		if l.owned(op.Fence, &op.Outcome) {
			op.Changed, op.Err = l.cancelCall(op)
			l.touch(op.Campaign, op.Err)
		}
	}
	for _, op := range b.Claim {
		if l.owned(op.Fence, &op.Outcome) {
			op.Changed, op.Err = l.claim(op)
			l.touch(op.Campaign, op.Err)
		}
	}
	for _, op := range b.Placing {
		op.Changed, op.Err = l.placing(op, now)
	}
	for _, op := range b.EndCalls {
		if l.owned(op.Fence, &op.Outcome) {
			op.Err = l.end(op)
			l.touch(op.Campaign, op.Err)
		}
	}
}

func (l *Ledger) decideAttempts() {
	for _, op := range l.batch.Placed {
		if l.owned(op.Fence, &op.Outcome) {
			op.Changed, op.Err = l.placed(op)
			l.touch(op.Campaign, op.Err)
		}
	}
	for _, op := range l.batch.Ambiguous {
		if l.owned(op.Fence, &op.Outcome) {
			op.Changed, op.Err = l.ambiguous(op)
			l.touch(op.Campaign, op.Err)
		}
	}
	for _, op := range l.batch.Finish {
		if l.owned(op.Fence, &op.Outcome) {
			op.Changed, op.Err = l.finish(op)
			l.touch(op.Campaign, op.Err)
		}
	}
	for _, op := range l.batch.GiveBack {
		if l.owned(op.Fence, &op.Outcome) {
			op.Changed, op.Err = l.giveBack(op)
			l.touch(op.Campaign, op.Err)
		}
	}
}

// owned reports whether the operation's writer is the partition's owner still,
// and refuses it if not.
func (l *Ledger) owned(f store.Fence, out *store.Outcome) bool {
	*out = store.Outcome{}
	if epoch, ok := l.epochs[f.Partition]; !ok || epoch != f.Epoch {
		out.Err = store.ErrStaleEpoch
		return false
	}
	return true
}

// touch has the campaign's statistics returned, moved or not.
func (l *Ledger) touch(id campaign.ID, err error) {
	if err == nil {
		l.delta(id)
	}
}

func (l *Ledger) setStatus(op *store.SetStatus, now time.Time) (bool, error) {
	op.Now = campaign.Campaign{}
	c := l.campaigns[op.Campaign]
	if c == nil {
		return false, store.ErrState
	}
	to := op.To
	if op.Drained {
		if c.Stats.Open() > 0 {
			return false, store.ErrState
		}
		to = c.Stats.Outcome()
	}
	armed := op.Armed && to == campaign.StatusPending
	if c.Status == to && (c.Armed || !armed) {
		return false, nil
	}
	if !slices.Contains(op.From, c.Status) {
		return false, store.ErrState
	}
	at := code.Time(op.At)
	if at.IsZero() {
		at = code.Time(now)
	}
	c.Status, c.Armed, c.UpdatedAt, c.changed = to, armed, at, true
	if to == campaign.StatusInProgress && c.StartedAt.IsZero() {
		c.StartedAt = at
	}
	if to.Ended() {
		c.EndedAt = at
	}
	return true, nil
}

func (l *Ledger) claim(op *store.Claim) (bool, error) {
	op.Phone, op.From, op.Variables, op.Effort = "", "", nil, campaign.Effort{}
	c, n := l.calls[op.Attempt.Call()], op.Attempt.Claim()
	if c == nil || c.Campaign != op.Campaign {
		return false, store.ErrState
	}
	again := c.Claim == n && c.Status == campaign.CallInProgress
	if waits := c.Status == campaign.CallQueued || c.Status == campaign.CallRetryWait; !again && (!waits || c.Claim != n-1) {
		return false, store.ErrState
	}
	op.Phone, op.From, op.Variables, op.Effort = c.Phone, c.From, c.Variables, c.Effort
	if again {
		return false, nil
	}
	c.Claim = n
	l.move(c, campaign.CallInProgress, time.Time{}, "")
	return true, nil
}

func (l *Ledger) placing(op *store.Placing, now time.Time) (bool, error) {
	if a := l.attempt(op.Attempt); a != nil {
		if a.Placer != op.Placer || a.Campaign != op.Campaign {
			return false, store.ErrTaken
		}
		return false, nil
	}
	if c := l.campaigns[op.Campaign]; c == nil || c.Status != campaign.StatusInProgress {
		return false, store.ErrNotRunning
	}
	if past, err := l.past(op.Campaign, op.Attempt); past || err != nil {
		return false, store.ErrState
	}
	at := op.At
	if at.IsZero() {
		at = now
	}
	l.attempts[op.Attempt] = &Attempt{
		Attempt: campaign.Attempt{
			ID: op.Attempt, Number: op.Number, Provider: code.Text(op.Provider),
			State: campaign.AttemptPlacing, StartedAt: code.Time(at),
		},
		Campaign: op.Campaign, Placer: op.Placer,
	}
	return true, nil
}

func (l *Ledger) placed(op *store.Placed) (bool, error) {
	a := l.attempt(op.Attempt)
	if a == nil || a.Campaign != op.Campaign {
		return false, store.ErrState
	}
	if a.State != campaign.AttemptPlacing && a.State != campaign.AttemptAmbiguous {
		return false, nil
	}
	a.State, a.ProviderCallID, a.changed = campaign.AttemptPlaced, code.Text(op.ProviderCallID), true
	return true, nil
}

func (l *Ledger) ambiguous(op *store.Ambiguous) (bool, error) {
	a := l.attempt(op.Attempt)
	if a == nil || a.Campaign != op.Campaign {
		return false, store.ErrState
	}
	if a.State != campaign.AttemptPlacing {
		return false, nil
	}
	a.State, a.Detail, a.changed = campaign.AttemptAmbiguous, code.Text(op.Detail), true
	return true, nil
}

func (l *Ledger) finish(op *store.Finish) (bool, error) {
	if past, err := l.past(op.Campaign, op.Attempt); past || err != nil {
		return false, err
	}
	a := l.attempt(op.Attempt)
	if a == nil || !op.Next.Terminal() && op.Next != campaign.CallRetryWait {
		return false, store.ErrState
	}
	if a.State == campaign.AttemptEnded {
		return false, nil
	}
	a.State, a.Disposition, a.changed = campaign.AttemptEnded, op.Disposition, true
	a.EndedAt, a.Duration = code.Time(op.EndedAt), op.Duration
	a.Detail = cmp.Or(code.Text(op.Detail), a.Detail)
	a.ProviderCallID = cmp.Or(a.ProviderCallID, code.Text(op.ProviderCallID))
	c := l.calls[op.Attempt.Call()]
	d := l.delta(c.Campaign)
	d.Attempts++
	if c.Attempts > 0 {
		d.Retries++
	}
	c.Effort = c.Effort.With(op.Disposition, op.Day)
	l.move(c, op.Next, op.NextAttemptAt, op.Reason)
	return true, nil
}

// givenBack is where a claim that cost nothing may leave its call.
var givenBack = []campaign.CallStatus{campaign.CallQueued, campaign.CallRetryWait, campaign.CallCanceled, campaign.CallFailed}

func (l *Ledger) giveBack(op *store.GiveBack) (bool, error) {
	if past, err := l.past(op.Campaign, op.Attempt); past || err != nil {
		return false, err
	}
	if !slices.Contains(givenBack, op.Next) {
		return false, store.ErrState
	}
	if a := l.attempt(op.Attempt); a != nil {
		if op.Unplaced || a.State == campaign.AttemptPlaced || a.State == campaign.AttemptEnded {
			return false, store.ErrState
		}
		a.dropped = true
	}
	l.move(l.calls[op.Attempt.Call()], op.Next, op.NextAttemptAt, op.Reason)
	return true, nil
}

func (l *Ledger) cancelCall(op *store.CancelCall) (bool, error) {
	op.Marked = false
	c := l.calls[op.Call]
	switch {
	case c == nil || c.Campaign != op.Campaign:
		return false, store.ErrUnknown
	case c.Status.Terminal():
		return false, nil
	case c.Status == campaign.CallInProgress:
		op.Marked = true
		return c.mark(campaign.ReasonCanceled), nil
	}
	l.move(c, campaign.CallCanceled, time.Time{}, campaign.ReasonCanceled)
	return true, nil
}

// mark gives a call in progress the reason for which it is to end, and reports whether
// it had another.
func (c *Call) mark(reason string) bool {
	if c.Reason == reason {
		return false
	}
	c.Reason, c.changed = reason, true
	return true
}

// end only tells how: the driver ends calls once everything else is written.
func (l *Ledger) end(op *store.EndCalls) error {
	op.Count = 0
	e, ends := endings[op.Status]
	c := l.campaigns[op.Campaign]
	if !ends || c == nil || c.Status != op.Status {
		return store.ErrState
	}
	if c.Status == campaign.StatusInProgress && (c.ScheduleEnd.IsZero() || c.ScheduleEnd.After(op.At)) {
		return store.ErrState
	}
	e.EndCalls = op
	l.ends = append(l.ends, e)
	return nil
}

// endings are what becomes of calls that wait, by the status of their campaign.
var endings = map[campaign.Status]End{
	campaign.StatusCanceled:   {To: campaign.CallCanceled, Reason: campaign.ReasonCampaignCanceled},
	campaign.StatusInProgress: {To: campaign.CallFailed, Reason: campaign.ReasonExpired},
}

// past reports whether the call has moved past the attempt's claim.  If it has
// not, the call is in progress under that claim.  The error is ErrState.
func (l *Ledger) past(in campaign.ID, id campaign.AttemptID) (bool, error) {
	c := l.calls[id.Call()]
	if c == nil || c.Campaign != in || c.Claim < id.Claim() {
		return false, store.ErrState
	}
	return c.Claim > id.Claim() || c.Status != campaign.CallInProgress, nil
}

// attempt is the row as the batch has left it so far, or nil.
func (l *Ledger) attempt(id campaign.AttemptID) *Attempt {
	if a := l.attempts[id]; a != nil && !a.dropped {
		return a
	}
	return nil
}

// move gives the call a status and moves the statistics with it.  Only a retry
// that waits is due at a time, and only what is over for good has a reason:
// a mark is gone with the move.
func (l *Ledger) move(c *Call, to campaign.CallStatus, due time.Time, reason string) {
	d := l.delta(c.Campaign)
	*d.In(c.Status)--
	*d.In(to)++
	c.Status, c.NextAttemptAt, c.Reason, c.changed = to, time.Time{}, "", true
	if to == campaign.CallRetryWait {
		c.NextAttemptAt = code.Time(due)
	}
	if to.Terminal() {
		c.Reason = code.Text(reason)
	}
}

func (l *Ledger) delta(id campaign.ID) *campaign.Stats {
	d := l.deltas[id]
	if d == nil {
		d = new(campaign.Stats)
		l.deltas[id] = d
	}
	return d
}
