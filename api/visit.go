package api

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"

	"dialtone/campaign"
)

// visit is what is known of the request being answered.  It belongs to the
// request's goroutine.
type visit struct {
	id  string // names the request in the log and in problems
	key string // the id of the API key, "" for none
}

type visitKey struct{}

// visitOf never fails, so that problems can be written from anywhere.
func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

const headerRequestID = "X-Request-Id"

// receive is the outermost layer: it names the request, counts and logs it, and
// turns a panic into a problem.
func (a *API) receive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		v := &visit{id: requestID(r)}
		w.Header().Set(headerRequestID, v.id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		answer := &answer{ResponseWriter: w}
		defer func() {
			a.recovered(answer, r, recover())
			a.tell(answer, r, time.Since(start))
		}()
		next.ServeHTTP(answer, r)
	})
}

// recovered answers a panic, or breaks the connection off when the answer has
// begun already.
func (a *API) recovered(w *answer, r *http.Request, reason any) {
	if reason == nil {
		return
	}
	if err, ok := reason.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	a.log.Error("a request panicked", "request_id", visitOf(r.Context()).id, "panic", reason, "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	a.fail(w, r, &campaign.Error{Code: campaign.CodeInternal, Message: "panic"})
}

// tell counts the request by the pattern of its route, of which there are few,
// and writes the access log.
func (a *API) tell(w *answer, r *http.Request, took time.Duration) {
	route := "other"
	if c := chi.RouteContext(r.Context()); c != nil && c.RoutePattern() != "" {
		route = c.RoutePattern()
	}
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	a.metrics.count(route, r.Method, status, took)
	if a.log.Enabled(r.Context(), slog.LevelDebug) {
		v := visitOf(r.Context())
		a.log.Debug("request", "request_id", v.id, "method", r.Method, "path", r.URL.Path, "status", status, "took", took, "key", v.key)
	}
}

// requestID takes over the client's name for the request if it is a harmless one.
func requestID(r *http.Request) string {
	if id := r.Header.Get(headerRequestID); id != "" && len(id) <= 64 && printable(id) {
		return id
	}
	return rand.Text()[:16]
}

// printable reports whether a text is ASCII without controls.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// answer remembers the status of what is written.
type answer struct {
	http.ResponseWriter
	status int
}

func (w *answer) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through to flushing and deadlines.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// SetReadDeadline is what huma looks for.
func (w *answer) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetReadDeadline(t)
}
