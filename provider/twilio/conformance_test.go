package twilio_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The API signs with HMAC-SHA1.
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/mockdialer"
	"dialtone/provider"
	"dialtone/provider/providertest"
	"dialtone/provider/twilio"
)

const (
	account = "AC00000000000000000000000000000001"
	token   = "the-token"
	sid     = "CA0123456789abcdef0123456789abcdef"
)

func open(t testing.TB, baseURL string, timeout time.Duration) provider.Provider {
	t.Helper()
	p, err := twilio.New(twilio.Config{
		Name: "main", BaseURL: baseURL, Account: account, Token: provider.NewSecret(token), CallTimeout: timeout,
	})
	require.NoError(t, err)
	return p
}

func refusal(name string, status int, body string, fault provider.Fault) providertest.Refusal {
	return providertest.Refusal{Name: name, Answer: providertest.Answer{Status: status, Body: body}, Fault: fault}
}

// patient is a refusal that asks for seven seconds.
func patient(r providertest.Refusal) providertest.Refusal {
	r.Header, r.RetryAfter = http.Header{"Retry-After": {"7"}}, 7*time.Second
	return r
}

// refusals are answers in the dialect, and in that of what may stand before it.
func refusals() []providertest.Refusal {
	invalid := refusal("21211", 400, `{"code":21211,"message":"Invalid 'To' Phone Number","status":400}`, provider.Refused)
	invalid.Detail = "21211: Invalid 'To' Phone Number"
	return []providertest.Refusal{
		invalid,
		refusal("13224", 400, `{"code":13224,"message":"invalid number"}`, provider.Refused),
		refusal("21215", 403, `{"code":21215,"message":"geo permission"}`, provider.Refused),
		refusal("21216", 400, `{"code":21216,"message":"blocked"}`, provider.Refused),

		refusal("13214", 400, `{"code":13214,"message":"caller id"}`, provider.Misconfigured),
		refusal("21205", 400, `{"code":21205,"message":"url"}`, provider.Misconfigured),
		refusal("21210", 400, `{"code":21210,"message":"not verified"}`, provider.Misconfigured),
		refusal("21212", 400, `{"code":21212,"message":"caller id"}`, provider.Misconfigured),
		refusal("21213", 400, `{"code":21213,"message":"no caller id"}`, provider.Misconfigured),
		refusal("a code of tomorrow", 400, `{"code":99999,"message":"?"}`, provider.Misconfigured),
		refusal("a code of tomorrow, forbidden", 403, `{"code":99999,"message":"?"}`, provider.Misconfigured),
		refusal("404 of something else", 404, "<html>Not Found</html>", provider.Barred),

		refusal("10001", 403, `{"code":10001,"message":"not active"}`, provider.Barred),
		refusal("10002", 400, `{"code":10002,"message":"trial"}`, provider.Barred),
		refusal("20003", 401, `{"code":20003,"message":"Authenticate"}`, provider.Barred),
		refusal("401 without a body", 401, "", provider.Barred),
		refusal("403 of a firewall", 403, "<html>Forbidden</html>", provider.Barred),
		refusal("20404", 404, `{"code":20404,"message":"not found"}`, provider.Barred),
		refusal("308", 308, "", provider.Barred),

		refusal("10004", 400, `{"code":10004,"message":"concurrency"}`, provider.Full),
		refusal("86008", 400, `{"code":86008,"message":"concurrency"}`, provider.Full),
		refusal("22005", 400, `{"code":22005,"message":"queue full"}`, provider.Full),
		patient(refusal("10004 for a while", 429, `{"code":10004,"message":"concurrency"}`, provider.Full)),

		patient(refusal("20429", 429, `{"code":20429,"message":"Too Many Requests","status":429}`, provider.Throttled)),
		refusal("429 of a gateway", 429, "slow down", provider.Throttled),

		refusal("302", 302, "", provider.Ambiguous),
		refusal("303", 303, "", provider.Ambiguous),
	}
}

func harness() providertest.Harness {
	return providertest.Harness{
		Open: open,
		Created: providertest.Answer{
			Status: http.StatusCreated,
			Body:   `{"sid":"` + sid + `","status":"queued","date_created":"Tue, 18 Aug 2026 15:04:05 +0000"}`,
		},
		CreatedID: sid,
		Refusals:  refusals(),
		Unknown:   providertest.Answer{Status: http.StatusNotFound, Body: `{"code":20404,"message":"not found"}`},
		Over:      providertest.Answer{Status: http.StatusBadRequest, Body: `{"code":21220,"message":"Call is not in-progress."}`},
		Fetched:   fetched(),
		Callbacks: callbacks(),
	}
}

// began and over are the times of a call of 12 seconds.
var (
	began = time.Date(2026, 8, 18, 15, 4, 5, 0, time.UTC)
	over  = time.Date(2026, 8, 18, 15, 4, 25, 999e6, time.UTC) // the last moment of that second
)

// fetched are answers about one call.
func fetched() []providertest.Fetched {
	body := func(status, answeredBy string) providertest.Answer {
		return providertest.Answer{Status: http.StatusOK, Body: fmt.Sprintf(`{"sid":%q,"to":"+12025550123","from":"+12025550100","status":%q,"duration":"12",
			"answered_by":%s,"date_created":"Tue, 18 Aug 2026 15:04:05 +0000","end_time":"Tue, 18 Aug 2026 15:04:25 +0000"}`, sid, status, answeredBy)}
	}
	up := provider.Call{ProviderCallID: sid, To: "+12025550123", From: "+12025550100", CreatedAt: began}
	heard := up
	heard.AnsweredBy = "human"
	ended := up
	ended.Ended, ended.Disposition, ended.Duration, ended.EndedAt = true, campaign.DispositionCompleted, 12*time.Second, over
	machine := ended
	machine.AnsweredBy, machine.Detail = "machine_start", "answered by machine_start"
	return []providertest.Fetched{
		{Answer: body("in-progress", "null"), Call: up},
		{Answer: body("in-progress", `"human"`), Call: heard},
		{Answer: body("completed", "null"), Call: ended},
		{Answer: body("completed", `"machine_start"`), Call: machine},
	}
}

// callbacks are what the provider posts, with the account's signature.
func callbacks() []providertest.Callback {
	form := func(status string, more ...string) url.Values {
		f := url.Values{"CallSid": {sid}, "To": {"+12025550123"}, "From": {"+12025550100"}, "CallStatus": {status}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	up := provider.Call{ProviderCallID: sid, To: "+12025550123", From: "+12025550100"}
	heard := up
	heard.AnsweredBy = "human"
	failed := up
	failed.Ended, failed.Disposition, failed.EndedAt = true, campaign.DispositionFailed, over
	failed.SIPCode, failed.Detail = 503, "SIP 503, error 13224"
	machine := up
	machine.Ended, machine.Disposition, machine.Duration, machine.EndedAt = true, campaign.DispositionCompleted, 12*time.Second, over
	machine.AnsweredBy, machine.SIPCode, machine.Detail = "machine_start", 200, "SIP 200, answered by machine_start"
	const at = "Tue, 18 Aug 2026 15:04:25 +0000"
	return []providertest.Callback{
		{Sign: sign, Form: form("ringing"), Call: up},
		{Sign: sign, Form: form("in-progress", "AnsweredBy", "human"), Call: heard},
		{Sign: sign, Form: form("failed", "Timestamp", at, "SipResponseCode", "503", "ErrorCode", "13224"), Call: failed},
		{Sign: sign, Form: form("completed", "Timestamp", at, "CallDuration", "12", "SipResponseCode", "200", "AnsweredBy", "machine_start"), Call: machine},
	}
}

// sign signs a callback as the API's reference describes it.
func sign(r *http.Request, target string, form url.Values) {
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(mac, target)
	for _, name := range slices.Sorted(maps.Keys(form)) {
		_, _ = io.WriteString(mac, name+form.Get(name))
	}
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func TestConformance(t *testing.T) {
	h := harness()
	h.Stand = stand
	providertest.Exercise(t, h)
}

// stand starts the mock dialer.
func stand(t *testing.T) providertest.Stand {
	t.Helper()
	const busy, silent, broken, long = "+12025550171", "+12025550172", "+12025550173", "+12025550174"
	script := map[string][]mockdialer.Outcome{}
	for to, status := range map[string]mockdialer.Status{busy: mockdialer.Busy, silent: mockdialer.NoAnswer, broken: mockdialer.Failed} {
		script[to] = slices.Repeat([]mockdialer.Outcome{{Status: status}}, 10)
	}
	hour := time.Hour
	script[long] = []mockdialer.Outcome{{Status: mockdialer.Completed, Duration: &hour}}
	srv, err := mockdialer.New(mockdialer.Config{
		Account: account, Token: token,
		Duration: mockdialer.Fixed(50 * time.Millisecond),
		Outcomes: mockdialer.Outcomes{Completed: 1},
		Script:   script,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Stop(context.Background())) })
	require.NoError(t, srv.Start(t.Context()))
	return providertest.Stand{
		URL: srv.URL(), From: "+12025550100", OtherFrom: "+12025550101",
		Ends: map[campaign.Disposition]string{
			campaign.DispositionCompleted: "+12025550170", campaign.DispositionBusy: busy,
			campaign.DispositionNoAnswer: silent, campaign.DispositionFailed: broken,
			campaign.DispositionRejected: "+15005550001",
		},
		Lasts:   long,
		Unknown: sid,
		Creates: func() int { return len(srv.Ledger()) },
	}
}
