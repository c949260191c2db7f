package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

func TestIdempotencyKeyGivesTheSameResource(t *testing.T) {
	for path, body := range map[string][3]string{
		"/v1/calls":     {`{"to": "+12125550147", "from": "+442079460958"}`, `{ "from":"+442079460958","to":"+12125550147" }`, `{"to": "+12125550148"}`},
		"/v1/campaigns": {`{"name": "Spring", "weight": 2}`, `{"weight":2,"name":"Spring"}`, `{"name": "Autumn"}`},
	} {
		t.Run(path, func(t *testing.T) {
			s := newService(t)
			first := s.post(path, body[0], "Idempotency-Key", "order-1")
			require.Less(t, first.status, 300, "%s", first.body)
			require.Empty(t, first.header.Get("Idempotent-Replayed"))

			again := s.post(path, body[1], "Idempotency-Key", "order-1")
			require.Less(t, again.status, 300, "%s", again.body)
			require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
			require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
			require.Equal(t, first.json()["id"], again.json()["id"])

			before := s.everything()
			p := s.post(path, body[2], "Idempotency-Key", "order-1").problem(409, campaign.CodeConflict)
			require.Contains(t, p.Detail, "new key")
			s.post(path, body[0], "Idempotency-Key", strings.Repeat("x", 201)).problem(422, campaign.CodeInvalid)
			require.Equal(t, before, s.everything(), "something changed")

			other := s.post(path, body[0], "Idempotency-Key", "order-2")
			require.NotEqual(t, first.json()["id"], other.json()["id"])
			other = s.post(path, body[0])
			require.NotEqual(t, first.json()["id"], other.json()["id"])
		})
	}
}

func TestIdempotencyKeysOfKindsAreApart(t *testing.T) {
	s := newService(t)
	require.Less(t, s.post("/v1/calls", `{"to": "+12125550147"}`, "Idempotency-Key", "a").status, 300)
	r := s.post("/v1/campaigns", `{"name": "Spring"}`, "Idempotency-Key", "a")
	require.Equal(t, 201, r.status, "%s", r.body)
	require.Empty(t, r.header.Get("Idempotent-Replayed"))
}
