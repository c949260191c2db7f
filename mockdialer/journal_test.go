package mockdialer_test

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

// serveUntilKilled is the process that the kill test kills.
func serveUntilKilled(file string) {
	s, err := mockdialer.New(mockdialer.Config{LedgerFile: file, Script: killScript(), CallbackRetries: mockdialer.NoRetries})
	if err == nil {
		err = s.Start(context.Background())
	}
	fmt.Println(s.URL(), err)
	select {}
}

// The numbers of the kill test.
const (
	told, untold, running = "+15550000011", "+15550000012", "+15550000013"
)

func killScript() map[string][]mockdialer.Outcome {
	return map[string][]mockdialer.Outcome{
		told:    {{Status: mockdialer.Busy, Duration: new(time.Duration(0))}},
		untold:  {{Status: mockdialer.Failed, Duration: new(time.Duration(0))}},
		running: {{Status: mockdialer.Completed, Duration: new(time.Hour)}},
	}
}

// child starts the process and returns its URL and a function that kills it.
func child(t *testing.T, file string) (target string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ledgerOfChild+"="+file)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			require.ErrorContains(t, cmd.Wait(), "killed")
		}
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	target, fault, _ := strings.Cut(strings.TrimSpace(line), " ")
	require.Equal(t, "<nil>", fault)
	return target, kill
}

func TestLedgerSurvivesTheProcessBeingKilled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger")
	base, kill := child(t, file)
	r := receive(t)
	place := func(to, callback string) string {
		got := ask(t, "POST", base+"/2010-04-01/Accounts/"+account+"/Calls.json", form("To", to, "StatusCallback", callback))
		require.Equal(t, 201, got.HTTP)
		return got.Sid
	}
	// A receiver that refuses: its callback is due again in the next process.
	refusing := receive(t, 500)
	sids := []string{place(untold, refusing.URL), place(told, r.URL), place(running, r.URL)}
	refusing.next(t)
	require.Equal(t, sids[1], r.next(t).form.Get("CallSid"))
	journal := func() string { b, err := os.ReadFile(file); require.NoError(t, err); return string(b) }
	eventually(t, func() bool { return strings.Contains(journal(), `{"told":1}`) }, "the told callback's line")
	kill()
	require.Contains(t, journal(), `"create":2`, "written before the answer")

	next := start(t, mockdialer.Config{LedgerFile: file})
	again := refusing.next(t)
	require.Equal(t, sids[0], again.form.Get("CallSid"))
	require.Equal(t, "0 failed 0", again.String())

	ledger := next.Ledger()
	require.Len(t, ledger, 3)
	for i, e := range ledger {
		require.Equal(t, sids[i], e.Sid)
	}
	require.Equal(t, mockdialer.Busy, ledger[1].Status)
	require.False(t, ledger[2].Status.Ended())
	eventually(t, func() bool { return fetch(t, next, sids[2]).status() == "in-progress" }, "the answer of the call that goes on")
	sum := next.Summary()
	require.Equal(t, 1, sum.Active)
	require.Equal(t, 3, sum.Created)
	got := ask(t, "POST", callURL(next, sids[2]), url.Values{"Status": {"completed"}})
	require.Equal(t, "completed", got.status())
	require.Equal(t, "completed", r.next(t).form.Get("CallStatus"))
	require.Empty(t, r.got, "what was told is not told again")
}

func TestOverdueCallsEndAtOnce(t *testing.T) {
	r := receive(t)
	file := filepath.Join(t.TempDir(), "ledger")
	began := time.Now()
	line := func(index int, ago time.Duration, outcome string, wanted int) string {
		return fmt.Sprintf(`{"create":%d,"to":%q,"from":%q,"at":%d,"outcome":%q,"talk":%d,"status_callback":%q,"wanted":%d}`+"\n",
			index, callee, caller, began.Add(-ago).UnixNano(), outcome, 20*time.Minute, r.URL, wanted)
	}
	const all = 1 | 2 | 4 | 8
	require.NoError(t, os.WriteFile(file, []byte(`{"key":"abc1"}`+"\n"+
		line(0, time.Hour, "completed", all)+line(1, time.Hour, "busy", all)+line(2, 10*time.Minute, "completed", all)), 0o600))
	s := start(t, mockdialer.Config{LedgerFile: file})
	got := []string{r.next(t).String(), r.next(t).String()}
	require.ElementsMatch(t, []string{"3 completed 1200", "2 busy 0"}, got, "numbered as if nothing had happened")
	ledger := s.Ledger()
	require.WithinRange(t, ledger[0].EndedAt, began, time.Now())
	require.WithinRange(t, ledger[1].EndedAt, began, time.Now())
	require.Equal(t, mockdialer.InProgress, ledger[2].Status)
	sum := s.Summary()
	require.Equal(t, 1, sum.Active)
	require.Equal(t, 3, sum.PeakActive)
	require.Equal(t, 2, sum.PeakCreatesPerSecond)
}

func TestLedgerFileTakesUpTheCount(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger")
	config := mockdialer.Config{LedgerFile: file, Seed: 7}
	whole := start(t, mockdialer.Config{Seed: 7})
	var want, got []mockdialer.Status
	for range 12 {
		create(t, whole)
		s, err := mockdialer.New(config)
		require.NoError(t, err)
		require.NoError(t, s.Start(t.Context()))
		create(t, s)
		stop(t, s)
		got = statuses(s)
	}
	want = statuses(whole)
	require.Equal(t, want, got, "a restart between any two calls changes no outcome")
}

func statuses(s *mockdialer.Server) (out []mockdialer.Status) {
	for _, e := range s.Ledger() {
		out = append(out, e.Status)
	}
	return out
}

func TestLedgerFileThatWasCut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger")
	s := start(t, mockdialer.Config{LedgerFile: file})
	sid := create(t, s, "StatusCallback", "http://127.0.0.1:1/\"\\").Sid
	stop(t, s)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(whole, `{"create":1,"to":"+1555`...), 0o600))

	s = start(t, mockdialer.Config{LedgerFile: file})
	second := create(t, s).Sid
	require.NotEqual(t, sid, second)
	stop(t, s)
	s = start(t, mockdialer.Config{LedgerFile: file})
	ledger := s.Ledger()
	require.Len(t, ledger, 2)
	require.Equal(t, sid, ledger[0].Sid)
	require.Equal(t, second, ledger[1].Sid)
}

func TestLedgerFilesThatAreNone(t *testing.T) {
	const key = `{"key":"1f"}` + "\n"
	for name, text := range map[string]string{
		"a note":             "remember the milk",
		"lines":              "remember\nthe milk\n",
		"other JSON":         `{"id":1}` + "\n",
		"a bad key":          `{"key":"zz"}` + "\n",
		"garbage inside":     key + "x\n",
		"a gap":              key + `{"create":5,"to":"+15550000001","outcome":"busy"}` + "\n",
		"an end of nothing":  key + `{"end":0,"at":1,"status":"busy"}` + "\n",
		"an unknown outcome": key + `{"create":0,"to":"+15550000001","outcome":"lost"}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ledger")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			_, err := mockdialer.New(mockdialer.Config{LedgerFile: file})
			require.ErrorContains(t, err, file)
			left, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, text, string(left), "the file is left alone")
		})
	}
	_, err := mockdialer.New(mockdialer.Config{LedgerFile: t.TempDir()})
	require.Error(t, err)
}
