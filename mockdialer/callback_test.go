package mockdialer_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

const every = "initiated|ringing|answered|completed"

// The vector is that of Twilio's security documentation.
func TestSignatureOfTheDocumentation(t *testing.T) {
	got := mockdialer.Signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"},
		"From": {"+14158675309"}, "To": {"+18005551212"},
	})
	require.Equal(t, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", got)
}

func TestCallbacksOfACall(t *testing.T) {
	cases := []struct {
		outcome mockdialer.Status
		events  string
		want    []string
	}{
		{mockdialer.Completed, every, []string{"0 initiated ", "1 ringing ", "2 in-progress ", "3 completed 1"}},
		{mockdialer.Busy, every, []string{"0 initiated ", "1 ringing ", "2 busy 0"}},
		{mockdialer.NoAnswer, "ringing|completed", []string{"0 ringing ", "1 no-answer 0"}},
		{mockdialer.Failed, every, []string{"0 initiated ", "1 failed 0"}},
		{mockdialer.Completed, "answered", []string{"0 in-progress "}},
		{mockdialer.Completed, "", []string{"0 completed 1"}},
	}
	for _, c := range cases {
		t.Run(c.outcome.String()+" "+c.events, func(t *testing.T) {
			s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(200 * time.Millisecond), Outcomes: only(c.outcome)})
			r := receive(t)
			sid := create(t, s, "StatusCallback", r.URL+"/cb?x=1", "StatusCallbackEvent", c.events, "MachineDetection", "Enable").Sid
			var got []string
			for range c.want {
				one := r.next(t)
				got = append(got, one.String())
				require.Equal(t, sid, one.form.Get("CallSid"))
				checkCallback(t, r, one)
			}
			require.ElementsMatch(t, c.want, got, "the numbers tell the order; they may arrive in another")
			eventually(t, func() bool { sum := s.Summary(); return sum.Active == 0 && sum.Callbacks.Pending == 0 }, "the end")
			require.Empty(t, r.got)
			require.Equal(t, int64(len(c.want)), s.Summary().Callbacks.Delivered)
		})
	}
}

func checkCallback(t *testing.T, r *receiver, got received) {
	t.Helper()
	f := got.form
	require.Equal(t, http.MethodPost, got.method)
	require.Equal(t, account, f.Get("AccountSid"))
	require.Equal(t, callee, f.Get("To"))
	require.Equal(t, caller, f.Get("From"))
	require.Equal(t, "2010-04-01", f.Get("ApiVersion"))
	require.Equal(t, "outbound-api", f.Get("Direction"))
	require.Equal(t, "call-progress-events", f.Get("CallbackSource"))
	_, err := time.Parse(time.RFC1123Z, f.Get("Timestamp"))
	require.NoError(t, err)
	switch f.Get("CallStatus") {
	case "completed", "in-progress":
		require.Equal(t, "human", f.Get("AnsweredBy"))
	default:
		require.False(t, f.Has("AnsweredBy"))
	}
	f.Del("x") // of the URL, not of the body
	require.Equal(t, mockdialer.Signature(mockdialer.DefaultToken, r.URL+"/cb?x=1", f), got.signature)
}

func TestCallbackByGet(t *testing.T) {
	s := start(t, mockdialer.Config{Outcomes: only(mockdialer.Busy)})
	r := receive(t)
	for _, target := range []string{"/cb?x=1", "/cb", ""} {
		create(t, s, "StatusCallback", r.URL+target, "StatusCallbackMethod", "GET")
		got := r.next(t)
		require.Equal(t, http.MethodGet, got.method)
		require.Equal(t, "busy", got.form.Get("CallStatus"))
		require.Equal(t, "486", got.form.Get("SipResponseCode"))
		called := got.url
		if target == "" {
			called = strings.Replace(called, "/?", "?", 1) // signed as it was given
		}
		require.Equal(t, mockdialer.Signature(mockdialer.DefaultToken, called, nil), got.signature)
	}
}

func TestEveryEndHasTheTrunksCode(t *testing.T) {
	for outcome, code := range map[mockdialer.Status]string{
		mockdialer.Completed: "200", mockdialer.Busy: "486", mockdialer.NoAnswer: "480", mockdialer.Failed: "503", mockdialer.Canceled: "487",
	} {
		config := mockdialer.Config{Duration: mockdialer.Fixed(time.Hour), Outcomes: only(mockdialer.Busy)}
		if outcome != mockdialer.Canceled {
			config = mockdialer.Config{Outcomes: only(outcome)}
		}
		s, r := start(t, config), receive(t)
		sid := create(t, s, "StatusCallback", r.URL, "StatusCallbackEvent", "initiated|completed").Sid
		if outcome == mockdialer.Canceled {
			require.Equal(t, "canceled", ask(t, http.MethodPost, callURL(s, sid), url.Values{"Status": {"canceled"}}).status())
		}
		for range 2 {
			got := r.next(t).form
			want := ""
			if got.Get("CallStatus") != "initiated" {
				want = code
			}
			require.Equal(t, want, got.Get("SipResponseCode"), got.Get("CallStatus"))
			require.False(t, got.Has("AnsweredBy"), "nobody asked for it")
		}
	}
}

func TestCallbackWithUserInItsURL(t *testing.T) {
	s := start(t, mockdialer.Config{})
	r := receive(t)
	create(t, s, "StatusCallback", strings.Replace(r.URL, "http://", "http://me:p%40ss@", 1))
	require.Equal(t, "me", r.next(t).user)
}

func TestRetryKeepsItsToken(t *testing.T) {
	s := start(t, mockdialer.Config{CallbackRetryDelay: time.Millisecond})
	r := receive(t, http.StatusServiceUnavailable)
	create(t, s, "StatusCallback", r.URL)
	create(t, s, "StatusCallback", r.URL)
	var tokens []string
	seen := map[string]int{}
	for range 3 {
		c := r.next(t)
		tokens = append(tokens, c.token)
		seen[c.token+c.form.Get("CallSid")+c.form.Get("SequenceNumber")+c.signature]++
	}
	require.NotContains(t, tokens, "")
	require.Len(t, seen, 2, "one of the two calls was told twice, alike")
	eventually(t, func() bool { return s.Summary().Callbacks.Pending == 0 }, "the second attempt")
	require.Equal(t, mockdialer.CallbackSummary{Sent: 3, Delivered: 2, Retried: 1}, s.Summary().Callbacks)
}

func TestRetriesComeToAnEnd(t *testing.T) {
	for retries, sent := range map[int]int64{mockdialer.NoRetries: 1, 0: 2, 3: 4} {
		s := start(t, mockdialer.Config{CallbackRetries: retries, CallbackRetryDelay: time.Millisecond})
		r := receive(t, 500, 404, 302, 503, 500)
		create(t, s, "StatusCallback", r.URL)
		eventually(t, func() bool { return s.Summary().Callbacks.Failed == 1 }, "giving up")
		want := mockdialer.CallbackSummary{Sent: sent, Failed: 1, Retried: sent - 1}
		require.Equal(t, want, s.Summary().Callbacks)
	}
}

func TestNobodyListensForTheCallback(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	s := start(t, mockdialer.Config{CallbackRetryDelay: time.Millisecond})
	create(t, s, "StatusCallback", "http://"+l.Addr().String())
	eventually(t, func() bool { return s.Summary().Callbacks.Failed == 1 }, "giving up")
}

func TestKeptConnectionThatTheReceiverClosed(t *testing.T) {
	s := start(t, mockdialer.Config{CallbackRetries: mockdialer.NoRetries})
	r := receive(t)
	create(t, s, "StatusCallback", r.URL)
	r.next(t)
	eventually(t, func() bool { return s.Summary().Callbacks.Delivered == 1 }, "the first")
	r.CloseClientConnections()
	create(t, s, "StatusCallback", r.URL)
	r.next(t)
	eventually(t, func() bool { return s.Summary().Callbacks.Delivered == 2 }, "the second, without a retry")
}

func TestAnswersWithBodies(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"chunked": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("a"))
			w.(http.Flusher).Flush()
			_, _ = w.Write([]byte("b"))
		},
		"long": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 200_000)) },
		"closing": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusOK)
		},
		"early hints": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusOK)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, mockdialer.Config{CallbackRetries: mockdialer.NoRetries, CallbackWorkers: 1})
			r := httptest.NewServer(handler)
			defer r.Close()
			for range 3 {
				create(t, s, "StatusCallback", r.URL)
			}
			eventually(t, func() bool { return s.Summary().Callbacks.Delivered == 3 }, "three callbacks")
		})
	}
}

func TestStopBreaksOffACallback(t *testing.T) {
	arrived, leave := make(chan struct{}), make(chan struct{})
	r := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-leave
	}))
	defer r.Close()
	s, err := mockdialer.New(mockdialer.Config{})
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	create(t, s, "StatusCallback", r.URL)
	<-arrived
	client.CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Stop(ctx), context.Canceled)
	close(leave) // the receiver had no part in it
	require.Zero(t, s.Summary().Callbacks.Delivered)
	require.NoError(t, s.Stop(t.Context()), "a second Stop")
}
