package bus_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestOpenTellsWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct {
		cfg  bus.Config
		says string
	}{
		"port in use":      {bus.Config{StoreDir: t.TempDir(), Listen: taken.Addr().String()}, "address already in use"},
		"folder is a file": {bus.Config{StoreDir: file, Listen: "127.0.0.1:0"}, file},
		"no folder":        {bus.Config{}, "data folder"},
		"no port":          {bus.Config{StoreDir: t.TempDir(), Listen: "localhost"}, "127.0.0.1:4222"},
		"bad port":         {bus.Config{StoreDir: t.TempDir(), Listen: "localhost:http"}, "no port"},
		"odd lease":        {bus.Config{StoreDir: t.TempDir(), LeaseTTL: 1500 * time.Millisecond}, "whole seconds"},
		"replicas":         {bus.Config{StoreDir: t.TempDir(), Replicas: 3}, "one replica"},
		"two faults":       {bus.Config{LeaseTTL: time.Millisecond}, "; "},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := bus.Open(t.Context(), c.cfg)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, time.Since(start), 5*time.Second)
		})
	}
}

func TestOpenGivesUpOnAServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	start := time.Now()
	_, err := bus.Open(t.Context(), bus.Config{URL: "nats://me:secret@127.0.0.1:1"})
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.NotContains(t, err.Error(), "secret")
	require.NotContains(t, err.Error(), "\n")
	require.Less(t, time.Since(start), 8*time.Second)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = bus.Open(ctx, bus.Config{URL: "nats://127.0.0.1:1"})
	require.Error(t, err)
}

func TestCloseMayBeCalledTwice(t *testing.T) {
	b := bustest.Start(t)
	require.NoError(t, b.Healthy())
	require.NoError(t, b.Close(t.Context()))
	require.NoError(t, b.Close(t.Context()))
	require.Error(t, b.Healthy())
	require.Error(t, b.Send("x", 1))
	b.Poke(7, "wake")
	_, err := b.ConsumeJobs(1, func(bus.JobDelivery) {})
	require.Error(t, err)
}

func TestConsumptionsEndWithTheBus(t *testing.T) {
	b := bustest.Start(t)
	_, c := consumeJobs(t, b, 10)
	sub, err := bus.Subscribe(b, "x", func(int) {})
	require.NoError(t, err)
	require.NoError(t, b.Close(t.Context()))
	c.Stop()
	sub.Stop()
	require.ErrorIs(t, b.WatchLeases(t.Context(), func(string, string) {}), bus.ErrClosed)
}

// What people do with the nats command line.
func TestStreamsAreReadable(t *testing.T) {
	b := bustest.Start(t)
	_, js := guest(t, b)
	publishJobs(t, b, job(7, 1))
	s, err := js.Stream(t.Context(), "DIAL")
	require.NoError(t, err)
	require.True(t, s.CachedInfo().Config.AllowDirect)
	m, err := s.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "dial.mock.cmp_7", m.Subject)
	require.True(t, strings.HasPrefix(string(m.Data), `{"kind":"place","campaign":"cmp_7",`))
	lease, err := js.Stream(t.Context(), "KV_LEASE")
	require.NoError(t, err)
	require.False(t, lease.CachedInfo().Config.AllowDirect)
	for _, name := range []string{"DIAL", "CALLBACK"} {
		s, err := js.Stream(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, jetstream.WorkQueuePolicy, s.CachedInfo().Config.Retention)
		require.Equal(t, jetstream.FileStorage, s.CachedInfo().Config.Storage)
	}
}

func TestOpenKeepsTheReplicasOfAnExistingStream(t *testing.T) {
	srv := bustest.StartServer(t)
	srv.Connect(t)
	b := srv.Connect(t, func(c *bus.Config) { c.Replicas = 3 })
	require.NoError(t, b.Healthy())
}

func TestSendReachesEverySubscriber(t *testing.T) {
	srv := bustest.StartServer(t)
	a, b := srv.Connect(t, bustest.WithName("a")), srv.Connect(t, bustest.WithName("b"))
	type grant struct{ N int }
	got := make(chan grant, 1000) // more than are sent: a full one would hold up the handler
	sub, err := bus.Subscribe(b, bus.SubjectGrants("b"), func(g grant) { got <- g })
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the subscription travels on its own
		require.NoError(t, a.Send(bus.SubjectGrants("b"), grant{3}))
		select {
		case g := <-got:
			return g == grant{3}
		case <-time.After(20 * time.Millisecond):
			return false
		}
	}, patience, time.Millisecond)
	require.NoError(t, a.Send(bus.SubjectGrants("b"), "not a grant"))
	require.Eventually(t, func() bool { return b.Counters().Undecodable == 1 }, patience, time.Millisecond)
	sub.Stop()
	sub.Stop()
	require.Error(t, a.Send("x", make(chan int)))
}

func TestSlowSubscriberIsCounted(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	leave := make(chan bool)
	sub, err := bus.Subscribe(b, "x", func(string) { <-leave })
	require.NoError(t, err)
	big := strings.Repeat("x", 6<<20)
	require.Eventually(t, func() bool {
		require.NoError(t, b.Send("x", big))
		return b.Counters().SlowConsumers > 0
	}, patience, time.Millisecond)
	close(leave)
	sub.Stop()
}
