package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/bus/bustest"
	"dialtone/store/storetest/pgtest"
)

// gate is an address on which nobody listens until it is opened; then it leads to a
// server.
type gate struct {
	t      *testing.T
	addr   string
	target *url.URL // of PostgreSQL

	listener net.Listener
	carrying sync.WaitGroup
}

// newGate puts a gate before the database of an address.
func newGate(t *testing.T, database string) *gate {
	target, err := url.Parse(database)
	require.NoError(t, err)
	g := &gate{t: t, addr: freeAddr(t), target: target}
	t.Cleanup(g.close)
	return g
}

// url is the database's address through the gate.
func (g *gate) url() string {
	through := *g.target
	through.Host = g.addr
	through.User = url.UserPassword(g.target.User.Username(), "s3cret")
	q := through.Query()
	q.Del("host")
	through.RawQuery = q.Encode()
	return through.String()
}

func (g *gate) dial() (net.Conn, error) {
	if folder := g.target.Query().Get("host"); folder != "" {
		return net.Dial("unix", filepath.Join(folder, ".s.PGSQL.5432"))
	}
	return net.Dial("tcp", g.target.Host)
}

func (g *gate) open() {
	g.t.Helper()
	untilFree(g.t, func() (err error) { g.listener, err = net.Listen("tcp", g.addr); return err })
	g.carrying.Go(func() {
		for {
			from, err := g.listener.Accept()
			if err != nil {
				return
			}
			g.carrying.Go(func() { g.carry(from) })
		}
	})
}

// carry lasts until either side ends.
func (g *gate) carry(from net.Conn) {
	defer from.Close()
	to, err := g.dial()
	if err != nil {
		return
	}
	defer to.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		g.carrying.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			done <- struct{}{}
		})
	}
	<-done
}

func (g *gate) close() {
	if g.listener != nil {
		_ = g.listener.Close()
	}
}

// probe asks the health check of a container.
func probe(t *testing.T, base string) (code int, says string) {
	t.Helper()
	cmd := exec.Command(binary(t, "dialtone"), "health", "--url", base)
	out, _ := cmd.CombinedOutput() // the exit code tells
	return cmd.ProcessState.ExitCode(), string(out)
}

// saying waits for the health check to say all of it.
func saying(t *testing.T, base string, parts ...string) (says string) {
	t.Helper()
	require.Eventually(t, func() bool {
		code, text := probe(t, base)
		says = text
		for _, part := range parts {
			if !strings.Contains(text, part) {
				return false
			}
		}
		return code == 1
	}, 20*time.Second, 100*time.Millisecond)
	return says
}

// late starts the service before its database and its NATS server.
func late(t *testing.T) (s *site, database *gate, nats *bustest.Server) {
	t.Helper()
	database, nats = newGate(t, pgtest.URL(t)), bustest.StartServer(t)
	nats.Kill()
	http := freeAddr(t)
	s = &site{client: client{t, "http://" + http}, t: t}
	s.serve = launch(t, "dialtone", "serve", "--http", http, "--mock-http", freeAddr(t), "--data", t.TempDir(),
		"--database", database.url(), "--nats", nats.URL(), "--mock-duration", "10ms", "--mock-outcomes", allComplete)
	answers(t, s.base+"/healthz", 10*time.Second)
	return s, database, nats
}

// The service is started first, and what it needs comes later, one after the other: it
// says what it waits for, has everybody come again, and does its work in the end.
func TestStartWaitsForWhatComesLate(t *testing.T) {
	t.Parallel()
	s, database, nats := late(t)
	saying(t, s.base, "store: ", "connection refused", "nats: ", "no servers available")
	for method, path := range map[string]string{http.MethodGet: "/v1/campaigns", http.MethodPost: "/callbacks/mock/cmp_2/att_1"} {
		status, body := s.ask(method, path, "", nil)
		assert.Equal(t, http.StatusServiceUnavailable, status, path)
		assert.Contains(t, string(body), "is starting", path)
	}

	database.open()
	require.Eventually(t, func() bool {
		_, says := probe(t, s.base)
		return !strings.Contains(says, "store: ") && strings.Contains(says, "nats: ")
	}, 20*time.Second, 100*time.Millisecond, "only NATS is missing now")
	nats.Restart()
	answers(t, s.base+"/readyz", 20*time.Second)
	code, says := probe(t, s.base)
	require.Zero(t, code, says)

	id := s.load(settings{}, berlin(0, 20))
	s.command(id, "start")
	c := s.until(id, 20*time.Second, ended)
	assert.Equal(t, 20, c.Stats.Completed)
	log := s.serve.output.String()
	for _, part := range []string{"store", "nats"} {
		assert.Regexp(t, `level=WARN msg="waiting for a part that is not there[^"]*" part=`+part+` reason=`, log)
		assert.Contains(t, log, `msg="the part that was waited for is there" part=`+part)
	}
	assert.NotContains(t, log, "s3cret")
	require.NoError(t, s.serve.cmd.Process.Signal(syscall.SIGTERM))
	assert.Zero(t, s.serve.exit(10*time.Second))
}

// Who waits can be told to stop: nothing was begun, so that is no fault.
func TestStopEndsTheWaiting(t *testing.T) {
	t.Parallel()
	s, _, _ := late(t)
	saying(t, s.base, "store: ", "connection refused", "nats: ", "no servers available")
	require.NoError(t, s.serve.cmd.Process.Signal(syscall.SIGTERM))
	assert.Zero(t, s.serve.exit(4*time.Second))
	assert.Contains(t, s.serve.output.String(), "stopped while starting")
}

// The same, where the database takes the connection and says nothing.
func TestStopEndsTheWaitingForASilentDatabase(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes the connections
	require.NoError(t, err)
	defer silent.Close()
	http := freeAddr(t)
	p := launch(t, "dialtone", "serve", "--http", http, "--mock-http", freeAddr(t), "--nats-listen", freeAddr(t), "--data", t.TempDir(),
		"--database", "postgres://u:s3cret@"+silent.Addr().String()+"/x")
	launched := time.Now()
	saying(t, "http://"+http, "store: ", "Connecting")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	assert.Zero(t, p.exit(10*time.Second))
	assert.Less(t, time.Since(launched), 5*time.Second, "it is not the first try's end that ended the waiting: that takes 5 s")
	assert.NotContains(t, p.output.String(), "s3cret")
}

// Every role tells how it is where it is asked to.
func TestHealthOfEveryRole(t *testing.T) {
	t.Parallel()
	nats, database, providers := bustest.StartServer(t).URL(), pgtest.URL(t), filepath.Join(t.TempDir(), "providers.yaml")
	require.NoError(t, os.WriteFile(providers, []byte("callback_base_url: http://127.0.0.1:1\nproviders:\n  - {name: a, dialect: twilio, base_url: 'http://127.0.0.1:2', account: AC1, token: {value: t0ken}}\n"), 0o600))
	serve := func(roles string, more ...string) *process {
		return launch(t, "dialtone", append([]string{"serve", "--roles", roles, "--nats", nats, "--database", database,
			"--data", t.TempDir(), "--providers", providers}, more...)...)
	}
	// Those with the actors make the streams, which the others wait for.
	for _, c := range []struct{ roles, metric string }{{"actors", "dialtone_partitions_owned "}, {"caller", "dialtone_caller_attempts_total"}} {
		http := freeAddr(t)
		p := serve(c.roles, "--http", http)
		answers(t, "http://"+http+"/readyz", 30*time.Second)
		answers(t, "http://"+http+"/healthz", 5*time.Second)
		asked := client{t, "http://" + http}
		_, text := asked.ask("GET", "/metrics", "", nil)
		assert.Contains(t, string(text), c.metric, c.roles)
		status, text := asked.ask("GET", "/v1/campaigns", "", nil)
		assert.Equal(t, 404, status, c.roles)
		assert.Contains(t, string(text), "has not the role api")
		require.Eventually(t, func() bool { return strings.Contains(p.output.String(), "http://"+http+"/readyz") }, 5*time.Second, 10*time.Millisecond, "it is told where to ask")
		defer func() {
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
			assert.Zero(t, p.exit(15*time.Second))
		}()
	}
	var problem struct {
		Missing []struct{ Part, Reason string }
	}
	http := freeAddr(t)
	waits := launch(t, "dialtone", "serve", "--roles", "caller", "--http", http, "--nats", "nats://127.0.0.1:1", "--database", database,
		"--data", t.TempDir(), "--providers", providers)
	answers(t, "http://"+http+"/healthz", 20*time.Second)
	status, body := client{t, "http://" + http}.ask("GET", "/readyz", "", nil)
	assert.Equal(t, 503, status)
	require.NoError(t, json.Unmarshal(body, &problem))
	assert.NotEmpty(t, problem.Missing)
	waits.kill()
}
