package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/bus/bustest"
	"dialtone/campaign"
)

// TestUnreadableCampaignHoldsUpNobody: after everything has begun anew, one campaign can't
// be read.  The others go on, within what the provider takes, its own calls counted as
// long as they are up; who asks for it is told; and it goes on when it can be read again,
// with nothing lost.
func TestUnreadableCampaignHoldsUpNobody(t *testing.T) {
	for _, what := range []string{"Campaign", "Zones"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, bustest.WithAckWait(time.Second))
			end := r.line.hold()
			first := r.node("n1")
			spoilt := r.begin(40, channels-10)
			r.eventually("it is in full swing", func() bool { return r.line.upNow(spoilt) == channels-10 })
			first.kill()
			r.leader.Stop()

			second := r.idle("n1")
			second.store.spoil(spoilt, what)
			require.NoError(t, second.Start(t.Context()))
			r.leader = r.candidate("leader", r.bus)
			r.line.hold()
			other := r.begin(60, channels)
			r.eventually("the other goes on", func() bool { return r.line.upNow(other) == 10 })
			require.Never(t, func() bool { return r.line.upNow(other) > 10 }, 500*time.Millisecond, 10*time.Millisecond,
				"what the first has up is counted")
			unread, asleep := second.Troubles()
			require.Equal(t, []campaign.ID{spoilt}, unread)
			require.Empty(t, asleep)
			_, err := r.ask(spoilt, ActionPause)
			require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
			require.ErrorContains(t, err, "can't be read from the database")

			end()
			r.eventually("the other has what the first had up", func() bool { return r.line.upNow(other) == channels })
			r.line.hangUp()
			r.finished(other, campaign.StatusCompleted)
			require.Equal(t, channels-10, r.campaign(spoilt).Stats.InProgress)
			second.store.mend()
			r.finished(spoilt, campaign.StatusCompleted)
			unread, asleep = second.Troubles()
			require.Empty(t, unread)
			require.Empty(t, asleep)
		})
	}
}

// TestUncountedCampaignIsNamed: where not even its open calls can be read, nobody knows
// what may be granted, and the node tells why.
func TestUncountedCampaignIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.line.hold()
	first := r.node("n1")
	id := r.begin(5, 5)
	r.eventually("it is in full swing", func() bool { return r.line.upNow(id) == 5 })
	first.kill()
	second := r.idle("n1")
	second.store.spoil(id, "Campaign", "Open")
	require.NoError(t, second.Start(t.Context()))
	r.eventually("it is told", func() bool {
		unread, asleep := second.Troubles()
		return len(unread) == 0 && len(asleep) == 1 && asleep[0] == id
	})
	second.store.mend()
	r.line.hangUp()
	r.finished(id, campaign.StatusCompleted)
	_, asleep := second.Troubles()
	require.Empty(t, asleep)
}
