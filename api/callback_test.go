package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
)

const formType = "application/x-www-form-urlencoded"

func TestCallbackBecomesAReport(t *testing.T) {
	s := newService(t)
	at := s.claimed()
	path := "/callbacks/mock/cmp_1/" + at.String()
	for range 2 { // told twice
		r := s.send(http.MethodPost, path, formType, "signed=yes&sid=CA1&ended=busy")
		require.Equal(t, http.StatusNoContent, r.status, "%s", r.body)
	}
	r := s.send(http.MethodPost, path, formType, "signed=yes&sid=CA1") // out of order
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.body)
	_, _, reports := s.bus.sent()
	ended := campaign.Report{
		Kind: campaign.ReportEnded, Campaign: campaign.Single, Attempt: at, Provider: "mock", ProviderCallID: "CA1",
		Disposition: campaign.DispositionBusy, At: moment,
	}
	placed := campaign.Report{Kind: campaign.ReportPlaced, Campaign: campaign.Single, Attempt: at, Provider: "mock", ProviderCallID: "CA1", At: moment}
	require.Equal(t, []campaign.Report{ended, ended, placed}, reports)
}

// A callback that was taken in is not handed on again; one that was refused is, and so
// is another event, or the same of another attempt.
func TestCallbackToldAgain(t *testing.T) {
	s := newService(t)
	path := "/callbacks/mock/cmp_1/" + s.claimed().String()
	send := func(path, event string) int {
		return s.send(http.MethodPost, path, formType, "signed=yes&sid=CA1&ended=busy&event="+event).status
	}
	s.bus.onReport = func() error { return campaign.Unavailable("away") }
	require.Equal(t, http.StatusServiceUnavailable, send(path, "CA1/3"))
	s.bus.onReport = nil
	for range 3 {
		require.Equal(t, http.StatusNoContent, send(path, "CA1/3"))
	}
	require.Equal(t, http.StatusNoContent, send(path, "CA1/4"))
	require.Equal(t, http.StatusNoContent, send("/callbacks/mock/cmp_1/"+s.claimed().String(), "CA1/3"))
	require.Equal(t, http.StatusNotFound, send("/callbacks/mock/cmp_1/"+campaign.NewAttemptID(77, 1).String(), "CA1/3"))
	_, _, reports := s.bus.sent()
	require.Len(t, reports, 4, "the unknown one with them")
	require.Contains(t, string(s.get("/metrics").body), "dialtone_callbacks_repeated_total 2")
}

func TestSeenForgetsInTime(t *testing.T) {
	s := newSeen()
	s.most = 3
	for i, key := range []string{"a", "b", "c", "d", "e"} {
		s.add(key, moment.Add(time.Duration(i)*time.Second))
	}
	require.True(t, s.has("a") && s.has("e"))
	for i, key := range []string{"f", "g"} {
		s.add(key, moment.Add(time.Duration(10+i)*time.Second))
	}
	require.False(t, s.has("a"), "the older generation was full")
	require.True(t, s.has("d"))
	s.add("h", moment.Add(seenFor*2))
	s.add("i", moment.Add(seenFor*4))
	require.False(t, s.has("g"))
	require.True(t, s.has("h") && s.has("i"))
}

func TestCallbackRefusesBadInput(t *testing.T) {
	s := newService(t)
	at := s.claimed().String()
	good := "signed=yes&sid=CA1&ended=completed"
	for name, c := range map[string]struct {
		path, contentType, body string
		status                  int
		code                    campaign.Code
	}{
		"forged":              {"mock/cmp_1/" + at, formType, "sid=CA1&ended=completed", 403, codeForbidden},
		"unknown call":        {"mock/cmp_1/" + campaign.NewAttemptID(77, 1).String(), formType, good, 404, campaign.CodeNotFound},
		"another claim":       {"mock/cmp_1/" + campaign.NewAttemptID(1, 9).String(), formType, good, 404, campaign.CodeNotFound},
		"another campaign":    {"mock/cmp_7/" + at, formType, good, 404, campaign.CodeNotFound},
		"unknown provider":    {"other/cmp_1/" + at, formType, good, 404, campaign.CodeNotFound},
		"malformed campaign":  {"mock/1/" + at, formType, good, 404, campaign.CodeNotFound},
		"malformed attempt":   {"mock/cmp_1/x", formType, good, 404, campaign.CodeNotFound},
		"too short":           {"mock/cmp_1", formType, good, 404, campaign.CodeNotFound},
		"another type":        {"mock/cmp_1/" + at, "application/json", "{}", 415, codeMediaType},
		"no form":             {"mock/cmp_1/" + at, formType, "a=%zz", 400, codeMalformed},
		"no sid":              {"mock/cmp_1/" + at, formType, "signed=yes", 422, campaign.CodeInvalid},
		"too large":           {"mock/cmp_1/" + at, formType, "signed=yes&sid=" + strings.Repeat("x", maxCallback), 413, codeTooLarge},
		"forged and unknown?": {"mock/cmp_1/" + campaign.NewAttemptID(77, 1).String(), formType, "", 403, codeForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			s.in(t).send(http.MethodPost, "/callbacks/"+c.path, c.contentType, c.body).problem(c.status, c.code)
		})
	}
	s.get("/callbacks/mock/cmp_1/"+at).problem(405, codeMethod)
	_, _, reports := s.bus.sent()
	for _, r := range reports { // what is well signed is passed on while its attempt is looked for
		require.NotEqual(t, []string{"cmp_1", at}, []string{r.Campaign.String(), r.Attempt.String()})
	}
}

// The signature is over the address that the provider called: the public one, with its
// path, whether or not the proxy before us leaves that on, and the one of before for
// calls that were placed then.
func TestCallbackBehindAProxy(t *testing.T) {
	providers := oneProvider()
	providers.urls = []string{"https://x.example/dialtone", "https://old.example", "http://127.0.0.1:8080/a/b"}
	providers.retired = []string{"gone"}
	s := newService(t, func(c *Config) { c.Providers = providers })
	at := "/cmp_1/" + s.claimed().String()
	for _, c := range []struct {
		asked, signed string
		status        int
	}{
		{"/callbacks/mock" + at, "https://x.example/dialtone/callbacks/mock" + at, 204},
		{"/dialtone/callbacks/mock" + at, "https://x.example/dialtone/callbacks/mock" + at, 204},
		{"/dialtone/callbacks/mock" + at + "?a=b%20c&d", "https://x.example/dialtone/callbacks/mock" + at + "?a=b%20c&d", 204},
		{"/callbacks/mock" + at, "https://old.example/callbacks/mock" + at, 204},
		{"/a/b/callbacks/mock" + at, "http://127.0.0.1:8080/a/b/callbacks/mock" + at, 204},
		{"/callbacks/gone" + at, "https://x.example/dialtone/callbacks/gone" + at, 204},
		{"/callbacks/mock" + at, "https://x.example/callbacks/mock" + at, 403},
		{"/callbacks/mock" + at, "https://y.example/dialtone/callbacks/mock" + at, 403},
		{"/callbacks/gone" + at, "https://x.example/dialtone/callbacks/mock" + at, 403},
		{"/other/callbacks/mock" + at, "yes", 404},
		{"/dialtone/dialtone/callbacks/mock" + at, "yes", 404},
		{"/dialtone/healthz", "yes", 404},
	} {
		form := url.Values{"signed": {c.signed}, "sid": {"CA1"}, "ended": {"busy"}}
		r := s.send(http.MethodPost, c.asked, formType, form.Encode())
		require.Equal(t, c.status, r.status, "%s signed for %s: %s", c.asked, c.signed, r.body)
	}
	providers.urls = nil
	s.send(http.MethodPost, "/callbacks/mock"+at, formType, "signed=yes&sid=CA1").problem(403, codeForbidden)
}

func TestCallbackIsNotAcknowledgedBeforeItIsSafe(t *testing.T) {
	s := newService(t)
	path := "/callbacks/mock/cmp_1/" + s.claimed().String()
	for _, err := range []error{errors.New("no stream"), campaign.Unavailable("The bus is away; try again.")} {
		s.bus.onReport = func() error { return err }
		r := s.send(http.MethodPost, path, formType, "signed=yes&sid=CA1&ended=busy")
		r.problem(503, campaign.CodeUnavailable)
		require.NotEmpty(t, r.header.Get("Retry-After"))
	}
}

func TestCallbacksAskTheStoreTogether(t *testing.T) {
	var queries, asked atomic.Int64
	k := newKnowledge(func(_ context.Context, refs []store.AttemptRef) ([]bool, error) {
		queries.Add(1)
		asked.Add(int64(len(refs)))
		time.Sleep(2 * time.Millisecond) // a database that takes its time
		known := make([]bool, len(refs))
		for i, r := range refs {
			known[i] = r.Attempt%2 == 0
		}
		return known, nil
	}, slog.New(slog.DiscardHandler))
	const n = 2000
	var wg sync.WaitGroup
	var wrong atomic.Int64
	for i := range n {
		wg.Go(func() {
			if k.unknown(t.Context(), store.AttemptRef{Attempt: campaign.AttemptID(i)}) != (i%2 == 1) {
				wrong.Add(1)
			}
		})
	}
	wg.Wait()
	require.Zero(t, wrong.Load())
	require.EqualValues(t, n, asked.Load())
	require.Less(t, queries.Load(), int64(n/10))
}

func TestCallbackIsLetThroughWhenTheStoreIsAway(t *testing.T) {
	k := newKnowledge(func(context.Context, []store.AttemptRef) ([]bool, error) { return nil, errors.New("away") }, slog.New(slog.DiscardHandler))
	require.False(t, k.unknown(t.Context(), store.AttemptRef{}))
	k = newKnowledge(func(context.Context, []store.AttemptRef) ([]bool, error) { return []bool{true, true}, nil }, slog.New(slog.DiscardHandler))
	require.False(t, k.unknown(t.Context(), store.AttemptRef{}), "an answer that does not fit")
}

// BenchmarkCallback is the handler's own work, for as many callers as it takes to
// fill the batches.
func BenchmarkCallback(b *testing.B) {
	bus := newFakeBus()
	bus.onReport = func() error { bus.reports = bus.reports[:0]; return nil }
	a, err := New(Config{
		Store: knowing{}, Bus: bus, Loopback: true,
		Providers: oneProvider(),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	body := "signed=yes&sid=CA00000000000000000000000000000001&ended=completed&To=%2B12125550147&From=%2B12125550148"
	b.SetParallelism(256)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest(http.MethodPost, "/callbacks/mock/cmp_1/1048577", io.NopCloser(strings.NewReader(body)))
			r.Header.Set("Content-Type", formType)
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, r)
			if w.Code != http.StatusNoContent {
				b.Error(w.Code, w.Body)
				return
			}
		}
	})
}

// knowing knows every attempt.
type knowing struct{ Store }

func (knowing) AttemptsKnown(_ context.Context, refs []store.AttemptRef) ([]bool, error) {
	known := make([]bool, len(refs))
	for i := range known {
		known[i] = true
	}
	return known, nil
}
