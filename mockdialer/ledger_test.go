package mockdialer_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

// readLedger reads GET /ledger.
func readLedger(t *testing.T, s *mockdialer.Server, query string) (out []mockdialer.Entry) {
	t.Helper()
	resp, err := client.Get(s.URL() + "/ledger" + query)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "application/x-ndjson", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var e mockdialer.Entry
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e), lines.Text())
		out = append(out, e)
	}
	require.NoError(t, lines.Err())
	return out
}

func TestLedgerTellsEveryCallInOrder(t *testing.T) {
	s := start(t, mockdialer.Config{Outcomes: only(mockdialer.Completed), Script: map[string][]mockdialer.Outcome{
		callee: {{Status: mockdialer.Busy, Duration: new(time.Hour)}},
	}})
	first := create(t, s, "StatusCallback", "http://127.0.0.1:1/x", "StatusCallbackEvent", "answered")
	second := create(t, s, "To", "+15550000003")
	got := readLedger(t, s, "")
	require.Equal(t, s.Ledger(), got)
	require.Len(t, got, 2)
	require.Equal(t, first.Sid, got[0].Sid)
	require.Equal(t, "http://127.0.0.1:1/x", got[0].StatusCallback)
	require.False(t, got[0].Status.Ended())
	require.True(t, got[0].AnsweredAt.IsZero())
	require.True(t, got[0].EndedAt.IsZero())
	require.Equal(t, second.Sid, got[1].Sid)
	require.Equal(t, mockdialer.Completed, got[1].Status)
	require.Equal(t, got[1].ReceivedAt, got[1].AnsweredAt)
	require.Equal(t, got[1].ReceivedAt, got[1].EndedAt)
	require.Equal(t, got[1:], readLedger(t, s, "?to=%2B15550000003"))
}

func TestZeroLengthCallsOverlapNobody(t *testing.T) {
	s := start(t, mockdialer.Config{})
	r := receive(t)
	for range 20 {
		create(t, s, "StatusCallback", r.URL)
		require.Regexp(t, "^0 .* 0$", r.next(t).String())
	}
	sum := s.Summary()
	require.Equal(t, 1, sum.PeakActive)
	require.Zero(t, sum.Active)
}

// The summary's peaks are what the ledger's own times give.
func TestPeaksAreThoseOfTheLedger(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.DurationRange{Max: 60 * time.Millisecond}})
	h := newInProcess(s)
	var wg conc.WaitGroup
	for k := range 4 {
		wg.Go(func() {
			for i := range 400 {
				assert.Equal(t, 201, h.create(fmt.Sprintf("+1555%d%06d", k, i), ""))
			}
		})
	}
	wg.Wait()
	eventually(t, func() bool { return s.Summary().Active == 0 }, "the last call's end")
	active, perSecond := peaks(s.Ledger())
	sum := s.Summary()
	require.Equal(t, 1600, sum.Created)
	require.Equal(t, active, sum.PeakActive)
	require.Equal(t, perSecond, sum.PeakCreatesPerSecond)
}

// peaks counts naively.
func peaks(ledger []mockdialer.Entry) (active, perSecond int) {
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for i, e := range ledger {
		changes = append(changes, change{e.ReceivedAt, 1}, change{e.EndedAt, -1})
		n := 0
		for j := i; j >= 0 && ledger[j].ReceivedAt.After(e.ReceivedAt.Add(-time.Second)); j-- {
			n++
		}
		perSecond = max(perSecond, n)
	}
	// Stable: a call that begins and ends at once counts while it lasts.
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	up := 0
	for _, c := range changes {
		up += c.by
		active = max(active, up)
	}
	return active, perSecond
}

func TestSummaryOverHTTP(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour), Outcomes: only(mockdialer.Failed)})
	create(t, s)
	ask(t, http.MethodPost, callsURL(s), form("To", ""))
	resp, err := client.Get(s.URL() + "/ledger/summary")
	require.NoError(t, err)
	defer resp.Body.Close()
	var got map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
	require.Equal(t, map[string]any{
		"created": 1.0, "active": 1.0, "peak_active": 1.0, "peak_creates_per_second": 1.0, "rejected": 1.0,
		"by_status": map[string]any{"queued": 1.0}, "rejected_by_code": map[string]any{"21201": 1.0},
		"callbacks": map[string]any{"sent": 0.0, "delivered": 0.0, "failed": 0.0, "retried": 0.0, "dropped": 0.0, "pending": 0.0},
		"faults":    map[string]any{},
	}, got)
}

func TestLedgerFromAfarNeedsCredentials(t *testing.T) {
	s := start(t, mockdialer.Config{})
	for remote, want := range map[string]int{"192.0.2.1:5": 401, "127.0.0.1:5": 200, "[::1]:5": 200, "": 401} {
		r := httptest.NewRequest(http.MethodGet, "/ledger", nil)
		r.RemoteAddr = remote
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		require.Equal(t, want, w.Code, remote)
		r.SetBasicAuth(account, mockdialer.DefaultToken)
		w = httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		require.Equal(t, 200, w.Code, remote)
	}
}
