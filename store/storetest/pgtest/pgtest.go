// Package pgtest gives tests and benchmarks a PostgreSQL of their own.
//
// It is the server of DIALTONE_TEST_DATABASE_URL, or else a private cluster,
// started on first use from the PostgreSQL programs found on the machine and
// shared by all tests of the process; their TestMain ends it with Stop.  Where
// there is neither, tests are skipped, unless DIALTONE_REQUIRE_POSTGRES=1.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// The environment.
const (
	EnvURL     = "DIALTONE_TEST_DATABASE_URL"
	EnvRequire = "DIALTONE_REQUIRE_POSTGRES"
)

// shared is the server of this process.
var shared struct {
	sync.Mutex
	url  string
	stop func()
	err  error
	told bool
}

// URL is the address of an empty schema of the test's own, which is dropped at
// its end.
func URL(t testing.TB) string {
	t.Helper()
	server, err := server()
	if err != nil {
		if os.Getenv(EnvRequire) == "1" {
			t.Fatalf("%s=1, but %v", EnvRequire, err)
		}
		t.Skip("no PostgreSQL: " + err.Error())
	}
	schema := "test_" + strings.ToLower(rand.Text()[:12])
	execute(t, server, "create schema "+schema)
	t.Cleanup(func() { drop(t, server, schema) })
	address, err := url.Parse(server)
	require.NoError(t, err)
	q := address.Query()
	q.Set("options", "-csearch_path="+schema)
	address.RawQuery = q.Encode()
	return address.String()
}

// Stop ends the cluster of this process, if one was started.  Tests call it when
// all have run.
func Stop() {
	shared.Lock()
	defer shared.Unlock()
	if shared.stop != nil {
		shared.stop()
	}
	shared.url, shared.stop, shared.err = "", nil, nil
}

// server finds or starts the server; why not is said once on standard error.
func server() (string, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.url == "" && shared.err == nil {
		shared.url, shared.stop, shared.err = find()
	}
	if shared.err != nil && !shared.told {
		shared.told = true
		fmt.Fprintln(os.Stderr, "tests with PostgreSQL are skipped:", shared.err)
	}
	return shared.url, shared.err
}

func find() (address string, stop func(), err error) {
	if address = os.Getenv(EnvURL); address != "" {
		return address, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "dialtone-pg-")
	if err != nil {
		return "", nil, err
	}
	// What a test writes need not outlive the machine.
	address, end, err := Start(dir, "fsync=off", "full_page_writes=off")
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return address, func() {
		end()
		_ = os.RemoveAll(dir)
	}, nil
}

func execute(t testing.TB, address, query string) {
	t.Helper()
	require.NoError(t, try(address, query))
}

func try(address, query string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, query)
	return err
}

// drop removes a schema.  What a process was writing when the test killed it may still
// be under way in the server, and wait for the drop as that waits for it.
func drop(t testing.TB, address, schema string) {
	t.Helper()
	var err error
	for range 10 {
		err = try(address, "drop schema "+schema+" cascade")
		if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != deadlockDetected {
			break
		}
	}
	require.NoError(t, err)
}

const deadlockDetected = "40P01"
