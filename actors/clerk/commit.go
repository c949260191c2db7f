package clerk

import (
	"errors"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/store"
)

// Commit is what one turn submitted, and what came of it.
type Commit struct {
	// Ops are to be applied in their order.
	Ops []store.Op

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

// Answered writes down what the journal says, which has applied the Ops unless there is
// an err.
func (c *Commit) Answered(of campaign.ID, stats map[campaign.ID]campaign.Stats, err error) {
	c.stats, c.hasStats = stats[of]
	c.err = err
}

// commit submits what the machine wants to be written.
func (k *Clerk) commit(now time.Time) {
	out := &k.out
	if len(out.Claims)+len(out.Records)+len(out.Status) == 0 && out.EndWaiting == nil {
		return
	}
	c := &Commit{life: k.life}
	ops := make([]store.Op, 0, len(out.Claims)+len(out.Records)+len(out.Status)+1)
	ops = k.statusOps(c, ops, now)
	ops = k.recordOps(c, ops)
	ops = k.claimOps(c, ops)
	if e := out.EndWaiting; e != nil {
		c.end = &store.EndCalls{Fence: k.fence, Campaign: k.id, Status: e.Status, At: now.UTC(), Limit: e.Limit}
		ops = append(ops, c.end)
	}
	c.Ops = ops
	k.pending++
	k.world.Submit(c)
}

func (k *Clerk) statusOps(c *Commit, ops []store.Op, now time.Time) []store.Op {
	c.status = make([]store.SetStatus, len(k.out.Status))
	for i, s := range k.out.Status {
		c.status[i] = store.SetStatus{Fence: k.fence, Campaign: k.id, From: s.From, To: s.To, Drained: s.Drained, Armed: s.Armed, At: now.UTC()}
		ops = append(ops, &c.status[i])
	}
	return ops
}

func (k *Clerk) claimOps(c *Commit, ops []store.Op) []store.Op {
	c.claims = make([]store.Claim, len(k.out.Claims))
	for i, cl := range k.out.Claims {
		c.claims[i] = store.Claim{Fence: k.fence, Campaign: k.id, Attempt: cl.Attempt}
		ops = append(ops, &c.claims[i])
	}
	return ops
}

func (k *Clerk) recordOps(c *Commit, ops []store.Op) []store.Op {
	if len(k.out.Records) == 0 {
		return ops
	}
	c.records = append([]machine.Record(nil), k.out.Records...)
	from := len(ops)
	for i := range c.records {
		ops = append(ops, recordOp(&c.records[i], k.id, k.fence))
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
func (c *Commit) fenced() bool {
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
func (c *Commit) inputs(k *Clerk) {
	if c.err != nil {
		k.log.Error("the store refused a whole commit", "error", c.err)
		k.broken = true
		return
	}
	if !c.hasStats {
		c.stats = k.mind.Campaign().Stats
	}
	for i := range c.status {
		s := &c.status[i]
		if s.Now.ID == 0 {
			k.broken = true // it was deleted just now
			return
		}
		k.input(machine.StatusChanged{Refused: s.Err != nil, Changed: s.Changed, Campaign: s.Now})
	}
	if len(c.records) > 0 {
		k.input(machine.Recorded{Results: c.recordResults(), Stats: c.stats})
	}
	if len(c.claims) > 0 {
		k.input(machine.Claimed{Results: c.claimResults(), Stats: c.stats})
	}
	if e := c.end; e != nil {
		k.input(machine.WaitingEnded{
			EndWaiting: machine.EndWaiting{Status: e.Status, Limit: e.Limit}, Refused: e.Err != nil, Count: e.Count, Stats: c.stats,
		})
	}
}

func (c *Commit) recordResults() []machine.RecordResult {
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

func (c *Commit) claimResults() []machine.ClaimResult {
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
