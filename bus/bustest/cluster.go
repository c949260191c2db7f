package bustest

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dialtone/bus"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// electionPatience bounds the wait for a cluster on a busy machine.
const electionPatience = 30 * time.Second

// Cluster is several NATS servers in this process, each on ports and a folder
// that stay the same, with the mapping that a cluster has in its nats.conf.
type Cluster struct {
	t testing.TB
	// Replicas of the streams that Connect makes: one on each server.
	Replicas int
	nodes    []*member
}

// member is one server of a cluster; srv is nil while it is down.
type member struct {
	opts server.Options
	srv  *server.Server
}

// StartCluster runs n servers until the test ends, and returns when they have
// elected a leader.
func StartCluster(t testing.TB, n int) *Cluster {
	t.Helper()
	c := &Cluster{t: t, Replicas: n}
	routes := make([]string, n)
	for i := range routes {
		routes[i] = freePort(t)
	}
	for i, route := range routes {
		host, port := hostPort(t, route)
		_, client := hostPort(t, freePort(t))
		opts := server.Options{
			ServerName: fmt.Sprintf("nats-%d", i+1), Host: "127.0.0.1", Port: client, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), MaxPayload: 8 << 20, StreamMaxBufferedMsgs: 16384,
			Cluster: server.ClusterOpts{Name: "dialtone", Host: host, Port: port},
			Routes:  server.RoutesFromStr("nats://" + strings.Join(routes, ",nats://")),
		}
		opts.JetStreamLimits.DefaultMaxConsumers = -1
		c.nodes = append(c.nodes, &member{opts: opts})
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.Kill(i)
		}
	})
	c.RestartAll()
	return c
}

func hostPort(t testing.TB, addr string) (string, int) {
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return host, n
}

// Size is the number of servers.
func (c *Cluster) Size() int { return len(c.nodes) }

// URL names all servers, whether they are up or not.
func (c *Cluster) URL() string {
	urls := make([]string, len(c.nodes))
	for i, m := range c.nodes {
		urls[i] = fmt.Sprintf("nats://%s:%d", m.opts.Host, m.opts.Port)
	}
	return strings.Join(urls, ",")
}

// Connect opens a Bus on all servers, with a replica on each, and closes it with
// the test.
func (c *Cluster) Connect(t testing.TB, opts ...Option) *bus.Bus {
	t.Helper()
	return open(t, bus.Config{URL: c.URL(), Replicas: c.Replicas}, opts)
}

// Kill ends server i without a word to its clients; it is harmless where it is
// down.  Its streams stay in the folder.
func (c *Cluster) Kill(i int) {
	if m := c.nodes[i]; m.srv != nil {
		m.srv.Shutdown()
		m.srv.WaitForShutdown()
		m.srv = nil
	}
}

// Restart starts server i again, after Kill, and waits until it has caught up.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	c.launch(i)
	c.Ready()
}

// RestartAll starts all servers that are down, at once, and waits until they have
// caught up.
func (c *Cluster) RestartAll() {
	c.t.Helper()
	for i, m := range c.nodes {
		if m.srv == nil {
			c.launch(i)
		}
	}
	c.Ready()
}

func (c *Cluster) launch(i int) {
	c.t.Helper()
	m := c.nodes[i]
	require.Nil(c.t, m.srv, "server %d is up", i)
	opts := m.opts // the server keeps its own
	srv, err := server.NewServer(&opts)
	require.NoError(c.t, err)
	require.NoError(c.t, srv.GlobalAccount().AddMapping(bus.CommandMapping()))
	srv.Start()
	m.srv = srv
}

// Ready waits until the servers that are up have a leader and have caught up.
func (c *Cluster) Ready() {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		leader := slices.ContainsFunc(c.nodes, func(m *member) bool { return m.srv != nil && m.srv.JetStreamIsLeader() })
		lame := slices.ContainsFunc(c.nodes, func(m *member) bool { return m.srv != nil && !m.healthy() })
		return leader && !lame
	}, electionPatience, 20*time.Millisecond, "the cluster is not ready")
}

// healthy reports whether the server is current in all that it replicates.
func (m *member) healthy() bool {
	return m.srv.ReadyForConnections(time.Millisecond) && m.srv.Healthz(nil).Status == "ok"
}

// Leader is the server that leads a stream (DIAL, CALLBACK, EVENT, KV_LEASE); it
// waits for one.
func (c *Cluster) Leader(stream string) (i int) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		i = slices.IndexFunc(c.nodes, func(m *member) bool {
			return m.srv != nil && m.srv.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream)
		})
		return i >= 0
	}, electionPatience, 20*time.Millisecond, "nobody leads %s", stream)
	return i
}
