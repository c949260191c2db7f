package twilio

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign"
	"dialtone/provider"
)

const createdBody = `{"sid":"CA0123456789abcdef0123456789abcdef","date_created":"Tue, 18 Aug 2026 15:04:05 +0000","status":"queued"}`

// openAt opens a provider whose settings the test may change.
func openAt(t testing.TB, baseURL string, change func(*Config)) *Provider {
	t.Helper()
	c := Config{Name: "main", BaseURL: baseURL, Account: "AC1", Token: provider.NewSecret("secret-token"), From: "+12025550100"}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestPlaceSendsTheDialect(t *testing.T) {
	var form url.Values
	var header http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/2010-04-01/Accounts/AC1/Calls.json", r.URL.Path)
		require.Equal(t, "HTTP/1.1", r.Proto)
		require.NoError(t, r.ParseForm())
		form, header = r.PostForm, r.Header.Clone()
		user, password, ok := r.BasicAuth()
		require.True(t, ok)
		require.Equal(t, "AC1 secret-token", user+" "+password)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, createdBody)
	}))
	t.Cleanup(srv.Close)
	p := openAt(t, srv.URL+"/api", func(c *Config) { c.Answer.Twiml = "<Response><Say>Hi {{ name }}</Say></Response>" })

	placed, err := p.Place(t.Context(), provider.Request{
		To: "+12025550123", Variables: []byte(`{"name":"Ada & Co"}`), CallbackURL: "https://x.example/cb?a=1&b=2",
	})
	require.NoError(t, err)
	require.Equal(t, "CA0123456789abcdef0123456789abcdef", placed.ProviderCallID)
	require.Equal(t, time.Date(2026, 8, 18, 15, 4, 5, 0, time.UTC), placed.At)
	require.Equal(t, url.Values{
		"To": {"+12025550123"}, "From": {"+12025550100"},
		"Twiml":                {"<Response><Say>Hi Ada &amp; Co</Say></Response>"},
		"StatusCallback":       {"https://x.example/cb?a=1&b=2"},
		"StatusCallbackMethod": {"POST"},
		"StatusCallbackEvent":  {"completed"},
	}, form)
	require.Empty(t, header.Get("Idempotency-Key"), "it would make net/http repeat the request")
}

// The caller id: the call's own, else the provider's for the longest beginning of the
// number, else the provider's.
func TestPlaceChoosesTheCallerID(t *testing.T) {
	from := ""
	p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		from = r.FormValue("From")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, createdBody)
	})
	p.fromByPrefix = map[string]string{"+44": "+442079460958", "+4420": "+442079460959"}
	for _, c := range []struct{ to, own, want string }{
		{"+442079460000", "+12025550199", "+12025550199"},
		{"+442079460000", "", "+442079460959"},
		{"+441614960000", "", "+442079460958"},
		{"+12025550123", "", "+12025550100"},
	} {
		_, err := p.Place(t.Context(), provider.Request{To: c.to, From: c.own})
		require.NoError(t, err)
		require.Equal(t, c.want, from, c.to)
	}
}

// A request that is faulty in itself is never sent.
func TestPlaceFaultsOfOurOwn(t *testing.T) {
	p := openAt(t, "http://127.0.0.1:9", func(c *Config) {
		c.From = ""
		c.Answer.URL = "https://x.example/script"
	})
	for name, c := range map[string]struct {
		r    provider.Request
		want provider.Fault
	}{
		"no caller id":        {provider.Request{To: "+12025550123"}, provider.Misconfigured},
		"variables no JSON":   {provider.Request{To: "+12025550123", From: "+1", Variables: []byte("{")}, provider.Refused},
		"variables no object": {provider.Request{To: "+12025550123", From: "+1", Variables: []byte("[1]")}, provider.Refused},
		"variables too long":  {provider.Request{To: "+12025550123", From: "+1", Variables: []byte(`{"a":"` + strings.Repeat("x", limitURL) + `"}`)}, provider.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Place(t.Context(), c.r)
			var pe *provider.PlaceError
			require.ErrorAs(t, err, &pe)
			require.Equal(t, c.want, pe.Fault)
		})
	}
}

// TLS that does not come about is before the request.
func TestPlaceUntrustedCertificateIsUnreachable(t *testing.T) {
	var seen atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of our hanging up
	srv.StartTLS()
	t.Cleanup(srv.Close)
	p := openAt(t, srv.URL, nil)
	_, err := p.Place(t.Context(), provider.Request{To: "+12025550123"})
	var pe *provider.PlaceError
	require.ErrorAs(t, err, &pe)
	require.Equal(t, provider.Unreachable, pe.Fault)
	require.Zero(t, seen.Load())
}

func TestPlaceOverTLS(t *testing.T) {
	proto := ""
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto = r.Proto
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, createdBody)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	secure := srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	secure.NextProtos = []string{"h2", "http/1.1"}
	p := openAt(t, srv.URL, func(c *Config) { c.TLS = secure })
	_, err := p.Place(t.Context(), provider.Request{To: "+12025550123"})
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1", proto, "over HTTP/2, net/http repeats requests on the server's word")
}

// A handshake that hangs is given up in time, and nobody was asked.
func TestPlaceHangingHandshakeIsUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	p := openAt(t, "https://"+l.Addr().String(), func(c *Config) { c.CallTimeout = 50 * time.Millisecond })
	_, err = p.Place(t.Context(), provider.Request{To: "+12025550123"})
	var pe *provider.PlaceError
	require.ErrorAs(t, err, &pe)
	require.Equal(t, provider.Unreachable, pe.Fault)
	require.Equal(t, "no connection within 50ms", pe.Detail)
}

// A request that waits for a free connection until its time is up was not sent.
func TestPlaceNoFreeConnectionIsUnreachable(t *testing.T) {
	var seen atomic.Int32
	arrived, gone := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		close(arrived)
		select {
		case <-gone:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, createdBody)
	}))
	t.Cleanup(srv.Close)
	p := openAt(t, srv.URL, func(c *Config) { c.MaxConnections, c.CallTimeout = 1, 5*time.Second })
	first := make(chan error, 1)
	go func() {
		_, err := p.Place(context.Background(), provider.Request{To: "+12025550123"})
		first <- err
	}()
	select {
	case <-arrived:
	case err := <-first:
		require.FailNow(t, "the first call did not wait", "%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := p.Place(ctx, provider.Request{To: "+12025550124"})
	var pe *provider.PlaceError
	require.ErrorAs(t, err, &pe)
	require.Equal(t, provider.Unreachable, pe.Fault)
	close(gone)
	require.NoError(t, <-first)
	require.EqualValues(t, 1, seen.Load())
}

// An answer beyond all measure is not read to its end, and is not trusted.
func TestPlaceEndlessAnswerIsAmbiguous(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, createdBody+strings.Repeat(" ", limitAnswer))
	}))
	t.Cleanup(srv.Close)
	_, err := openAt(t, srv.URL, nil).Place(t.Context(), provider.Request{To: "+12025550123"})
	var pe *provider.PlaceError
	require.ErrorAs(t, err, &pe)
	require.Equal(t, provider.Ambiguous, pe.Fault)
	require.ErrorIs(t, err, errTooLong)
}

// Whether the provider has answered, or may be at it still.
func TestPlaceUnanswered(t *testing.T) {
	for _, c := range []struct {
		name       string
		behave     http.HandlerFunc
		unanswered bool
	}{
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, false},
		{"503", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, false},
		{"no id", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }, false},
		{"504 of a gateway", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(504) }, true},
		{"nothing", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true},
		{"half", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9999")
			_, _ = io.WriteString(w, createdBody)
		}, true},
	} {
		srv := httptest.NewServer(c.behave)
		t.Cleanup(srv.Close)
		_, err := openAt(t, srv.URL, nil).Place(t.Context(), provider.Request{To: "+12025550123"})
		var pe *provider.PlaceError
		require.ErrorAs(t, err, &pe, c.name)
		require.Equal(t, provider.Ambiguous, pe.Fault, c.name)
		require.Equal(t, c.unanswered, pe.Unanswered, c.name)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 8, 18, 15, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "soon": 0, "99999999": time.Hour,
		"Tue, 18 Aug 2026 15:04:35 GMT": 30 * time.Second,
		"Tue, 18 Aug 2026 15:00:00 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(http.Header{"Retry-After": {text}}, now), text)
	}
}

func TestScript(t *testing.T) {
	for _, c := range []struct {
		name, field, variables, want string
		answer                       Answer
	}{
		{"the default", "Twiml", ``, `<Response><Say>This is a test call. Goodbye.</Say></Response>`, Answer{}},
		{"the default's variable", "Twiml", `{"message":"1 < 2"}`, `<Response><Say>1 &lt; 2</Say></Response>`, Answer{}},
		{"fixed", "Twiml", `{"a":"b"}`, `<Response/>`, Answer{Twiml: "<Response/>"}},
		{"kinds", "Twiml", `{"n":10000000000000001,"t":true,"z":null,"o":{"a":[1]}}`, `<Response>10000000000000001 true  {&#34;a&#34;:[1]}</Response>`, Answer{Twiml: "<Response>{{n}} {{t}} {{z}} {{o}}</Response>"}},
		{"injection", "Twiml", `{"a":"\"><Dial>+1900</Dial>"}`, `<Response u="&#34;&gt;&lt;Dial&gt;+1900&lt;/Dial&gt;"/>`, Answer{Twiml: `<Response u="{{a}}"/>`}},
		{"a value is no template", "Twiml", `{"a":"{{b}}","b":"no"}`, `<Response>{{b}}</Response>`, Answer{Twiml: `<Response>{{a}}</Response>`}},
		{"url", "Url", `{"b":"ü &","a":1}`, `https://x.example/s?a=1&b=%C3%BC+%26`, Answer{URL: "https://x.example/s"}},
		{"url with a query", "Url", `{"a":1}`, `https://x.example/s?k=v&a=1`, Answer{URL: "https://x.example/s?k=v"}},
		{"url alone", "Url", ``, `https://x.example/s`, Answer{URL: "https://x.example/s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, fault := c.answer.compile()
			require.Nil(t, fault)
			form, err := s.appendTo(nil, []byte(c.variables))
			require.NoError(t, err)
			got, err := url.ParseQuery(string(form))
			require.NoError(t, err)
			require.Equal(t, url.Values{c.field: {c.want}}, got)
		})
	}
}

func TestScriptFaults(t *testing.T) {
	for name, a := range map[string]Answer{
		"both":      {Twiml: "<Response/>", URL: "https://x.example"},
		"unclosed":  {Twiml: "a {{b"},
		"nameless":  {Twiml: "a {{ | b }}"},
		"too long":  {Twiml: strings.Repeat("x", limitTwiml+1)},
		"relative":  {URL: "/script"},
		"no scheme": {URL: "ftp://x.example"},
	} {
		_, fault := a.compile()
		require.NotNil(t, fault, name)
		require.Equal(t, campaign.CodeInvalid, fault.Code)
	}
	s, fault := Answer{Twiml: "<Response>{{a}}</Response>"}.compile()
	require.Nil(t, fault)
	_, err := s.appendTo(nil, []byte(`{"a":"`+strings.Repeat("&", limitTwiml/4)+`"}`))
	require.Error(t, err, "escaping lengthens the text")
}

func TestAppendEscapedIsQueryEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		require.Equal(t, url.QueryEscape(s), string(appendEscaped(nil, s)))
	})
}

// A detail tells the time that a request had: its caller's, where that is less than the
// configured one.
func TestPlaceTellsTheTimeThatItHad(t *testing.T) {
	gone := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-gone:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(gone) })
	for _, c := range []struct {
		configured, given time.Duration
		want              string
	}{
		{time.Minute, 2 * time.Second, `^no answer within (2s|1\.\ds)$`},
		{2 * time.Second, time.Minute, "^no answer within 2s$"},
	} {
		t.Run("configured "+c.configured.String(), func(t *testing.T) {
			t.Parallel() // each takes 2 s, in which the request must have been written
			p := openAt(t, srv.URL, func(cfg *Config) { cfg.CallTimeout = c.configured })
			ctx, cancel := context.WithTimeout(t.Context(), c.given)
			defer cancel()
			_, err := p.Place(ctx, provider.Request{To: "+12025550123"})
			var pe *provider.PlaceError
			require.ErrorAs(t, err, &pe)
			require.Equal(t, provider.Ambiguous, pe.Fault)
			require.Regexp(t, c.want, pe.Detail)
		})
	}
	p := openAt(t, srv.URL, func(cfg *Config) { cfg.CallTimeout = time.Minute })
	require.Equal(t, time.Minute, p.patience(t.Context()), "nobody else bounds it")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.Equal(t, 10*time.Second, p.patience(ctx).Round(time.Second))
}

// A script that no provider could read is found before anybody is called.
func TestScriptIsWellFormed(t *testing.T) {
	const one = "Write the script as one element, <Response>…</Response>, with everything inside it."
	for twiml, want := range map[string]string{
		"<Response/>": "",
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- hi -->\n<Response>\n <Say voice=\"{{voice|alice}}\">1 &lt; {{n}} &amp; so</Say>\n</Response>\n": "",
		"Hello": one, "{{a}}": one, " ": one, "<Say>Hi</Say>": one, "<Response/><Response/>": one, "<Response/>Hi": one, "<response/>": one, "{{a}}<Response/>": one,
		"<Response><Say>Hi</Response>":                      "in its line 1: element <Say> closed by </Response>. Close every element",
		"<Response>\n<Say>Hi":                               "in its line 2: unexpected EOF.",
		"<Response><Say>Tea & cake</Say></Response>":        "in its line 1: invalid character entity & (no semicolon).",
		"<Response><Say>1 < 2</Say></Response>":             "in its line 1: expected element name after <.",
		"<?xml version=\"1.0\" encoding=\"x\"?><Response/>": "The script is not well-formed XML: encoding \"x\" declared",
	} {
		_, fault := Answer{Twiml: twiml}.compile()
		if want == "" {
			require.Nil(t, fault, twiml)
			continue
		}
		require.NotNil(t, fault, twiml)
		require.Equal(t, "twiml", fault.Field)
		require.Contains(t, fault.Message, want, twiml)
	}
}
