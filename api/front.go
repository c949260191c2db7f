package api

import (
	"net/http"
	"sync/atomic"

	"dialtone/campaign"
)

// Front answers from the moment that the process listens: by itself while the parts of
// the service are waited for, and by the API from Open on.
type Front struct {
	version string
	missing func() []Missing
	handler atomic.Pointer[http.Handler]
}

// NewFront makes the front of a service that is starting.  missing lists what is waited
// for; it must not block.
func NewFront(version string, missing func() []Missing) *Front {
	return &Front{version: version, missing: missing}
}

// Open hands all further requests to h.
func (f *Front) Open(h http.Handler) { f.handler.Store(&h) }

func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := f.handler.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	f.starting(w, r)
}

// starting has everybody come again, providers with their callbacks as well.
func (f *Front) starting(w http.ResponseWriter, r *http.Request) {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	id := requestID(r)
	w.Header().Set(headerRequestID, id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	missing := f.missing()
	switch {
	case reads && r.URL.Path == healthPath:
		well(w, "ok", f.version)
	case reads && r.URL.Path == readyPath:
		if len(missing) == 0 { // all is there, and being put together
			missing = []Missing{{Part: "service", Reason: "The service is starting; it takes a moment."}}
		}
		notReady(w, missing, id)
	default:
		p := newProblem(campaign.CodeUnavailable, "The service is starting; try again in a moment.")
		if len(missing) > 0 {
			p.Detail = "The service is starting, it is waiting for: " + parts(missing) + "; try again in a moment, and see " + readyPath + " for the reasons."
		}
		p.RequestID = id
		p.write(w)
	}
}
