package bus_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// cluster is three servers in this process, with the mapping that an external
// cluster has in its nats.conf.
func cluster(t *testing.T) (servers []*server.Server, url string) {
	t.Helper()
	var routes []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		routes = append(routes, l.Addr().String())
		require.NoError(t, l.Close())
	}
	var urls []string
	for i, route := range routes {
		addr := tcpAddr(t, route)
		srv, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(),
			Cluster: server.ClusterOpts{Name: "c", Host: addr.IP.String(), Port: addr.Port},
			Routes:  server.RoutesFromStr("nats://" + strings.Join(routes, ",nats://")),
		})
		require.NoError(t, err)
		require.NoError(t, srv.GlobalAccount().AddMapping("campaign.*.*", "campaigns.{{partition(64,1)}}.{{wildcard(1)}}.{{wildcard(2)}}"))
		srv.Start()
		t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
		servers = append(servers, srv)
	}
	for _, srv := range servers {
		require.True(t, srv.ReadyForConnections(patience))
		urls = append(urls, srv.ClientURL())
	}
	require.Eventually(t, func() bool {
		for _, srv := range servers {
			if srv.JetStreamIsLeader() {
				return true
			}
		}
		return false
	}, patience, 20*time.Millisecond)
	return servers, strings.Join(urls, ",")
}

func tcpAddr(t *testing.T, addr string) *net.TCPAddr {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	require.NoError(t, err)
	return a
}

// One of three servers dies; jobs, reports, commands and leases go on.
func TestNothingLostAfterOneOfThreeServersDied(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("elections take seconds")
	}
	servers, url := cluster(t)
	b, err := bus.Open(t.Context(), bus.Config{URL: url, Replicas: 3, Logger: bustest.Logger(t), AckWait: 2 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close(context.Background())) })
	require.Equal(t, 15*time.Second, b.LeaseTTL())
	got, _ := consumeJobs(t, b, 1000)
	reports, _ := consumeReports(t, b, bus.PartitionOf(7))
	serve(t, b, all, func(r *bus.Request) { r.Reply(nil) })
	l, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	_, err = b.Acquire(t.Context(), "scheduler", "b")
	require.ErrorIs(t, err, bus.ErrHeld)
	f := feed(b)
	seen := map[campaign.AttemptID]bool{}
	collect(t, got, seen, 50)

	_, js := guest(t, b)
	s, err := js.Stream(t.Context(), "DIAL")
	require.NoError(t, err)
	for _, srv := range servers {
		if srv.Name() == s.CachedInfo().Cluster.Leader {
			srv.Shutdown()
		}
	}
	collect(t, got, seen, len(seen)+50)
	f.finish()
	collect(t, got, seen, f.sent)
	require.Eventually(t, func() bool { return l.Renew(t.Context()) == nil }, patience, 100*time.Millisecond)
	require.NoError(t, b.Command(t.Context(), 7, "start", nil, nil))
	require.Eventually(t, func() bool { return b.PublishReport(t.Context(), report(7, 1)) == nil }, patience, 100*time.Millisecond)
	require.NoError(t, within(t, reports, "the report").Ack())
	stale, err := b.Acquire(t.Context(), "partition.1", "a")
	require.NoError(t, err)
	_, err = b.Acquire(t.Context(), "partition.1", "a")
	require.NoError(t, err)
	require.ErrorIs(t, stale.Renew(t.Context()), bus.ErrLost, "10164 where streams are replicated")
}
