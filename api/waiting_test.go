package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// waits is what a campaign says of its waiting.
func (s *service) waits(id string) string {
	s.t.Helper()
	c := s.get("/v1/campaigns/" + id).json()
	reason, _ := c["waiting_reason"].(string)
	if until, ok := c["waiting_until"].(string); ok {
		reason += " until " + until
	}
	return reason
}

func TestWaitingByOneClock(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, on("2026-03-02T12:00:00Z"))) // a Monday, 07:00 in New York
	id := s.campaign(`{"name": "Spring", "schedule": ` + office + `, "contacts": ["+12125550147"]}`)
	require.Empty(t, s.waits(id), "it is not started")
	s.move(id, campaign.StatusPending, campaign.StatusInProgress)
	require.Equal(t, "outside_hours until 2026-03-02T14:00:00Z", s.waits(id))
	list := s.get("/v1/campaigns").json()["campaigns"].([]any)[0].(map[string]any)
	require.Equal(t, "outside_hours", list["waiting_reason"])
	now.set(on("2026-03-02T14:00:00Z"))
	require.Empty(t, s.waits(id))
	now.set(on("2026-03-06T22:00:00Z"))
	require.Equal(t, "outside_hours until 2026-03-09T13:00:00Z", s.waits(id), "the clock has changed by then")

	patch := func(schedule string) { s.patch("/v1/campaigns/"+id, `{"schedule": `+schedule+`}`) }
	patch(`{"start_at": "2026-03-08T10:00:00Z"}`)
	require.Equal(t, "start_ahead until 2026-03-08T10:00:00Z", s.waits(id))
	patch(`{"end_at": "2026-03-06T22:00:00Z"}`)
	require.Equal(t, "expired", s.waits(id))
	patch(`{"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "09:00", "end": "17:00"}], "end_at": "2026-03-09T00:00:00Z"}`)
	require.Equal(t, "outside_hours", s.waits(id), "for ever")
	s.move(id, campaign.StatusInProgress, campaign.StatusPaused)
	require.Empty(t, s.waits(id))
}

func TestArmedCampaignWaitsForItsStart(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, moment))
	id := s.campaign(`{"name": "Spring", "schedule": {"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "09:00", "end": "17:00"}], "start_at": "2026-03-04T10:00:00Z"}, "contacts": ["+12125550147"]}`)
	require.Empty(t, s.waits(id))
	number, err := campaign.ParseID(id)
	require.NoError(t, err)
	s.apply(&store.SetStatus{Fence: s.own(), Campaign: number, From: []campaign.Status{campaign.StatusPending}, To: campaign.StatusPending, Armed: true, At: moment})
	require.Equal(t, "start_ahead until 2026-03-04T10:00:00Z", s.waits(id))
	require.Equal(t, "pending", s.get("/v1/campaigns/" + id).json()["status"])

	// It is begun at once, and does not wait until a time that is past, or for ever.
	for _, schedule := range []string{`null`, `{"start_at": "2026-03-01T11:00:00Z"}`, `{"start_at": "2026-03-01T12:00:00Z"}`} {
		require.NotContains(t, s.patch("/v1/campaigns/"+id, `{"schedule": `+schedule+`}`).json(), "waiting_reason", schedule)
	}
	s.patch("/v1/campaigns/"+id, `{"schedule": {"start_at": "2026-03-04T10:00:00Z"}}`)
	p := s.send("DELETE", "/v1/campaigns/"+id, "", "").problem(409, campaign.CodeConflict)
	require.Contains(t, p.Detail, "is to start at 2026-03-04T10:00:00Z; cancel it before you delete it")
}

// TestCallsThatAreUpDoNotWait, but may have to be dialled again.
func TestCallsThatAreUpDoNotWait(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, on("2026-03-02T20:00:00Z"))) // hours are over everywhere in America
	id := s.campaign(`{"name": "Spring", "default_time_zone": "America/New_York", "schedule": ` + perContact + `, "contacts": ["` + nowhere + `"]}`)
	s.move(id, campaign.StatusPending, campaign.StatusInProgress)
	require.Equal(t, "outside_hours until 2026-03-03T14:00:00Z", s.waits(id))
	number, err := campaign.ParseID(id)
	require.NoError(t, err)
	call, err := campaign.ParseCallID(s.call(id))
	require.NoError(t, err)
	s.apply(&store.Claim{Fence: s.own(), Campaign: number, Attempt: campaign.NewAttemptID(call, 1)})
	require.Empty(t, s.waits(id), "its only call is up")
	s.patch("/v1/campaigns/"+id, `{"default_time_zone": null}`).problem(409, campaign.CodeConflict)
}

// So it is by one clock for all.
func TestCallsThatAreUpDoNotWaitByOneClock(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, on("2026-03-02T12:00:00Z"))) // 07:00 in New York
	id := s.campaign(`{"name": "Spring", "schedule": ` + office + `, "contacts": ["+12125550147"]}`)
	s.move(id, campaign.StatusPending, campaign.StatusInProgress)
	require.NotEmpty(t, s.waits(id))
	number, err := campaign.ParseID(id)
	require.NoError(t, err)
	call, err := campaign.ParseCallID(s.call(id))
	require.NoError(t, err)
	s.apply(&store.Claim{Fence: s.own(), Campaign: number, Attempt: campaign.NewAttemptID(call, 1)})
	require.Empty(t, s.waits(id))
}

func TestWaitingByTheContactsClock(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, on("2026-03-02T13:00:00Z")))
	id := s.campaign(`{"name": "Spring", "default_time_zone": "Asia/Tokyo", "schedule": ` + perContact + `, "contacts": ["+12125550147", "+12135550147", "` + nowhere + `"]}`)
	s.finish(id, "+12125550147")
	require.Equal(t, "outside_hours until 2026-03-02T17:00:00Z", s.waits(id), "New York is through, Los Angeles is next")
	now.set(on("2026-03-02T17:00:00Z"))
	require.Empty(t, s.waits(id))
	now.set(on("2026-03-02T20:00:00Z"))
	require.Equal(t, "outside_hours until 2026-03-03T00:00:00Z", s.waits(id), "nine in Tokyo, which is the default")

	all := s.campaign(`{"name": "Spring", "schedule": ` + perContact + `, "contacts": ["+12125550147"]}`)
	s.finish(all, "+12125550147")
	require.Empty(t, s.waits(all), "nobody is left to wait")
}

func TestZonesThatNeverOpenComeLast(t *testing.T) {
	s := campaign.Settings{Schedule: campaign.Schedule{TimeZone: campaign.ZoneOfContact, Windows: []campaign.Window{
		{Days: campaign.EveryDay, Span: campaign.Span{Start: 9 * 60, End: 10 * 60}},
	}}}
	zones := []store.Zone{{ID: 3, Zones: "Asia/Tokyo,Europe/Paris"}, {ID: 4, Zones: "America/New_York"}, {ID: 0}, {ID: 5, Zones: "Europe/Paris"}}
	var got []campaign.ZoneID
	for _, z := range byOpening(s, zones, moment) {
		got = append(got, z.ID)
	}
	require.Equal(t, []campaign.ZoneID{4, 5, 3, 0}, got)
	require.Equal(t, moment.Add(2*time.Hour), nextOpen(s, "America/New_York", moment))
}
