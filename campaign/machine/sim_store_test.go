package machine_test

import (
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// memory is the store in a few lines: the words of store/op.go, taken literally.
type memory struct {
	w      *world
	c      campaign.Campaign
	epoch  int
	calls  []*campaign.Call
	rows   map[campaign.AttemptID]*row
	nextID campaign.CallID
	phones int
	zoned  []machine.Zone // where the numbers are
}

// row is an attempt's.
type row struct {
	campaign.Attempt
	placer int
}

func newMemory(w *world, s campaign.Settings) *memory {
	m := &memory{w: w, rows: map[campaign.AttemptID]*row{}, zoned: simZones}
	m.c = campaign.Campaign{ID: 7, Settings: s, Status: campaign.StatusPending, CreatedAt: w.now}
	return m
}

func (m *memory) addContacts(n int) {
	for range n {
		m.nextID += campaign.CallID(1 + m.w.pick.below(3))
		m.phones++
		zone := m.zoned[m.w.pick.below(len(m.zoned))]
		m.calls = append(m.calls, &campaign.Call{
			ID: m.nextID, Zone: zone.ID, CampaignID: m.c.ID, Status: campaign.CallQueued, CreatedAt: m.w.now,
			Contact: campaign.Contact{Phone: m.w.phone(m.phones), Zones: zone.Zones},
		})
		m.c.Stats.Total++
		m.c.Stats.Queued++
	}
}

// call is nil for an id that is none.
func (m *memory) call(id campaign.CallID) *campaign.Call {
	i, ok := slices.BinarySearchFunc(m.calls, id, func(c *campaign.Call, id campaign.CallID) int { return int(c.ID - id) })
	if !ok {
		return nil
	}
	return m.calls[i]
}

// under reports whether the call is in progress under this very claim.
func (m *memory) under(id campaign.AttemptID) bool {
	c := m.call(id.Call())
	return c.Status == campaign.CallInProgress && c.Claim == id.Claim()
}

// move changes a call's status and the statistics with it.
func (m *memory) move(c *campaign.Call, to campaign.CallStatus) {
	*m.counter(c.Status)--
	c.Status = to
	*m.counter(to)++
}

func (m *memory) counter(s campaign.CallStatus) *int {
	return map[campaign.CallStatus]*int{
		campaign.CallQueued: &m.c.Stats.Queued, campaign.CallInProgress: &m.c.Stats.InProgress,
		campaign.CallRetryWait: &m.c.Stats.RetryWait, campaign.CallCompleted: &m.c.Stats.Completed,
		campaign.CallFailed: &m.c.Stats.Failed, campaign.CallCanceled: &m.c.Stats.Canceled,
	}[s]
}

func waits(s campaign.CallStatus) bool {
	return s == campaign.CallQueued || s == campaign.CallRetryWait
}

func (m *memory) claim(id campaign.AttemptID) (r machine.ClaimResult, changed bool) {
	c := m.call(id.Call())
	r.Attempt = id
	switch {
	case m.under(id):
	case waits(c.Status) && c.Claim == id.Claim()-1:
		m.move(c, campaign.CallInProgress)
		c.Claim, c.NextAttemptAt, changed = id.Claim(), time.Time{}, true
	default:
		r.Refused = true
		return r, false
	}
	r.To, r.From, r.Variables, r.Effort = c.Phone, c.From, c.Variables, c.Effort
	return r, changed
}

// The outcomes of placing.
const (
	placingDone       = "placing"
	placingTaken      = "taken"
	placingNotRunning = "not running"
	placingState      = "state"
)

func (m *memory) placing(id campaign.AttemptID, placer int, provider string, number int, at time.Time) string {
	r := m.rows[id]
	switch {
	case r != nil && r.placer == placer:
		return placingDone
	case r != nil:
		return placingTaken
	case m.c.Status != campaign.StatusInProgress:
		return placingNotRunning
	case !m.under(id):
		return placingState
	}
	m.rows[id] = &row{placer: placer, Attempt: campaign.Attempt{
		ID: id, Number: number, Provider: provider, State: campaign.AttemptPlacing, StartedAt: at,
	}}
	return placingDone
}

func (m *memory) record(r machine.Record) (refused, changed bool) {
	a := m.rows[r.Attempt]
	switch r.Kind {
	case machine.RecordPlaced, machine.RecordAmbiguous:
		return m.recordState(a, r)
	case machine.RecordFinish:
		return m.finish(a, r)
	}
	return m.giveBack(a, r)
}

func (m *memory) recordState(a *row, r machine.Record) (refused, changed bool) {
	switch {
	case a == nil:
		return true, false
	case a.State == campaign.AttemptPlaced || a.State == campaign.AttemptEnded:
		return false, false
	case r.Kind == machine.RecordAmbiguous:
		changed = a.State != campaign.AttemptAmbiguous
		a.State, a.Detail = campaign.AttemptAmbiguous, r.Detail
	default:
		a.State, a.ProviderCallID, changed = campaign.AttemptPlaced, r.ProviderCallID, true
	}
	return false, changed
}

func (m *memory) finish(a *row, r machine.Record) (refused, changed bool) {
	if !m.under(r.Attempt) || (a != nil && a.State == campaign.AttemptEnded) {
		return false, false
	}
	if a == nil {
		return true, false
	}
	c := m.call(r.Attempt.Call())
	a.State, a.Disposition, a.EndedAt, a.Duration = campaign.AttemptEnded, r.Disposition, r.EndedAt, r.Duration
	if a.ProviderCallID == "" {
		a.ProviderCallID = r.ProviderCallID
	}
	c.Effort = c.With(r.Disposition, r.Day)
	m.judgeLost(a, r)
	m.c.Stats.Attempts++
	if c.Attempts > 1 {
		m.c.Stats.Retries++
	}
	m.leave(c, r)
	return false, true
}

func (m *memory) giveBack(a *row, r machine.Record) (refused, changed bool) {
	switch {
	case !m.under(r.Attempt):
		return false, false
	case a != nil && (r.Unplaced || a.State == campaign.AttemptPlaced || a.State == campaign.AttemptEnded):
		return true, false
	}
	delete(m.rows, r.Attempt)
	m.leave(m.call(r.Attempt.Call()), r)
	return false, true
}

// judgeLost holds an attempt that is given up against the time that it had.
func (m *memory) judgeLost(a *row, r machine.Record) {
	if r.Disposition != campaign.DispositionLost {
		return
	}
	m.w.saw("lost")
	m.w.happyf(m.w.now.Sub(a.StartedAt) >= time.Duration(m.c.Retry.SettleWithin), "an attempt is lost after settle_within, not %v", m.w.now.Sub(a.StartedAt))
	m.w.happyf(m.w.provider.silent[a.ID], "before it is lost the provider is asked: %v", a.ID)
}

// leave takes a call out of progress.
func (m *memory) leave(c *campaign.Call, r machine.Record) {
	m.move(c, r.Next)
	if r.Next == campaign.CallRetryWait {
		c.NextAttemptAt = r.NextAttemptAt
	}
	c.Reason = ""
	if r.Next == campaign.CallFailed || r.Next == campaign.CallCanceled {
		c.Reason = r.Reason
	}
}

// cancelCall cancels a call that waits, and marks one in progress.
func (m *memory) cancelCall(id campaign.CallID) (r machine.RecordResult) {
	c := m.call(id)
	switch {
	case c == nil:
		r.Missing, r.Refused = true, true
	case c.Status == campaign.CallInProgress:
		r.Marked, r.Changed = true, c.Reason != campaign.ReasonCanceled
		c.Reason = campaign.ReasonCanceled
	case waits(c.Status):
		m.move(c, campaign.CallCanceled)
		c.NextAttemptAt, c.Reason, r.Changed = time.Time{}, campaign.ReasonCanceled, true
		m.w.saw("waiting call canceled")
	}
	return r
}

func (m *memory) setStatus(s machine.ChangeStatus) (refused, changed bool) {
	to := s.To
	if s.Drained {
		if m.c.Stats.Open() > 0 {
			return true, false
		}
		to = m.c.Stats.Outcome()
	}
	if m.c.Status == to && m.c.Armed == s.Armed {
		return false, false
	}
	if !slices.Contains(s.From, m.c.Status) {
		return true, false
	}
	m.c.Status, m.c.Armed = to, s.Armed
	m.w.log("the campaign is %s, armed %v", to, s.Armed)
	if to == campaign.StatusInProgress {
		m.w.user.stopped = false
		if m.c.StartedAt.IsZero() {
			m.c.StartedAt = m.w.now
		}
	}
	if to.Ended() {
		m.c.EndedAt = m.w.now
	}
	return false, true
}

func (m *memory) endCalls(e *machine.EndWaiting, at time.Time) (refused bool, count int) {
	if e.Status != m.c.Status || e.Status == campaign.StatusInProgress && !m.c.Schedule.Ended(at) {
		return true, 0
	}
	to, reason := campaign.CallCanceled, campaign.ReasonCampaignCanceled
	if e.Status == campaign.StatusInProgress {
		to, reason = campaign.CallFailed, campaign.ReasonExpired
	}
	for _, c := range m.calls {
		if waits(c.Status) && count < e.Limit {
			m.move(c, to)
			c.NextAttemptAt, c.Reason = time.Time{}, reason
			m.w.saw("waiting call " + reason)
			count++
		}
	}
	return false, count
}

// zones lists the zones in which there are calls.
func (m *memory) zones() (out []machine.Zone) {
	for _, z := range m.zoned {
		if slices.ContainsFunc(m.calls, func(c *campaign.Call) bool { return c.Zone == z.ID }) {
			out = append(out, z)
		}
	}
	return out
}

func (m *memory) queued(l machine.Load) (p machine.Page) {
	for _, c := range m.calls {
		if c.ID > l.After && c.Status == campaign.CallQueued && len(p.Calls) < l.Limit && (l.Zone == campaign.AnyZone || l.Zone == c.Zone) {
			p.Calls = append(p.Calls, machine.Waiting{ID: c.ID, Claim: c.Claim, Zone: c.Zone, Phone: c.Phone})
		}
	}
	p.Last = len(p.Calls) < l.Limit
	return p
}

// open is what a waking owner reads.
func (m *memory) open() (out []machine.Open) {
	for _, c := range m.calls {
		claimedBefore := c.Status == campaign.CallQueued && c.Claim > 0
		if c.Status != campaign.CallInProgress && c.Status != campaign.CallRetryWait && !claimedBefore {
			continue
		}
		o := machine.Open{Call: *c}
		if r := m.rows[campaign.NewAttemptID(c.ID, c.Claim)]; r != nil {
			a := r.Attempt
			o.Current = &a
		}
		out = append(out, o)
	}
	return out
}

// recount counts the statistics from the calls.
func (m *memory) recount() (s campaign.Stats) {
	for _, c := range m.calls {
		s.Total++
		s.Attempts += c.Attempts
		s.Retries += max(0, c.Attempts-1)
		*s.In(c.Status)++
	}
	return s
}
