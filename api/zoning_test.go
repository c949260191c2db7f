package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// perContact is a schedule by the contact's clock.
const perContact = `{"time_zone": "contact", "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "start": "09:00", "end": "12:00"}]}`

// toll is a number that may be anywhere in North America, nowhere is one of no
// country.
const (
	toll    = "+18005550147"
	nowhere = "+80012345678"
)

// zones lists where the numbers of a campaign are, by number.
func (s *service) zones(id string) map[string]any {
	s.t.Helper()
	out := map[string]any{}
	for _, c := range s.get("/v1/campaigns/" + id + "/calls").json()["calls"].([]any) {
		c := c.(map[string]any)
		out[c["to"].(string)] = c["time_zones"]
	}
	return out
}

func TestContactsHaveTheirZones(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "contacts": ["+12125550147", {"phone": "+12125550148", "time_zone": "Europe/Paris"}, "` + nowhere + `"]}`)
	want := map[string]any{"+12125550147": []any{"America/New_York"}, "+12125550148": []any{"Europe/Paris"}, nowhere: nil}
	require.Equal(t, want, s.zones(id))
	require.EqualValues(t, 1, s.csv(id, "phone,time_zone\n+12085550147,\n+12125550148,UTC\n").json()["accepted"])
	want["+12085550147"] = []any{"America/Boise", "America/Los_Angeles"}
	require.Equal(t, want, s.zones(id), "whatever the schedule is now")

	r := s.post("/v1/calls", `{"to": "+12085550147"}`)
	require.Equal(t, []any{"America/Boise", "America/Los_Angeles"}, r.json()["time_zones"])
	require.NotContains(t, s.post("/v1/calls", `{"to": "`+nowhere+`"}`).json(), "time_zones")
}

func TestNewCampaignRefusesContactsItCouldNeverCall(t *testing.T) {
	s := newService(t)
	before := s.everything()
	p := s.post("/v1/campaigns", `{"name": "Spring", "schedule": `+perContact+`, "contacts": ["+12125550147", "`+toll+`", "`+nowhere+`",
		{"phone": "+12125550149", "time_zone": "Mars/Olympus"}, {"phone": "+12125550150", "time_zone": 5}, {"phone": "12", "time_zone": "Mars/Olympus"}]}`).problem(422, campaign.CodeInvalid)
	require.Equal(t, []string{"contacts[1].time_zone", "contacts[2].time_zone", "contacts[3].time_zone", "contacts[4].time_zone", "contacts[5].phone", "contacts[5].time_zone"}, p.fields())
	require.Contains(t, p.Errors[0].Message, "time zones")
	require.Contains(t, p.Errors[1].Message, "default_time_zone")
	require.Contains(t, p.Errors[5].Message, `no time zone "Mars/Olympus"`)
	p = s.post("/v1/campaigns", `{"name": "", "schedule": {"time_zone": "contact", "windows": 5}, "contacts": ["`+toll+`", "`+nowhere+`"]}`).problem(422, campaign.CodeInvalid)
	require.Equal(t, []string{"schedule.windows", "name"}, p.fields(), "no consequences")
	require.Equal(t, before, s.everything(), "something changed")
	r := s.post("/v1/campaigns", `{"name": "Spring", "schedule": `+perContact+`, "default_time_zone": "Europe/Paris", "contacts": ["`+nowhere+`", {"phone": "`+toll+`", "time_zone": "America/New_York"}]}`)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
}

func TestUploadRefusesRowsItCouldNeverCall(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "schedule": ` + perContact + `}`)
	file := "phone,time_zone\n+12125550147,\n" + toll + ",\n" + nowhere + ",\n+12125550148,Mars/Olympus\n+12125550149,Europe/Paris\n" + toll + ",America/Denver\n"
	out := s.csv(id, file).json()
	require.EqualValues(t, 3, out["accepted"])
	errors := out["errors"].([]any)
	require.Len(t, errors, 3)
	for i, want := range []struct {
		line   float64
		value  string
		reason string
	}{{3, toll, `^The number may be in any of \d+ time zones.*give its time_zone`}, {4, nowhere, "give a time_zone.*default_time_zone"}, {5, "+12125550148", `no time zone "Mars/Olympus"`}} {
		got := errors[i].(map[string]any)
		require.Equal(t, want.line, got["line"])
		require.Equal(t, want.value, got["value"])
		require.Regexp(t, want.reason, got["reason"])
	}
	require.Equal(t, http.StatusOK, s.patch("/v1/campaigns/"+id, `{"default_time_zone": "Europe/Paris"}`).status)
	require.EqualValues(t, 1, s.csv(id, "phone\n"+nowhere+"\n").json()["accepted"])
	require.Nil(t, s.zones(id)[nowhere], "the default is applied when it is dialled")
}

// TestScheduleThatIsOverRefusesNoRows: nobody could help it by naming a zone.
func TestScheduleThatIsOverRefusesNoRows(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, moment))
	id := s.campaign(`{"name": "Spring", "schedule": {"time_zone": "contact", "windows": [{"days": ["mon"], "start": "09:00", "end": "12:00"}], "end_at": "2026-02-01T00:00:00Z"}}`)
	require.EqualValues(t, 2, s.csv(id, "phone\n"+toll+"\n+12125550147\n").json()["accepted"])
}

func TestNumbersAreNotLeftWithoutAClock(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "contacts": ["+12125550147", "` + nowhere + `"]}`)
	patch := func(body string) reply { return s.patch("/v1/campaigns/"+id, body) }
	before := s.everything()
	p := patch(`{"schedule": `+perContact+`}`).problem(409, campaign.CodeConflict)
	require.Contains(t, p.Detail, "default_time_zone")
	require.Equal(t, before, s.everything(), "something changed")

	require.Equal(t, http.StatusOK, patch(`{"schedule": `+perContact+`, "default_time_zone": "Europe/Paris"}`).status)
	patch(`{"default_time_zone": null}`).problem(409, campaign.CodeConflict)
	require.Equal(t, http.StatusOK, patch(`{"default_time_zone": null, "schedule": `+office+`}`).status)

	s.finish(id, nowhere)
	require.Equal(t, http.StatusOK, patch(`{"schedule": `+perContact+`}`).status, "a number that is through needs no clock")
	require.Equal(t, http.StatusOK, patch(`{"weight": 2}`).status)
}

// finish dials a number once, which is then through.
func (s *service) finish(id, number string) {
	s.t.Helper()
	campaignID, err := campaign.ParseID(id)
	require.NoError(s.t, err)
	s.move(id, campaign.StatusPending, campaign.StatusInProgress)
	calls, err := s.store.ListCalls(s.t.Context(), store.CallQuery{Campaign: campaignID, Limit: 100})
	require.NoError(s.t, err)
	for _, c := range calls {
		if c.Phone != number {
			continue
		}
		at, fence := campaign.NewAttemptID(c.ID, 1), s.own()
		s.apply(&store.Claim{Fence: fence, Campaign: campaignID, Attempt: at})
		s.apply(&store.Placing{Campaign: campaignID, Attempt: at, Number: 1, Provider: "mock", Placer: 7, At: moment})
		s.apply(&store.Finish{Fence: fence, Campaign: campaignID, Attempt: at, Disposition: campaign.DispositionCompleted, EndedAt: moment, Next: campaign.CallCompleted})
	}
}

// TestSomebodyElsesPatchIsNotOverlooked: what was asked of the store may not be true
// any more when the row is locked.
func TestSomebodyElsesPatchIsNotOverlooked(t *testing.T) {
	p := &patch{body: []byte(`{"default_time_zone": null}`), was: campaign.Campaign{ID: 7}}
	s := campaign.Settings{Name: "x", MaxConcurrentCalls: 1, Weight: 1, Priority: 5, DefaultTimeZone: "UTC", Schedule: campaign.Schedule{TimeZone: campaign.ZoneOfContact}}
	require.Equal(t, campaign.CodeConflict, campaign.CodeOf(p.apply(&s)))
}
