package postgres_test

import (
	"context"
	"database/sql"
	"flag"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/sourcegraph/conc/pool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dialtone/store"
	"dialtone/store/postgres"
	"dialtone/store/storetest"
	"dialtone/store/storetest/pgtest"
)

func TestMain(m *testing.M) {
	_ = flag.Set("rapid.checks", "25")
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		pgtest.Stop()
		os.Exit(code)
	}))
}

// schemas remembers the schema of each test, so that opening twice is reopening.
var schemas sync.Map

func address(t testing.TB) string {
	url, known := schemas.Load(t)
	if !known {
		url = pgtest.URL(t)
		schemas.Store(t, url)
		t.Cleanup(func() { schemas.Delete(t) })
	}
	return url.(string)
}

func open(t testing.TB) store.Store {
	s, err := postgres.Open(t.Context(), address(t))
	require.NoError(t, err)
	return s
}

func TestStore(t *testing.T) { storetest.Exercise(t, open) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }

func TestMigration(t *testing.T) {
	db, err := sql.Open("pgx", address(t))
	require.NoError(t, err)
	defer db.Close()
	storetest.Migration(t, open, storetest.Past{
		Dialect: goose.DialectPostgres, DB: db,
		Moment: func(at time.Time) string { return "'" + at.Format(time.RFC3339Nano) + "'" },
	})
}

func TestOpenTogether(t *testing.T) {
	url := address(t)
	p := pool.New().WithErrors()
	for range 6 {
		p.Go(func() error {
			s, err := postgres.Open(t.Context(), url)
			if err != nil {
				return err
			}
			_, err = s.Campaign(t.Context(), 1)
			require.NoError(t, err)
			return s.Close()
		})
	}
	require.NoError(t, p.Wait())
}

// TestOpenUnreachable: one line, with the cause, soon, and without the password.
func TestOpenUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = postgres.Open(context.Background(), "postgres://dialtone:s3cret@"+refused+"/dialtone")
	require.ErrorContains(t, err, "refused")
	require.ErrorContains(t, err, refused)
	require.NotContains(t, err.Error(), "s3cret")
	require.NotContains(t, err.Error(), "\n")
	require.True(t, store.Transient(err))

	_, err = postgres.Open(context.Background(), "postgres://dialtone:s3cret@"+refused+"/dialtone?sslmode=perhaps")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cret")

	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	require.NoError(t, err)
	defer silent.Close()
	began := time.Now()
	_, err = postgres.Open(context.Background(), "postgres://dialtone:s3cret@"+silent.Addr().String()+"/dialtone?sslmode=disable")
	require.Error(t, err)
	require.True(t, store.Transient(err))
	require.Less(t, time.Since(began), 8*time.Second)
}
