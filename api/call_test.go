package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

func TestCreateCall(t *testing.T) {
	s := newService(t)
	r := s.post("/v1/calls", `{"to": "(212) 555-0147", "from": "+442079460958", "variables": {"b": 1, "a": "x"}}`)
	require.Equal(t, http.StatusAccepted, r.status, "%s", r.body)
	c := r.json()
	require.Equal(t, "+12125550147", c["to"])
	require.Equal(t, "+442079460958", c["from"])
	require.Equal(t, "cmp_1", c["campaign_id"])
	require.Equal(t, "queued", c["status"])
	require.Equal(t, []any{}, c["attempts"])
	require.Equal(t, map[string]any{"a": "x", "b": 1.0}, c["variables"])
	require.Equal(t, "/v1/calls/"+c["id"].(string), r.header.Get("Location"))
	require.NotContains(t, c, "next_attempt_at")
	require.JSONEq(t, string(r.body), string(s.get(r.header.Get("Location")).body))
	_, pokes, _ := s.bus.sent()
	require.Equal(t, []string{"cmp_1 refresh"}, pokes)
}

func TestCallShowsItsAttempts(t *testing.T) {
	s := newService(t)
	at := s.claimed()
	fence := s.own()
	s.apply(&store.Placing{Campaign: campaign.Single, Attempt: at, Number: 1, Provider: "mock", Placer: 7, At: moment})
	s.apply(&store.Finish{
		Fence: fence, Campaign: campaign.Single, Attempt: at, ProviderCallID: "CA1", Disposition: campaign.DispositionBusy,
		EndedAt: moment.Add(2500 * time.Millisecond), Duration: 1500 * time.Millisecond, Detail: "486",
		Next: campaign.CallRetryWait, NextAttemptAt: moment.Add(time.Hour),
	})
	c := s.get("/v1/calls/" + at.Call().String()).json()
	require.Equal(t, "retry_wait", c["status"])
	require.Equal(t, "2026-03-01T13:00:00Z", c["next_attempt_at"])
	require.Equal(t, []any{map[string]any{
		"number": 1.0, "provider": "mock", "provider_call_id": "CA1", "state": "ended", "disposition": "busy", "detail": "486",
		"started_at": "2026-03-01T12:00:00Z", "ended_at": "2026-03-01T12:00:02.5Z", "duration_seconds": 1.5,
	}}, c["attempts"])
	list := s.get("/v1/campaigns/cmp_1/calls?status=retry_wait").json()["calls"].([]any)
	require.Equal(t, []any{c}, list)
	require.Empty(t, s.get("/v1/campaigns/cmp_1/calls?status=queued").json()["calls"])
	require.EqualValues(t, 1, s.get("/v1/campaigns/cmp_1/stats").json()["attempts"])
}

func TestListCallsInPages(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring", "contacts": ["+12125550141", "+12125550142", "+12125550143"]}`)
	first := s.get("/v1/campaigns/" + id + "/calls?limit=2").json()
	require.Len(t, first["calls"], 2)
	second := s.get("/v1/campaigns/" + id + "/calls?limit=2&cursor=" + first["next_cursor"].(string)).json()
	require.Len(t, second["calls"], 1)
	require.Equal(t, "+12125550143", second["calls"].([]any)[0].(map[string]any)["to"])
	require.NotContains(t, second, "next_cursor")
}

func TestCreateCallRefusesBadInput(t *testing.T) {
	s := newService(t)
	before := s.everything()
	for name, c := range map[string]struct {
		body   string
		status int
		code   campaign.Code
		fields []string
	}{
		"malformed":       {`{"to": }`, 400, codeMalformed, nil},
		"no body":         {``, 400, codeMalformed, nil},
		"not an object":   {`["+12125550147"]`, 400, codeMalformed, nil},
		"two documents":   {`{"to": "+12125550147"} {}`, 400, codeMalformed, nil},
		"no number":       {`{}`, 422, campaign.CodeInvalid, []string{"to"}},
		"null number":     {`{"to": null}`, 422, campaign.CodeInvalid, []string{"to"}},
		"a JSON number":   {`{"to": 12125550147}`, 422, campaign.CodeInvalid, []string{"to"}},
		"no such number":  {`{"to": "+1212555"}`, 422, campaign.CodeInvalid, []string{"to"}},
		"not a number":    {`{"to": "Ada"}`, 422, campaign.CodeInvalid, []string{"to"}},
		"unknown field":   {`{"to": "+12125550147", "too": 1}`, 422, campaign.CodeInvalid, []string{"too"}},
		"twice":           {`{"to": "+12125550147", "to": "+12125550148"}`, 422, campaign.CodeInvalid, []string{"to"}},
		"provider":        {`{"to": "+12125550147", "provider": "other"}`, 422, campaign.CodeInvalid, []string{"provider"}},
		"variables":       {`{"to": "+12125550147", "variables": []}`, 422, campaign.CodeInvalid, []string{"variables"}},
		"zero character":  {`{"to": "+12125550147", "variables": {"a": ["\u0000"]}}`, 422, campaign.CodeInvalid, []string{"variables"}},
		"all at once":     {`{"to": "1", "from": "2", "variables": 3, "provider": "x", "zzz": 4}`, 422, campaign.CodeInvalid, []string{"to", "from", "variables", "provider", "zzz"}},
		"bad key":         {`{"to": "+12125550147"}`, 422, campaign.CodeInvalid, []string{"Idempotency-Key"}},
		"a huge document": {`{"to": "` + string(make([]byte, maxBody)) + `"}`, 413, codeTooLarge, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if name == "bad key" {
				headers = []string{"Idempotency-Key", "schlüssel"}
			}
			p := s.in(t).post("/v1/calls", c.body, headers...).problem(c.status, c.code)
			require.Equal(t, c.fields, p.fields())
		})
	}
	require.Equal(t, before, s.everything(), "something changed")
}
