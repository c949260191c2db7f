package twilio

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/provider"
)

// answering opens a provider whose API is the handler.
func answering(t *testing.T, h http.HandlerFunc) *Provider {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return openAt(t, srv.URL, nil)
}

func TestFetch(t *testing.T) {
	for status, want := range map[string]campaign.Disposition{
		"queued": "", "ringing": "", "in-progress": "", "tomorrow's": "",
		"completed": campaign.DispositionCompleted, "busy": campaign.DispositionBusy,
		"no-answer": campaign.DispositionNoAnswer, "failed": campaign.DispositionFailed,
		"canceled": campaign.DispositionCanceled,
	} {
		t.Run(status, func(t *testing.T) {
			p := answering(t, func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, "/2010-04-01/Accounts/AC1/Calls/CA7.json", r.URL.Path)
				_, _ = fmt.Fprintf(w, `{"sid":"CA7","to":"+1","from":"+2","status":%q,"duration":"12","answered_by":null,
					"date_created":"Tue, 18 Aug 2026 15:04:05 +0000","end_time":"Tue, 18 Aug 2026 15:04:25 +0000"}`, status)
			})
			c, err := p.Fetch(t.Context(), "CA7")
			require.NoError(t, err)
			require.Equal(t, want, c.Disposition)
			require.Equal(t, want != "", c.Ended)
			if c.Ended {
				require.Equal(t, 12*time.Second, c.Duration)
				require.Equal(t, 20*time.Second+999*time.Millisecond, c.EndedAt.Sub(c.CreatedAt))
			}
		})
	}
}

func TestFetchOfAnotherCallIsNoAnswer(t *testing.T) {
	p := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"sid":"CA8","status":"busy"}`)
	})
	_, err := p.Fetch(t.Context(), "CA7")
	require.Error(t, err)
	require.NotErrorIs(t, err, provider.ErrUnknownCall)
}

func TestHangUpOfACallThatHasEnded(t *testing.T) {
	p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "completed", r.FormValue("Status"))
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"code":21220,"message":"Call is not in-progress."}`)
	})
	require.NoError(t, p.HangUp(t.Context(), "CA7"))
}

// history is a list API over calls created at the given seconds before now.
func history(now time.Time, ages []int, pages *int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*pages++
		q := r.URL.Query()
		size, _ := strconv.Atoi(q.Get("PageSize"))
		start, _ := strconv.Atoi(q.Get("Start"))
		end := min(start+size, len(ages))
		calls := []map[string]any{}
		for i := start; i < end; i++ {
			at := now.Add(-time.Duration(ages[i]) * time.Second)
			calls = append(calls, map[string]any{
				"sid": fmt.Sprintf("CA%d", i), "status": "queued", "start_time": nil, "date_created": at.Format(time.RFC1123Z),
			})
		}
		var next any
		if end < len(ages) {
			q.Set("Start", strconv.Itoa(end))
			next = r.URL.Path + "?" + q.Encode()
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"calls": calls, "next_page_uri": next})
	}
}

func TestFind(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	hour, day := 3600, 24*3600
	repeat := func(n, from, step int) (out []int) {
		for i := range n {
			out = append(out, from+i*step)
		}
		return out
	}
	for _, c := range []struct {
		name      string
		ages      []int
		found     int
		mostPages int
	}{
		{"none", nil, 0, 1},
		{"newest first", []int{1, 2, 59, 60, 61, 62, hour}, 5, 1}, // 61 is within the rounding
		{"over pages", repeat(450, 0, 0), 450, 3},
		{"stops in old history", append([]int{1}, repeat(3000, 2*day, hour)...), 1, 1},
		{"oldest first is read to the end", append(repeat(450, 9*day, -1), 1), 1, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			pages := 0
			p := answering(t, history(now, c.ages, &pages))
			got, err := p.Find(t.Context(), "+12025550123", "", now.Add(-time.Minute))
			require.NoError(t, err)
			require.Len(t, got, c.found)
			require.LessOrEqual(t, pages, c.mostPages)
			for i := 1; i < len(got); i++ {
				require.False(t, got[i].CreatedAt.Before(got[i-1].CreatedAt), "oldest first")
			}
		})
	}
}

// A list that is not whole must not pass for one: what is missing would be
// dialled again.
func TestFindNeverTellsHalfAList(t *testing.T) {
	pages := 0
	p := answering(t, history(time.Now(), make([]int, pageSize*limitPages+1), &pages))
	_, err := p.Find(t.Context(), "+12025550123", "", time.Now().Add(-time.Minute))
	require.ErrorIs(t, err, errTooManyPages)

	p = answering(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"calls":[],"next_page_uri":"https://evil.example/2010-04-01/Accounts/AC1/Calls.json"}`)
	})
	_, err = p.Find(t.Context(), "+12025550123", "", time.Now())
	require.ErrorContains(t, err, "not in this account's list")
}

func TestFindAsksForTheNumbers(t *testing.T) {
	var got url.Values
	p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		_, _ = io.WriteString(w, `{"calls":[]}`)
	})
	_, err := p.Find(t.Context(), "+12025550123", "", time.Now())
	require.NoError(t, err)
	require.Equal(t, "+12025550123", got.Get("To"))
	require.False(t, got.Has("From"), "the provider's own caller id may have been another then")
	require.False(t, got.Has("StartTime>"), "a queued call has no start time")
	_, err = p.Find(t.Context(), "+12025550123", "+12025550101", time.Now())
	require.NoError(t, err)
	require.Equal(t, "+12025550101", got.Get("From"))
}

// The vector of the API's own libraries.
func TestSignatureVector(t *testing.T) {
	p := openAt(t, "http://127.0.0.1:9", func(c *Config) { c.Token = provider.NewSecret("12345") })
	form := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"},
		"From": {"+14158675309"}, "To": {"+18005551212"},
	}
	require.True(t, p.signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", "https://mycompany.com/myapp.php?foo=1&bar=2", form))
	require.False(t, p.signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", "https://mycompany.com/myapp.php?foo=1&bar=3", form))
}

func TestOtherPort(t *testing.T) {
	for in, want := range map[string]string{
		"https://x.example/a?b=c:1": "https://x.example:443/a?b=c:1",
		"https://x.example:443/a":   "https://x.example/a",
		"http://x.example":          "http://x.example:80",
		"http://x.example:8080/a":   "http://x.example/a",
		"http://[::1]/a":            "http://[::1]:80/a",
		"http://[::1]:80?x=1":       "http://[::1]?x=1",
		"ftp://x.example/":          "",
		"x.example":                 "",
	} {
		require.Equal(t, want, otherPort(in), in)
	}
}

// signedCallback is a callback that the provider signed for one URL.
func signedCallback(p *Provider, target string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, nil)
	r.Header.Set(signatureHeader, signatureOf(p.token.Reveal(), target, signedParams(form)))
	return r
}

func TestParseCallback(t *testing.T) {
	p := openAt(t, "http://127.0.0.1:9", nil)
	form := url.Values{
		"CallSid": {"CA7"}, "To": {"+1"}, "From": {"+2"}, "CallStatus": {"no-answer"}, "CallDuration": {"3"},
		"Timestamp": {"Tue, 18 Aug 2026 15:04:05 +0000"}, "SipResponseCode": {"487"}, "AnsweredBy": {"machine_start"}, "ErrorCode": {"0"},
		"Repeated": {"b", "a", "b"},
	}
	want := provider.Call{
		ProviderCallID: "CA7", To: "+1", From: "+2", Ended: true, Disposition: campaign.DispositionNoAnswer,
		Duration: 3 * time.Second, EndedAt: time.Date(2026, 8, 18, 15, 4, 5, 999e6, time.UTC),
		AnsweredBy: "machine_start", SIPCode: 487, Detail: "SIP 487, answered by machine_start",
	}
	for signed, seen := range map[string]string{
		"https://x.example/cb?a=1":     "https://x.example/cb?a=1",
		"https://x.example:443/cb?a=1": "https://x.example/cb?a=1",
		"https://x.example/cb?a=2":     "https://x.example:8443/cb?a=2",
	} {
		got, err := p.ParseCallback(signedCallback(p, signed, form), seen, form)
		require.NoError(t, err, signed)
		require.Equal(t, want, got)
	}
	_, err := p.ParseCallback(signedCallback(p, "https://x.example/cb", form), "https://y.example/cb", form)
	require.ErrorIs(t, err, provider.ErrSignature)
}

func TestParseCode(t *testing.T) {
	for text, want := range map[string]int{"": 0, "486": 486, "0": 0, "99": 0, "700": 0, "-200": 0, "ok": 0, "200 OK": 0} {
		require.Equal(t, want, parseCode(text), text)
	}
}

func TestParseCallbackFaults(t *testing.T) {
	p := openAt(t, "http://127.0.0.1:9", nil)
	const target = "https://x.example/cb"
	for field, form := range map[string]url.Values{
		"CallSid":    {"CallStatus": {"busy"}},
		"CallStatus": {"CallSid": {"CA7"}, "CallStatus": {"sold"}},
	} {
		_, err := p.ParseCallback(signedCallback(p, target, form), target, form)
		var ce *campaign.Error
		require.ErrorAs(t, err, &ce)
		require.Equal(t, field, ce.Field)
	}
	form := url.Values{"CallSid": {"CA7"}, "CallStatus": {"ringing"}, "Timestamp": {"Tue, 18 Aug 2026 15:04:05 +0000"}}
	c, err := p.ParseCallback(signedCallback(p, target, form), target, form)
	require.NoError(t, err)
	require.False(t, c.Ended)
	require.True(t, c.EndedAt.IsZero())
}

func TestConfigTellsAllFaults(t *testing.T) {
	_, err := New(Config{BaseURL: "ftp://x", CallTimeout: -1, MaxConnections: -1, Answer: Answer{Twiml: "{{"}})
	var es campaign.Errors
	require.ErrorAs(t, err, &es)
	require.Len(t, es, 7)
}

// No secret is ever printed, whatever way the parts are printed.
func TestNoSecretIsPrinted(t *testing.T) {
	p := openAt(t, "http://127.0.0.1:9", nil)
	c := Config{Name: "main", Token: provider.NewSecret("secret-token")}
	var out strings.Builder
	for _, v := range []any{c, &c, struct{ c Config }{c}, p, struct{ p *Provider }{p}, c.Token} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	}
	for _, secret := range []string{"secret-token", "7365637265742d746f6b656e", p.headers.post.Get("Authorization")[6:]} {
		require.False(t, strings.Contains(out.String(), secret), secret)
	}
}
