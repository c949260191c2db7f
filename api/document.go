package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

const (
	documentPath = "/openapi.json"
	docsPath     = "/docs"
)

const about = `Places outbound voice calls: one at a time, or campaigns of thousands of numbers.

Times are RFC 3339 in UTC, durations Go strings ("90s"), ids opaque. Lists take limit and cursor and give next_cursor.
Every error is a problem document (RFC 9457) that names the field and says what to do. A POST that creates takes an
Idempotency-Key. Authenticate with an API key: Authorization: Bearer dt_…`

func (a *API) humaConfig() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Dialtone", Version: a.cfg.Version, Description: about},
			Components: &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{"key": {
				Type: "http", Scheme: "bearer",
				Description: "An API key, made with `dialtone key create`, with the scope read, write or admin. While there is none, this machine is let in without.",
			}}},
			Tags: []*huma.Tag{
				{Name: "Calls", Description: "Single calls."},
				{Name: "Campaigns", Description: "Many numbers, one set of rules."},
				{Name: "Scheduler", Description: "Who may dial next."},
				{Name: "Providers", Description: "Who places the calls."},
				{Name: "Service", Description: "For whoever runs it."},
			},
		},
		Formats:       huma.DefaultFormats,
		DefaultFormat: "application/json",
	}
}

func (a *API) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(a.document)
}

// docs is a page that reads the document; all it needs is inside this program.
func docs() http.Handler {
	page := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "Dialtone", SwaggerJSON: documentPath, BasePath: docsPath + "/", JsonEditor: false,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Said, too, so that the browser makes sure of it.
		w.Header().Set("Content-Security-Policy", "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		page.ServeHTTP(w, r)
	})
}
