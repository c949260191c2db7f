package bustest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dialtone/bus"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// Shipped is one server with the nats.conf of this repository, whose users have the
// permissions of their roles.
type Shipped struct {
	srv  *server.Server
	opts *server.Options // as they were read

	mu         sync.Mutex
	violations []string
}

// shippedUsers are those of nats.conf in Dialtone's account.
var shippedUsers = []string{"actors", "api", "caller", "node", "people", "admin"}

// StartShipped runs until the test ends.  Whoever does what its user may not is
// listed by Violations.
func StartShipped(t testing.TB) *Shipped {
	t.Helper()
	s := &Shipped{}
	opts := ShippedOptions(t)
	opts.Cluster, opts.Routes = server.ClusterOpts{}, nil
	opts.Host, opts.Port, opts.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	opts.StoreDir, opts.NoSigs = t.TempDir(), true
	s.opts = opts.Clone()
	srv, err := server.NewServer(opts)
	require.NoError(t, err)
	srv.SetLoggerV2(&violationLog{s}, false, false, false)
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	require.True(t, srv.ReadyForConnections(20*time.Second))
	s.srv = srv
	return s
}

// ShippedOptions reads nats.conf in an environment in which the password of every
// user is "secret-of-" and its name.
func ShippedOptions(t testing.TB) *server.Options {
	t.Helper()
	for _, user := range append([]string{"route"}, shippedUsers...) {
		t.Setenv("DIALTONE_NATS_"+strings.ToUpper(user)+"_PASSWORD", shippedPassword(user))
	}
	t.Setenv("DIALTONE_NATS_NAME", "nats-1")
	t.Setenv("DIALTONE_NATS_ROUTES", "[nats://route:secret-of-route@nats-1:6222, nats://route:secret-of-route@nats-2:6222]")
	opts, err := server.ProcessConfigFile(shippedConf(t))
	require.NoError(t, err)
	return opts
}

func shippedPassword(user string) string { return "secret-of-" + user }

// shippedConf finds nats.conf in the module's folder, above that of the test.
func shippedConf(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		path := filepath.Join(dir, "nats.conf")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		require.NotEqual(t, dir, filepath.Dir(dir), "there is no nats.conf above the test")
		dir = filepath.Dir(dir)
	}
}

// Addr is the server's host:port.
func (s *Shipped) Addr() string { return s.srv.Addr().String() }

// URL is where a user connects.
func (s *Shipped) URL(user string) string {
	u := url.URL{Scheme: "nats", Host: s.Addr(), User: url.UserPassword(user, shippedPassword(user))}
	return u.String()
}

// SetPassword gives a user another password while the server runs, "" its own again.  Who
// is connected as that user is shut out.
func (s *Shipped) SetPassword(t testing.TB, user, password string) {
	t.Helper()
	opts := s.opts.Clone()
	opts.Port = s.srv.Addr().(*net.TCPAddr).Port
	for i, u := range opts.Users {
		if u.Username == user {
			changed := *u
			changed.Password = cmp.Or(password, shippedPassword(user))
			opts.Users[i] = &changed
		}
	}
	require.NoError(t, s.srv.ReloadOptions(opts))
}

// Connect opens a Bus as a user, for roles, and closes it with the test.
func (s *Shipped) Connect(t testing.TB, user string, roles ...bus.Role) *bus.Bus {
	t.Helper()
	return open(t, bus.Config{URL: s.URL(user), Name: user, Roles: roles, LeaseTTL: leaseTTL}, nil)
}

// DeleteStreams deletes all that is in JetStream, as the admin.
func (s *Shipped) DeleteStreams(t testing.TB) {
	t.Helper()
	nc, err := nats.Connect(s.URL("admin"))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	deleted := 0
	for name := range js.StreamNames(context.Background()).Name() {
		require.NoError(t, js.DeleteStream(context.Background(), name))
		deleted++
	}
	require.Positive(t, deleted, "there was nothing to delete")
}

// Violations are what was refused so far, as "<user>: <what>".
func (s *Shipped) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// violationLog listens to the server for what it refuses.
type violationLog struct{ s *Shipped }

func (l *violationLog) Errorf(format string, v ...any) {
	msg := fmt.Sprintf(format, v...)
	if strings.Contains(strings.ToLower(msg), "violation") {
		l.s.mu.Lock()
		defer l.s.mu.Unlock()
		l.s.violations = append(l.s.violations, msg)
	}
}

func (l *violationLog) Fatalf(format string, v ...any) { l.Errorf("violation: "+format, v...) }
func (l *violationLog) Warnf(string, ...any)           {}
func (l *violationLog) Noticef(string, ...any)         {}
func (l *violationLog) Debugf(string, ...any)          {}
func (l *violationLog) Tracef(string, ...any)          {}
