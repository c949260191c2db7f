package bus_test

import (
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"dialtone/bus"
)

// natsServer is one that a test configures.
func natsServer(t *testing.T, opts *server.Options) string {
	opts.Host, opts.Port, opts.NoSigs, opts.NoLog, opts.StoreDir = "127.0.0.1", -1, true, true, t.TempDir()
	srv, err := server.NewServer(opts)
	require.NoError(t, err)
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	require.True(t, srv.ReadyForConnections(10*time.Second))
	return srv.Addr().String()
}

// Servers that are on their way are worth waiting for; one that is there and does not
// want us is not.
func TestTransientIsWhatIsWorthWaitingFor(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes the connections
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	guarded := natsServer(t, &server.Options{JetStream: true, Username: "u", Password: "right"})
	bare := natsServer(t, &server.Options{})
	for name, c := range map[string]struct {
		url  string
		late bool
	}{
		"nobody listens":      {"nats://u:s3cret@127.0.0.1:1", true},
		"no such host yet":    {"nats://nowhere.invalid:4222", true},
		"silent":              {"nats://" + silent.Addr().String(), true},
		"JetStream is not on": {"nats://" + bare, true},
		"wrong password":      {"nats://u:s3cret@" + guarded, false},
		"no password":         {"nats://" + guarded, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := bus.Open(t.Context(), bus.Config{URL: c.url, Name: "x", OpenPatience: 300 * time.Millisecond})
			require.Error(t, err)
			require.Equal(t, c.late, bus.Transient(err), err)
			require.NotContains(t, err.Error(), "s3cret")
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, time.Since(began), 8*time.Second)
		})
	}
	_, err = bus.Open(t.Context(), bus.Config{})
	require.Error(t, err)
	require.False(t, bus.Transient(err), "a fault of the configuration")
	b, err := bus.Open(t.Context(), bus.Config{URL: "nats://127.0.0.1:1", StoreDir: t.TempDir(), OpenPatience: -1})
	require.ErrorContains(t, err, "negative")
	require.Nil(t, b)
}
