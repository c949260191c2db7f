package mockdialer_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

func TestCreateAnswersWithTheQueuedCall(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	before := time.Now().Add(-time.Second)
	c := create(t, s)
	require.Regexp(t, "^CA[0-9a-f]{32}$", c.Sid)
	require.Equal(t, account, c.AccountSid)
	require.Equal(t, callee, c.To)
	require.Equal(t, caller, c.From)
	require.Equal(t, "queued", c.status())
	require.Equal(t, "outbound-api", c.Direction)
	require.Equal(t, "0", c.QueueTime)
	require.Equal(t, "/2010-04-01/Accounts/"+account+"/Calls/"+c.Sid+".json", c.URI)
	for _, null := range []*string{c.Duration, c.StartTime, c.EndTime, c.Price, c.AnsweredBy} {
		require.Nil(t, null)
	}
	created, err := time.Parse(time.RFC1123Z, c.DateCreated)
	require.NoError(t, err)
	require.WithinRange(t, created, before, time.Now())
}

func TestCreateRefusals(t *testing.T) {
	s := start(t, mockdialer.Config{})
	cases := []struct {
		name  string
		pairs []string
		code  int
	}{
		{"no To", []string{"To", ""}, 21201},
		{"no From", []string{"From", ""}, 21213},
		{"no script", []string{"Twiml", ""}, 21205},
		{"Url without a host", []string{"Twiml", "", "Url", "/x"}, 21205},
		{"To is no number", []string{"To", "12345"}, 21211},
		{"To with letters", []string{"To", "+1555000000a"}, 21211},
		{"To too long", []string{"To", "+1234567890123456"}, 21211},
		{"To that the dialect keeps as invalid", []string{"To", "+15005550001"}, 21211},
		{"To that can't be reached", []string{"To", "+15005550002"}, 21214},
		{"To in a country without permission", []string{"To", "+15005550003"}, 21215},
		{"To that is blocked", []string{"To", "+15005550004"}, 21216},
		{"From is no number", []string{"From", "anonymous"}, 21212},
		{"From that the dialect keeps as invalid", []string{"From", "+15005550001"}, 21212},
		{"Twiml too long", []string{"Twiml", strings.Repeat("ä", 4001)}, 20001},
		{"callback is no URL", []string{"StatusCallback", "ftp://example.com"}, 21609},
		{"callback that breaks the request", []string{"StatusCallback", "http://example.com/a b\r\nX: y"}, 21609},
		{"method", []string{"StatusCallback", "http://example.com", "StatusCallbackMethod", "PUT"}, 21403},
		{"events joined by spaces", []string{"StatusCallbackEvent", "initiated completed"}, 21626},
		{"unknown event", []string{"StatusCallbackEvent", "hung-up"}, 21626},
		{"timeout", []string{"Timeout", "soon"}, 20001},
		{"timeout too long", []string{"Timeout", "601"}, 20001},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, http.MethodPost, callsURL(s), form(c.pairs...))
			require.Equal(t, http.StatusBadRequest, got.HTTP)
			require.Equal(t, c.code, got.Code, got.Message)
			require.EqualValues(t, http.StatusBadRequest, got.ErrorStatus)
			require.NotEmpty(t, got.Message)
			require.Contains(t, got.MoreInfo, "https://www.twilio.com/docs/errors/")
		})
	}
	sum := s.Summary()
	require.Zero(t, sum.Created)
	require.Equal(t, len(cases), sum.Rejected)
	require.Equal(t, 3, sum.RejectedByCode[20001])
}

func TestCreateTakesWhatIsAllowed(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	for _, pairs := range [][]string{
		{"Twiml", strings.Repeat("ä", 4000)},
		{"Twiml", "", "Url", "https://example.com/x?y=z"},
		{"Timeout", "60", "Unknown", "x"},
		{"StatusCallbackEvent", "initiated|ringing|answered|completed"},
		{"To", "+4930123456"},
	} {
		create(t, s, pairs...)
	}
}

func TestBadBodies(t *testing.T) {
	s := start(t, mockdialer.Config{})
	for name, body := range map[string]string{
		"escape":   "To=%zz&From=%2B15550000001",
		"too long": "To=" + strings.Repeat("1", 70_000),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, callsURL(s), strings.NewReader(body))
			require.NoError(t, err)
			r.SetBasicAuth(account, mockdialer.DefaultToken)
			got := do(t, r)
			require.Equal(t, http.StatusBadRequest, got.HTTP)
			require.Equal(t, 20001, got.Code)
		})
	}
}

func TestChunkedBody(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	body := struct{ *strings.Reader }{strings.NewReader(form().Encode())} // no known length
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, callsURL(s), body)
	require.NoError(t, err)
	require.Zero(t, r.ContentLength)
	r.SetBasicAuth(account, mockdialer.DefaultToken)
	require.Equal(t, http.StatusCreated, do(t, r).HTTP)
}

func TestCredentials(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	try := func(header string) resource {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, callsURL(s), strings.NewReader(form().Encode()))
		require.NoError(t, err)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		return do(t, r)
	}
	for _, header := range []string{"", "Basic eDp5", "Bearer mocktoken", "Basic !"} {
		got := try(header)
		require.Equal(t, http.StatusUnauthorized, got.HTTP, header)
		require.Equal(t, 20003, got.Code)
	}
	require.Equal(t, 4, s.Summary().RejectedByCode[20003])
	// "basic" in small letters, of account:token
	require.Equal(t, http.StatusCreated, try("basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTptb2NrdG9rZW4=").HTTP)
}

func TestUnknownPaths(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	sid := create(t, s).Sid
	other := "0"
	if strings.HasSuffix(sid, other) {
		other = "1"
	}
	for _, path := range []string{
		"/2010-04-01/Accounts/AC99/Calls.json",
		"/2010-04-01/Accounts/" + account + "/Messages.json",
		"/2010-04-01/Accounts/" + account + "/Calls/CA" + strings.Repeat("0", 32) + ".json",
		"/2010-04-01/Accounts/" + account + "/Calls/" + sid[:33] + other + ".json",
		"/2010-04-01/Accounts/" + account + "/Calls/nonsense.json",
		"/nowhere",
	} {
		got := ask(t, http.MethodGet, s.URL()+path, nil)
		require.Equal(t, http.StatusNotFound, got.HTTP, path)
		require.Equal(t, 20404, got.Code)
	}
	got := ask(t, http.MethodDelete, callURL(s, sid), nil)
	require.Equal(t, http.StatusMethodNotAllowed, got.HTTP)
}

func TestFetchOfAnEndedCall(t *testing.T) {
	s := start(t, mockdialer.Config{Outcomes: only(mockdialer.Completed)})
	c := fetch(t, s, create(t, s, "MachineDetection", "Enable").Sid)
	require.Equal(t, "completed", c.status())
	require.Equal(t, "0", *c.Duration)
	require.Equal(t, "human", *c.AnsweredBy)
	require.NotNil(t, c.StartTime)
	require.NotNil(t, c.EndTime)
}

func TestHangUp(t *testing.T) {
	hour := mockdialer.Fixed(time.Hour)
	s := start(t, mockdialer.Config{Duration: hour, Outcomes: only(mockdialer.Completed)})
	r := receive(t)
	waiting := create(t, s, "StatusCallback", r.URL)
	got := ask(t, http.MethodPost, callURL(s, waiting.Sid), url.Values{"Status": {"canceled"}})
	require.Equal(t, http.StatusOK, got.HTTP)
	require.Equal(t, "canceled", got.status())
	require.Equal(t, "0 canceled 0", r.next(t).String())

	began := time.Now()
	answered := create(t, s, "StatusCallback", r.URL, "StatusCallbackEvent", "answered|completed")
	require.Equal(t, "0 in-progress ", r.next(t).String())
	got = ask(t, http.MethodPost, callURL(s, answered.Sid), url.Values{"Status": {"canceled"}})
	require.Equal(t, "in-progress", got.status(), "canceled leaves an answered call alone")
	got = ask(t, http.MethodPost, callURL(s, answered.Sid), url.Values{"Status": {"completed"}})
	require.Equal(t, "completed", got.status())
	most := int(time.Since(began)/time.Second) + 1
	var seconds int
	_, err := fmt.Sscanf(r.next(t).String(), "1 completed %d", &seconds)
	require.NoError(t, err)
	require.Positive(t, seconds, "a second that was begun counts")
	require.LessOrEqual(t, seconds, most)

	for _, status := range []string{"completed", "canceled"} {
		got = ask(t, http.MethodPost, callURL(s, answered.Sid), url.Values{"Status": {status}})
		require.Equal(t, http.StatusBadRequest, got.HTTP)
		require.Equal(t, 21220, got.Code)
	}
	got = ask(t, http.MethodPost, callURL(s, answered.Sid), url.Values{"Status": {"busy"}})
	require.Equal(t, 20001, got.Code)
	require.Zero(t, s.Summary().Active)
	require.Equal(t, map[mockdialer.Status]int{mockdialer.Canceled: 1, mockdialer.Completed: 1}, s.Summary().ByStatus)
}

func TestHangUpOfAQueuedCallByCompleted(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour), Outcomes: only(mockdialer.Failed)})
	got := ask(t, http.MethodPost, callURL(s, create(t, s).Sid), url.Values{"Status": {"completed"}})
	require.Equal(t, "canceled", got.status())
}

func TestChannels(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour), Channels: 2})
	first := create(t, s)
	create(t, s)
	got := ask(t, http.MethodPost, callsURL(s), form())
	require.Equal(t, http.StatusTooManyRequests, got.HTTP)
	require.Equal(t, 10004, got.Code)
	ask(t, http.MethodPost, callURL(s, first.Sid), url.Values{"Status": {"completed"}})
	create(t, s)
	sum := s.Summary()
	require.Equal(t, 3, sum.Created)
	require.Equal(t, 2, sum.PeakActive)
	require.Equal(t, map[int]int{10004: 1}, sum.RejectedByCode)
}
