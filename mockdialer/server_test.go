package mockdialer_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

func TestStartAndStop(t *testing.T) {
	s, err := mockdialer.New(mockdialer.Config{})
	require.NoError(t, err)
	require.Empty(t, s.URL())
	require.NoError(t, s.Start(t.Context()))
	require.Error(t, s.Start(t.Context()), "a second Start")

	taken, err := mockdialer.New(mockdialer.Config{Addr: strings.TrimPrefix(s.URL(), "http://")})
	require.NoError(t, err)
	require.ErrorContains(t, taken.Start(t.Context()), "in use")
	require.NoError(t, taken.Stop(t.Context()))

	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, s.Stop(t.Context()))
	require.Error(t, s.Start(t.Context()), "a Start after Stop")

	never, err := mockdialer.New(mockdialer.Config{LedgerFile: t.TempDir() + "/ledger"})
	require.NoError(t, err)
	require.NoError(t, never.Stop(t.Context()))
	require.NoError(t, never.Stop(t.Context()))
}

func TestUnspecifiedAddressHasAURL(t *testing.T) {
	s := start(t, mockdialer.Config{Addr: "0.0.0.0:0", Duration: mockdialer.Fixed(time.Hour)})
	require.Contains(t, s.URL(), "http://127.0.0.1:")
	create(t, s)
}

// faults is a seam's other half.
type faults struct {
	requests func(http.Handler) http.Handler
	callback func(mockdialer.Callback) []time.Duration
}

func (f faults) Requests(next http.Handler) http.Handler {
	if f.requests == nil {
		return next
	}
	return f.requests(next)
}

func (f faults) Callback(c mockdialer.Callback) []time.Duration {
	if f.callback == nil {
		return []time.Duration{0}
	}
	return f.callback(c)
}

func TestConcurrentRequests(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	hold := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inside <- struct{}{}
			<-leave
			next.ServeHTTP(w, r)
		})
	}
	s := start(t, mockdialer.Config{MaxConcurrentRequests: 2, Duration: mockdialer.Fixed(time.Hour), Faults: faults{requests: hold}})
	h := newInProcess(s)
	var wg conc.WaitGroup
	for range 2 {
		wg.Go(func() { assert.Equal(t, http.StatusCreated, h.create(callee, "")) })
	}
	<-inside
	<-inside
	got := ask(t, http.MethodPost, callsURL(s), form())
	require.Equal(t, http.StatusTooManyRequests, got.HTTP)
	require.Equal(t, 20429, got.Code)
	close(leave)
	wg.Wait()
	sum := s.Summary()
	require.Equal(t, 2, sum.Created)
	require.Equal(t, map[int]int{20429: 1}, sum.RejectedByCode)
	resp, err := client.Get(s.URL() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestFaultsOfCallbacks(t *testing.T) {
	asked := make(chan mockdialer.Callback, 8)
	plans := map[string][]time.Duration{
		"/dropped": nil, "/twice": {0, 0}, "/late": {5 * time.Millisecond}, "/plain": {0},
	}
	s := start(t, mockdialer.Config{Faults: faults{callback: func(c mockdialer.Callback) []time.Duration {
		asked <- c
		u, err := url.Parse(c.URL)
		if err != nil {
			t.Error(err)
		}
		return plans[u.Path]
	}}})
	r := receive(t)
	sids := map[string]string{}
	for path := range plans {
		sids[path] = create(t, s, "StatusCallback", r.URL+path).Sid
	}
	got := map[string]int{}
	for range 4 {
		got[strings.TrimPrefix(r.next(t).url, r.URL)]++
	}
	require.Equal(t, map[string]int{"/twice": 2, "/late": 1, "/plain": 1}, got)
	eventually(t, func() bool { return s.Summary().Callbacks.Pending == 0 }, "the answers")
	require.Equal(t, mockdialer.CallbackSummary{Sent: 4, Delivered: 4, Dropped: 1}, s.Summary().Callbacks)
	require.Len(t, asked, 4, "each callback is asked about once")
	for range 4 {
		c := <-asked
		require.Equal(t, sids[strings.TrimPrefix(c.URL, r.URL)], c.Sid)
		require.Equal(t, "completed", c.Event)
		require.True(t, c.Status.Ended())
		require.Equal(t, callee, c.To)
	}
}

// inProcess sends create requests without a network.
type inProcess struct {
	handler http.Handler
	target  string
}

func newInProcess(s *mockdialer.Server) *inProcess {
	return &inProcess{handler: s.Handler(), target: callsURL(s)}
}

func (p *inProcess) create(to, callback string) int {
	f := form("To", to, "StatusCallback", callback)
	r := httptest.NewRequest(http.MethodPost, p.target, strings.NewReader(f.Encode()))
	r.SetBasicAuth(account, mockdialer.DefaultToken)
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Code
}

func BenchmarkCreate(b *testing.B) {
	s, err := mockdialer.New(mockdialer.Config{})
	require.NoError(b, err)
	body := "To=%2B15550000002&From=%2B15550000001&Twiml=%3CResponse%2F%3E&StatusCallback=http%3A%2F%2F127.0.0.1%3A8080%2Fcallbacks%2Fmock%2Fcmp%2Fatt&StatusCallbackMethod=POST&StatusCallbackEvent=answered"
	reader := strings.NewReader(body)
	r := httptest.NewRequest(http.MethodPost, callsURL(s), reader)
	r.SetBasicAuth(account, mockdialer.DefaultToken)
	w := &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		s.Handler().ServeHTTP(w, r)
	}
	require.Equal(b, http.StatusCreated, w.status)
	require.NoError(b, s.Stop(b.Context()))
}

// sink throws an answer away.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
