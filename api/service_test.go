package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is an API over a real store and a fake bus, behind a real server.
type service struct {
	t     *testing.T
	api   *API
	store store.Store
	bus   *fakeBus
	url   string
	key   string // sent with every request, if there is one
	web   *http.Client
}

// newService runs a service for one test; configure may change its Config.
func newService(t *testing.T, configure ...func(*Config)) *service {
	t.Helper()
	db, fake := openStore(t), newFakeBus()
	cfg := Config{
		Store: db, Bus: fake, Loopback: true, DefaultRegion: "US", Version: "test",
		Providers: oneProvider(),
	}
	for _, f := range configure {
		f(&cfg)
	}
	a, err := New(cfg)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewServer(a.Handler())
	server.Start()
	t.Cleanup(func() {
		a.Close()
		server.Close()
	})
	return &service{t: t, api: a, store: db, bus: fake, url: server.URL, web: server.Client()}
}

// in reports failures to a subtest.
func (s *service) in(t *testing.T) *service {
	inner := *s
	inner.t = t
	return &inner
}

// reply is an answer, read.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// send makes a request. headers come in pairs.
func (s *service) send(method, path, contentType, body string, headers ...string) reply {
	s.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, reader)
	require.NoError(s.t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if s.key != "" {
		r.Header.Set("Authorization", "Bearer "+s.key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.web.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return reply{s.t, answer.StatusCode, answer.Header, text}
}

func (s *service) post(path, body string, headers ...string) reply {
	s.t.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	return s.send(http.MethodPost, path, contentType, body, headers...)
}

func (s *service) get(path string, headers ...string) reply {
	s.t.Helper()
	return s.send(http.MethodGet, path, "", "", headers...)
}

func (s *service) patch(path, body string) reply {
	s.t.Helper()
	return s.send(http.MethodPatch, path, "application/merge-patch+json", body)
}

func (s *service) csv(id, body string) reply {
	s.t.Helper()
	return s.send(http.MethodPost, "/v1/campaigns/"+id+"/contacts", "text/csv", body)
}

// campaign creates one and returns its id.
func (s *service) campaign(body string) string {
	s.t.Helper()
	r := s.post("/v1/campaigns", body)
	require.Equal(s.t, http.StatusCreated, r.status, "%s", r.body)
	return r.json()["id"].(string)
}

func (r reply) json() map[string]any {
	r.t.Helper()
	var out map[string]any
	require.NoError(r.t, json.Unmarshal(r.body, &out), "%s", r.body)
	return out
}

// problem asserts that the answer is a problem document and returns it.
func (r reply) problem(status int, code campaign.Code) Problem {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s", r.body)
	require.Equal(r.t, problemType, r.header.Get("Content-Type"))
	var p Problem
	require.NoError(r.t, json.Unmarshal(r.body, &p), "%s", r.body)
	require.Equal(r.t, status, p.Status)
	require.Equal(r.t, code, p.Code, "%s", r.body)
	require.Equal(r.t, "about:blank", p.Type)
	require.Equal(r.t, http.StatusText(status), p.Title)
	require.Equal(r.t, r.header.Get(headerRequestID), p.RequestID)
	for _, f := range append([]Fault{{Message: p.Detail}}, p.Errors...) {
		sentence := strings.TrimRight(f.Message, `)"`)
		require.NotEmpty(r.t, sentence)
		if i := strings.LastIndex(sentence, " (and "); i > 0 {
			sentence = sentence[:i]
		}
		require.True(r.t, strings.HasSuffix(sentence, "."), "not a sentence: %q", f.Message)
	}
	return p
}

// fields lists what a problem blames.
func (p Problem) fields() (out []string) {
	for _, f := range p.Errors {
		out = append(out, f.Field)
	}
	return out
}

// everything is all that the store holds, to see that nothing was changed.
func (s *service) everything() string {
	s.t.Helper()
	var out bytes.Buffer
	for _, path := range []string{"/v1/campaigns?limit=500", "/v1/campaigns/cmp_1"} {
		out.Write(s.get(path).body)
	}
	var list CampaignPage
	require.NoError(s.t, json.Unmarshal(s.get("/v1/campaigns?limit=500").body, &list))
	for _, id := range append([]string{"cmp_1"}, ids(list)...) {
		out.Write(s.get("/v1/campaigns/" + id + "/calls").body)
	}
	commands, pokes, reports := s.bus.sent()
	require.NoError(s.t, json.NewEncoder(&out).Encode([]any{commands, pokes, reports}))
	return out.String()
}

func ids(list CampaignPage) (out []string) {
	for _, c := range list.Campaigns {
		out = append(out, c.ID)
	}
	return out
}

// fakeProviders are those that a test says, at the addresses that it says.
type fakeProviders struct {
	specs   []provider.Spec
	retired []string
	urls    []string
}

// oneProvider is one, called mock.
func oneProvider() *fakeProviders {
	return &fakeProviders{
		specs: []provider.Spec{{Name: "mock", Dialect: "twilio", Limits: provider.Limits{Channels: 500, CallsPerSecond: 200}}},
		urls:  []string{"https://dialtone.example"},
	}
}

func (f *fakeProviders) Specs() []provider.Spec     { return f.specs }
func (f *fakeProviders) CallbackBaseURLs() []string { return f.urls }

func (f *fakeProviders) Lookup(name string) provider.Provider {
	named := func(s provider.Spec) bool { return s.Name == name }
	if slices.ContainsFunc(f.specs, named) || slices.Contains(f.retired, name) {
		return fakeParser{}
	}
	return nil
}

// fakeParser takes callbacks whose form says signed=yes, or names the URL that was
// signed.
type fakeParser struct{ provider.Provider }

func (fakeParser) ParseCallback(_ *http.Request, publicURL string, form url.Values) (provider.Call, error) {
	if signed := form.Get("signed"); signed != "yes" && signed != publicURL {
		return provider.Call{}, provider.ErrSignature
	}
	if form.Get("sid") == "" {
		return provider.Call{}, campaign.Invalid("sid", "A callback needs the id of its call.")
	}
	c := provider.Call{ProviderCallID: form.Get("sid"), CreatedAt: moment, Event: form.Get("event")}
	if d := form.Get("ended"); d != "" {
		c.Ended, c.Disposition, c.EndedAt = true, campaign.Disposition(d), moment
	}
	return c, nil
}

// broken is a store that does not answer.
type broken struct {
	Store
	err error
}

func (b broken) Campaign(context.Context, campaign.ID) (campaign.Campaign, error) {
	return campaign.Campaign{}, b.err
}

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }
