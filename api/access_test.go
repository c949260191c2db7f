package api

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

// key makes an API key and returns its secret.
func (s *service) makeKey(scope store.Scope) string {
	s.t.Helper()
	secret, hash := NewSecret()
	_, err := s.store.CreateKey(s.t.Context(), store.Key{ID: "key_" + string(scope), Name: string(scope), Scope: scope, SHA256: hash})
	require.NoError(s.t, err)
	return secret
}

func TestScopes(t *testing.T) {
	s := newService(t, func(c *Config) { c.Loopback = false })
	s.bus.onAsk = func(string, any) (any, error) { return Strategy{Strategy: "fair"}, nil }
	const read, write, admin = 1, 2, 3
	keys := map[int]string{read: s.makeKey(store.ScopeRead), write: s.makeKey(store.ScopeWrite), admin: s.makeKey(store.ScopeAdmin)}
	for _, c := range []struct {
		method, path, body string
		needs              int
	}{
		{http.MethodGet, "/v1/campaigns", "", read},
		{http.MethodHead, "/v1/campaigns", "", read},
		{http.MethodGet, "/v1/campaigns/cmp_1/calls", "", read},
		{http.MethodGet, "/v1/scheduler", "", read},
		{http.MethodGet, "/metrics", "", read},
		{http.MethodGet, "/v1/campaigns/cmp_1/explain", "", read},
		{http.MethodPost, "/v1/schedules/preview", `{"schedule": {}}`, read},
		{http.MethodPost, "/v1/calls", `{"to": "+12125550147"}`, write},
		{http.MethodPatch, "/v1/campaigns/cmp_1", `{"weight": 2}`, write},
		{http.MethodGet, "/v1/scheduler/slots", "", read},
		{http.MethodGet, shadowPath, "", read},
		{http.MethodGet, "/v1/campaigns/cmp_1/forecast", "", read},
		{http.MethodPut, "/v1/scheduler", `{"strategy": "fair"}`, admin},
		{http.MethodPut, shadowPath, `{"strategy": "fair"}`, admin},
		{http.MethodDelete, shadowPath, "", admin},
		{http.MethodPatch, "/v1/providers/mock", `{"state": "drained"}`, admin},
		{http.MethodGet, "/v1/providers", "", read},
	} {
		for rank, key := range keys {
			s.key = key
			contentType := ""
			if c.body != "" {
				contentType = "application/json"
			}
			r := s.send(c.method, c.path, contentType, c.body)
			if rank >= c.needs {
				require.Less(t, r.status, 300, "%s %s with %d: %s", c.method, c.path, rank, r.body)
				continue
			}
			p := r.problem(403, codeForbidden)
			require.Contains(t, p.Detail, "scope "+map[int]string{2: "write", 3: "admin"}[c.needs])
		}
	}
}

func TestKeysAreAskedFor(t *testing.T) {
	s := newService(t)
	s.makeKey(store.ScopeRead)
	for _, header := range []string{"", "Basic eDp5", "Bearer", "Bearer ", "Bearer dt_wrong", "dt_wrong"} {
		var headers []string
		if header != "" {
			headers = []string{"Authorization", header}
		}
		r := s.get("/v1/campaigns", headers...)
		r.problem(401, codeUnauthorized)
		require.Contains(t, r.header.Get("WWW-Authenticate"), "Bearer")
	}
	s.get("/metrics").problem(401, codeUnauthorized)
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json", "/docs"} {
		require.Equal(t, http.StatusOK, s.get(path).status, path)
	}
	require.Equal(t, http.StatusNoContent, s.send(http.MethodPost, "/callbacks/mock/cmp_1/"+s.claimed().String(), formType, "signed=yes&sid=CA1").status)
}

func TestWithoutKeysOnlyThisMachineIsLetIn(t *testing.T) {
	s := newService(t)
	for _, host := range []string{"localhost", "localhost:8080", "127.0.0.1:8080", "127.0.0.1", "[::1]:8080", "[::1]"} {
		require.Equal(t, http.StatusOK, s.get("/v1/campaigns", "Host", host).status, host)
	}
	for _, host := range []string{"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "192.168.1.5:8080", "localhost.evil.example"} {
		s.get("/v1/campaigns", "Host", host).problem(403, codeForbidden)
	}
	open := newService(t, func(c *Config) { c.Loopback = false })
	p := open.get("/v1/campaigns").problem(401, codeUnauthorized)
	require.Contains(t, p.Detail, "dialtone key create")
}

func TestOtherSitesPagesAreNotLetIn(t *testing.T) {
	s := newService(t)
	before := s.everything()
	s.post("/v1/calls", `{"to": "+12125550147"}`, "Sec-Fetch-Site", "cross-site").problem(403, codeForbidden)
	s.post("/v1/calls", `{"to": "+12125550147"}`, "Origin", "https://evil.example").problem(403, codeForbidden)
	s.send(http.MethodPost, "/v1/calls", "text/plain", `{"to": "+12125550147"}`).problem(415, codeMediaType)
	require.Equal(t, before, s.everything(), "something changed")
	require.Equal(t, http.StatusAccepted, s.post("/v1/calls", `{"to": "+12125550147"}`, "Sec-Fetch-Site", "same-origin").status)
}

// keyCounter counts what the keyring asks.
type keyCounter struct {
	asked int
	keys  map[string]store.Key
	err   error
}

func (k *keyCounter) ListKeys(context.Context) ([]store.Key, error) {
	k.asked++
	return make([]store.Key, len(k.keys)), k.err
}

func (k *keyCounter) KeyByHash(_ context.Context, hash []byte) (store.Key, error) {
	k.asked++
	if key, ok := k.keys[string(hash)]; ok || k.err != nil {
		return key, k.err
	}
	return store.Key{}, campaign.NotFound("There is no such key.")
}

func TestKeyringAsksOnceAWhile(t *testing.T) {
	source := &keyCounter{keys: map[string]store.Key{}}
	k := newKeyring(source, 5*time.Second)
	now := moment
	k.now = func() time.Time { return now }
	secret, hash := NewSecret()
	require.Regexp(t, `^dt_[A-Z2-7]{52}$`, secret)

	some, err := k.any(t.Context())
	require.NoError(t, err)
	require.False(t, some)
	source.keys[string(hash)] = store.Key{ID: "a", Scope: store.ScopeAdmin}
	now = now.Add(6 * time.Second)
	some, _ = k.any(t.Context())
	require.True(t, some, "a new key is seen")
	for range 10 {
		key, err := k.find(t.Context(), secret)
		require.NoError(t, err)
		require.Equal(t, "a", key.ID)
	}
	require.Equal(t, 3, source.asked)

	delete(source.keys, string(hash))
	now = now.Add(6 * time.Second)
	_, err = k.find(t.Context(), secret)
	require.Equal(t, campaign.CodeNotFound, campaign.CodeOf(err), "a revoked key is seen")
	source.err = errors.New("away")
	now = now.Add(6 * time.Second)
	_, err = k.find(t.Context(), secret)
	require.ErrorIs(t, err, source.err, "and without the store nobody is let in")
	_, err = k.any(t.Context())
	require.ErrorIs(t, err, source.err)
}

func TestKeyringIsBounded(t *testing.T) {
	k := newKeyring(&keyCounter{}, time.Minute)
	for range maxRemembered + 10 {
		secret, _ := NewSecret()
		_, _ = k.find(t.Context(), secret)
	}
	require.LessOrEqual(t, len(k.seen), maxRemembered)
}
