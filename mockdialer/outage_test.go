package mockdialer_test

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

// refused reports whether nobody listens.
func refused(t testing.TB, s *mockdialer.Server) bool {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func TestGoingDownRefusesConnectionsAndCutsThoseThereAre(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	create(t, s)
	kept, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	require.NoError(t, err)
	defer kept.Close()

	require.NoError(t, s.GoDown(t.Context()))
	require.True(t, refused(t, s))
	_, err = kept.Read(make([]byte, 1))
	require.Error(t, err, "a connection that was there breaks")
	require.NoError(t, s.GoDown(t.Context()), "again")
	require.Equal(t, map[mockdialer.Fault]int64{mockdialer.FaultDown: 1}, s.Summary().Faults)

	require.NoError(t, s.GoUp(t.Context()))
	client.CloseIdleConnections() // it may not know yet that they are broken
	create(t, s)
	require.NoError(t, s.GoUp(t.Context()), "again")
	require.Equal(t, 2, s.Summary().Created)

	require.NoError(t, s.GoDown(t.Context()))
	stop(t, s) // also while it is down
	require.NoError(t, s.GoUp(t.Context()))
	require.True(t, refused(t, s), "what was stopped does not come back")
}

func TestCreateWhoseAnswerIsCutOff(t *testing.T) {
	plan := always(mockdialer.FaultSlow)
	plan.SlowFor = mockdialer.Fixed(time.Hour)
	s := start(t, mockdialer.Config{Faults: plan, Duration: mockdialer.Fixed(time.Hour)})
	answered := make(chan raw, 1)
	go func() { answered <- send(t, http.MethodPost, callsURL(s), form()) }()
	eventually(t, func() bool { return s.Summary().Created == 1 }, "the call")
	require.NoError(t, s.GoDown(t.Context()))
	require.Error(t, (<-answered).err)
	eventually(t, func() bool { return s.Summary().Faults[mockdialer.FaultCut] == 1 }, "the note")
	require.Equal(t, []mockdialer.Fault{mockdialer.FaultSlow, mockdialer.FaultCut}, s.Ledger()[0].Faults)
}

func TestOutageOverHTTP(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	sid := create(t, s).Sid
	got := control(t, s, http.MethodPut, `{"down": {"for": "2s", "forget": true}}`)
	require.Equal(t, http.StatusOK, got.status, "the answer comes before the outage")
	require.NoError(t, got.err)
	eventually(t, func() bool { return refused(t, s) }, "down")
	eventually(t, func() bool { return !refused(t, s) }, "up again by itself")
	require.Equal(t, http.StatusNotFound, send(t, http.MethodGet, callURL(s, sid), nil).status)
	require.Equal(t, map[mockdialer.Fault]int64{mockdialer.FaultDown: 1, mockdialer.FaultForgotten: 1}, s.Summary().Faults)
}

func TestOutagesComeAgain(t *testing.T) {
	s := start(t, mockdialer.Config{Faults: mockdialer.FaultPlan{
		Down: &mockdialer.Outage{Times: mockdialer.Times{After: 20 * time.Millisecond, For: 20 * time.Millisecond, Every: 50 * time.Millisecond}},
	}})
	eventually(t, func() bool { return s.Summary().Faults[mockdialer.FaultDown] >= 3 }, "three outages")
	require.NoError(t, s.SetFaults(mockdialer.FaultPlan{}))
	eventually(t, func() bool { return !refused(t, s) }, "lifted")
}

// A line whose address is taken by another comes back when that one lets go.
func TestOutageEndsThoughTheAddressWasTaken(t *testing.T) {
	s := start(t, mockdialer.Config{})
	require.NoError(t, s.SetFaults(mockdialer.FaultPlan{Down: &mockdialer.Outage{Times: mockdialer.Times{For: 3 * time.Second}}}))
	eventually(t, func() bool { return refused(t, s) }, "down")
	taken, err := net.Listen("tcp", strings.TrimPrefix(s.URL(), "http://"))
	require.NoError(t, err)
	require.ErrorIs(t, waitForError(t, func() error { return s.GoUp(t.Context()) }), syscall.EADDRINUSE)
	require.NoError(t, taken.Close())
	eventually(t, func() bool { return !refused(t, s) }, "up")
	create(t, s)
}

// waitForError is the first error.
func waitForError(t testing.TB, f func() error) (err error) {
	t.Helper()
	eventually(t, func() bool { err = f(); return err != nil }, "an error")
	return err
}

func TestForgottenCallsAreInTheLedgerOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger")
	config := mockdialer.Config{LedgerFile: file, Duration: mockdialer.Fixed(time.Second), Outcomes: only(mockdialer.Busy)}
	s := start(t, config)
	r := receive(t)
	first := create(t, s, "StatusCallback", r.URL).Sid
	s.Forget()
	second := create(t, s, "StatusCallback", r.URL).Sid
	checkForgotten(t, s, first, second)
	require.Equal(t, second, r.next(t).form.Get("CallSid"))
	eventually(t, func() bool { sum := s.Summary(); return sum.Active == 0 && sum.Callbacks.Pending == 0 }, "both ends")
	require.Empty(t, r.got, "nobody is called back for the forgotten call")
	stop(t, s)

	s = start(t, config)
	checkForgotten(t, s, first, second)
	eventually(t, func() bool { return s.Summary().Callbacks.Pending == 0 }, "what is told again")
	require.Empty(t, r.got)
}

func checkForgotten(t *testing.T, s *mockdialer.Server, first, second string) {
	t.Helper()
	require.Equal(t, 20404, ask(t, http.MethodGet, callURL(s, first), nil).Code)
	require.Equal(t, 20404, ask(t, http.MethodPost, callURL(s, first), url.Values{"Status": {"completed"}}).Code)
	fetch(t, s, second)
	for _, query := range []string{"", "?To=" + url.QueryEscape(callee), "?From=" + url.QueryEscape(caller)} {
		list := ask(t, http.MethodGet, callsURL(s)+query, nil)
		require.Len(t, list.Calls, 1)
		require.Equal(t, second, list.Calls[0].Sid)
	}
	ledger := readLedger(t, s, "")
	require.Len(t, ledger, 2)
	require.Equal(t, first, ledger[0].Sid)
	require.Equal(t, []mockdialer.Fault{mockdialer.FaultForgotten}, ledger[0].Faults)
	require.Nil(t, ledger[1].Faults)
	require.Equal(t, map[mockdialer.Fault]int64{mockdialer.FaultForgotten: 1}, s.Summary().Faults)
}

// A callback that waits for its turn is dropped when its call is forgotten.
func TestForgettingDropsCallbacksThatWait(t *testing.T) {
	plan := always(mockdialer.FaultCallbackDelayed)
	plan.DelayBy = mockdialer.Fixed(time.Second)
	s := start(t, mockdialer.Config{Faults: plan})
	r := receive(t)
	create(t, s, "StatusCallback", r.URL)
	eventually(t, func() bool { return s.Summary().Faults[mockdialer.FaultCallbackDelayed] == 1 }, "the delay")
	s.Forget()
	eventually(t, func() bool { return s.Summary().Callbacks.Pending == 0 }, "its turn")
	require.Equal(t, mockdialer.CallbackSummary{Dropped: 1}, s.Summary().Callbacks)
	require.Empty(t, r.got)
}

func TestForgettingByThePlan(t *testing.T) {
	s := start(t, mockdialer.Config{Duration: mockdialer.Fixed(time.Hour)})
	for i := range 2 {
		create(t, s)
		require.NoError(t, s.SetFaults(mockdialer.FaultPlan{Forget: &mockdialer.Times{After: time.Millisecond}}))
		eventually(t, func() bool { return s.Summary().Faults[mockdialer.FaultForgotten] == int64(i+1) }, "forgotten")
	}
}
