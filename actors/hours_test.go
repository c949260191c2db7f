package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/internal/load"
	"dialtone/store"
)

// timed makes a campaign with a schedule, of numbers that are in zones in turn.
func (r *rig) timed(n, limit int, s campaign.Schedule, zones ...campaign.Zones) campaign.ID {
	r.t.Helper()
	set := settings(limit)
	set.Schedule = s
	contacts := r.contacts(n)
	for i := range contacts {
		if len(zones) > 0 {
			contacts[i].Zones = zones[i%len(zones)]
		}
	}
	c, err := r.db.CreateCampaign(r.t.Context(), set, contacts, store.Once{})
	require.NoError(r.t, err)
	return c.ID
}

// reschedule gives a campaign other hours, as the API does.
func (r *rig) reschedule(id campaign.ID, to campaign.Schedule) {
	r.t.Helper()
	_, err := r.db.UpdateSettings(r.t.Context(), id, func(s *campaign.Settings) error { s.Schedule = to; return nil })
	require.NoError(r.t, err)
	r.bus.Poke(id, ActionRefresh)
}

func (r *rig) explain(id campaign.ID) (e campaign.CampaignExplanation) {
	r.t.Helper()
	require.NoError(r.t, r.bus.Command(r.t.Context(), id, ActionExplain, nil, &e))
	return e
}

// openInUTC is a schedule per contact that is open now in UTC, and closed on the
// other side of the world.
func openInUTC(now time.Time) campaign.Schedule {
	at := campaign.Clock(now.UTC().Hour()*60 + now.UTC().Minute())
	return campaign.Schedule{TimeZone: campaign.ZoneOfContact, Windows: []campaign.Window{{
		Days: campaign.EveryDay, Span: campaign.Span{Start: (at + campaign.Midnight - 180) % campaign.Midnight, End: (at + 180) % campaign.Midnight},
	}}}
}

// InHours: with hours of their own, only the numbers of open zones are called; the
// others are called when the schedule is changed, at once.
func TestInHoursOfEachZone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.node("n1")
	// Etc/GMT-12 is twelve hours ahead of UTC.
	id := r.timed(40, 10, openInUTC(time.Now()), "Etc/UTC", "Etc/GMT-12")
	r.command(id, ActionStart)
	r.eventually("the open zone is done", func() bool { return r.campaign(id).Stats.Completed == 20 })
	var e campaign.CampaignExplanation
	r.eventually("the rest waits for its hours", func() bool { e = r.explain(id); return e.Rule == campaign.RuleOutsideHours })
	require.Equal(t, 20, r.line.total())
	require.Greater(t, time.Until(e.NextDialAt), 8*time.Hour, e.Message)
	require.Equal(t, campaign.StatusInProgress, r.campaign(id).Status)
	require.Len(t, e.Zones, 2)

	r.reschedule(id, campaign.Schedule{TimeZone: campaign.ZoneOfContact})
	require.Equal(t, 40, r.finished(id, campaign.StatusCompleted).Stats.Completed)
	require.Equal(t, 40, r.line.total())
}

// A schedule that turns from one for all to one for each number is taken over in the
// middle of calls, none of which is lost or made twice.
func TestScheduleChangesItsKind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.node("n1")
	r.line.hold()
	id := r.timed(40, 10, campaign.Schedule{}, "Etc/UTC", "Etc/GMT-12")
	r.command(id, ActionStart)
	r.eventually("calls are up", func() bool { return r.line.upNow(id) == 10 })
	r.reschedule(id, openInUTC(time.Now()))
	r.eventually("it has lanes", func() bool { return len(r.explain(id).Zones) == 2 })
	r.eventually("it has read on", func() bool { return r.explain(id).Rule == campaign.RuleLimitReached })
	r.line.hangUp()
	r.eventually("the open zone is done", func() bool { return r.campaign(id).Stats.Completed == 20+5 })
	r.reschedule(id, campaign.Schedule{})
	require.Equal(t, 40, r.finished(id, campaign.StatusCompleted).Stats.Completed)
	require.Equal(t, 40, r.line.total())
}

// A campaign that was started before its start_at begins by itself, though the node
// that took the command is gone.
func TestArmedCampaignSurvivesItsOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.node("n1")
	start := time.Now().Add(max(8*time.Second, load.Slack(2500*time.Millisecond))) // the next owner must be there before
	id := r.timed(5, 5, campaign.Schedule{StartAt: start})
	require.Equal(t, campaign.StatusPending, r.command(id, ActionStart).Status)
	require.True(t, r.campaign(id).Armed)
	require.Equal(t, campaign.RuleStartAhead, r.explain(id).Rule)
	first.Stop(t.Context())
	r.node("n2")
	require.Zero(t, r.line.total())
	c := r.finished(id, campaign.StatusCompleted)
	require.Equal(t, 5, c.Stats.Completed)
	require.False(t, c.StartedAt.Before(start), "not before its time")
}

// At the end of the schedule what is left fails as expired, and the calls that are
// up are told to their end.
func TestEndOfScheduleExpiresTheRest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.node("n1")
	r.line.hold()
	id := r.timed(3000, 4, campaign.Schedule{EndAt: time.Now().Add(time.Hour)})
	r.command(id, ActionStart)
	r.eventually("calls are up", func() bool { return r.line.upNow(id) == 4 })
	r.reschedule(id, campaign.Schedule{EndAt: time.Now().Add(2 * time.Second)})
	r.eventually("the rest has expired", func() bool { return r.campaign(id).Stats.Failed == 2996 })
	r.line.hangUp()
	c := r.finished(id, campaign.StatusCompleted)
	require.Equal(t, campaign.Stats{Total: 3000, Completed: 4, Failed: 2996, Attempts: 4}, c.Stats)
	calls, err := r.db.ListCalls(t.Context(), store.CallQuery{Campaign: id, Status: campaign.CallFailed, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, campaign.ReasonExpired, calls[0].Reason)
}

// Who asks is told why nothing is dialled, also by an owner that only wakes for that.
func TestExplainWakesTheOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.node("n1")
	id := r.timed(20, 5, openInUTC(time.Now()), "Etc/GMT-12")
	require.Equal(t, campaign.RuleNotStarted, r.explain(id).Rule)
	r.command(id, ActionStart)
	e := r.explain(id)
	require.Equal(t, campaign.RuleOutsideHours, e.Rule)
	require.False(t, e.Zones[0].Done)
	r.command(id, ActionPause)
	for range 3 {
		require.Equal(t, campaign.RulePaused, r.explain(id).Rule)
	}
	r.command(id, ActionCancel)
	r.eventually("it is over", func() bool { return r.explain(id).Rule == campaign.RuleEnded })
	require.Error(t, r.bus.Command(t.Context(), id+1000, ActionExplain, nil, nil), "there is no such campaign")
}
