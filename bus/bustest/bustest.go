// Package bustest starts real NATS servers for tests: embedded ones that end
// with the test, and one that can be killed, restarted and wiped under its
// clients.
package bustest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"dialtone/bus"

	"github.com/stretchr/testify/require"
)

// leaseTTL is longer than a busy machine stands still: a fifth of it is how long one
// question about a lease may take.
const leaseTTL = 10 * time.Second

// Option changes the Config of Start and Connect.
type Option func(*bus.Config)

// WithLeaseTTL makes leases live shorter, in whole seconds.
func WithLeaseTTL(d time.Duration) Option { return func(c *bus.Config) { c.LeaseTTL = d } }

// WithAckWait makes what is not acknowledged come again sooner.
func WithAckWait(d time.Duration) Option { return func(c *bus.Config) { c.AckWait = d } }

// WithPublishTimeout bounds the wait for JetStream.
func WithPublishTimeout(d time.Duration) Option {
	return func(c *bus.Config) { c.PublishTimeout = d }
}

// WithName names the node.
func WithName(name string) Option { return func(c *bus.Config) { c.Name = name } }

// Start opens a Bus with an embedded server on a folder of the test, and closes
// both with the test.
func Start(t testing.TB, opts ...Option) *bus.Bus {
	t.Helper()
	return open(t, bus.Config{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", LeaseTTL: leaseTTL}, opts)
}

func open(t testing.TB, cfg bus.Config, opts []Option) *bus.Bus {
	t.Helper()
	cfg.Logger = Logger(t)
	for _, o := range opts {
		o(&cfg)
	}
	b, err := bus.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Error("close the bus:", err)
		}
	})
	return b
}

// Logger writes to standard error when tests run verbosely, and nowhere else.
func Logger(testing.TB) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Server is a NATS server on a port and a folder that stay the same, apart from
// its clients.
type Server struct {
	t      testing.TB
	dir    string
	listen string
	srv    *bus.Server // nil while it is down
}

// StartServer runs until the test ends.
func StartServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), listen: freePort(t)}
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

// freePort is one that nobody listened on a moment ago.
func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// awaitPort waits until a port is free: while its server was down, a parallel test may
// have been given it.
func awaitPort(t testing.TB, addr string) {
	t.Helper()
	require.Eventually(t, func() bool {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			err = l.Close()
		}
		return !errors.Is(err, syscall.EADDRINUSE) // any other fault is the server's to tell
	}, 10*time.Second, 20*time.Millisecond, "%s is taken", addr)
}

// URL is where clients connect, whether the server is up or not.
func (s *Server) URL() string { return "nats://" + s.listen }

// Connect opens a Bus on the server and closes it with the test.
func (s *Server) Connect(t testing.TB, opts ...Option) *bus.Bus {
	t.Helper()
	return open(t, bus.Config{URL: s.URL(), LeaseTTL: leaseTTL}, opts)
}

// Kill cuts all connections without a word to the clients.  Streams stay in the
// folder.
func (s *Server) Kill() {
	if s.srv != nil {
		s.srv.Stop()
		s.srv = nil
	}
}

// Restart starts the server again, after Kill, with what is in the folder.
func (s *Server) Restart() {
	s.t.Helper()
	awaitPort(s.t, s.listen)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	srv, err := bus.StartServer(ctx, bus.Config{StoreDir: s.dir, Listen: s.listen, Logger: Logger(s.t)})
	require.NoError(s.t, err)
	s.srv = srv
}

// Wipe deletes every stream and bucket, after Kill.
func (s *Server) Wipe() {
	s.t.Helper()
	require.Nil(s.t, s.srv, "kill the server before wiping its folder")
	require.NoError(s.t, os.RemoveAll(s.dir))
	require.NoError(s.t, os.MkdirAll(s.dir, 0o755))
}
