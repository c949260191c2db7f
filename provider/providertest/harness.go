// Package providertest holds an adapter to the contract of provider.Provider.
// An adapter's test calls Exercise with a Harness; what the suite can't know of
// the dialect (how a refusal looks, which number is busy) the Harness tells.
//
// Every injected fault comes with the proof that it happened: the suite's server
// counts the create requests that it read, and each case says how many there
// must have been.
package providertest

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/provider"
)

// Harness is what an adapter brings to its examination.
type Harness struct {
	// Open opens the adapter against an API that begins at baseURL, with a bound
	// for one request.  Exercise closes it if it is an io.Closer.
	Open func(t testing.TB, baseURL string, timeout time.Duration) provider.Provider
	// Created is the answer to a create request that was accepted, and
	// CreatedID the id of the call in it.
	Created   Answer
	CreatedID string
	// Refusals are answers that say no, each with the fault it must become.
	Refusals []Refusal
	// Unknown is the answer about a call that there is none of, and Over that to the
	// hanging up of a call that has ended.
	Unknown, Over Answer
	// Fetched are answers about the call of CreatedID, up and ended, one at least
	// with who answered.
	Fetched []Fetched
	// Callbacks are what the provider posts about it, one at least with who answered.
	Callbacks []Callback
	// Stand starts the provider's stand-in, which plays whole calls.  Without it
	// those cases are skipped.
	Stand func(t *testing.T) Stand
}

// Answer is one HTTP answer.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Refusal is an answer to a create request, and what it means.
type Refusal struct {
	Name string
	Answer
	Fault      provider.Fault
	RetryAfter time.Duration
	// Detail must be in the error's detail.
	Detail string
}

// Fetched is an answer about one call, and the call that it tells of.
type Fetched struct {
	Answer
	Call provider.Call
}

// Callback is what the provider posts about a call, and the call that it tells of.
type Callback struct {
	Form url.Values
	// Sign signs a request that carries the form as one to the target.
	Sign func(r *http.Request, target string, form url.Values)
	Call provider.Call
}

// Stand is a running stand-in.
type Stand struct {
	URL string
	// From and OtherFrom are caller ids that it takes.
	From, OtherFrom string
	// Ends are numbers by how a call to them ends, soon and by itself.
	Ends map[campaign.Disposition]string
	// Lasts is a number whose call stays up until it is hung up.
	Lasts string
	// Unknown is an id that it gave to no call.
	Unknown string
	// Creates counts the create requests that it has taken.
	Creates func() int
}

// patience bounds the waiting for something that must happen.
const patience = 10 * time.Second

// Exercise runs the whole suite.
func Exercise(t *testing.T, h Harness) {
	t.Run("placed", h.placed)
	t.Run("refusals", h.refusals)
	t.Run("refusals of every kind", h.everyRefusal)
	t.Run("faults", h.faults)
	t.Run("connections", h.connections)
	t.Run("settling", h.settling)
	t.Run("fetching", h.fetching)
	t.Run("hanging up", h.hangingUp)
	t.Run("signatures", h.signatures)
	if h.Stand == nil {
		t.Log("no stand-in was given: whole calls and callbacks are not examined")
		return
	}
	t.Run("calls", h.calls)
	t.Run("callbacks", h.callbacks)
}

// open opens the adapter for one case.
func (h Harness) open(t *testing.T, baseURL string, timeout time.Duration) provider.Provider {
	t.Helper()
	p := h.Open(t, baseURL, timeout)
	t.Cleanup(func() {
		if c, ok := p.(io.Closer); ok {
			require.NoError(t, c.Close())
		}
	})
	return p
}

// request is a call that nothing is wrong with.
func request() provider.Request {
	return provider.Request{
		To: "+12025550123", From: "+12025550100",
		Variables:   []byte(`{"name":"Ada"}`),
		CallbackURL: "http://127.0.0.1:9/callbacks/x/1",
	}
}

// requireFault asserts that err is a whole *PlaceError of that fault.
func requireFault(t *testing.T, want provider.Fault, err error) *provider.PlaceError {
	t.Helper()
	var pe *provider.PlaceError
	require.ErrorAs(t, err, &pe, "every error of Place is a *PlaceError")
	require.Equal(t, want, pe.Fault, "detail: %s", pe.Detail)
	require.NotEmpty(t, pe.Detail)
	return pe
}
