package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/cmd/dialtone/app"
	"dialtone/mockdialer"
	"dialtone/provider"
	"dialtone/store/storetest/pgtest"
)

// rig is Dialtone in this process beside a mock provider that outlives it.
type rig struct {
	t    *testing.T
	mock *mockdialer.Server
	cfg  app.Config
	app  *app.App
	// limits are those of the providers file; the mock itself has none, so that its
	// ledger would show a call too many.
	limits provider.Limits
	client
}

// option changes a rig before it starts.
type option func(*rig, *mockdialer.Config)

func calls(duration string, outcomes string) option {
	return func(r *rig, m *mockdialer.Config) {
		require.NoError(r.t, m.Duration.UnmarshalText([]byte(duration)))
		require.NoError(r.t, m.Outcomes.UnmarshalText([]byte(outcomes)))
	}
}

// lasting gives the calls to the numbers of an area a length of their own.
func lasting(area int, duration string) option {
	return func(r *rig, m *mockdialer.Config) {
		length, err := mockdialer.ParseDurationRange(duration)
		require.NoError(r.t, err)
		if m.Durations == nil {
			m.Durations = mockdialer.Durations{}
		}
		m.Durations[prefix(area)] = length
	}
}

func channels(n int) option {
	return func(r *rig, _ *mockdialer.Config) { r.limits.Channels = n }
}

func onPostgres(r *rig, _ *mockdialer.Config) { r.cfg.Database = pgtest.URL(r.t) }

const allComplete = "completed=1"

// newRig starts both.
func newRig(t *testing.T, options ...option) *rig {
	t.Helper()
	r := &rig{t: t}
	dir := t.TempDir()
	mock := mockdialer.Config{Seed: 7}
	http := freeAddr(t)
	r.cfg = app.Config{
		HTTP: http, NATSListen: "127.0.0.1:-1", Data: filepath.Join(dir, "data"), Roles: app.Roles,
		Providers: filepath.Join(dir, "providers.yaml"), DefaultRegion: "US", Logger: testLogger(t),
	}
	for _, o := range options {
		o(r, &mock)
	}
	r.mock = startMock(t, mock)
	require.NoError(t, os.WriteFile(r.cfg.Providers, providersFile(http, r.mock.URL(), r.limits), 0o600))
	r.client = client{t, "http://" + http}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func startMock(t *testing.T, cfg mockdialer.Config) *mockdialer.Server {
	t.Helper()
	mock, err := mockdialer.New(cfg)
	require.NoError(t, err)
	require.NoError(t, mock.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, mock.Stop(context.Background())) })
	return mock
}

func (r *rig) start() {
	r.t.Helper()
	untilFree(r.t, func() (err error) { r.app, err = app.Start(r.t.Context(), r.cfg); return err })
}

func (r *rig) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(r.t, r.app.Stop(ctx))
}

func (r *rig) ledger() ledger { return readLedger(r.t, r.mock.URL()) }

func providersFile(api, mock string, l provider.Limits) []byte {
	return fmt.Appendf(nil, `callback_base_url: http://%s
providers:
  - name: mock
    dialect: twilio
    base_url: %s
    account: %s
    token: {value: %s}
    from: "+12025550100"
    channels: %d
    calls_per_second: %v
`, api, mock, mockdialer.DefaultAccount, mockdialer.DefaultToken, l.Channels, l.CallsPerSecond)
}

// freeAddr is an address that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// untilFree tries again to listen while another test has the port for a moment: it is
// nobody's from one listener to the next.
func untilFree(t *testing.T, listen func() error) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; pause(t, 50*time.Millisecond) {
		err := listen()
		if errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(deadline) {
			continue
		}
		require.NoError(t, err)
		return
	}
}

// testLogger shows warnings, with -v only.
func testLogger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}
