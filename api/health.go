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

const readyPatience = 2 * time.Second

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

func (a *API) healthz(w http.ResponseWriter, _ *http.Request) { a.well(w, "ok") }

func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyPatience)
	defer cancel()
	missing := a.cfg.Ready(ctx)
	if len(missing) == 0 {
		a.well(w, "ready")
		return
	}
	parts := make([]string, len(missing))
	for i, m := range missing {
		parts[i] = m.Part
	}
	p := newProblem(campaign.CodeUnavailable, "The service is not ready, it is waiting for: %s; see missing for the reasons.", strings.Join(parts, ", "))
	p.RequestID = visitOf(r.Context()).id
	p.writeBody(w, ReadyProblem{Problem: *p, Missing: missing})
}

func (a *API) well(w http.ResponseWriter, status string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(Health{Status: status, Version: a.cfg.Version})
}

func (a *API) describeHealth() {
	jsonOf := func(t reflect.Type) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: a.schema(t)}}
	}
	open := []map[string][]string{}
	a.describe(&huma.Operation{
		OperationID: "healthz", Method: http.MethodGet, Path: "/healthz", Tags: []string{"Service"}, Security: open,
		Summary:   "Whether the process is up",
		Responses: map[string]*huma.Response{"200": {Description: "It is.", Content: jsonOf(reflect.TypeFor[Health]())}},
	})
	ready := &huma.Operation{
		OperationID: "readyz", Method: http.MethodGet, Path: "/readyz", Tags: []string{"Service"}, Security: open,
		Summary:   "Whether the service can do its work, and what is missing if not",
		Responses: map[string]*huma.Response{"200": {Description: "It can.", Content: jsonOf(reflect.TypeFor[Health]())}},
		Errors:    []int{503},
	}
	a.describe(ready)
	ready.Responses["503"].Content = map[string]*huma.MediaType{problemType: {Schema: a.schema(reflect.TypeFor[ReadyProblem]())}}
	a.describe(&huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{"Service"}, Security: security,
		Summary: "Metrics for Prometheus",
		Responses: map[string]*huma.Response{"200": {
			Description: "In the text format of Prometheus.",
			Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
		Errors: []int{401, 403},
	})
}
