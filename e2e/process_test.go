package e2e

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/internal/load"
	"dialtone/provider"
	"dialtone/store/storetest/pgtest"
)

// process is one of our commands, running.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	output lockedBuffer
	done   chan error
}

// lockedBuffer may be read while the process writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// launch starts a command; the test kills it at its end, if need be.  The command is
// built without the race detector, which so has nothing to see in a test of processes.
func launch(t *testing.T, name string, args ...string) *process {
	t.Helper()
	if load.Raced {
		t.Skip("a test of processes of their own, which are built without the race detector")
	}
	p := &process{t: t, cmd: exec.Command(binary(t, name), args...), done: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %v:\n%s", name, args, p.output.String())
		}
	})
	return p
}

// kill ends it as a crash would, and waits.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
	p.done <- nil // for the next who waits
}

// exit waits for it to end by itself, and returns its code.
func (p *process) exit(patience time.Duration) int {
	p.t.Helper()
	select {
	case err := <-p.done:
		p.done <- err
	case <-time.After(patience):
		require.Fail(p.t, "the process did not end", "within %v:\n%s", patience, p.output.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

// answers waits until a URL answers 200.
func answers(t *testing.T, url string, patience time.Duration) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		require.True(t, time.Now().Before(deadline), "%s does not answer", url)
		pause(t, 20*time.Millisecond)
	}
}

// site is Dialtone and the mock provider as processes of their own.
type site struct {
	client
	t     *testing.T
	data  string
	args  []string // of serve
	serve *process
	mock  string // URL of the provider
}

// newSite starts both; database is "" for SQLite.
func newSite(t *testing.T, database string, mockArgs ...string) *site {
	t.Helper()
	return newSiteIn(t, t.TempDir(), database, mockArgs...)
}

// newSiteIn keeps the service's data in a folder.
func newSiteIn(t *testing.T, dir, database string, mockArgs ...string) *site {
	t.Helper()
	http, mock := freeAddr(t), freeAddr(t)
	launch(t, "mockdialer", append([]string{"--http", mock}, mockArgs...)...)
	answers(t, "http://"+mock+"/ledger/summary", 10*time.Second)
	providers := filepath.Join(dir, "providers.yaml")
	require.NoError(t, os.WriteFile(providers, providersFile(http, "http://"+mock, provider.Limits{}), 0o600))
	s := &site{
		client: client{t, "http://" + http}, t: t, data: filepath.Join(dir, "data"), mock: "http://" + mock,
		args: []string{"serve", "--http", http, "--nats-listen", freeAddr(t), "--providers", providers},
	}
	s.args = append(s.args, "--data", s.data)
	if database != "" {
		s.args = append(s.args, "--database", database)
	}
	s.up()
	return s
}

func (s *site) up() {
	s.t.Helper()
	s.serve = launch(s.t, "dialtone", s.args...)
	answers(s.t, s.base+"/readyz", 20*time.Second)
}

func (s *site) ledger() ledger { return readLedger(s.t, s.mock) }

// The service is killed in mid-campaign, with calls up, and started again.
func TestDrillNothingLostAfterKill(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{
		"sqlite":   func(testing.TB) string { return "" },
		"postgres": pgtest.URL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drillKill(t, database(t), func(*site) {})
		})
	}
}

// The same, with JetStream's folder deleted before the restart.
func TestDrillTruthInStoreAfterKill(t *testing.T) {
	t.Parallel()
	drillKill(t, "", func(s *site) {
		folder := filepath.Join(s.data, "nats")
		require.DirExists(t, folder, "there is something to delete")
		require.NoError(t, os.RemoveAll(folder))
	})
}

func drillKill(t *testing.T, database string, meanwhile func(*site)) {
	s := newSite(t, database, "--duration", "200ms-1500ms", "--outcomes", someFail, "--seed", "3")
	numbers := berlin(0, 800)
	id := s.load(settings{"max_concurrent_calls": 50, "retry": settings{"max_attempts": 3, "delay": "1s"}}, numbers)
	s.command(id, "start")
	for _, done := range []int{100, 300} {
		s.until(id, time.Minute, func(c campaignJSON) bool { return c.Stats.Completed >= done })
		s.serve.kill()
		up := readSummary(t, s.mock).Active
		assert.Positive(t, up, "calls were up when the service was killed")
		meanwhile(s)
		s.up()
	}
	c := s.until(id, time.Minute, ended)
	l := s.ledger()
	assertAgree(t, c, l)
	assertEveryNumber(t, l, numbers, 3)
	assertNeverTwice(t, l)
	assert.LessOrEqual(t, l.Peak(), 50, "WithinLimit")
	assertRecords(t, s.calls(id), l)
	t.Logf("2 kills: %d numbers, %d calls placed, 0 lost, 0 dialled twice, at most %d up", len(numbers), len(l), l.Peak())
}

// keepAsking has users ask for the paths until stopped, whatever the answer is, and
// then tells how many of them failed to get one.
func (s *site) keepAsking(paths ...string) (stop func() int64) {
	var users sync.WaitGroup
	var unanswered atomic.Int64
	done := make(chan struct{})
	for _, path := range paths {
		users.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
				}
				resp, err := http.Get(s.base + path)
				if err != nil || resp.StatusCode != http.StatusOK {
					unanswered.Add(1)
				}
				if err == nil {
					resp.Body.Close()
				}
			}
		})
	}
	return func() int64 { close(done); users.Wait(); return unanswered.Load() }
}

// SIGTERM in mid-campaign, while users ask for this and that: exit 0 within 10 s,
// and nothing is dialled after it.
func TestDrillSigtermDrains(t *testing.T) {
	t.Parallel()
	s := newSite(t, "", "--duration", "300ms", "--outcomes", allComplete)
	numbers := berlin(0, 300)
	id := s.load(settings{"max_concurrent_calls": 20}, numbers)
	s.command(id, "start")
	s.until(id, 20*time.Second, func(c campaignJSON) bool { return c.Stats.Completed >= 60 })
	stopAsking := s.keepAsking("/v1/scheduler", "/v1/campaigns/"+id)
	require.NoError(t, s.serve.cmd.Process.Signal(syscall.SIGTERM))
	assert.Zero(t, s.serve.exit(10*time.Second))
	assert.Positive(t, stopAsking(), "users asked while it stopped")
	placed := len(s.ledger())
	pause(t, 300*time.Millisecond)
	assert.Len(t, s.ledger(), placed, "dialled after the end")
	s.up()
	c := s.until(id, 30*time.Second, ended)
	assert.Equal(t, 300, c.Stats.Completed)
	assert.Len(t, s.ledger(), 300, "no call was placed again")
}

// A fault at the start is one line that names the cause, and exit 1.
func TestDrillBadStart(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	free := func() []string {
		return []string{"serve", "--http", freeAddr(t), "--mock-http", freeAddr(t), "--nats-listen", freeAddr(t), "--data", t.TempDir()}
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"unknown flag":           {append(free(), "--colour"), "colour"},
		"data folder in use":     {append(free(), "--data", s.data), "in use by another process"},
		"no such database":       {append(free(), "--database", elsewhere(pgtest.URL(t), "nowhere")), `database "nowhere" does not exist`},
		"NATS port in use":       {append(free(), "--nats-listen", s.base[len("http://"):]), "in use"},
		"port in use":            {append(free(), "--http", s.base[len("http://"):]), "in use"},
		"not loopback, no key":   {append(free(), "--http", "0.0.0.0:0"), "key"},
		"no such role":           {append(free(), "--roles", "api,cook"), "cook"},
		"no such providers file": {append(free(), "--providers", "/nowhere.yaml"), "nowhere"},
		"bad duration":           {append(free(), "--mock-duration", "soon"), "soon"},
		"bad outcomes":           {append(free(), "--mock-outcomes", "completed=x"), "completed"},
	} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, "dialtone", c.args...)
			assert.Equal(t, 1, p.exit(15*time.Second))
			out := p.output.String()
			last := lastLine(out)
			assert.Contains(t, last, c.says)
			assert.Contains(t, last, "dialtone: ", "one line names the cause: %s", out)
			assert.NotContains(t, out, "secret")
			assert.NotContains(t, out, "goroutine")
		})
	}
}

// elsewhere is another database of the same server.
func elsewhere(address, database string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Path, u.User = "/"+database, url.UserPassword(u.User.Username(), "secret")
	return u.String()
}

func lastLine(s string) string {
	lines := bytes.Split(bytes.TrimSpace([]byte(s)), []byte("\n"))
	return string(lines[len(lines)-1])
}
