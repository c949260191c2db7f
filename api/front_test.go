package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

// While the service waits for its parts it is alive, says what is missing, and has
// everybody come again: callbacks too, so that none is lost.
func TestFrontWhileStarting(t *testing.T) {
	missing := []Missing{{"store", "connection refused"}, {"nats", "no servers"}}
	front := NewFront("test", func() []Missing { return missing })
	server := httptest.NewServer(front)
	defer server.Close()
	ask := func(method, path string) (*http.Response, Problem, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader("CallSid=CA1"))
		require.NoError(t, err)
		resp, err := server.Client().Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		var p Problem
		_ = json.Unmarshal(body, &p) // healthz answers something else
		return resp, p, string(body)
	}

	resp, _, body := ask(http.MethodGet, "/healthz")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.JSONEq(t, `{"status": "ok", "version": "test"}`, body)
	resp, p, body := ask(http.MethodGet, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, campaign.CodeUnavailable, p.Code)
	require.Contains(t, body, `"missing":[{"part":"store","reason":"connection refused"},{"part":"nats","reason":"no servers"}]`)
	for method, path := range map[string]string{
		http.MethodGet: "/v1/campaigns", http.MethodPost: "/callbacks/mock/cmp_2/att_1", http.MethodPut: "/healthz",
	} {
		resp, p, _ := ask(method, path)
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, path)
		require.Equal(t, problemType, resp.Header.Get("Content-Type"))
		require.Equal(t, "1", resp.Header.Get("Retry-After"))
		require.Contains(t, p.Detail, "is starting, it is waiting for: store, nats;")
		require.NotEmpty(t, p.RequestID)
	}
	missing = nil
	resp, p, _ = ask(http.MethodGet, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "it is not put together yet")
	require.Contains(t, p.Detail, "service")

	front.Open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"detail": "opened"}`) }))
	for _, path := range []string{"/healthz", "/readyz", "/v1/campaigns"} {
		_, p, _ := ask(http.MethodGet, path)
		require.Equal(t, "opened", p.Detail)
	}
}

// A process without the role api tells how it is, and nothing else.
func TestBareServesHealthAndMetricsOnly(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newService(t, func(c *Config) { c.Bare, c.Registry, c.Loopback = true, registry, false })
	require.JSONEq(t, `{"status": "ok", "version": "test"}`, string(s.get("/healthz").body))
	require.JSONEq(t, `{"status": "ready", "version": "test"}`, string(s.get("/readyz").body))
	s.get("/metrics").problem(401, codeUnauthorized)
	for _, path := range []string{"/v1/campaigns", "/v1/scheduler", "/openapi.json", "/docs", "/"} {
		require.Contains(t, s.get(path).problem(404, campaign.CodeNotFound).Detail, "has not the role api", path)
	}
	s.send(http.MethodPost, "/callbacks/mock/cmp_2/att_1", "application/x-www-form-urlencoded", "a=b").problem(404, campaign.CodeNotFound)

	open := newService(t, func(c *Config) { c.Bare = true })
	open.get("/readyz")
	require.Contains(t, string(open.get("/metrics").body), `dialtone_http_requests_total{method="GET",route="/readyz",status="200"} 1`)
}
