package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

func TestLifecycleCommandsTheOwner(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	for _, action := range []string{"start", "pause", "resume", "cancel"} {
		r := s.post("/v1/campaigns/"+id+"/"+action, "")
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		require.Equal(t, id, r.json()["id"])
	}
	require.Equal(t, http.StatusOK, s.post("/v1/campaigns/"+id+"/start", "{}").status, "an empty object says nothing either")
	commands, _, _ := s.bus.sent()
	require.Equal(t, []string{id + " start", id + " pause", id + " resume", id + " cancel", id + " start"}, commands)
}

func TestCancelWithHangUpTellsTheOwner(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	for _, query := range []string{"", "?hangup=false", "?hangup=true"} {
		require.Equal(t, http.StatusOK, s.post("/v1/campaigns/"+id+"/cancel"+query, "").status)
	}
	commands, _, _ := s.bus.sent()
	require.Equal(t, []string{id + " cancel", id + " cancel", id + " cancel"}, commands)
	require.Equal(t, []string{`{"hangup":true}`}, s.bus.bodies)
}

// TestWrongStateIsAConflict names the state in every refusal, and changes nothing.
func TestWrongStateIsAConflict(t *testing.T) {
	s := newService(t)
	running := s.campaign(`{"name": "Running"}`)
	s.move(running, campaign.StatusPending, campaign.StatusInProgress)
	ended := s.campaign(`{"name": "Ended", "contacts": ["+12125550147"]}`)
	s.end(ended)
	before := s.everything()
	for _, r := range []reply{
		s.send(http.MethodDelete, "/v1/campaigns/"+running, "", ""),
		s.patch("/v1/campaigns/"+running, `{"default_region": "GB"}`),
	} {
		require.Contains(t, r.problem(409, campaign.CodeConflict).Detail, "in_progress")
	}
	for _, r := range []reply{
		s.patch("/v1/campaigns/"+ended, `{"weight": 2}`),
		s.csv(ended, "phone\n+12125550148\n"),
	} {
		require.Contains(t, r.problem(409, campaign.CodeConflict).Detail, "canceled")
	}
	require.Equal(t, before, s.everything(), "something changed")
	require.Equal(t, http.StatusOK, s.patch("/v1/campaigns/"+running, `{"weight": 2}`).status, "settings change live")
}

func TestLifecyclePassesRefusalsOn(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	s.bus.onCommand = func(id campaign.ID, _ string) error {
		return campaign.Conflict("%v is completed and can't be paused any more.", id)
	}
	require.Contains(t, s.post("/v1/campaigns/"+id+"/pause", "").problem(409, campaign.CodeConflict).Detail, "completed")
	s.bus.onCommand = func(id campaign.ID, _ string) error {
		return campaign.Unavailable("Nobody answers for %v at the moment; try again.", id)
	}
	r := s.post("/v1/campaigns/"+id+"/pause", "")
	r.problem(503, campaign.CodeUnavailable)
	require.Equal(t, "1", r.header.Get("Retry-After"))
}

func TestLifecycleRefusesBadInput(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	before := s.everything()
	p := s.post("/v1/campaigns/"+id+"/cancel?hangup=please", "").problem(422, campaign.CodeInvalid)
	require.Equal(t, []string{"hangup"}, p.fields())
	require.Contains(t, p.Detail, "Give true")
	p = s.post("/v1/campaigns/"+id+"/cancel", `{"hangup": true}`).problem(422, campaign.CodeInvalid)
	require.Equal(t, []string{"hangup"}, p.fields())
	require.Contains(t, p.Detail, "/v1/campaigns/"+id+"/cancel?hangup=true")
	require.Equal(t, []string{"hangup"}, s.post("/v1/campaigns/"+id+"/pause?hangup=true", "").problem(422, campaign.CodeInvalid).fields())
	require.Equal(t, []string{"hang_up"}, s.post("/v1/campaigns/"+id+"/cancel?hang_up=true", "").problem(422, campaign.CodeInvalid).fields())
	require.Equal(t, []string{"now"}, s.post("/v1/campaigns/"+id+"/start?now=1", "").problem(422, campaign.CodeInvalid).fields())
	require.Equal(t, []string{"at"}, s.post("/v1/campaigns/"+id+"/start", `{"at": 1}`).problem(422, campaign.CodeInvalid).fields())
	s.post("/v1/campaigns/"+id+"/start", `{`).problem(400, codeMalformed)
	s.post("/v1/campaigns/cmp_1/pause", "").problem(409, campaign.CodeConflict)
	require.Equal(t, before, s.everything(), "something changed")
}
