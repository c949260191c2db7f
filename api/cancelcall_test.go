package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// canceling has the owner cancel calls in the store.
func (s *service) canceling() {
	s.bus.onCommand = func(id campaign.ID, action string) error {
		require.Equal(s.t, actionCancelCall, action)
		page, err := s.store.ListCalls(s.t.Context(), store.CallQuery{Campaign: id, Limit: 1})
		require.NoError(s.t, err)
		s.apply(&store.CancelCall{Fence: s.own(), Campaign: id, Call: page[0].ID})
		return nil
	}
}

func TestCancelCall(t *testing.T) {
	s := newService(t)
	s.canceling()
	single := s.post("/v1/calls", `{"to": "+12125550147"}`).json()["id"].(string)
	ofCampaign := s.call(s.campaign(`{"name": "Spring", "contacts": ["+12125550148"]}`))
	for _, id := range []string{single, ofCampaign} {
		for range 2 {
			r := s.post("/v1/calls/"+id+"/cancel", "")
			require.Equal(t, http.StatusOK, r.status, "%s", r.body)
			require.Equal(t, "canceled", r.json()["status"])
			require.Equal(t, "canceled", r.json()["reason"])
		}
	}
	commands, _, _ := s.bus.sent()
	require.Equal(t, []string{"cmp_1 cancel_call", "cmp_2 cancel_call"}, commands, "nobody is asked about a call that is over")
	require.Equal(t, []string{`{"call":"` + single + `"}`, `{"call":"` + ofCampaign + `"}`}, s.bus.bodies)
}

// A call that is up is canceled when it has ended: that is accepted, and until then it
// has no reason.
func TestCancelCallInProgress(t *testing.T) {
	s := newService(t)
	s.canceling()
	id := s.campaign(`{"name": "Spring", "contacts": ["+12125550148"]}`)
	call := s.call(id)
	number, err := campaign.ParseCallID(call)
	require.NoError(t, err)
	of, err := campaign.ParseID(id)
	require.NoError(t, err)
	s.move(id, campaign.StatusPending, campaign.StatusInProgress)
	s.apply(&store.Claim{Fence: s.own(), Campaign: of, Attempt: campaign.NewAttemptID(number, 1)})
	r := s.post("/v1/calls/"+call+"/cancel", "{}")
	require.Equal(t, http.StatusAccepted, r.status, "%s", r.body)
	require.Equal(t, "in_progress", r.json()["status"])
	require.NotContains(t, r.json(), "reason")
	marked, err := s.store.Call(t.Context(), number)
	require.NoError(t, err)
	require.Equal(t, campaign.ReasonCanceled, marked.Reason)
}

func TestCancelCallRefusesBadInput(t *testing.T) {
	s := newService(t)
	call := s.call(s.campaign(`{"name": "Spring", "contacts": ["+12125550148"]}`))
	s.post("/v1/calls/call_99/cancel", "").problem(404, campaign.CodeNotFound)
	s.post("/v1/calls/x/cancel", "").problem(404, campaign.CodeNotFound)
	s.post("/v1/calls/"+call+"/cancel", "{").problem(400, codeMalformed)
	require.Equal(t, []string{"hangup"}, s.post("/v1/calls/"+call+"/cancel", `{"hangup": true}`).problem(422, campaign.CodeInvalid).fields())
	require.Equal(t, []string{"hangup"}, s.post("/v1/calls/"+call+"/cancel?hangup=true", "").problem(422, campaign.CodeInvalid).fields())
	commands, _, _ := s.bus.sent()
	require.Empty(t, commands)
	s.bus.onCommand = func(id campaign.ID, _ string) error {
		return campaign.Unavailable("Nobody answers for %v at the moment; try again.", id)
	}
	s.post("/v1/calls/"+call+"/cancel", "").problem(503, campaign.CodeUnavailable)
}
