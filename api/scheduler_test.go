package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

// leader answers on subjects as the scheduler's leader does, with JSON, and notes what
// it was asked.
type leader struct {
	t       *testing.T
	answers map[string]string
	asked   []string
}

func lead(t *testing.T, s *service, answers map[string]string) *leader {
	l := &leader{t: t, answers: answers}
	s.bus.onAsk = l.ask
	return l
}

func (l *leader) ask(subject string, body any) (any, error) {
	text, err := json.Marshal(body)
	require.NoError(l.t, err)
	l.asked = append(l.asked, subject+" "+string(text))
	answer, ok := l.answers[subject]
	if !ok {
		return nil, campaign.NotFound("There is none.")
	}
	return json.RawMessage(answer), nil
}

func (s *service) put(path, body string) reply {
	s.t.Helper()
	return s.send(http.MethodPut, path, "application/json", body)
}

const schedulerStats = `{"leader": "n1", "term": 7, "since": "2026-03-01T12:00:00Z", "ready": true, "granted": 12,
	"strategy": "remaining", "parameters": {"direction": "fewest"},
	"strategies": [{"name": "remaining", "summary": "Fewest first.", "parameters": [{"name": "direction", "summary": "Which goes first.", "takes": "fewest or most", "default": "fewest"}]},
		{"name": "fair", "summary": "The same for all.", "parameters": []}],
	"nodes": [{"node": "n1", "partitions": 42, "held": 3}, {"node": "n2", "partitions": 22, "held": 0}],
	"providers": [{"provider": "mock", "channels": 500, "calls_per_second": 200, "held": 3}],
	"campaigns": [{"campaign": "cmp_2", "held": 3, "limit": 10, "waiting": 7, "weight": 2, "group": "team-a", "priority": 1, "due": "2026-03-01T20:00:00Z", "late": true},
		{"campaign": "cmp_3", "held": 0, "limit": 10, "waiting": 0, "weight": 1, "priority": 5, "late": false}]}`

func TestScheduler(t *testing.T) {
	s := newService(t)
	l := lead(t, s, map[string]string{askStats: schedulerStats})
	r := s.get("/v1/scheduler")
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.JSONEq(t, schedulerStats, string(r.body))
	require.Equal(t, []string{"scheduler.stats null"}, l.asked)

	l.answers[askStats] = `{"strategies": [{"name": "fair", "parameters": null}]}`
	c := s.get("/v1/scheduler").json()
	require.Equal(t, map[string]any{}, c["parameters"], "empty, not null")
	require.Equal(t, []any{}, c["campaigns"])
	require.Equal(t, []any{}, c["strategies"].([]any)[0].(map[string]any)["parameters"])
}

func TestChooseStrategy(t *testing.T) {
	s := newService(t)
	l := lead(t, s, map[string]string{askStrategy: `{"strategy": "remaining", "parameters": {"direction": "most"}}`})
	r := s.put("/v1/scheduler", `{"strategy": "remaining", "parameters": {"direction": "most"}}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.JSONEq(t, l.answers[askStrategy], string(r.body))
	l.answers[askStrategy] = `{"strategy": "fair"}`
	for _, body := range []string{`{"strategy": "fair"}`, `{"strategy": "fair", "parameters": null}`} {
		require.JSONEq(t, `{"strategy": "fair", "parameters": {}}`, string(s.put("/v1/scheduler", body).body))
	}
	require.Equal(t, []string{
		`scheduler.strategy {"strategy":"remaining","parameters":{"direction":"most"}}`,
		`scheduler.strategy {"strategy":"fair"}`, `scheduler.strategy {"strategy":"fair"}`,
	}, l.asked)
}

// badChoices are wrong for the strategy in force and for a shadow.
var badChoices = map[string][]string{
	`{}`:                     {"strategy"},
	`{"strategy": null}`:     {"strategy"},
	`{"strategy": ""}`:       {"strategy"},
	`{"parameters": {}}`:     {"strategy"},
	`{"strategy": ["fair"]}`: {"strategy"},
	`{"strategy": "fair", "x": null, "parameters": [], "direction": "most"}`: {"parameters", "direction", "x"},
	`{"strategy": 1, "parameters": 2, "x": 3}`:                               {"strategy", "parameters", "x"},
	`{"strategy": "fair", "strategy": "fair"}`:                               {"strategy"},
}

func TestBadChoicesAreRefused(t *testing.T) {
	for _, path := range []string{"/v1/scheduler", shadowPath} {
		s := newService(t)
		l := lead(t, s, nil)
		for body, fields := range badChoices {
			require.Equal(t, fields, s.put(path, body).problem(422, campaign.CodeInvalid).fields(), body)
		}
		s.put(path, `[]`).problem(400, codeMalformed)
		s.put(path, `{"strategy"`).problem(400, codeMalformed)
		s.send(http.MethodPut, path, "text/plain", `{"strategy": "fair"}`).problem(415, codeMediaType)
		require.Empty(t, l.asked, "the leader is not bothered")
		s.bus.onAsk = nil
		s.put(path, `{"strategy": "fair"}`).problem(503, campaign.CodeUnavailable)

		s.bus.onAsk = func(string, any) (any, error) {
			return nil, campaign.Errors{
				campaign.Invalid("parameters.a", "Give a number from 0 to 1, not 2."), campaign.Invalid("parameters.b", "There is no such parameter; take one of a."),
			}
		}
		p := s.put(path, `{"strategy": "x", "parameters": {"a": 2, "b": 1}}`).problem(422, campaign.CodeInvalid)
		require.Equal(t, []string{"parameters.a", "parameters.b"}, p.fields(), "all faults that the leader found")
		require.Equal(t, "There is no such parameter; take one of a.", p.Errors[1].Message)
	}
}

const someSlots = `{"total": 2, "slots": [
	{"token": "17", "campaign": "cmp_2", "call": "call_7", "to": "+12125550147", "attempt": "7340033", "provider": "mock", "node": "n1", "since": "2026-03-01T12:00:00Z", "age_seconds": 12.5, "evidence": "placed"},
	{"token": "18", "campaign": "cmp_2", "provider": "mock", "node": "n1", "since": "2026-03-01T12:00:10Z", "age_seconds": 2.5, "evidence": "granted"}]}`

func TestSlots(t *testing.T) {
	s := newService(t)
	l := lead(t, s, map[string]string{askSlots: someSlots})
	r := s.get("/v1/scheduler/slots")
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.JSONEq(t, someSlots, string(r.body))
	s.get("/v1/scheduler/slots?campaign=cmp_2&limit=10000")
	require.Equal(t, []string{`scheduler.slots {"limit":1000}`, `scheduler.slots {"campaign":"cmp_2","limit":10000}`}, l.asked)
	l.answers[askSlots] = `{"total": 0, "slots": null}`
	require.JSONEq(t, `{"total": 0, "slots": []}`, string(s.get("/v1/scheduler/slots").body))
}

func TestSlotsRefuseBadParameters(t *testing.T) {
	s := newService(t)
	l := lead(t, s, map[string]string{askSlots: someSlots})
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=10001": "limit", "limit=ten": "limit", "campaign=2": "campaign", "campaign=call_2": "campaign", "campaign=cmp_02": "campaign", "cursor=x": "cursor",
	} {
		p := s.get("/v1/scheduler/slots?"+query).problem(422, campaign.CodeInvalid)
		require.Equal(t, []string{field}, p.fields(), query)
		require.Equal(t, "query", p.Errors[0].Location)
	}
	require.Contains(t, s.get("/v1/scheduler/slots?limit=0").problem(422, campaign.CodeInvalid).Detail, "Give a whole number from 1 to 10000, or leave it out for 1000.")
	require.Contains(t, s.get("/v1/campaigns?limit=0").problem(422, campaign.CodeInvalid).Detail, "Give a whole number from 1 to 500, or leave it out for 50.")
	require.Empty(t, l.asked)
}

const shadowReport = `{"strategy": "deadline", "parameters": {"floor": 0.5}, "since": "2026-03-01T12:00:00Z",
	"live": {"strategy": "fair", "jain": 0.99, "utilisation": 0.9, "mean_wait_seconds": 1.5, "max_wait_seconds": 12},
	"shadow": {"strategy": "deadline", "jain": 0.8, "utilisation": 0.91, "mean_wait_seconds": 2, "max_wait_seconds": 20},
	"campaigns": [{"campaign": "cmp_2", "live": {"share": 0.5, "calls": 10, "slot_seconds": 100.5, "mean_wait_seconds": 1, "max_wait_seconds": 2},
		"shadow": {"share": 0.25, "calls": 5, "slot_seconds": 50, "mean_wait_seconds": 3, "max_wait_seconds": 4}}]}`

func TestShadow(t *testing.T) {
	s := newService(t)
	l := lead(t, s, map[string]string{askShadow: shadowReport})
	r := s.put(shadowPath, `{"strategy": "deadline", "parameters": {"floor": 0.5}}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.JSONEq(t, shadowReport, string(r.body))
	require.JSONEq(t, shadowReport, string(s.get(shadowPath).body))
	r = s.send(http.MethodDelete, shadowPath, "", "")
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.body)
	require.Empty(t, r.body)
	require.Equal(t, []string{
		`scheduler.shadow {"action":"start","strategy":"deadline","parameters":{"floor":0.5}}`,
		`scheduler.shadow {"action":"read"}`, `scheduler.shadow {"action":"stop"}`,
	}, l.asked)

	delete(l.answers, askShadow)
	s.get(shadowPath).problem(404, campaign.CodeNotFound)
	s.send(http.MethodDelete, shadowPath, "", "").problem(404, campaign.CodeNotFound)
}

const aForecast = `{"campaign": "cmp_2", "computed_at": "2026-03-01T12:00:00Z", "runs": 100, "strategy": "deadline", "remaining": 4200, "finishes": true,
	"finish": {"earliest": "2026-03-01T14:00:00Z", "expected": "2026-03-01T15:00:00Z", "latest": "2026-03-01T17:00:00Z"},
	"deadline": "2026-03-01T14:00:00Z", "meets_deadline_probability": 0,
	"closing": [{"time_zone": "America/New_York", "closes_at": "2026-03-01T22:00:00Z", "numbers": 310, "expected_left": 12.5, "examples": [{"call": "call_7", "to": "+12125550147"}]}]}`

const aForecastWithoutEnd = `{"campaign": "cmp_2", "computed_at": "2026-03-01T12:00:00Z", "runs": 100, "strategy": "fair", "remaining": 4200, "finishes": false,
	"reason": "The schedule never opens again.", "closing": []}`

func TestForecast(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	l := lead(t, s, map[string]string{askForecast: aForecast})
	r := s.get("/v1/campaigns/" + id + "/forecast")
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.JSONEq(t, aForecast, string(r.body), "a probability of 0 is one")
	l.answers[askForecast] = aForecastWithoutEnd
	require.JSONEq(t, aForecastWithoutEnd, string(s.get("/v1/campaigns/"+id+"/forecast").body))
	require.Equal(t, []string{`scheduler.forecast {"campaign":"cmp_2"}`, `scheduler.forecast {"campaign":"cmp_2"}`}, l.asked)

	require.Equal(t, []string{askForecast, askForecast}, s.bus.once, "it takes longer than Ask is patient")

	s.get("/v1/campaigns/cmp_99/forecast").problem(404, campaign.CodeNotFound)
	s.get("/v1/campaigns/x/forecast").problem(404, campaign.CodeNotFound)
	s.move(id, campaign.StatusPending, campaign.StatusCanceled)
	s.get("/v1/campaigns/"+id+"/forecast").problem(409, campaign.CodeConflict)
	require.Len(t, l.asked, 2, "who is not there, or is over, is not asked for")
	s.bus.onAsk = nil
	s.get("/v1/campaigns/cmp_1/forecast").problem(503, campaign.CodeUnavailable)
}
