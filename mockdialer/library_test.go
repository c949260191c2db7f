package mockdialer_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	twilio "github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"dialtone/mockdialer"
)

// redirected sends what is meant for the API to a mock dialer.
type redirected struct {
	host string
	http.RoundTripper
}

func (d redirected) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", d.host
	return d.RoundTripper.RoundTrip(r)
}

// library is Twilio's own client.
func library(t *testing.T, s *mockdialer.Server) *openapi.ApiService {
	t.Helper()
	u, err := url.Parse(s.URL())
	require.NoError(t, err)
	// Not the client's Timeout: the library leaves the bodies of errors open, and with
	// them what waits for that timeout.
	transport := &http.Transport{ResponseHeaderTimeout: patience}
	t.Cleanup(transport.CloseIdleConnections)
	c := &twilio.Client{
		Credentials: twilio.NewCredentials(account, mockdialer.DefaultToken),
		HTTPClient:  &http.Client{Transport: redirected{u.Host, transport}},
	}
	c.SetAccountSid(account)
	return openapi.NewApiServiceWithClient(c)
}

// params are those of a call.
func params(to, from, callback string) *openapi.CreateCallParams {
	p := new(openapi.CreateCallParams).SetTo(to).SetFrom(from).SetTwiml("<Response/>").SetTimeout(30).SetMachineDetection("Enable")
	return p.SetStatusCallback(callback).SetStatusCallbackMethod(http.MethodPost).
		SetStatusCallbackEvent([]string{"initiated", "ringing", "answered", "completed"})
}

func TestTwiliosLibraryPlacesFetchesAndHangsUp(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour), Outcomes: only(mockdialer.Completed)})
	api, r := library(t, s), receive(t)

	placed, err := api.CreateCall(params(callee, caller, r.URL))
	require.NoError(t, err)
	require.Equal(t, "queued", *placed.Status)
	for _, want := range []string{"initiated", "ringing", "in-progress"} {
		require.Equal(t, want, r.next(t).form.Get("CallStatus"), "every event that was asked for")
	}
	fetched, err := api.FetchCall(*placed.Sid, nil)
	require.NoError(t, err)
	require.Equal(t, "in-progress", *fetched.Status)
	require.Equal(t, "human", *fetched.AnsweredBy)
	require.Equal(t, *placed.DateCreated, *fetched.DateCreated)

	ended, err := api.UpdateCall(*placed.Sid, new(openapi.UpdateCallParams).SetStatus("completed"))
	require.NoError(t, err)
	require.Equal(t, "completed", *ended.Status)
	require.Equal(t, "200", r.next(t).form.Get("SipResponseCode"))
	_, err = api.UpdateCall(*placed.Sid, new(openapi.UpdateCallParams).SetStatus("completed"))
	requireCode(t, 21220, err)

	waiting, err := api.CreateCall(params("+15550000003", caller, r.URL))
	require.NoError(t, err)
	canceled, err := api.UpdateCall(*waiting.Sid, new(openapi.UpdateCallParams).SetStatus("canceled"))
	require.NoError(t, err)
	require.Equal(t, "canceled", *canceled.Status)

	_, err = api.FetchCall("CA00000000000000000000000000000000", nil)
	requireCode(t, 20404, err)
	_, err = api.CreateCall(params("+1", caller, r.URL))
	requireCode(t, 21211, err)
	require.NoError(t, s.SetFaults(always(mockdialer.Fault429)))
	_, err = api.CreateCall(params(callee, caller, r.URL))
	requireCode(t, 20429, err)
}

func requireCode(t *testing.T, code int, err error) {
	t.Helper()
	var rest *twilio.TwilioRestError
	require.ErrorAs(t, err, &rest)
	require.Equal(t, code, rest.Code)
	require.NotEmpty(t, rest.Message)
}

func TestTwiliosLibraryLists(t *testing.T) {
	s := start(t, mockdialer.Config{Script: map[string][]mockdialer.Outcome{
		callee: {{Status: mockdialer.Busy}, {Status: mockdialer.Completed, Duration: new(time.Hour)}, {Status: mockdialer.Busy}},
	}, Outcomes: only(mockdialer.Busy)})
	api := library(t, s)
	var sids []string
	for _, numbers := range [][2]string{{callee, caller}, {callee, caller}, {callee, "+15550000009"}, {"+15550000003", caller}} {
		c, err := api.CreateCall(params(numbers[0], numbers[1], "http://127.0.0.1:1"))
		require.NoError(t, err)
		sids = append(sids, *c.Sid)
	}
	eventually(t, func() bool { return s.Ledger()[1].Status == mockdialer.InProgress }, "the answer")
	second, err := api.FetchCall(sids[1], nil)
	require.NoError(t, err)
	started, err := time.Parse(time.RFC1123Z, *second.StartTime)
	require.NoError(t, err)
	list := func() *openapi.ListCallParams { return new(openapi.ListCallParams).SetPageSize(2) }
	for name, c := range map[string]struct {
		params *openapi.ListCallParams
		want   []int
	}{
		"all, over pages":     {list(), []int{3, 2, 1, 0}},
		"to":                  {list().SetTo(callee), []int{2, 1, 0}},
		"from":                {list().SetFrom(caller), []int{3, 1, 0}},
		"to and from":         {list().SetTo(callee).SetFrom(caller), []int{1, 0}},
		"status":              {list().SetTo(callee).SetStatus("in-progress"), []int{1}},
		"limit":               {list().SetLimit(3), []int{3, 2, 1}},
		"started at":          {list().SetTo(callee).SetStatus("in-progress").SetStartTime(started), []int{1}},
		"started from on":     {list().SetTo(callee).SetStatus("in-progress").SetStartTimeAfter(started), []int{1}},
		"started until":       {list().SetTo(callee).SetStatus("in-progress").SetStartTimeBefore(started), []int{1}},
		"started before long": {list().SetStartTimeBefore(started.Add(-time.Hour)), nil},
		"started after long":  {list().SetStartTimeAfter(started.Add(time.Hour)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			calls, err := api.ListCall(c.params)
			require.NoError(t, err)
			var want, got []string
			for _, i := range c.want {
				want = append(want, sids[i])
			}
			for _, call := range calls {
				got = append(got, *call.Sid)
			}
			require.Equal(t, want, got)
		})
	}
}

func TestTwiliosLibraryAcceptsTheSignatures(t *testing.T) {
	type request struct {
		method, target, signature string
		body                      []byte
	}
	got := make(chan request, 8)
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- request{r.Method, "http://" + r.Host + r.RequestURI, r.Header.Get("X-Twilio-Signature"), body}
	}))
	defer r.Close()
	s := start(t, mockdialer.Config{Outcomes: only(mockdialer.Completed)})
	good, bad := twilio.NewRequestValidator(mockdialer.DefaultToken), twilio.NewRequestValidator("another")
	for _, path := range []string{"/cb", "/cb?x=1", "/cb?x=1&x=2&a=%20b", "/c%2Fb/?", "/?x=a+b"} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			create(t, s, "StatusCallback", r.URL+path, "StatusCallbackMethod", method)
			c := <-got
			require.Equal(t, method, c.method)
			require.True(t, good.ValidateBody(c.target, c.body, c.signature), "%s %s", method, path)
			require.False(t, bad.ValidateBody(c.target, c.body, c.signature), "%s %s", method, path)
		}
	}
	require.NoError(t, s.SetFaults(always(mockdialer.FaultCallbackForged)))
	create(t, s, "StatusCallback", r.URL)
	c := <-got
	require.False(t, good.ValidateBody(r.URL, c.body, c.signature), "forged")
}

// The library reads what a faulty provider answers as an error, never as a call.
func TestTwiliosLibraryTakesNoFaultForACall(t *testing.T) {
	s := start(t, mockdialer.Config{})
	api := library(t, s)
	for _, f := range []mockdialer.Fault{mockdialer.FaultHangAfter, mockdialer.Fault500After, mockdialer.FaultBadJSON} {
		require.NoError(t, s.SetFaults(always(f)))
		_, err := api.CreateCall(params(callee, caller, "http://127.0.0.1:1"))
		require.Error(t, err, f)
	}
	require.Equal(t, 3, s.Summary().Created)
}
