package storetest

import (
	"errors"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign"
	"dialtone/store"
)

// modelled is a campaign of a store beside the model of it.
type modelled struct {
	*model
	s    *scene
	id   campaign.ID
	next int // number of the next contact
	last *store.Batch
}

func newModelled(t *rapid.T, s *scene) *modelled {
	c, err := s.CreateCampaign(s.ctx, full, nil, store.Once{})
	require.NoError(t, err)
	m := &modelled{s: s, id: c.ID, model: &model{
		status:   campaign.StatusPending,
		calls:    map[campaign.CallID]*campaign.Call{},
		attempts: map[campaign.AttemptID]*campaign.Attempt{},
		placers:  map[campaign.AttemptID]int64{},
	}}
	m.contacts(t)
	return m
}

// contacts adds some, a part of which the campaign has.
func (m *modelled) contacts(t *rapid.T) {
	from := max(0, m.next-rapid.IntRange(0, 2).Draw(t, "known"))
	n := rapid.IntRange(0, 4).Draw(t, "contacts")
	added, err := m.s.AddContacts(m.s.ctx, m.id, zoned(from, n))
	if m.status.Ended() {
		require.Equal(t, campaign.CodeConflict, campaign.CodeOf(err))
		return
	}
	require.NoError(t, err)
	fresh := max(0, from+n-m.next)
	require.Equal(t, fresh, added)
	want := zoned(m.next, fresh)
	m.next += fresh
	page, err := m.s.ListCalls(m.s.ctx, store.CallQuery{Campaign: m.id, Limit: 1000})
	require.NoError(t, err)
	for _, c := range page {
		if m.calls[c.ID] == nil {
			require.Equal(t, campaign.CallQueued, c.Status)
			require.Zero(t, c.Effort)
			require.Contains(t, want, campaign.Contact{Phone: c.Phone, Zones: c.Zones})
			m.calls[c.ID] = &c
			fresh--
		}
	}
	require.Zero(t, fresh)
}

// batch applies a few operations, mostly sensible ones.
func (m *modelled) batch(t *rapid.T) {
	b := &store.Batch{}
	for range rapid.IntRange(1, 8).Draw(t, "operations") {
		b.Add(m.op(t))
	}
	m.both(t, b)
	m.last = b
}

// again applies the last batch again; if nothing else happened in between, that
// changes nothing, but it must agree with the model in any case.
func (m *modelled) again(t *rapid.T) {
	if m.last != nil {
		m.both(t, m.last)
	}
}

// both applies the batch to the store and to the model.
func (m *modelled) both(t *rapid.T, b *store.Batch) {
	mine := &store.Batch{}
	for _, op := range ops(b) {
		if current(op, m.s.fence.Epoch) {
			mine.Add(op)
		}
	}
	want, counts := m.apply(mine)
	require.NoError(t, m.s.Apply(m.s.ctx, b))
	i := 0
	for _, op := range ops(b) {
		out := store.OutcomeOf(op)
		if !current(op, m.s.fence.Epoch) {
			require.ErrorIs(t, out.Err, store.ErrStaleEpoch)
			continue
		}
		require.True(t, errors.Is(out.Err, want[i].err), "%T%+v: %v, not %v", op, op, out.Err, want[i].err)
		require.Equal(t, want[i].changed, out.Changed, "%T%+v", op, op)
		if cancel, ok := op.(*store.CancelCall); ok {
			require.Equal(t, want[i].marked, cancel.Marked, "%+v", cancel)
		}
		i++
	}
	for i, op := range mine.EndCalls {
		require.Equal(t, counts[i], op.Count)
	}
	for _, op := range mine.SetStatus {
		require.Equal(t, m.status, op.Now.Status)
		require.Equal(t, m.armed, op.Now.Armed)
		require.Equal(t, m.count(), op.Now.Stats)
	}
	if stats, ok := b.Stats[m.id]; ok {
		require.Equal(t, m.count(), stats)
	}
}

// current reports whether an operation's epoch is, or it needs none.
func current(op store.Op, epoch int64) bool {
	switch op := op.(type) {
	case *store.SetStatus:
		return op.Epoch == epoch
	case *store.Placed:
		return op.Epoch == epoch
	case *store.Ambiguous:
		return op.Epoch == epoch
	case *store.Finish:
		return op.Epoch == epoch
	case *store.GiveBack:
		return op.Epoch == epoch
	case *store.CancelCall:
		return op.Epoch == epoch
	case *store.Claim:
		return op.Epoch == epoch
	case *store.EndCalls:
		return op.Epoch == epoch
	}
	return true
}

// ops are a batch's operations in the order in which they take effect.
func ops(b *store.Batch) (out []store.Op) {
	out = append(out, list(b.SetStatus)...)
	out = append(out, list(b.Placed)...)
	out = append(out, list(b.Ambiguous)...)
	out = append(out, list(b.Finish)...)
	out = append(out, list(b.GiveBack)...)
	out = append(out, list(b.CancelCall)...)
	out = append(out, list(b.Claim)...)
	out = append(out, list(b.Placing)...)
	return append(out, list(b.EndCalls)...)
}

func list[O store.Op](of []O) (out []store.Op) {
	for _, op := range of {
		out = append(out, op)
	}
	return out
}

// op draws an operation.  Most calls are in the middle of something, so most
// draws go for the claim they have, or the next.
func (m *modelled) op(t *rapid.T) store.Op {
	ids := m.ids()
	call := campaign.CallID(1 << 40)
	claim := 1
	if len(ids) > 0 {
		call = rapid.SampledFrom(ids).Draw(t, "call")
		claim = m.calls[call].Claim
	}
	a := attempt(call, max(0, claim-rapid.SampledFrom([]int{0, 0, 0, 0, 1}).Draw(t, "behind")))
	kind := rapid.SampledFrom([]string{
		"claim", "claim", "claim", "claim", "placing", "placing", "placing", "placed", "ambiguous",
		"finish", "finish", "giveBack", "cancelCall", "status", "arm", "drained", "end",
	}).Draw(t, "kind")
	switch kind {
	case "claim":
		return m.s.claim(m.id, attempt(call, claim+rapid.SampledFrom([]int{1, 1, 1, 0, 2}).Draw(t, "claim")))
	case "placing":
		p := m.s.placing(m.id, a)
		p.Placer = rapid.Int64Range(1, 2).Draw(t, "placer")
		p.Number = m.known(call).Attempts + 1
		return p
	case "placed":
		return m.s.placed(m.id, a)
	case "ambiguous":
		return &store.Ambiguous{Fence: m.s.fence, Campaign: m.id, Attempt: a, Detail: "timed out"}
	case "finish":
		return m.drawFinish(t, a)
	case "cancelCall":
		return m.s.cancelCall(m.id, call)
	case "giveBack":
		return m.drawGiveBack(t, a)
	case "drained":
		return &store.SetStatus{Fence: m.s.fence, Campaign: m.id, From: []campaign.Status{campaign.StatusInProgress}, Drained: true, At: start}
	case "arm":
		from := []campaign.Status{campaign.StatusPending, campaign.StatusPaused}
		return &store.SetStatus{Fence: m.s.fence, Campaign: m.id, From: from, To: campaign.StatusPending, Armed: true, At: start}
	case "end":
		of := rapid.SampledFrom([]campaign.Status{m.status, campaign.StatusCanceled, campaign.StatusInProgress}).Draw(t, "of")
		end := m.s.end(m.id, of, rapid.IntRange(0, 3).Draw(t, "limit"))
		if rapid.Bool().Draw(t, "ended") {
			end.At = full.Schedule.EndAt
		}
		return end
	}
	return m.drawStatus(t)
}

func (m *modelled) known(id campaign.CallID) campaign.Call {
	if c := m.calls[id]; c != nil {
		return *c
	}
	return campaign.Call{}
}

func (m *modelled) drawStatus(t *rapid.T) *store.SetStatus {
	to := rapid.SampledFrom([]campaign.Status{
		campaign.StatusInProgress, campaign.StatusInProgress, campaign.StatusInProgress, campaign.StatusPaused, campaign.StatusCanceled,
		campaign.StatusPending,
	}).Draw(t, "to")
	from := rapid.SliceOfN(rapid.SampledFrom(campaign.Statuses[:3]), 1, 3).Draw(t, "from")
	return &store.SetStatus{Fence: m.s.fence, Campaign: m.id, From: from, To: to, Armed: rapid.Bool().Draw(t, "armed"), At: start}
}

func (m *modelled) drawFinish(t *rapid.T, a campaign.AttemptID) *store.Finish {
	next := rapid.SampledFrom([]campaign.CallStatus{
		campaign.CallCompleted, campaign.CallFailed, campaign.CallCanceled, campaign.CallRetryWait, campaign.CallRetryWait,
	}).Draw(t, "next")
	f := m.s.finish(m.id, a, next)
	f.Disposition = rapid.SampledFrom(places).Draw(t, "disposition")
	f.Day = today + campaign.Day(rapid.IntRange(0, 1).Draw(t, "day"))
	f.Duration = time.Duration(rapid.IntRange(0, 1e10).Draw(t, "duration"))
	if rapid.Bool().Draw(t, "named") {
		f.ProviderCallID = "CB" + a.String()
	}
	return f
}

func (m *modelled) drawGiveBack(t *rapid.T, a campaign.AttemptID) *store.GiveBack {
	next := rapid.SampledFrom([]campaign.CallStatus{campaign.CallQueued, campaign.CallRetryWait, campaign.CallCanceled, campaign.CallFailed}).Draw(t, "next")
	g := m.s.giveBack(m.id, a, next)
	g.Unplaced = rapid.Bool().Draw(t, "unplaced")
	switch next {
	case campaign.CallRetryWait:
		g.NextAttemptAt = start.Add(time.Minute)
	case campaign.CallCanceled:
		g.Reason = "campaign_canceled"
	case campaign.CallFailed:
		g.Reason = "expired"
	}
	return g
}
