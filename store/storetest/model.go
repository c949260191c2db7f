package storetest

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign"
	"dialtone/store"
)

// model is the contract told naively: calls and attempts as they are read, and
// one case for every sentence.
type model struct {
	status   campaign.Status
	armed    bool
	calls    map[campaign.CallID]*campaign.Call
	attempts map[campaign.AttemptID]*campaign.Attempt
	placers  map[campaign.AttemptID]int64
	// stats has only the attempts and retries; the rest is counted.
	stats campaign.Stats
}

type verdict struct {
	err     error
	changed bool
	marked  bool // of a CancelCall
}

// at is the call in progress under the claim, or the verdict that it is not.
func (m *model) at(a campaign.AttemptID) (*campaign.Call, verdict) {
	c := m.calls[a.Call()]
	switch {
	case c == nil || a.Claim() > c.Claim:
		return nil, verdict{err: store.ErrState}
	case a.Claim() < c.Claim || c.Status != campaign.CallInProgress:
		return nil, verdict{}
	}
	return c, verdict{changed: true}
}

func (m *model) claim(op *store.Claim) verdict {
	c := m.calls[op.Attempt.Call()]
	if c == nil {
		return verdict{err: store.ErrState}
	}
	if c.Status == campaign.CallInProgress && c.Claim == op.Attempt.Claim() {
		return verdict{}
	}
	if c.Claim+1 != op.Attempt.Claim() || !(c.Status == campaign.CallQueued || c.Status == campaign.CallRetryWait) {
		return verdict{err: store.ErrState}
	}
	c.Claim++
	c.Status, c.NextAttemptAt = campaign.CallInProgress, time.Time{}
	return verdict{changed: true}
}

func (m *model) placing(op *store.Placing) verdict {
	if m.attempts[op.Attempt] != nil {
		if m.placers[op.Attempt] == op.Placer {
			return verdict{}
		}
		return verdict{err: store.ErrTaken}
	}
	if m.status != campaign.StatusInProgress {
		return verdict{err: store.ErrNotRunning}
	}
	if _, v := m.at(op.Attempt); !v.changed {
		return verdict{err: store.ErrState}
	}
	m.placers[op.Attempt] = op.Placer
	m.attempts[op.Attempt] = &campaign.Attempt{
		ID: op.Attempt, Number: op.Number, Provider: op.Provider, State: campaign.AttemptPlacing, StartedAt: op.At,
	}
	return verdict{changed: true}
}

func (m *model) placed(op *store.Placed) verdict {
	a := m.attempts[op.Attempt]
	switch {
	case a == nil:
		return verdict{err: store.ErrState}
	case a.State == campaign.AttemptPlaced || a.State == campaign.AttemptEnded:
		return verdict{}
	}
	a.State, a.ProviderCallID = campaign.AttemptPlaced, op.ProviderCallID
	return verdict{changed: true}
}

func (m *model) ambiguous(op *store.Ambiguous) verdict {
	a := m.attempts[op.Attempt]
	switch {
	case a == nil:
		return verdict{err: store.ErrState}
	case a.State != campaign.AttemptPlacing:
		return verdict{}
	}
	a.State, a.Detail = campaign.AttemptAmbiguous, op.Detail
	return verdict{changed: true}
}

func (m *model) finish(op *store.Finish) verdict {
	c, v := m.at(op.Attempt)
	if !v.changed {
		return v
	}
	a := m.attempts[op.Attempt]
	if a == nil {
		return verdict{err: store.ErrState}
	}
	a.State, a.Disposition, a.EndedAt, a.Duration = campaign.AttemptEnded, op.Disposition, op.EndedAt, op.Duration
	if a.ProviderCallID == "" {
		a.ProviderCallID = op.ProviderCallID
	}
	m.stats.Attempts++
	if c.Attempts > 0 {
		m.stats.Retries++
	}
	c.Attempts++
	c.Tally += 1 << (8 * slices.Index(places, op.Disposition))
	if c.Day != op.Day {
		c.Day, c.OnDay = op.Day, 0
	}
	c.OnDay++
	c.Status, c.NextAttemptAt, c.Reason = op.Next, op.NextAttemptAt, op.Reason
	return v
}

// places are where a tally counts; the model's numbers stay small.
var places = []campaign.Disposition{"completed", "busy", "no_answer", "failed", "canceled", "rejected", "lost"}

func (m *model) giveBack(op *store.GiveBack) verdict {
	c, v := m.at(op.Attempt)
	if !v.changed {
		return v
	}
	if a := m.attempts[op.Attempt]; a != nil && (op.Unplaced || a.State == campaign.AttemptPlaced || a.State == campaign.AttemptEnded) {
		return verdict{err: store.ErrState}
	}
	delete(m.attempts, op.Attempt)
	c.Status, c.NextAttemptAt, c.Reason = op.Next, op.NextAttemptAt, op.Reason
	return v
}

func (m *model) cancelCall(op *store.CancelCall) verdict {
	c := m.calls[op.Call]
	switch {
	case c == nil:
		return verdict{err: store.ErrUnknown}
	case c.Status == campaign.CallInProgress:
		known := c.Reason == "canceled"
		c.Reason = "canceled"
		return verdict{changed: !known, marked: true}
	case c.Status == campaign.CallQueued || c.Status == campaign.CallRetryWait:
		c.Status, c.NextAttemptAt, c.Reason = campaign.CallCanceled, time.Time{}, "canceled"
		return verdict{changed: true}
	}
	return verdict{}
}

func (m *model) setStatus(op *store.SetStatus) verdict {
	to := op.To
	if op.Drained {
		if m.count().Open() > 0 {
			return verdict{err: store.ErrState}
		}
		to = m.count().Outcome()
	}
	arm := op.Armed && to == campaign.StatusPending
	if m.status == to && !(arm && !m.armed) {
		return verdict{}
	}
	if !slices.Contains(op.From, m.status) {
		return verdict{err: store.ErrState}
	}
	m.status, m.armed = to, arm
	return verdict{changed: true}
}

func (m *model) endCalls(op *store.EndCalls) (verdict, int) {
	end, reason := campaign.CallCanceled, "campaign_canceled"
	switch {
	case m.status != op.Status, op.Status != campaign.StatusCanceled && op.Status != campaign.StatusInProgress:
		return verdict{err: store.ErrState}, 0
	case op.Status == campaign.StatusInProgress && op.At.Before(full.Schedule.EndAt):
		return verdict{err: store.ErrState}, 0
	case op.Status == campaign.StatusInProgress:
		end, reason = campaign.CallFailed, "expired"
	}
	n := 0
	for _, id := range m.ids() {
		if c := m.calls[id]; n < op.Limit && (c.Status == campaign.CallQueued || c.Status == campaign.CallRetryWait) {
			c.Status, c.NextAttemptAt, c.Reason = end, time.Time{}, reason
			n++
		}
	}
	return verdict{changed: n > 0}, n
}

func (m *model) ids() []campaign.CallID {
	var out []campaign.CallID
	for id := range m.calls {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// count takes the statistics from the calls themselves.
func (m *model) count() campaign.Stats {
	s := campaign.Stats{Attempts: m.stats.Attempts, Retries: m.stats.Retries}
	for _, c := range m.calls {
		s.Total++
		*s.In(c.Status)++
	}
	return s
}

// apply tells what a batch does, in the order of store.Batch.
func (m *model) apply(b *store.Batch) (out []verdict, counts []int) {
	for _, op := range b.SetStatus {
		out = append(out, m.setStatus(op))
	}
	for _, op := range b.Placed {
		out = append(out, m.placed(op))
	}
	for _, op := range b.Ambiguous {
		out = append(out, m.ambiguous(op))
	}
	for _, op := range b.Finish {
		out = append(out, m.finish(op))
	}
	for _, op := range b.GiveBack {
		out = append(out, m.giveBack(op))
	}
	for _, op := range b.CancelCall {
		out = append(out, m.cancelCall(op))
	}
	for _, op := range b.Claim {
		out = append(out, m.claim(op))
	}
	for _, op := range b.Placing {
		out = append(out, m.placing(op))
	}
	for _, op := range b.EndCalls {
		v, n := m.endCalls(op)
		out, counts = append(out, v), append(counts, n)
	}
	return out, counts
}

// testModel: random histories, compared after every step.
func testModel(t *testing.T, open Open) {
	s := newScene(t, open)
	rapid.Check(t, func(rt *rapid.T) {
		m := newModelled(rt, s)
		rt.Repeat(map[string]func(*rapid.T){
			"batch":    m.batch,
			"again":    m.again,
			"contacts": m.contacts,
			"owner":    func(*rapid.T) { s.own() },
			"":         m.compare,
		})
	})
}

// compare holds what the store shows against the model.
func (m *modelled) compare(t *rapid.T) {
	c, err := m.s.Campaign(m.s.ctx, m.id)
	require.NoError(t, err)
	require.Equal(t, m.count(), c.Stats)
	require.True(t, c.Stats.AddsUp())
	require.Equal(t, m.status, c.Status)
	require.Equal(t, m.armed, c.Armed)
	m.compareOwner(t, c)
	m.compareZones(t)
	page, err := m.s.ListCalls(m.s.ctx, store.CallQuery{Campaign: m.id, Limit: 1000})
	require.NoError(t, err)
	require.Len(t, page, len(m.calls))
	for _, got := range page {
		want := *m.calls[got.ID]
		for claim := 1; claim <= want.Claim; claim++ {
			if a := m.attempts[attempt(got.ID, claim)]; a != nil {
				want.History = append(want.History, *a)
			}
		}
		require.Equal(t, want, got)
	}
}

// compareOwner holds what makes a campaign need an owner.
func (m *modelled) compareOwner(t *rapid.T, c campaign.Campaign) {
	active, err := m.s.Active(m.s.ctx)
	require.NoError(t, err)
	needed := m.status == campaign.StatusInProgress || m.armed || c.Stats.InProgress > 0 ||
		m.status == campaign.StatusCanceled && c.Stats.Open() > 0
	require.Equal(t, needed, slices.Contains(active, m.id), "%s %+v", m.status, c.Stats)
}

// compareZones holds what the store says of each zone.
func (m *modelled) compareZones(t *rapid.T) {
	zones := map[campaign.ZoneID]campaign.Zones{}
	queued := map[campaign.ZoneID][]store.Waiting{}
	unfinished := map[bool]map[campaign.ZoneID]bool{false: {}, true: {}} // by underway
	for _, id := range m.ids() {
		c := m.calls[id]
		zones[c.Zone] = c.Zones
		for _, z := range []campaign.ZoneID{c.Zone, campaign.AnyZone} {
			if c.Status == campaign.CallQueued {
				queued[z] = append(queued[z], store.Waiting{ID: id, Claim: c.Claim, Zone: c.Zone, Phone: c.Phone})
			}
			unfinished[true][z] = unfinished[true][z] || !c.Status.Terminal()
			unfinished[false][z] = unfinished[false][z] || c.Status == campaign.CallQueued || c.Status == campaign.CallRetryWait
		}
	}
	var want []store.Zone
	for _, z := range slices.Sorted(maps.Keys(zones)) {
		want = append(want, store.Zone{ID: z, Zones: zones[z]})
	}
	got, err := m.s.Zones(m.s.ctx, m.id)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, z := range append(slices.Collect(maps.Keys(zones)), campaign.AnyZone) {
		page, err := m.s.Queued(m.s.ctx, m.id, z, 0, 1000)
		require.NoError(t, err)
		require.Equal(t, queued[z], page)
		for underway, want := range unfinished {
			some, err := m.s.Unfinished(m.s.ctx, m.id, z, underway)
			require.NoError(t, err)
			require.Equal(t, want[z], some, "underway: %t", underway)
		}
	}
}
