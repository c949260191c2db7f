package mockdialer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dialtone/mockdialer"
)

// ledgerOfChild names the ledger file to the process that the kill test kills.
const ledgerOfChild = "MOCKDIALER_TEST_LEDGER"

func TestMain(m *testing.M) {
	if file := os.Getenv(ledgerOfChild); file != "" {
		serveUntilKilled(file)
		return
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test that goes wrong.
const patience = 10 * time.Second

const (
	account = mockdialer.DefaultAccount
	caller  = "+15550000001"
	callee  = "+15550000002"
)

// start runs a server for one test.
func start(t *testing.T, c mockdialer.Config) *mockdialer.Server {
	t.Helper()
	s, err := mockdialer.New(c)
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *mockdialer.Server) {
	t.Helper()
	client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, s.Stop(ctx))
}

var client = &http.Client{Timeout: patience}

// resource is what tests read of an answer, a call's or an error's.
type resource struct {
	HTTP            int    `json:"-"`
	Code            int    `json:"code"`
	Message         string `json:"message"`
	MoreInfo        string `json:"more_info"`
	ErrorStatus     any    `json:"status"`
	Sid             string
	AccountSid      string `json:"account_sid"`
	To, From        string
	AnsweredBy      *string `json:"answered_by"`
	DateCreated     string  `json:"date_created"`
	Direction       string
	Duration        *string
	StartTime       *string `json:"start_time"`
	EndTime         *string `json:"end_time"`
	Price           *string
	QueueTime       string `json:"queue_time"`
	URI             string
	Calls           []resource
	NextPageURI     *string `json:"next_page_uri"`
	PreviousPageURI *string `json:"previous_page_uri"`
	FirstPageURI    string  `json:"first_page_uri"`
	Page            int
	PageSize        int `json:"page_size"`
}

func (r resource) status() string { s, _ := r.ErrorStatus.(string); return s }

// ask sends a request with the account's credentials.
func ask(t testing.TB, method, target string, form url.Values) resource {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.SetBasicAuth(account, mockdialer.DefaultToken)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, r)
}

func do(t testing.TB, r *http.Request) resource {
	t.Helper()
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	var out resource
	require.NoError(t, json.Unmarshal(body, &out), "%s", body)
	out.HTTP = resp.StatusCode
	return out
}

func callsURL(s *mockdialer.Server) string {
	return s.URL() + "/2010-04-01/Accounts/" + account + "/Calls.json"
}

func callURL(s *mockdialer.Server, sid string) string {
	return s.URL() + "/2010-04-01/Accounts/" + account + "/Calls/" + sid + ".json"
}

// form is a create request's; pairs of names and values are added, "" takes a
// field away.
func form(pairs ...string) url.Values {
	f := url.Values{"To": {callee}, "From": {caller}, "Twiml": {"<Response/>"}}
	for i := 0; i < len(pairs); i += 2 {
		if f.Del(pairs[i]); pairs[i+1] != "" {
			f[pairs[i]] = strings.Split(pairs[i+1], "|")
		}
	}
	return f
}

// create places a call.
func create(t testing.TB, s *mockdialer.Server, pairs ...string) resource {
	t.Helper()
	out := ask(t, http.MethodPost, callsURL(s), form(pairs...))
	require.Equal(t, http.StatusCreated, out.HTTP, "%+v", out)
	return out
}

func fetch(t testing.TB, s *mockdialer.Server, sid string) resource {
	t.Helper()
	out := ask(t, http.MethodGet, callURL(s, sid), nil)
	require.Equal(t, http.StatusOK, out.HTTP)
	return out
}

// received is a callback as it arrived.
type received struct {
	method, url, signature, token string
	user                          string
	form                          url.Values
}

func (c received) String() string {
	return fmt.Sprintf("%s %s %s", c.form.Get("SequenceNumber"), c.form.Get("CallStatus"), c.form.Get("CallDuration"))
}

// receiver collects callbacks.  answers are the statuses of its first answers;
// after them it is 204.
type receiver struct {
	*httptest.Server
	got chan received
}

func receive(t *testing.T, answers ...int) *receiver {
	t.Helper()
	r := &receiver{got: make(chan received, 4096)}
	left := make(chan int, len(answers))
	for _, a := range answers {
		left <- a
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := req.ParseForm(); err != nil {
			t.Error(err)
		}
		user, _, _ := req.BasicAuth()
		r.got <- received{
			method: req.Method, url: "http://" + req.Host + req.RequestURI, user: user, form: req.Form,
			signature: req.Header.Get("X-Twilio-Signature"), token: req.Header.Get("I-Twilio-Idempotency-Token"),
		}
		status := http.StatusNoContent
		select {
		case status = <-left:
		default:
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

// next waits for a callback.
func (r *receiver) next(t testing.TB) received {
	t.Helper()
	select {
	case c := <-r.got:
		return c
	case <-time.After(patience):
		require.FailNow(t, "no callback came")
		return received{}
	}
}

// eventually waits for what has no signal of its own.
func eventually(t testing.TB, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, patience, 2*time.Millisecond, what)
}

// only is a mix of one outcome.
func only(s mockdialer.Status) mockdialer.Outcomes {
	var o mockdialer.Outcomes
	if err := o.UnmarshalText([]byte(s.String() + "=1")); err != nil {
		panic(err)
	}
	return o
}
