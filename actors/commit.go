package actors

import (
	"errors"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/store"
)

// committed is the answer of the journal to what one turn submitted.
type committed struct {
	life     int
	claims   []store.Claim
	records  []machine.Record
	ops      []store.Op // of the records, in their order
	status   []store.SetStatus
	end      *store.EndCalls
	stats    campaign.Stats
	hasStats bool
	err      error
}

// commit submits what the machine wants to be written.
func (a *actor) commit() {
	out := &a.out
	if len(out.Claims)+len(out.Records)+len(out.Status) == 0 && out.EndWaiting == nil {
		return
	}
	fence := store.Fence{Partition: a.part.number, Epoch: a.part.epoch}
	c := &committed{life: a.life}
	ops := make([]store.Op, 0, len(out.Claims)+len(out.Records)+len(out.Status)+1)
	ops = a.statusOps(c, ops, fence)
	ops = a.recordOps(c, ops, fence)
	ops = a.claimOps(c, ops, fence)
	if e := out.EndWaiting; e != nil {
		c.end = &store.EndCalls{Fence: fence, Campaign: a.id, Status: e.Status, At: time.Now().UTC(), Limit: e.Limit}
		ops = append(ops, c.end)
	}
	a.pending++
	a.journal.Submit(ops, func(stats map[campaign.ID]campaign.Stats, err error) {
		c.stats, c.hasStats = stats[a.id]
		c.err = err
		a.box.post(c)
	})
}

func (a *actor) statusOps(c *committed, ops []store.Op, f store.Fence) []store.Op {
	c.status = make([]store.SetStatus, len(a.out.Status))
	for i, s := range a.out.Status {
		c.status[i] = store.SetStatus{Fence: f, Campaign: a.id, From: s.From, To: s.To, Drained: s.Drained, Armed: s.Armed, At: time.Now().UTC()}
		ops = append(ops, &c.status[i])
	}
	return ops
}

func (a *actor) claimOps(c *committed, ops []store.Op, f store.Fence) []store.Op {
	c.claims = make([]store.Claim, len(a.out.Claims))
	for i, cl := range a.out.Claims {
		c.claims[i] = store.Claim{Fence: f, Campaign: a.id, Attempt: cl.Attempt}
		ops = append(ops, &c.claims[i])
	}
	return ops
}

func (a *actor) recordOps(c *committed, ops []store.Op, f store.Fence) []store.Op {
	if len(a.out.Records) == 0 {
		return ops
	}
	c.records = append([]machine.Record(nil), a.out.Records...)
	from := len(ops)
	for i := range c.records {
		ops = append(ops, recordOp(&c.records[i], a.id, f))
	}
	c.ops = ops[from:len(ops):len(ops)]
	return ops
}

func recordOp(r *machine.Record, id campaign.ID, f store.Fence) store.Op {
	switch r.Kind {
	case machine.RecordPlaced:
		return &store.Placed{Fence: f, Campaign: id, Attempt: r.Attempt, ProviderCallID: r.ProviderCallID}
	case machine.RecordAmbiguous:
		return &store.Ambiguous{Fence: f, Campaign: id, Attempt: r.Attempt, Detail: r.Detail}
	case machine.RecordCancel:
		return &store.CancelCall{Fence: f, Campaign: id, Call: r.Attempt.Call()}
	case machine.RecordGiveBack:
		return &store.GiveBack{
			Fence: f, Campaign: id, Attempt: r.Attempt, Unplaced: r.Unplaced,
			Next: r.Next, NextAttemptAt: r.NextAttemptAt, Reason: r.Reason,
		}
	}
	return &store.Finish{
		Fence: f, Campaign: id, Attempt: r.Attempt, ProviderCallID: r.ProviderCallID,
		Disposition: r.Disposition, EndedAt: r.EndedAt, Duration: r.Duration, Detail: r.Detail, Day: r.Day,
		Next: r.Next, NextAttemptAt: r.NextAttemptAt, Reason: r.Reason,
	}
}

// fenced reports whether a newer owner's epoch refused any of it.  Of a commit that
// failed nothing is known.
func (c *committed) fenced() bool {
	if c.err != nil {
		return false
	}
	for i := range c.claims {
		if errors.Is(c.claims[i].Err, store.ErrStaleEpoch) {
			return true
		}
	}
	for _, op := range c.ops {
		if errors.Is(store.OutcomeOf(op).Err, store.ErrStaleEpoch) {
			return true
		}
	}
	for i := range c.status {
		if errors.Is(c.status[i].Err, store.ErrStaleEpoch) {
			return true
		}
	}
	return c.end != nil && errors.Is(c.end.Err, store.ErrStaleEpoch)
}

// inputs tells the machine what came of it.
func (c *committed) inputs(a *actor) {
	if c.err != nil {
		a.log.Error("the store refused a whole commit", "error", c.err)
		a.broken = true
		return
	}
	if !c.hasStats {
		c.stats = a.mind.Campaign().Stats
	}
	for i := range c.status {
		s := &c.status[i]
		if s.Now.ID == 0 {
			a.broken = true // it was deleted just now
			return
		}
		a.input(machine.StatusChanged{Refused: s.Err != nil, Changed: s.Changed, Campaign: s.Now})
	}
	if len(c.records) > 0 {
		a.input(machine.Recorded{Results: c.recordResults(), Stats: c.stats})
	}
	if len(c.claims) > 0 {
		a.input(machine.Claimed{Results: c.claimResults(), Stats: c.stats})
	}
	if e := c.end; e != nil {
		a.input(machine.WaitingEnded{
			EndWaiting: machine.EndWaiting{Status: e.Status, Limit: e.Limit}, Refused: e.Err != nil, Count: e.Count, Stats: c.stats,
		})
	}
}

func (c *committed) recordResults() []machine.RecordResult {
	out := make([]machine.RecordResult, len(c.records))
	for i, r := range c.records {
		o := store.OutcomeOf(c.ops[i])
		out[i] = machine.RecordResult{Record: r, Refused: o.Err != nil, Missing: errors.Is(o.Err, store.ErrUnknown), Changed: o.Changed}
		if cancel, ok := c.ops[i].(*store.CancelCall); ok {
			out[i].Marked = cancel.Marked
		}
	}
	return out
}

func (c *committed) claimResults() []machine.ClaimResult {
	out := make([]machine.ClaimResult, len(c.claims))
	for i := range c.claims {
		cl := &c.claims[i]
		out[i] = machine.ClaimResult{
			Attempt: cl.Attempt, Refused: cl.Err != nil,
			To: cl.Phone, From: cl.From, Variables: cl.Variables, Effort: cl.Effort,
		}
	}
	return out
}
