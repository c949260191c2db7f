package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

func TestScheduler(t *testing.T) {
	s := newService(t)
	var asked []any
	s.bus.onAsk = func(subject string, body any) (any, error) {
		asked = append(asked, subject, body)
		switch subject {
		case askStats:
			return Scheduler{Leader: "n1", Strategy: "fair", Strategies: []string{"fair", "round_robin"}}, nil
		case askSlots:
			return Slots{Total: 1, Slots: []Slot{{Token: "1", Campaign: "cmp_2"}}}, nil
		}
		return body, nil
	}
	require.Equal(t, "fair", s.get("/v1/scheduler").json()["strategy"])
	require.EqualValues(t, 1, s.get("/v1/scheduler/slots").json()["total"])
	r := s.send(http.MethodPut, "/v1/scheduler", "application/json", `{"strategy": "round_robin"}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.Equal(t, "round_robin", r.json()["strategy"])
	require.Equal(t, []any{askStats, nil, askSlots, nil, askStrategy, Strategy{Strategy: "round_robin"}}, asked)
}

func TestSchedulerRefusesBadInput(t *testing.T) {
	s := newService(t)
	put := func(body string) reply { return s.send(http.MethodPut, "/v1/scheduler", "application/json", body) }
	require.Equal(t, []string{"strategy"}, put(`{}`).problem(422, campaign.CodeInvalid).fields())
	require.Equal(t, []string{"strategy", "parameters", "x"}, put(`{"strategy": 1, "parameters": 2, "x": 3}`).problem(422, campaign.CodeInvalid).fields())
	put(`{"strategy": "fair"}`).problem(503, campaign.CodeUnavailable)
	s.bus.onAsk = func(string, any) (any, error) {
		return nil, campaign.Invalid("strategy", "There is no strategy \"x\"; take one of fair, round_robin.")
	}
	require.Equal(t, []string{"strategy"}, put(`{"strategy": "x"}`).problem(422, campaign.CodeInvalid).fields())
}

func TestProviders(t *testing.T) {
	s := newService(t)
	require.JSONEq(t, `{"providers": [{"name": "mock", "dialect": "twilio", "channels": 500, "calls_per_second": 200}]}`, string(s.get("/v1/providers").body))
}
