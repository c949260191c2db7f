package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"dialtone/campaign"
)

// methods are those that any route may have.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// routes makes the handler of everything, and the document that describes it.
func (a *API) routes() (http.Handler, error) {
	adoptProblems()
	r := chi.NewRouter()
	r.Use(a.receive, a.underBase, middleware.GetHead)
	r.NotFound(a.notFound)
	r.MethodNotAllowed(a.methodNotAllowed(r))

	r.Get(healthPath, a.healthz)
	r.Get(readyPath, a.readyz)
	if a.cfg.Bare {
		r.With(a.whileOpen, a.guard).Method(http.MethodGet, metricsPath, a.metrics.handler())
		return r, nil
	}
	r.Get(documentPath, a.openapi)
	page := docs()
	r.Get(docsPath, page.ServeHTTP)
	r.Get(docsPath+"/*", page.ServeHTTP)
	r.Post(callbackPath, a.callback)
	r.Group(func(r chi.Router) {
		r.Use(a.whileOpen, a.guard)
		r.Method(http.MethodGet, metricsPath, a.metrics.handler())
		r.Post(contactsPath, a.upload)
		r.Get(eventsPath, a.events)
		r.Group(func(r chi.Router) {
			r.Use(a.wants)
			a.huma = humachi.New(r, a.humaConfig())
			a.callRoutes()
			a.campaignRoutes()
			a.lifecycleRoutes()
			a.explainRoutes()
			a.previewRoute()
			a.schedulerRoutes()
			a.providerRoutes()
		})
	})
	a.describeUpload()
	a.describeEvents()
	a.describeCallback()
	a.describeHealth()
	a.describeSettings()
	a.describeChoices()
	var err error
	a.document, err = json.Marshal(a.huma.OpenAPI())
	return r, err
}

func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	if a.cfg.Bare {
		a.fail(w, r, campaign.NotFound("There is nothing at %s: this process has not the role api, and serves %s, %s and %s only.", r.URL.Path, healthPath, readyPath, metricsPath))
		return
	}
	a.fail(w, r, campaign.NotFound("There is nothing at %s; see /docs for what there is.", r.URL.Path))
}

func (a *API) methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, m := range methods {
			if routes.Match(chi.NewRouteContext(), m, r.URL.Path) {
				allowed = append(allowed, m)
			}
		}
		list := strings.Join(allowed, ", ")
		a.fail(w, r, newProblem(codeMethod, "%s is not possible here; use %s.", r.Method, listed(allowed)).with("Allow", list))
	}
}
