package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"dialtone/campaign"
	"dialtone/store"
)

// scopeRank orders the scopes; each includes those before it.
var scopeRank = map[store.Scope]int{store.ScopeRead: 1, store.ScopeWrite: 2, store.ScopeAdmin: 3}

// scopeFor is what a request needs: reading reads, PUT turns the service's own knobs,
// as does stopping the shadow or draining a provider, and everything else changes calls
// and campaigns.  The preview of a schedule is a POST only because it has a body: it
// reads.
func scopeFor(r *http.Request) store.Scope {
	switch {
	case r.Method == http.MethodGet, r.Method == http.MethodHead, r.Method == http.MethodPost && r.URL.Path == previewPath:
		return store.ScopeRead
	case r.Method == http.MethodPut, r.Method == http.MethodDelete && r.URL.Path == shadowPath,
		strings.HasPrefix(r.URL.Path, providersPath):
		return store.ScopeAdmin
	}
	return store.ScopeWrite
}

// guard lets in who has a key with the scope, or everybody on this machine as
// long as there is no key at all.
func (a *API) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.sameOrigin(r); err != nil {
			a.fail(w, r, err)
			return
		}
		key, err := a.admit(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		visitOf(r.Context()).key = key.ID
		next.ServeHTTP(w, r)
	})
}

// admit finds the key of a request.
func (a *API) admit(r *http.Request) (store.Key, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return store.Key{}, a.admitKeyless(r)
	}
	scheme, secret, _ := strings.Cut(header, " ")
	if secret = strings.TrimSpace(secret); !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return store.Key{}, unauthorized("Send the API key as \"Authorization: Bearer dt_…\".")
	}
	key, err := a.keys.find(r.Context(), secret)
	if campaign.CodeOf(err) == campaign.CodeNotFound {
		return store.Key{}, unauthorized("This API key is not known, or was revoked; make one with: dialtone key create.")
	}
	if err != nil {
		return store.Key{}, err
	}
	if need := scopeFor(r); scopeRank[key.Scope] < scopeRank[need] {
		return store.Key{}, newProblem(codeForbidden, "This needs an API key with the scope %s; this key has %s.", need, key.Scope)
	}
	return key, nil
}

// admitKeyless lets in a request without a key.  A page on the internet can make
// a browser ask 127.0.0.1 under its own name (DNS rebinding), so the name asked
// for must be this machine's.
func (a *API) admitKeyless(r *http.Request) error {
	some, err := a.keys.any(r.Context())
	switch {
	case err != nil:
		return err
	case some:
		return unauthorized("Send an API key as \"Authorization: Bearer dt_…\"; make one with: dialtone key create.")
	case !a.cfg.Loopback:
		return unauthorized("There is no API key yet, so only this machine is let in; make one with: dialtone key create.")
	case !loopbackHost(r.Host):
		return newProblem(codeForbidden, "Without API keys the service answers to localhost only, not to %q; ask for localhost, or make a key with: dialtone key create.", r.Host)
	}
	return nil
}

func unauthorized(message string) *Problem {
	return newProblem(codeUnauthorized, "%s", message).with("WWW-Authenticate", `Bearer realm="dialtone"`)
}

// loopbackHost reports whether a Host header names this machine.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// crossOrigin finds requests that a browser sends for another site's page.
var crossOrigin = http.NewCrossOriginProtection()

func (a *API) sameOrigin(r *http.Request) error {
	if err := crossOrigin.Check(r); err != nil {
		return newProblem(codeForbidden, "A browser sent this for a page of another site, which is not let in; call the API from a page of its own address, or from a program.")
	}
	return nil
}

// keySource is where API keys are kept.
type keySource interface {
	ListKeys(ctx context.Context) ([]store.Key, error)
	KeyByHash(ctx context.Context, sha256 []byte) (store.Key, error)
}
