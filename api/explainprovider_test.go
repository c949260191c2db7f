package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/provider"
)

// waitingFor is a campaign that waits for tokens, and the service that it is in; the
// scheduler says how the providers us, uk and any are.
func waitingFor(t *testing.T, settings string) (s *service, id string, told map[string]string) {
	t.Helper()
	s = newService(t, func(c *Config) {
		c.Providers = &fakeProviders{specs: []provider.Spec{
			{Name: "us", Route: route.Provider{Prefixes: []string{"+1"}}}, {Name: "uk", Route: route.Provider{Prefixes: []string{"+44"}}}, {Name: "any"},
		}}
	})
	id = s.campaign(`{"name": "Spring", "contacts": ["+12125550147"]` + settings + `}`)
	s.move(id, campaign.StatusPending, campaign.StatusInProgress)
	s.bus.onReply = func(string, any) any {
		return campaign.CampaignExplanation{CampaignID: 2, Explanation: campaign.Explanation{
			Rule: campaign.RuleWaitingForToken, Message: "Others hold the tokens.", NextDialAt: moment,
		}}
	}
	told = map[string]string{}
	s.bus.onAsk = func(subject string, _ any) (any, error) {
		require.Equal(t, askProviders, subject)
		var all []string
		for _, name := range []string{"us", "uk", "any"} {
			if how, known := told[name]; known {
				all = append(all, `{"provider": "`+name+`", `+how+`}`)
			}
		}
		return json.RawMessage(`{"providers": [` + strings.Join(all, ",") + `]}`), nil
	}
	return s, id, told
}

// rule is what holds something back, with its time, and the message.
func (s *service) rule(path string) (rule, message string) {
	s.t.Helper()
	r := s.get(path + "/explain")
	require.Equal(s.t, http.StatusOK, r.status, "%s", r.body)
	var e Explanation
	require.NoError(s.t, json.Unmarshal(r.body, &e))
	if rule = e.Rule; !e.NextDialAt.IsZero() {
		rule += " until " + rfc(e.NextDialAt)
	}
	return rule, e.Message
}

const (
	isWell    = `"state": "enabled", "breaker": "closed"`
	isDrained = `"state": "drained", "breaker": "closed"`
	isOpen    = `"state": "enabled", "breaker": "open", "breaker_until": "2026-03-01T12:00:05Z"`
	isPaused  = `"state": "enabled", "breaker": "closed", "paused_until": "2026-03-01T12:00:09Z"`
	isStalled = `"state": "enabled", "breaker": "closed", "stalled": true`
	isRemoved = `"state": "removed", "breaker": "closed"`
	isBoth    = `"state": "enabled", "breaker": "open", "breaker_until": "2026-03-01T12:00:05Z", "paused_until": "2026-03-01T12:00:09Z"`

	waits = "waiting_for_token until 2026-03-01T12:00:00Z"
	taken = "No provider by which it may go takes calls now: "
)

func TestExplainThatNoProviderTakesCalls(t *testing.T) {
	s, id, told := waitingFor(t, "")
	for name, c := range map[string]struct {
		us, uk, any   string
		rule, message string
	}{
		"one is well":        {isDrained, isOpen, isWell, waits, "Others hold the tokens."},
		"one has its probes": {isDrained, isOpen, `"state": "enabled", "breaker": "half_open"`, waits, "Others hold the tokens."},
		"one is not known":   {isDrained, isOpen, "", waits, "Others hold the tokens."},
		"one is drained": {isDrained, isOpen, isPaused, "provider_unavailable until 2026-03-01T12:00:05Z",
			taken + `us is drained; the breaker of uk, which fails, is open until 2026-03-01T12:00:05Z; any asked for patience until 2026-03-01T12:00:09Z. Enable us again with PATCH /v1/providers/us {"state": "enabled"}.`},
		"all are drained": {isDrained, isDrained, isDrained, "provider_unavailable",
			taken + `us is drained; uk is drained; any is drained. Enable one of us, uk, any again with PATCH /v1/providers/{name} {"state": "enabled"}.`},
		"none is drained": {isRemoved, isStalled, isBoth, "provider_unavailable until 2026-03-01T12:00:09Z",
			taken + `us is not in the providers file of the process that leads; uk answers none of its requests; the breaker of any, which fails, is open until 2026-03-01T12:00:05Z, and it asked for patience until 2026-03-01T12:00:09Z. It goes on by itself once one of them takes calls again.`},
	} {
		clear(told)
		for name, how := range map[string]string{"us": c.us, "uk": c.uk, "any": c.any} {
			if how != "" {
				told[name] = how
			}
		}
		rule, message := s.rule("/v1/campaigns/" + id)
		require.Equal(t, c.rule, rule, name)
		require.Equal(t, c.message, message, name)
	}
	s.bus.onAsk = nil
	rule, _ := s.rule("/v1/campaigns/" + id)
	require.Equal(t, waits, rule, "the scheduler does not answer")
}

func TestExplainAsksForTheProvidersThatMayTakeIt(t *testing.T) {
	s, id, told := waitingFor(t, `, "providers": ["us", "uk"]`)
	told["us"], told["uk"], told["any"] = isDrained, isWell, isWell
	call := "/v1/calls/" + s.call(id)
	rule, _ := s.rule("/v1/campaigns/" + id)
	require.Equal(t, waits, rule, "another part of it may go")
	rule, message := s.rule(call)
	require.Equal(t, "provider_unavailable", rule)
	require.Contains(t, message, ": us is drained. ")
	told["uk"] = isStalled
	rule, _ = s.rule("/v1/campaigns/" + id)
	require.Equal(t, "provider_unavailable", rule, "what is not allowed does not count")

	// A call that names its provider goes by it, whatever the number.
	bound := "/v1/calls/" + s.post("/v1/calls", `{"to": "+12125550147", "provider": "uk"}`).json()["id"].(string)
	rule, message = s.rule(bound)
	require.Equal(t, "provider_unavailable", rule)
	require.Contains(t, message, ": uk answers none of its requests. ")
	told["uk"] = isWell
	rule, _ = s.rule(bound)
	require.Equal(t, waits, rule)
}

// Single calls may each name a provider that the standing campaign does not allow.
func TestExplainTheStandingCampaignByAllProviders(t *testing.T) {
	s, _, told := waitingFor(t, "")
	require.Equal(t, http.StatusOK, s.patch("/v1/campaigns/cmp_1", `{"providers": ["us"]}`).status)
	told["us"], told["uk"], told["any"] = isDrained, isDrained, isWell
	rule, _ := s.rule("/v1/campaigns/cmp_1")
	require.Equal(t, waits, rule)
	told["any"] = isDrained
	rule, _ = s.rule("/v1/campaigns/cmp_1")
	require.Equal(t, "provider_unavailable", rule)
}

// A provider that is well again after the hours is of no use before they open.
func TestExplainNextDialOfACallIsInItsHours(t *testing.T) {
	var now clock
	s := newService(t, clocked(&now, on("2026-03-02T21:59:00Z"))) // a Monday, 16:59 in New York
	id := s.campaign(`{"name": "Spring", "schedule": ` + office + `, "contacts": ["+12125550147"]}`)
	s.move(id, campaign.StatusPending, campaign.StatusInProgress)
	s.bus.onReply = func(string, any) any {
		return campaign.CampaignExplanation{CampaignID: 2, Explanation: campaign.Explanation{Rule: campaign.RuleWaitingForToken}}
	}
	lead(t, s, map[string]string{askProviders: `{"providers": [{"provider": "mock", "state": "enabled", "paused_until": "2026-03-02T22:05:00Z"}]}`})
	rule, _ := s.rule("/v1/calls/" + s.call(id))
	require.Equal(t, "provider_unavailable until 2026-03-03T14:00:00Z", rule)
}

// A call that names its provider has no route only where that one is gone.
func TestExplainACallWhoseProviderIsGone(t *testing.T) {
	all := twoProviders()
	s := newService(t, func(c *Config) { c.Providers = all })
	call := s.post("/v1/calls", `{"to": "+442079460958", "provider": "b"}`).json()["id"].(string)
	s.bus.onReply = func(string, any) any {
		return campaign.CampaignExplanation{CampaignID: campaign.Single, Explanation: campaign.Explanation{Rule: campaign.RuleNoRoute, Message: "No provider serves the rest."}}
	}
	rule, message := s.rule("/v1/calls/" + call)
	require.Equal(t, "no_route", rule)
	require.Equal(t, "No provider serves the rest.", message, "it is not this call's")
	all.specs = all.specs[:1]
	rule, message = s.rule("/v1/calls/" + call)
	require.Equal(t, "no_route", rule)
	require.Equal(t, "The call names its provider, b, and there is no such provider any more; put it back into the providers file, or cancel the call with POST /v1/calls/"+call+"/cancel.", message)
}
