package twilio_test

import (
	"context"
	"net/http"
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

// refusals are answers in the dialect, and in that of what may stand before it.
func refusals() []providertest.Refusal {
	soon := refusal("429", 429, `{"code":20429,"message":"Too Many Requests","status":429}`, provider.Throttled)
	soon.Header = http.Header{"Retry-After": {"7"}}
	soon.RetryAfter = 7 * time.Second
	invalid := refusal("21211", 400, `{"code":21211,"message":"Invalid 'To' Phone Number","status":400}`, provider.Refused)
	invalid.Detail = "21211: Invalid 'To' Phone Number"
	return []providertest.Refusal{
		invalid, soon,
		refusal("13224", 400, `{"code":13224,"message":"invalid number"}`, provider.Refused),
		refusal("21215", 403, `{"code":21215,"message":"geo permission"}`, provider.Refused),
		refusal("21216", 400, `{"code":21216,"message":"blocked"}`, provider.Refused),
		refusal("13214", 400, `{"code":13214,"message":"caller id"}`, provider.Misconfigured),
		refusal("21210", 400, `{"code":21210,"message":"not verified"}`, provider.Misconfigured),
		refusal("20003", 401, `{"code":20003,"message":"Authenticate"}`, provider.Misconfigured),
		refusal("401 without a body", 401, "", provider.Misconfigured),
		refusal("403 of a firewall", 403, "<html>Forbidden</html>", provider.Misconfigured),
		refusal("404", 404, `{"code":20404,"message":"not found"}`, provider.Misconfigured),
		refusal("a code of tomorrow", 400, `{"code":99999,"message":"?"}`, provider.Misconfigured),
		refusal("10004", 400, `{"code":10004,"message":"concurrency"}`, provider.Throttled),
		refusal("22005", 400, `{"code":22005,"message":"queue full"}`, provider.Throttled),
		refusal("429 of a gateway", 429, "slow down", provider.Throttled),
		refusal("308", 308, "", provider.Misconfigured),
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
	}
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
		URL: srv.URL(), From: "+12025550100",
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
