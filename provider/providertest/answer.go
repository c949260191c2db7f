package providertest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/provider"
)

// fetching: what the provider tells about a call is read, who answered included.
func (h Harness) fetching(t *testing.T) {
	require.True(t, slices.ContainsFunc(h.Fetched, func(f Fetched) bool { return f.Call.AnsweredBy != "" }), "no answer says who answered")
	for _, f := range h.Fetched {
		s := serve(t, say(f.Answer))
		call, err := h.open(t, s.URL, patience).Fetch(t.Context(), h.CreatedID)
		require.NoError(t, err)
		require.Equal(t, f.Call, call)
	}
	s := serve(t, say(h.Unknown))
	_, err := h.open(t, s.URL, patience).Fetch(t.Context(), h.CreatedID)
	require.ErrorIs(t, err, provider.ErrUnknownCall)
}

// hangingUp: a call that has ended is no fault, one that is not there is told from a
// provider that does not answer.
func (h Harness) hangingUp(t *testing.T) {
	hangUp := func(a Answer) error {
		s := serve(t, say(a))
		err := h.open(t, s.URL, patience).HangUp(t.Context(), h.CreatedID)
		s.seen(t, 1)
		return err
	}
	require.NoError(t, hangUp(h.Fetched[0].Answer))
	require.NoError(t, hangUp(h.Over))
	require.ErrorIs(t, hangUp(h.Unknown), provider.ErrUnknownCall)
	for _, a := range []Answer{{Status: 500}, {Status: 401}, {Status: 404, Body: "<html>Not Found</html>"}} {
		err := hangUp(a)
		require.Error(t, err, "%d", a.Status)
		require.NotErrorIs(t, err, provider.ErrUnknownCall, "%d", a.Status)
	}
	err := h.open(t, deadURL(t), patience).HangUp(t.Context(), h.CreatedID)
	require.Error(t, err)
	require.NotErrorIs(t, err, provider.ErrUnknownCall)
}

// signatures: a callback is read if it was signed for the address that the provider
// called, whatever the server behind a proxy sees of it; and nothing of it can be
// changed.
func (h Harness) signatures(t *testing.T) {
	require.True(t, slices.ContainsFunc(h.Callbacks, func(c Callback) bool { return c.Call.AnsweredBy != "" }), "no callback says who answered")
	p := h.open(t, deadURL(t), patience)
	for _, c := range h.Callbacks {
		for _, target := range []string{
			"https://x.example/callbacks/x/1?attempt=7&note=a%20b", "https://x.example/dialtone/callbacks/x/1", "http://127.0.0.1:8080/callbacks/x/1",
		} {
			r := httptest.NewRequest(http.MethodPost, "/callbacks/x/1", nil)
			c.Sign(r, target, c.Form)
			call, err := p.ParseCallback(r, target, c.Form)
			require.NoError(t, err)
			require.Equal(t, c.Call, call)
			forged(t, p, callback{request: r, url: target, form: maps.Clone(c.Form)})
		}
	}
}
