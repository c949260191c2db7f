package e2e

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/bus/bustest"
	"dialtone/e2e/judge"
	"dialtone/provider"
	"dialtone/store/storetest/pgtest"
)

// frozen stops every process of a PostgreSQL server, until thawed.
func frozen(t *testing.T, dir string) (thaw func()) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pg", "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	require.NoError(t, err)
	// The first that stops makes no more of them.
	require.NoError(t, syscall.Kill(postmaster, syscall.SIGSTOP))
	pids := []int{postmaster}
	children, err := os.ReadFile("/proc/" + first + "/task/" + first + "/children")
	require.NoError(t, err)
	for _, field := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(field)
		require.NoError(t, err)
		if syscall.Kill(pid, syscall.SIGSTOP) == nil { // it may have ended just now
			pids = append(pids, pid)
		}
	}
	require.Greater(t, len(pids), 2, "there are connections")
	thawed := false
	thaw = func() {
		if thawed {
			return
		}
		thawed = true
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}
	t.Cleanup(thaw)
	return thaw
}

// ownPostgres is a server that a test may do anything to.
func ownPostgres(t *testing.T) (url, dir string) {
	t.Helper()
	if url := os.Getenv(pgtest.EnvURL); url != "" {
		t.Skip("the server of " + pgtest.EnvURL + " is not this test's to freeze")
	}
	dir, err := os.MkdirTemp("", "dialtone-own-") // short enough for a socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	url, stop, err := pgtest.Start(dir, "fsync=off")
	if errors.Is(err, pgtest.ErrNone) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(stop)
	return url, dir
}

// The database stands still.  Whoever asks is told so soon enough for any load
// balancer, many times over; and when it goes on, all is well again.
func TestReadyTellsOfAFrozenDatabase(t *testing.T) {
	t.Parallel()
	url, dir := ownPostgres(t)
	s := newSite(t, url)
	thaw := frozen(t, dir)
	var worst time.Duration
	first := time.Now()
	for asked := first; ; pause(t, 300*time.Millisecond) { // so that each is asked anew
		began := time.Now()
		status, body := s.ask(http.MethodGet, "/readyz", "", nil)
		worst = max(worst, time.Since(began))
		if status == http.StatusOK { // the last good answer counts for a moment
			require.Less(t, began.Sub(asked), 500*time.Millisecond)
			continue
		}
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, string(body), `"part":"store"`)
		require.NotContains(t, string(body), `"part":"nats"`)
		if time.Since(asked) > 5*time.Second {
			break
		}
	}
	assert.Greater(t, worst, 500*time.Millisecond, "it was asked")
	stall, _ := stalls.within(judge.Span{From: first, To: time.Now()})
	assert.Less(t, worst, 1500*time.Millisecond+stall)
	status, _ := s.ask(http.MethodGet, "/healthz", "", nil)
	assert.Equal(t, http.StatusOK, status, "the process itself is up: to start it anew would not help")
	code, says := probe(t, s.base)
	assert.Equal(t, 1, code)
	assert.Contains(t, says, "store: The database does not answer (nothing within 1s)")
	thaw()
	answers(t, s.base+"/readyz", 20*time.Second)
	t.Logf("told within %v of a frozen database", worst.Round(time.Millisecond))
}

// NATS is gone, and then comes back.
func TestReadyTellsOfLostNATS(t *testing.T) {
	t.Parallel()
	nats, http := bustest.StartServer(t), freeAddr(t)
	providers := filepath.Join(t.TempDir(), "providers.yaml")
	require.NoError(t, os.WriteFile(providers, providersFile(http, "http://127.0.0.1:1", provider.Limits{}), 0o600))
	launch(t, "dialtone", "serve", "--http", http, "--data", t.TempDir(), "--nats", nats.URL(), "--providers", providers)
	answers(t, "http://"+http+"/readyz", 20*time.Second)
	nats.Kill()
	says := saying(t, "http://"+http, "nats: ")
	assert.Contains(t, says, "See whether nats://")
	assert.NotContains(t, says, "store: ")
	nats.Restart()
	answers(t, "http://"+http+"/readyz", 30*time.Second)
}
