package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
)

const (
	healthPath  = "/healthz"
	readyPath   = "/readyz"
	metricsPath = "/metrics"

	readyPatience = 2 * time.Second
)

// Health is the answer of /healthz and /readyz.
type Health struct {
	Status  string `json:"status" example:"ok"`
	Version string `json:"version" example:"1.0.0"`
}

// ReadyProblem lists what the service is waiting for.
type ReadyProblem struct {
	Problem
	Missing []Missing `json:"missing" doc:"The parts that are not there, and why."`
}

func (a *API) healthz(w http.ResponseWriter, _ *http.Request) { well(w, "ok", a.cfg.Version) }

func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyPatience)
	defer cancel()
	missing := a.cfg.Ready(ctx)
	if len(missing) == 0 {
		well(w, "ready", a.cfg.Version)
		return
	}
	notReady(w, missing, visitOf(r.Context()).id)
}

func well(w http.ResponseWriter, status, version string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(Health{Status: status, Version: version}) // the client is gone
}

func notReady(w http.ResponseWriter, missing []Missing, requestID string) {
	p := newProblem(campaign.CodeUnavailable, "The service is not ready, it is waiting for: %s; see missing for the reasons.", parts(missing))
	p.RequestID = requestID
	p.writeBody(w, ReadyProblem{Problem: *p, Missing: missing})
}

// parts names what is missing.
func parts(missing []Missing) string {
	names := make([]string, len(missing))
	for i, m := range missing {
		names[i] = m.Part
	}
	return strings.Join(names, ", ")
}

func (a *API) describeHealth() {
	jsonOf := func(t reflect.Type) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: a.schema(t)}}
	}
	open := []map[string][]string{}
	a.describe(&huma.Operation{
		OperationID: "healthz", Method: http.MethodGet, Path: healthPath, Tags: []string{"Service"}, Security: open,
		Summary:   "Whether the process is up",
		Responses: map[string]*huma.Response{"200": {Description: "It is.", Content: jsonOf(reflect.TypeFor[Health]())}},
	})
	ready := &huma.Operation{
		OperationID: "readyz", Method: http.MethodGet, Path: readyPath, Tags: []string{"Service"}, Security: open,
		Summary:   "Whether the service can do its work, and what is missing if not",
		Responses: map[string]*huma.Response{"200": {Description: "It can.", Content: jsonOf(reflect.TypeFor[Health]())}},
		Errors:    []int{503},
	}
	a.describe(ready)
	ready.Responses["503"].Content = map[string]*huma.MediaType{problemType: {Schema: a.schema(reflect.TypeFor[ReadyProblem]())}}
	a.describe(&huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: metricsPath, Tags: []string{"Service"}, Security: security,
		Summary: "Metrics for Prometheus",
		Responses: map[string]*huma.Response{"200": {
			Description: "In the text format of Prometheus.",
			Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
		Errors: []int{401, 403},
	})
}
