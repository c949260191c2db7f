package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/store"
)

// callsOf lists a campaign's calls in a status.
func (r *rig) callsOf(id campaign.ID, in campaign.CallStatus) []campaign.Call {
	r.t.Helper()
	calls, err := r.db.ListCalls(r.t.Context(), store.CallQuery{Campaign: id, Status: in, Limit: 100})
	require.NoError(r.t, err)
	return calls
}

// TestCancelWithHangUp: the calls that are up end, though nobody of them hangs up; and
// it may be asked for when the campaign is canceled already.
func TestCancelWithHangUp(t *testing.T) {
	r := newRig(t)
	r.node("n1")
	for _, before := range []bool{false, true} {
		r.line.hold()
		id := r.begin(10, 3)
		r.eventually("some are called", func() bool { return r.line.upNow(id) == 3 })
		if before {
			r.command(id, ActionCancel)
			require.Equal(t, 3, r.line.upNow(id), "what is up goes on")
		}
		s, err := r.say(id, ActionCancel, CancelBody{HangUp: true})
		require.NoError(t, err)
		require.Equal(t, campaign.StatusCanceled, s.Status)
		r.eventually("they are hung up", func() bool { return r.line.upNow(id) == 0 && r.campaign(id).Stats.Open() == 0 })
		require.Equal(t, 7, r.finished(id, campaign.StatusCanceled).Stats.Canceled)
		r.line.hangUp()
	}
}

// TestCancelCall: one that waits is canceled when that is answered, one that is up when
// it has ended; the others go on.
func TestCancelCall(t *testing.T) {
	r := newRig(t)
	r.node("n1")
	r.line.change(func(l *line) {
		l.script = func(string, int) campaign.Disposition { return campaign.DispositionBusy }
	})
	r.line.hold()
	id := r.begin(5, 2)
	r.eventually("some are called", func() bool { return r.line.upNow(id) == 2 })
	cancel := func(call campaign.CallID) campaign.Call {
		t.Helper()
		_, err := r.say(id, ActionCancelCall, CancelCallBody{Call: call})
		require.NoError(t, err)
		c, err := r.db.Call(t.Context(), call)
		require.NoError(t, err)
		return c
	}
	waits := r.callsOf(id, campaign.CallQueued)[0].ID
	for range 2 {
		require.Equal(t, campaign.CallCanceled, cancel(waits).Status)
	}
	up := r.callsOf(id, campaign.CallInProgress)[0]
	cancel(up.ID)
	r.eventually("it is hung up, and not dialled again", func() bool {
		return len(r.callsOf(id, campaign.CallCanceled)) == 2
	})
	require.Equal(t, 1, r.line.dials(up.Phone))
	r.line.change(func(l *line) {
		l.script = func(string, int) campaign.Disposition { return campaign.DispositionCompleted }
	})
	r.line.hangUp()
	c := r.finished(id, campaign.StatusCompleted)
	require.Equal(t, 2, c.Stats.Canceled)
	require.Equal(t, 3, c.Stats.Completed)
	require.Equal(t, campaign.CallCanceled, cancel(waits).Status, "the campaign is over")
}

// TestNeverDialledAgainAfterCancelAndKill: the owner dies after it has answered who
// canceled a call that is up, and before that is hung up.  The next one does it.
func TestNeverDialledAgainAfterCancelAndKill(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(time.Second), bustest.WithAckWait(time.Second))
	first := r.node("n1")
	r.line.hold()
	r.line.change(func(l *line) {
		l.deaf = true
		l.script = func(string, int) campaign.Disposition { return campaign.DispositionBusy }
	})
	id := r.begin(1, 1)
	r.eventually("it is called", func() bool { return r.line.upNow(id) == 1 })
	up := r.callsOf(id, campaign.CallInProgress)[0]
	_, err := r.say(id, ActionCancelCall, CancelCallBody{Call: up.ID})
	require.NoError(t, err)
	first.kill()
	require.Equal(t, 1, r.line.upNow(id))
	require.Equal(t, 1, r.campaign(id).Stats.InProgress)

	second := r.node("n2")
	r.eventually("it is taken over", func() bool { return second.Owned() == bus.Partitions })
	r.line.change(func(l *line) { l.deaf = false })
	require.Equal(t, 1, r.finished(id, campaign.StatusCompleted).Stats.Canceled)
	require.Equal(t, campaign.ReasonCanceled, r.callsOf(id, campaign.CallCanceled)[0].Reason)
	require.Equal(t, 1, r.line.dials(up.Phone))
	require.Positive(t, r.line.unheard(), "hang-ups were lost")
}

func TestCancelSingleCall(t *testing.T) {
	r := newRig(t)
	r.node("n1")
	r.line.hold()
	call, err := r.db.CreateCall(t.Context(), store.NewCall{Contact: r.contacts(1)[0]}, store.Once{})
	require.NoError(t, err)
	r.bus.Poke(campaign.Single, ActionRefresh)
	r.eventually("it is called", func() bool { return r.line.upNow(campaign.Single) == 1 })
	_, err = r.say(campaign.Single, ActionCancelCall, CancelCallBody{Call: call.ID})
	require.NoError(t, err)
	r.eventually("it is hung up", func() bool { return len(r.callsOf(campaign.Single, campaign.CallInProgress)) == 0 })
	r.line.hangUp()
}

func TestCancelRefusesBadInput(t *testing.T) {
	r := newRig(t)
	r.node("n1")
	id, other := r.create(1, 1), r.create(1, 1)
	for _, c := range []struct {
		action string
		body   any
		code   campaign.Code
		says   string
	}{
		{ActionCancelCall, nil, campaign.CodeInvalid, "Say which call"},
		{ActionCancelCall, map[string]any{"call": "call_1", "hangup": true}, campaign.CodeInvalid, "hangup"},
		{ActionCancelCall, map[string]any{"call": "cmp_1"}, campaign.CodeInvalid, "look like call_42"},
		{ActionCancelCall, CancelCallBody{Call: r.callsOf(other, campaign.CallQueued)[0].ID}, campaign.CodeNotFound, "has no call"},
		{ActionCancel, map[string]any{"hang_up": true}, campaign.CodeInvalid, "hang_up"},
		{ActionCancel, map[string]any{"hangup": "yes"}, campaign.CodeInvalid, "hangup"},
		{ActionExplain, map[string]any{"phone": "+1"}, campaign.CodeInvalid, "phone"},
	} {
		_, err := r.say(id, c.action, c.body)
		require.Equal(t, c.code, campaign.CodeOf(err), "%s %v: %v", c.action, c.body, err)
		require.ErrorContains(t, err, c.says)
	}
	require.Equal(t, campaign.StatusPending, r.campaign(id).Status)
}
