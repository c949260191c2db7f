package simulation

import (
	"iter"
	"slices"
	"time"

	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/store"
	"dialtone/store/ledger"
)

// memory is the store: rows in memory, and the ledger that decides for both drivers what
// a batch does to them.  Everything that is done to it is done in one transaction.
type memory struct {
	w         *world
	back      time.Time // it does not answer before
	campaigns map[campaign.ID]*row
	calls     map[campaign.CallID]*campaign.Call
	attempts  map[campaign.AttemptID]*ledger.Attempt
	epochs    [bus.Partitions]int64
	lastCall  campaign.CallID
}

// row is a campaign and its calls, by ascending id.
type row struct {
	campaign.Campaign
	calls []*campaign.Call
}

func newMemory(w *world) *memory {
	return &memory{
		w: w, campaigns: make(map[campaign.ID]*row), calls: make(map[campaign.CallID]*campaign.Call),
		attempts: make(map[campaign.AttemptID]*ledger.Attempt),
	}
}

func (s *memory) create(id campaign.ID, set campaign.Settings) *row {
	r := &row{Campaign: campaign.Campaign{ID: id, Settings: set, Status: campaign.StatusPending, CreatedAt: s.w.now}}
	s.campaigns[id] = r
	return r
}

func (s *memory) addContacts(r *row, phones []string) {
	for _, p := range phones {
		s.lastCall += campaign.CallID(1 + s.w.below(3))
		c := &campaign.Call{
			ID: s.lastCall, CampaignID: r.ID, Status: campaign.CallQueued, CreatedAt: s.w.now,
			Contact: campaign.Contact{Phone: p},
		}
		r.calls = append(r.calls, c)
		s.calls[c.ID] = c
		r.Stats.Total++
		r.Stats.Queued++
	}
}

// under reports whether a call is in progress under this very claim.
func (s *memory) under(id campaign.AttemptID) bool {
	c := s.calls[id.Call()]
	return c.Status == campaign.CallInProgress && c.Claim == id.Claim()
}

// apply performs a batch in one transaction, as the drivers do: it reads the rows that the
// ledger asks for, has it decide, and writes what changed.
func (s *memory) apply(b *store.Batch) {
	late := s.late(b)
	s.w.plant.spoil(s, b)
	led := ledger.New(b)
	need := led.Need()
	for _, p := range need.Partitions {
		led.Epoch(p, s.epochs[p])
	}
	for _, id := range need.Campaigns {
		if c := s.campaigns[campaign.ID(id)]; c != nil {
			led.AddCampaign(ledger.Campaign{
				ID: c.ID, Status: s.w.plant.status(b, c.Status), Armed: c.Armed,
				StartedAt: c.StartedAt, EndedAt: c.EndedAt, UpdatedAt: c.UpdatedAt, ScheduleEnd: c.Schedule.EndAt, Stats: c.Stats,
			})
		}
	}
	for _, id := range need.Calls {
		if c := s.calls[campaign.CallID(id)]; c != nil {
			led.AddCall(ledger.Call{
				ID: c.ID, Campaign: c.CampaignID, Status: c.Status, Claim: c.Claim, Effort: c.Effort,
				NextAttemptAt: c.NextAttemptAt, Reason: c.Reason, Phone: c.Phone, From: c.From, Variables: c.Variables,
			})
		}
	}
	for _, id := range need.Attempts {
		if a := s.attempts[campaign.AttemptID(id)]; a != nil {
			led.AddAttempt(*a)
		}
	}
	led.Decide(s.w.now)
	for _, op := range late {
		if store.OutcomeOf(op).Err == nil {
			s.w.fail("OneOwner: what an older owner writes counts: %T%+v", op, op)
		}
	}
	s.save(led)
	touched := led.Touched()
	b.Stats = make(map[campaign.ID]campaign.Stats, len(touched))
	for _, id := range touched {
		b.Stats[campaign.ID(id)] = s.campaigns[campaign.ID(id)].Stats
	}
	for _, id := range need.Status {
		if c := s.campaigns[campaign.ID(id)]; c != nil {
			led.Now(c.Campaign)
		}
	}
	s.w.judgeStore(touched)
	for _, id := range touched {
		s.w.userOf(campaign.ID(id)).nearTheEnd()
	}
}

// late are the operations of a batch by owners that have been replaced.
func (s *memory) late(b *store.Batch) (out []store.Op) {
	for op, f := range fenced(b) {
		if f.Epoch < s.epochs[f.Partition] {
			out = append(out, op)
		}
	}
	return out
}

// fenced are the operations of a batch that are written by an ownership, and which.
func fenced(b *store.Batch) iter.Seq2[store.Op, *store.Fence] {
	return func(yield func(store.Op, *store.Fence) bool) {
		for _, op := range b.SetStatus {
			yield(op, &op.Fence)
		}
		for _, op := range b.Placed {
			yield(op, &op.Fence)
		}
		for _, op := range b.Ambiguous {
			yield(op, &op.Fence)
		}
		for _, op := range b.Finish {
			yield(op, &op.Fence)
		}
		for _, op := range b.GiveBack {
			yield(op, &op.Fence)
		}
		for _, op := range b.CancelCall {
			yield(op, &op.Fence)
		}
		for _, op := range b.Claim {
			yield(op, &op.Fence)
		}
		for _, op := range b.EndCalls {
			yield(op, &op.Fence)
		}
	}
}

// save writes what changed.
func (s *memory) save(led *ledger.Ledger) {
	for _, c := range led.Campaigns() {
		r := s.campaigns[c.ID]
		if s.w.telling && r.Status != c.Status {
			s.w.tell("%v is %s", c.ID, c.Status)
		}
		r.Status, r.Armed, r.UpdatedAt, r.StartedAt, r.EndedAt = c.Status, c.Armed, c.UpdatedAt, c.StartedAt, c.EndedAt
	}
	for _, c := range led.Calls() {
		row := s.calls[c.ID]
		if s.w.telling {
			s.w.tell("call %d of %v: %s → %s, claim %d, attempts %d %s", c.ID, c.Campaign, row.Status, c.Status, c.Claim, c.Attempts, c.Reason)
		}
		row.Status, row.Claim, row.Effort, row.NextAttemptAt, row.Reason = c.Status, c.Claim, c.Effort, c.NextAttemptAt, c.Reason
	}
	for _, a := range led.NewAttempts() {
		s.attempts[a.ID] = copied(a)
	}
	for _, a := range led.ChangedAttempts() {
		s.attempts[a.ID] = copied(a)
	}
	for _, id := range led.DroppedAttempts() {
		delete(s.attempts, campaign.AttemptID(id))
	}
	for _, e := range led.Ends() {
		s.end(led, e)
	}
	for _, d := range led.Deltas() {
		if s.w.plant == PlantRetryTwice {
			d.Retries *= 2
		}
		addTo(&s.campaigns[d.ID].Stats, d.Stats)
	}
}

// copied is an attempt's row as it is written, without what the ledger knows besides.
func copied(a *ledger.Attempt) *ledger.Attempt {
	return &ledger.Attempt{Attempt: a.Attempt, Campaign: a.Campaign, Placer: a.Placer}
}

func addTo(s *campaign.Stats, d campaign.Stats) {
	s.Total += d.Total
	s.Queued += d.Queued
	s.InProgress += d.InProgress
	s.RetryWait += d.RetryWait
	s.Completed += d.Completed
	s.Failed += d.Failed
	s.Canceled += d.Canceled
	s.Attempts += d.Attempts
	s.Retries += d.Retries
}

func (s *memory) end(led *ledger.Ledger, e ledger.End) {
	queued, retryWait := 0, 0
	for _, c := range s.campaigns[e.Campaign].calls {
		if queued+retryWait == e.Limit {
			break
		}
		switch c.Status {
		case campaign.CallQueued:
			queued++
		case campaign.CallRetryWait:
			retryWait++
		default:
			continue
		}
		c.Status, c.NextAttemptAt, c.Reason = e.To, time.Time{}, e.Reason
	}
	led.Ended(e, queued, retryWait)
}

// raise makes somebody the owner of those partitions that have not changed hands since
// their epochs were read.
func (s *memory) raise(by *process, partitions []int, from [bus.Partitions]int64) map[int]int64 {
	out := make(map[int]int64, len(partitions))
	for _, p := range partitions {
		if s.epochs[p] == from[p] || s.w.plant == PlantLateEpoch {
			s.w.judgeRaise(by, p)
			s.epochs[p]++
			out[p] = s.epochs[p]
		}
	}
	return out
}

// active lists the campaigns that need an owner.
func (s *memory) active() (out []campaign.ID) {
	for id, r := range s.campaigns {
		if r.Status == campaign.StatusInProgress || r.Armed || r.Stats.InProgress > 0 ||
			r.Status == campaign.StatusCanceled && r.Stats.Open() > 0 {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// queued is a page of a campaign's queue.
func (s *memory) queued(id campaign.ID, l machine.Load) (p machine.Page) {
	for _, c := range s.campaigns[id].calls {
		if c.ID > l.After && c.Status == campaign.CallQueued && len(p.Calls) < l.Limit {
			p.Calls = append(p.Calls, machine.Waiting{ID: c.ID, Claim: c.Claim, Zone: c.Zone, Phone: c.Phone})
		}
	}
	p.Last = len(p.Calls) < l.Limit
	return p
}

// open is what a waking owner reads of the calls.
func (s *memory) open(id campaign.ID) (out []machine.Open) {
	for _, c := range s.campaigns[id].calls {
		before := c.Status == campaign.CallQueued && c.Claim > 0
		if c.Status != campaign.CallInProgress && c.Status != campaign.CallRetryWait && !before {
			continue
		}
		o := machine.Open{Call: *c}
		if a := s.attempts[campaign.NewAttemptID(c.ID, c.Claim)]; a != nil {
			current := a.Attempt
			o.Current = &current
		}
		out = append(out, o)
	}
	return out
}

// attemptsTo are those to a number since a time.
func (s *memory) attemptsTo(to string, since time.Time) (out []campaign.Attempt) {
	for id, a := range s.attempts {
		if s.calls[id.Call()].Phone == to && !a.StartedAt.Before(since) {
			out = append(out, a.Attempt)
		}
	}
	slices.SortFunc(out, func(a, b campaign.Attempt) int { return int(a.ID - b.ID) })
	return out
}

// ask has the store do something for a process, which hears of it later: not ok where the
// store did not answer, and then nothing was done.
func (s *memory) ask(p *process, do func(), done func(ok bool)) {
	w := s.w
	wait := w.trip()
	if w.chance(w.faults.storeSlow) {
		w.saw("store slow")
		wait = w.span(0, 3*time.Second)
	}
	w.after(wait, func() {
		ok := !w.now.Before(s.back)
		if ok {
			do()
		}
		p.after(w.trip(), func() { done(ok) })
	})
}

// insist asks until the store answers.
func (s *memory) insist(p *process, do, done func()) { s.insistAfter(p, 50*time.Millisecond, do, done) }

func (s *memory) insistAfter(p *process, pause time.Duration, do, done func()) {
	s.ask(p, do, func(ok bool) {
		if ok {
			done()
			return
		}
		p.after(pause, func() { s.insistAfter(p, min(2*pause, 2*time.Second), do, done) })
	})
}
