package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/store"
	"dialtone/store/postgres"
	"dialtone/store/storetest/pgtest"
)

// refusing is a server that answers everybody with an error of PostgreSQL.
func refusing(t *testing.T, code string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := pgproto3.NewBackend(c, c)
			if _, err := b.ReceiveStartupMessage(); err == nil {
				b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "not now"})
				_ = b.Flush()
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// A database that is on its way is worth waiting for; one that is there and does not
// want us is not.
func TestWhatIsWorthWaitingFor(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes the connections
	require.NoError(t, err)
	defer silent.Close()
	for name, c := range map[string]struct {
		host string
		late bool
	}{
		"starting":         {refusing(t, "57P03"), true},
		"shutting down":    {refusing(t, "57P01"), true},
		"full":             {refusing(t, "53300"), true},
		"nobody listens":   {"127.0.0.1:1", true},
		"no such host yet": {"nowhere.invalid:5432", true},
		"silent":           {silent.Addr().String(), true},
		"wrong password":   {refusing(t, "28P01"), false},
		"not let in":       {refusing(t, "28000"), false},
		"no such database": {refusing(t, "3D000"), false},
	} {
		t.Run(name, func(t *testing.T) {
			address := "postgres://u:s3cret@" + c.host + "/x?sslmode=disable"
			if name == "silent" {
				address += "&connect_timeout=1" // the others say something, however late
			}
			_, err := postgres.Open(t.Context(), address)
			require.Error(t, err)
			require.Equal(t, c.late, store.Transient(err), err)
			require.NotContains(t, err.Error(), "s3cret")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// The same of a real server: its own refusals.
func TestRealRefusals(t *testing.T) {
	if os.Getenv(pgtest.EnvURL) != "" {
		t.Skip("the server's passwords are not this test's")
	}
	dir, err := os.MkdirTemp("", "dialtone-own-")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o755))
	hba := filepath.Join(dir, "hba.conf")
	require.NoError(t, os.WriteFile(hba, []byte("local all postgres trust\nlocal all u scram-sha-256\nlocal all v reject\n"), 0o644))
	address, stop, err := pgtest.Start(dir, "hba_file="+hba, "fsync=off")
	if errors.Is(err, pgtest.ErrNone) {
		t.Skip(err)
	}
	require.NoError(t, err)
	defer stop()
	admin, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer admin.Close(context.Background())
	_, err = admin.Exec(t.Context(), `create role u login superuser password 'right'; create role v login`)
	require.NoError(t, err)
	as := func(user, password, database string) (store.Store, error) {
		u, err := url.Parse(address)
		require.NoError(t, err)
		u.User, u.Path = url.UserPassword(user, password), "/"+database
		s, err := postgres.Open(t.Context(), u.String())
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := as("u", "right", "postgres")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for says, args := range map[string][]string{
		"password authentication failed": {"u", "wrong", "postgres"},
		"does not exist":                 {"postgres", "", "nowhere"},
		"rejects connection":             {"v", "", "postgres"},
	} {
		_, err := as(args[0], args[1], args[2])
		require.ErrorContains(t, err, says)
		require.False(t, store.Transient(err), says)
	}
	stop()
	_, err = as("u", "right", "postgres")
	require.True(t, store.Transient(err), err)
}

// Who is told to stop while it waits for a silent server does not wait for it.
func TestOpenEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = postgres.Open(ctx, "postgres://u@"+silent.Addr().String()+"/x")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 4*time.Second)
	require.False(t, strings.Contains(err.Error(), "\n"))
}

// frozenAt is a way to a database that says nothing more, on any connection, from when
// somebody has said a word.
func frozenAt(t *testing.T, word, address string) (through string, frozen <-chan struct{}) {
	cfg, err := pgx.ParseConfig(address)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	said := make(chan struct{})
	var once sync.Once
	var run conc.WaitGroup
	t.Cleanup(run.Wait)
	t.Cleanup(func() { _ = l.Close() })
	pass := func(to, from net.Conn) {
		defer func() { _ = to.Close() }()
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if bytes.Contains(buf[:n], []byte(word)) {
				once.Do(func() { close(said) })
			}
			select {
			case <-said:
			default:
				_, _ = to.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}
	run.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(pgconn.NetworkAddress(cfg.Host, cfg.Port))
			if err != nil {
				_ = client.Close()
				continue
			}
			run.Go(func() { pass(server, client) })
			run.Go(func() { pass(client, server) })
		}
	})
	u, err := url.Parse(address)
	require.NoError(t, err)
	q := u.Query()
	q.Del("port")
	q.Set("host", "127.0.0.1")
	q.Set("port", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	u.RawQuery = q.Encode()
	return u.String(), said
}

// A database that stands still in the middle of a migration does not keep a process that is
// told to stop.
func TestOpenEndsWhileAMigrationStandsStill(t *testing.T) {
	t.Parallel()
	address, frozen := frozenAt(t, "goose", pgtest.URL(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opened := make(chan error, 1)
	var opening conc.WaitGroup
	opening.Go(func() {
		_, err := postgres.Open(ctx, address)
		opened <- err
	})
	<-frozen
	cancel()
	select {
	case err := <-opened:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(time.Minute): // pgx gives each of its connections 15 s to be closed well
		require.Fail(t, "it waits for the database")
	}
}
