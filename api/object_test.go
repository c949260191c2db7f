package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign"
)

func TestMalformedBodiesNameThePlace(t *testing.T) {
	_, err := newObject([]byte("{\n  \"name\": \"x\",\n  oops\n}"))
	require.ErrorContains(t, err, "line 3, column 3")
	_, err = newObject([]byte(`{"name": "x"`))
	require.ErrorContains(t, err, "line 1, column 12")
	_, err = newObject([]byte(`null`))
	require.ErrorContains(t, err, "JSON object")
}

// bodies draws JSON that is nearly a campaign.
var bodies = rapid.Custom(func(t *rapid.T) string {
	value := rapid.SampledFrom([]string{`null`, `0`, `-1`, `1`, `1.5`, `1e400`, `""`, `"x"`, `"5m"`, `"US"`, `"+12125550147"`, `[]`, `{}`, `[1]`, `{"a":1}`, `true`,
		`{"max_attempts":2,"delay":"1m"}`, `{"windows":[]}`, `["+12125550147"]`, `"Europe/Paris"`, `"2200-01-01T00:00:00Z"`, `{"time_zone":"contact"}`, `{"max_attempts":2,"by_disposition":{"busy":{"delay":"1m"},"x":1}}`,
		`{"time_zone":"UTC","windows":[{"days":["mon"],"start":"09:00","end":"17:00"}],"closed_dates":["2026-12-25"]}`, `{"windows":[{"days":[1]},2,null],"special_dates":[{"windows":{}}],"start_at":"x"}`})
	fields := rapid.SliceOf(rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"name", "from", "default_region", "max_concurrent_calls", "weight", "retry", "contacts", "schedule", "default_time_zone", "priority", "deadline", "group", "zz", ""}).Draw(t, "name")
		return `"` + name + `":` + value.Draw(t, "value")
	})).Draw(t, "fields")
	body := "{" + strings.Join(fields, ",") + "}"
	if rapid.IntRange(0, 9).Draw(t, "damage") == 0 {
		body = body[:rapid.IntRange(0, len(body)).Draw(t, "length")]
	}
	return body
})

// TestEveryBodyIsTakenOrExplained holds creation and patch to it: a resource or a
// problem, never a panic or a fault of ours, and what is refused changes nothing.
func TestEveryBodyIsTakenOrExplained(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	rapid.Check(t, func(rt *rapid.T) {
		body := bodies.Draw(rt, "body")
		before := string(s.get("/v1/campaigns/" + id).body)
		r := s.patch("/v1/campaigns/"+id, body)
		if r.status != http.StatusOK {
			explained(t, r)
			require.Equal(t, before, string(s.get("/v1/campaigns/"+id).body))
		}
		if r = s.post("/v1/campaigns", body); r.status != http.StatusCreated {
			explained(t, r)
		}
	})
}

func explained(t *testing.T, r reply) {
	t.Helper()
	var p Problem
	require.NoError(t, json.Unmarshal(r.body, &p))
	want := map[int]campaign.Code{400: codeMalformed, 422: campaign.CodeInvalid, 415: codeMediaType}
	require.Equal(t, want[r.status], p.Code, "%s", r.body)
	r.problem(r.status, p.Code)
}

func TestFingerprintIgnoresSpacesAndOrder(t *testing.T) {
	require.Equal(t, fingerprint([]byte(`{"a": 1, "b": {"c": 2, "d": 3}}`)), fingerprint([]byte(`{"b":{"d":3,"c":2},"a":1}`)))
	require.NotEqual(t, fingerprint([]byte(`{"a": 1}`)), fingerprint([]byte(`{"a": 2}`)))
	require.NotEqual(t, fingerprint([]byte(`{"a": 12345678901234567890}`)), fingerprint([]byte(`{"a": 12345678901234567891}`)))
}
