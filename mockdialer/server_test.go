package mockdialer_test

import (
	"net/http"
	"net/http/httptest"
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

func TestConcurrentRequests(t *testing.T) {
	s := start(t, mockdialer.Config{
		MaxConcurrentRequests: 2, Duration: mockdialer.Fixed(time.Hour),
		Faults: mockdialer.FaultPlan{Rates: mockdialer.FaultRates{mockdialer.FaultSlow: 1}, SlowFor: mockdialer.Fixed(time.Hour)},
	})
	h := newInProcess(s)
	var wg conc.WaitGroup
	for range 2 {
		wg.Go(func() { assert.Equal(t, http.StatusCreated, h.create(callee, "")) })
	}
	eventually(t, func() bool { return s.Summary().Created == 2 }, "both under way")
	got := ask(t, http.MethodPost, callsURL(s), form())
	require.Equal(t, http.StatusTooManyRequests, got.HTTP)
	require.Equal(t, 20429, got.Code)
	require.NoError(t, s.SetFaults(mockdialer.FaultPlan{}))
	wg.Wait()
	sum := s.Summary()
	require.Equal(t, 2, sum.Created)
	require.Equal(t, map[int]int{20429: 1}, sum.RejectedByCode)
	resp, err := client.Get(s.URL() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
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
