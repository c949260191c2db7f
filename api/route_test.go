package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// undocumented are the routes that serve the document itself.
var undocumented = []string{documentPath, docsPath, docsPath + "/*"}

// document is what the test looks at of an OpenAPI document.
type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Summary     string
		Responses   map[string]struct {
			Description string
			Content     map[string]any
		}
		RequestBody struct {
			Content map[string]struct{ Schema any }
		}
	}
	Components struct {
		SecuritySchemes map[string]struct{ Type, Scheme string }
		Schemas         map[string]any
	}
}

func TestDocumentTellsEveryRoute(t *testing.T) {
	s := newService(t)
	var doc document
	text := s.get(documentPath).body
	require.NoError(t, json.Unmarshal(text, &doc))
	require.Regexp(t, `^3\.1\.`, doc.OpenAPI)
	require.Equal(t, "bearer", doc.Components.SecuritySchemes["key"].Scheme)
	for _, ref := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		require.Contains(t, doc.Components.Schemas, ref[1])
	}
	seen := 0
	err := chi.Walk(s.api.Handler().(chi.Router), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if slices.Contains(undocumented, route) {
			return nil
		}
		seen++
		op, ok := doc.Paths[route][strings.ToLower(method)]
		require.True(t, ok, "%s %s is not documented", method, route)
		require.NotEmpty(t, op.Summary, route)
		require.NotEmpty(t, op.OperationID, route)
		for status, r := range op.Responses {
			require.NotEmpty(t, r.Description)
			if status >= "400" {
				require.Contains(t, r.Content, problemType, "%s %s %s", method, route, status)
			}
		}
		for _, c := range op.RequestBody.Content {
			require.NotEqual(t, map[string]any{"type": "string", "format": "binary"}, c.Schema, route)
		}
		return nil
	})
	require.NoError(t, err)
	documented := 0
	for _, methods := range doc.Paths {
		documented += len(methods)
	}
	require.Equal(t, seen, documented, "what is documented is served")
}

func TestDocsLoadNothingFromOutside(t *testing.T) {
	s := newService(t)
	r := s.get(docsPath)
	require.Equal(t, http.StatusOK, r.status)
	require.Contains(t, r.header.Get("Content-Security-Policy"), "default-src 'self'")
	page := string(r.body)
	require.Contains(t, page, documentPath)
	assets := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	require.NotEmpty(t, assets)
	for _, a := range assets {
		require.True(t, strings.HasPrefix(a[1], docsPath+"/"), "%s is not ours", a[1])
		require.Equal(t, http.StatusOK, s.get(a[1]).status, a[1])
	}
	require.NotRegexp(t, `(?i)(src|href)\s*=\s*["']?(https?:)?//`, page)
}

func TestWrongMethodsAndPathsAreProblems(t *testing.T) {
	s := newService(t)
	r := s.send(http.MethodDelete, "/v1/campaigns", "", "")
	r.problem(405, codeMethod)
	require.Equal(t, "GET, POST", r.header.Get("Allow"))
	s.send(http.MethodPost, "/healthz", "", "").problem(405, codeMethod)
	s.get("/v1/schedules/preview").problem(405, codeMethod)
	s.send(http.MethodPatch, "/v1/providers", "application/json", "{}").problem(405, codeMethod)
	s.send(http.MethodPost, "/v1/calls", "application/x-www-form-urlencoded", `to=1`).problem(415, codeMediaType)
	require.Equal(t, http.StatusOK, s.send(http.MethodHead, "/healthz", "", "").status)
}

func TestOurFaultsAreLoggedAndNotTold(t *testing.T) {
	var log strings.Builder
	s := newService(t, func(c *Config) {
		c.Store = broken{c.Store, errors.New("secret detail")}
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	p := s.get("/v1/campaigns/cmp_2", headerRequestID, "my-request").problem(500, campaign.CodeInternal)
	require.NotContains(t, p.Detail, "secret")
	require.Equal(t, "my-request", p.RequestID)
	require.Contains(t, log.String(), "secret detail")
	require.Contains(t, log.String(), "my-request")
}

func TestStoreAwayIsUnavailable(t *testing.T) {
	s := newService(t, func(c *Config) { c.Store = broken{c.Store, store.AsTransient(errors.New("away"))} })
	r := s.get("/v1/campaigns/cmp_2")
	r.problem(503, campaign.CodeUnavailable)
	require.Equal(t, "1", r.header.Get("Retry-After"))
}

// panicking panics where the store should answer.
type panicking struct{ Store }

func (panicking) Campaign(context.Context, campaign.ID) (campaign.Campaign, error) { panic("ouch") }

func TestPanicsAreProblems(t *testing.T) {
	s := newService(t, func(c *Config) { c.Store = panicking{c.Store} })
	p := s.get("/v1/campaigns/cmp_2").problem(500, campaign.CodeInternal)
	require.NotContains(t, p.Detail, "ouch")
}

func TestReady(t *testing.T) {
	var missing []Missing
	s := newService(t, func(c *Config) { c.Ready = func(context.Context) []Missing { return missing } })
	require.JSONEq(t, `{"status": "ok", "version": "test"}`, string(s.get("/healthz").body))
	require.JSONEq(t, `{"status": "ready", "version": "test"}`, string(s.get("/readyz").body))
	missing = []Missing{{"store", "no connection"}, {"bus", "no leader"}}
	r := s.get("/readyz")
	p := r.problem(503, campaign.CodeUnavailable)
	require.Contains(t, p.Detail, "store, bus")
	require.Len(t, r.json()["missing"], 2)
	require.Equal(t, http.StatusOK, s.get("/healthz").status)
}

func TestMetricsCountByRoute(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newService(t, func(c *Config) { c.Registry = registry })
	s.get("/v1/campaigns/cmp_98")
	s.get("/v1/campaigns/cmp_99")
	s.get("/no/such/thing")
	s.send("BREW", "/healthz", "", "")
	text := string(s.get("/metrics").body)
	require.Contains(t, text, `dialtone_http_requests_total{method="GET",route="/v1/campaigns/{id}",status="404"} 2`)
	require.NotContains(t, text, "cmp_9")
	require.NotContains(t, text, "/no/such")
	require.NotContains(t, text, "BREW")
	_, err := New(Config{Store: s.store, Bus: s.bus, Registry: registry})
	require.ErrorContains(t, err, "duplicate", "a registry takes one API")
}

func TestConfigTellsAllItsFaults(t *testing.T) {
	_, err := New(Config{DefaultRegion: "XX", MaxUpload: -1})
	for _, part := range []string{"store and a bus", `"XX"`, "negative"} {
		require.ErrorContains(t, err, part)
	}
}
