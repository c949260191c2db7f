package providertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/provider"
)

// placed: an accepted call is a placement, asked for once.
func (h Harness) placed(t *testing.T) {
	s := serve(t, say(h.Created))
	p := h.open(t, s.URL, patience)
	require.NotEmpty(t, p.Name())
	got, err := p.Place(t.Context(), request())
	require.NoError(t, err)
	require.Equal(t, h.CreatedID, got.ProviderCallID)
	s.seen(t, 1)
}

// refusals: every no of the dialect has its fault, and is not asked again.
func (h Harness) refusals(t *testing.T) {
	for _, r := range h.Refusals {
		t.Run(r.Name, func(t *testing.T) {
			s := serve(t, say(r.Answer))
			p := h.open(t, s.URL, patience)
			_, err := p.Place(t.Context(), request())
			pe := requireFault(t, r.Fault, err)
			require.Equal(t, r.RetryAfter, pe.RetryAfter)
			require.Contains(t, pe.Detail, r.Detail)
			s.seen(t, 1)
		})
	}
}

// everyRefusal: the harness brings an answer for each fault that is no doubt, so that
// none of them is left out, and the patience asked for is read wherever it counts.
func (h Harness) everyRefusal(t *testing.T) {
	for _, fault := range []provider.Fault{provider.Refused, provider.Misconfigured, provider.Barred, provider.Full, provider.Throttled} {
		require.True(t, slices.ContainsFunc(h.Refusals, func(r Refusal) bool { return r.Fault == fault }), "no refusal is %s", fault)
	}
	for _, fault := range []provider.Fault{provider.Full, provider.Throttled} {
		require.True(t, slices.ContainsFunc(h.Refusals, func(r Refusal) bool { return r.Fault == fault && r.RetryAfter > 0 }),
			"no refusal that is %s asks for patience", fault)
	}
}

// faults: whatever happens after the request may have been written is Ambiguous,
// and the request is never sent again (NeverTwice).
func (h Harness) faults(t *testing.T) {
	var s *server
	body := h.Created.Body
	cases := []struct {
		name   string
		behave http.HandlerFunc
	}{
		{"timeout", hang(&s)},
		{"reset", reset},
		{"closed without an answer", hangUp},
		{"500", say(Answer{Status: 500})},
		{"502 of a gateway", say(Answer{Status: 502, Body: "<html>Bad Gateway</html>"})},
		{"503 with patience", say(Answer{Status: 503, Header: http.Header{"Retry-After": {"3"}}})},
		{"504", say(Answer{Status: 504})},
		{"408", say(Answer{Status: 408})},
		{"accepted without a body", say(Answer{Status: h.Created.Status})},
		{"accepted with half a body", say(Answer{Status: h.Created.Status, Body: body[:len(body)/2]})},
		{"accepted, no JSON", say(Answer{Status: h.Created.Status, Body: "<html>OK</html>"})},
		{"accepted, no id", say(Answer{Status: h.Created.Status, Body: `{"hello":"world"}`})},
		{"broken off in the body", send(fmt.Sprintf("HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s", h.Created.Status, len(body)+1, body))},
		{"broken off in the header", send("HTTP/1.1 201 Crea")},
		{"not HTTP", send("220 mail.example.com ESMTP\r\n")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s = serve(t, c.behave)
			timeout := patience
			if c.name == "timeout" {
				timeout = 2 * time.Second // the request must have been written and read by then
			}
			p := h.open(t, s.URL, timeout)
			_, err := p.Place(t.Context(), request())
			requireFault(t, provider.Ambiguous, err)
			s.seen(t, 1)
		})
	}
	t.Run("canceled while waiting", h.canceledWaiting)
}

func (h Harness) canceledWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var s *server
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel() // the request is here
		hang(&s)(w, r)
	})
	p := h.open(t, s.URL, patience)
	_, err := p.Place(ctx, request())
	requireFault(t, provider.Ambiguous, err)
	require.ErrorIs(t, err, context.Canceled)
	s.seen(t, 1)
}

// connections: what happens before there is a connection is Unreachable; what
// happens to a kept connection sends nothing twice.
func (h Harness) connections(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		p := h.open(t, deadURL(t), patience)
		_, err := p.Place(t.Context(), request())
		requireFault(t, provider.Unreachable, err)
	})
	t.Run("no such host", func(t *testing.T) {
		p := h.open(t, "http://provider.invalid", patience)
		_, err := p.Place(t.Context(), request())
		requireFault(t, provider.Unreachable, err)
	})
	t.Run("canceled before", func(t *testing.T) {
		s := serve(t, say(h.Created))
		p := h.open(t, s.URL, patience)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.Place(ctx, request())
		requireFault(t, provider.Unreachable, err)
		s.seen(t, 0)
	})
	for name, behave := range map[string]http.HandlerFunc{"closed": hangUp, "reset": reset} {
		t.Run("kept, then "+name+" after the request", func(t *testing.T) { h.keptThenBroken(t, behave) })
	}
	t.Run("kept, then dropped while idle", h.keptThenDropped)
}

// keptThenBroken: a kept connection breaks once the second request was read.
// This is where HTTP clients are tempted to send it again.
func (h Harness) keptThenBroken(t *testing.T, behave http.HandlerFunc) {
	var s *server
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if s.creates.Load() == 1 {
			say(h.Created)(w, r)
			return
		}
		behave(w, r)
	})
	p := h.open(t, s.URL, patience)
	_, err := p.Place(t.Context(), request())
	require.NoError(t, err)
	_, err = p.Place(t.Context(), request())
	requireFault(t, provider.Ambiguous, err)
	s.seen(t, 2)
}

// keptThenDropped: the provider drops idle connections whenever it likes.  A
// request that crosses with that may be Ambiguous, but arrives at most once;
// and the adapter recovers.
func (h Harness) keptThenDropped(t *testing.T) {
	const rounds = 20
	s := serve(t, say(h.Created))
	p := h.open(t, s.URL, patience)
	good := 0
	for range rounds {
		_, err := p.Place(t.Context(), request())
		if err == nil {
			good++
		} else {
			requireFault(t, provider.Ambiguous, err)
		}
		s.CloseClientConnections()
	}
	require.Positive(t, good)
	require.LessOrEqual(t, int(s.creates.Load()), rounds)
	require.GreaterOrEqual(t, int(s.creates.Load()), good)
}

// settling: an answer that is not clearly "no such call" is never taken for it,
// since that would have somebody dialled again.
func (h Harness) settling(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer Answer
	}{
		{"500", Answer{Status: 500}},
		{"404 of something else", Answer{Status: 404, Body: "<html>Not Found</html>"}},
		{"empty", Answer{Status: 200}},
		{"an empty object", Answer{Status: 200, Body: "{}"}},
		{"no JSON", Answer{Status: 200, Body: "<html>Welcome</html>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, say(c.answer))
			p := h.open(t, s.URL, patience)
			_, err := p.Find(t.Context(), request().To, request().From, time.Now())
			require.Error(t, err)
			_, err = p.Fetch(t.Context(), h.CreatedID)
			require.Error(t, err)
			require.False(t, errors.Is(err, provider.ErrUnknownCall))
		})
	}
}
