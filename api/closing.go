package api

import (
	"context"
	"net/http"
	"time"

	"dialtone/campaign"
)

// closingGrace is how long requests that were taken before Close may go on.  What
// they wait for may have stopped already.
const closingGrace = time.Second

// whileOpen refuses what comes after Close, and ends what outlasts it: the parts
// that answer are stopping, and nobody shall wait for them.
func (a *API) whileOpen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.closing.Err() != nil {
			a.fail(w, r, newProblem(campaign.CodeUnavailable, "The service is shutting down; try again in a moment.").with("Connection", "close"))
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(a.closing, func() { time.AfterFunc(closingGrace, cancel) })()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
