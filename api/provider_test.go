package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/provider"
)

func twoProviders() *fakeProviders {
	return &fakeProviders{specs: []provider.Spec{
		{
			Name: "a", Dialect: "twilio", Limits: provider.Limits{Channels: 500, CallsPerSecond: 200},
			Route: route.Provider{Name: "a", Priority: 2, Weight: 3, Prefixes: []string{"+1"}, Prices: map[string]float64{"+1": 0.02, "": 0.1}},
		},
		{Name: "b", Dialect: "twilio"},
	}}
}

const (
	healthy = `"state": "enabled", "breaker": "closed", "held": 3, "channels_now": 500, "calls_per_second_now": 200, "failures": 0, "failure_ratio": 0`
	failing = `"state": "enabled", "breaker": "open", "breaker_until": "2026-03-01T12:00:05Z", "paused_until": "2026-03-01T12:00:01Z", "stalled": true, "held": 1, "channels_now": 7, "calls_per_second_now": 2.5, "failures": 12, "failure_ratio": 0.6, "last_failure": "broken"`
	asFiled = `"name": "a", "dialect": "twilio", "priority": 2, "weight": 3, "prefixes": ["+1"], "prices": {"+1": 0.02, "default": 0.1}, "channels": 500, "calls_per_second": 200`
	unknown = `"state": "unknown"`
)

func TestProviders(t *testing.T) {
	s := newService(t, func(c *Config) { c.Providers = twoProviders() })
	l := lead(t, s, map[string]string{askProviders: `{"providers": [{"provider": "a", ` + healthy + `}, {"provider": "b", ` + failing + `}, {"provider": "gone", "state": "removed", "held": 2, "channels_now": 0, "calls_per_second_now": 0, "failures": 0, "failure_ratio": 0}]}`})
	require.JSONEq(t, `{"providers": [
		{`+asFiled+`, `+healthy+`},
		{"name": "b", "dialect": "twilio", "priority": 1, "weight": 1, "channels": 0, "calls_per_second": 0, `+failing+`},
		{"name": "gone", "channels": 0, "calls_per_second": 0, "state": "removed", "held": 2, "channels_now": 0, "calls_per_second_now": 0, "failures": 0, "failure_ratio": 0}
	]}`, string(s.get("/v1/providers").body))
	require.Equal(t, []string{"scheduler.providers null"}, l.asked)

	s.bus.onAsk = nil
	list := s.get("/v1/providers")
	require.Equal(t, http.StatusOK, list.status, "what is configured is known")
	require.JSONEq(t, `{"providers": [{`+asFiled+`, `+unknown+`},
		{"name": "b", "dialect": "twilio", "priority": 1, "weight": 1, "channels": 0, "calls_per_second": 0, `+unknown+`}]}`, string(list.body))
}

func TestDrainAProvider(t *testing.T) {
	s := newService(t, func(c *Config) { c.Providers = twoProviders() })
	l := lead(t, s, map[string]string{askProviders: `{"provider": "a", "state": "drained", "held": 3}`})
	r := s.patch("/v1/providers/a", `{"state": "drained"}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.Equal(t, "drained", r.json()["state"])
	require.Equal(t, "a", r.json()["name"])
	require.Equal(t, []string{`scheduler.providers {"provider":"a","state":"drained"}`}, l.asked)

	for body, fields := range map[string][]string{
		`{}`: {"state"}, `{"state": null}`: {"state"}, `{"state": "off"}`: {"state"}, `{"state": 1}`: {"state"},
		`{"state": "drained", "channels": 5}`: {"channels"},
	} {
		require.Equal(t, fields, s.patch("/v1/providers/a", body).problem(422, campaign.CodeInvalid).fields(), body)
	}
	s.patch("/v1/providers/c", `{"state": "drained"}`).problem(404, campaign.CodeNotFound)
	s.patch("/v1/providers/a", `[]`).problem(400, codeMalformed)
	require.Len(t, l.asked, 1, "the leader is not bothered")
	s.bus.onAsk = nil
	s.patch("/v1/providers/a", `{"state": "drained"}`).problem(503, campaign.CodeUnavailable)
}

func TestRoutingOfACampaign(t *testing.T) {
	s := newService(t, func(c *Config) { c.Providers = twoProviders() })
	id := s.campaign(`{"name": "Spring", "providers": ["a", {"name": "b", "priority": 3, "weight": 0.5}], "routing": "least_cost", "from_by_prefix": {"+44": "+442079460958", "+1": "(212) 555-0147"}}`)
	routing := func() []any {
		c := s.get("/v1/campaigns/" + id).json()
		return []any{c["providers"], c["routing"], c["from_by_prefix"]}
	}
	both := []any{map[string]any{"name": "a"}, map[string]any{"name": "b", "priority": 3.0, "weight": 0.5}}
	callers := map[string]any{"+44": "+442079460958", "+1": "+12125550147"}
	require.Equal(t, []any{both, "least_cost", callers}, routing())
	patch := func(body string) {
		t.Helper()
		r := s.patch("/v1/campaigns/"+id, body)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	}
	patch(`{"weight": 2}`)
	require.Equal(t, []any{both, "least_cost", callers}, routing(), "absent stays")
	patch(`{"providers": ["b"], "from_by_prefix": {}}`)
	require.Equal(t, []any{[]any{map[string]any{"name": "b"}}, "least_cost", nil}, routing())
	patch(`{"providers": null, "routing": null, "from_by_prefix": null}`)
	require.Equal(t, []any{nil, "priority", nil}, routing())
}

func TestACallOfOneProvider(t *testing.T) {
	s := newService(t, func(c *Config) { c.Providers = twoProviders() })
	c := s.post("/v1/calls", `{"to": "+12125550147", "provider": "b"}`).json()
	require.Equal(t, "b", c["provider"])
	require.Equal(t, "b", s.get("/v1/calls/" + c["id"].(string)).json()["provider"])
	p := s.post("/v1/calls", `{"to": "+12125550147", "provider": "c"}`).problem(422, campaign.CodeInvalid)
	require.Contains(t, p.Detail, "take one of a, b.")
}
