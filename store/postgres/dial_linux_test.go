package postgres

import (
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dialtone/store/storetest/pgtest"
)

// Connections over the network are given up on which nothing is acknowledged for long, or
// nothing said.
func TestConnectionsEndInSilence(t *testing.T) {
	s, err := Open(t.Context(), overTCP(t, pgtest.URL(t)))
	require.NoError(t, err)
	defer s.Close()
	c, err := s.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer c.Release()
	require.Equal(t, 10_000, option(t, c, unix.TCP_USER_TIMEOUT), "milliseconds")
	require.Equal(t, 5, option(t, c, unix.TCP_KEEPIDLE), "seconds")
	require.Equal(t, 4, option(t, c, unix.TCP_KEEPCNT))
}

func option(t *testing.T, c *pgxpool.Conn, name int) (value int) {
	t.Helper()
	raw, err := c.Conn().PgConn().Conn().(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	var get error
	require.NoError(t, raw.Control(func(fd uintptr) { value, get = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name) }))
	require.NoError(t, get)
	return value
}

// overTCP is the address of a relay to the server at another one, which may be that of a
// Unix socket.
func overTCP(t *testing.T, address string) string {
	t.Helper()
	to, err := pgconn.ParseConfig(address)
	require.NoError(t, err)
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running conc.WaitGroup
	t.Cleanup(func() { relay.Close(); running.Wait() })
	running.Go(func() {
		for {
			client, err := relay.Accept()
			if err != nil {
				return
			}
			network, at := pgconn.NetworkAddress(to.Host, to.Port)
			server, err := net.Dial(network, at)
			if err != nil {
				client.Close()
				continue
			}
			running.Go(func() { _, _ = io.Copy(server, client); server.Close() })
			running.Go(func() { _, _ = io.Copy(client, server); client.Close() })
		}
	})
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.Host = relay.Addr().String()
	q := u.Query()
	q.Del("host")
	q.Del("port")
	u.RawQuery = q.Encode()
	return u.String()
}
