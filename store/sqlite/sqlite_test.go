package sqlite_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/sourcegraph/conc/pool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dialtone/store"
	"dialtone/store/sqlite"
	"dialtone/store/storetest"
)

// checks is how many histories of the model are tried: every step is a commit that
// reaches the disk.  The race detector sees fewer, which take it as long.
var checks = "25"

func TestMain(m *testing.M) {
	_ = flag.Set("rapid.checks", checks)
	goleak.VerifyTestMain(m)
}

// files remembers the file of each test, so that opening twice is reopening.
var files sync.Map

func file(t testing.TB) string {
	dir, known := files.Load(t)
	if !known {
		dir = t.TempDir()
		files.Store(t, dir)
		t.Cleanup(func() { files.Delete(t) })
	}
	return filepath.Join(dir.(string), "dialtone.db")
}

func open(t testing.TB) store.Store {
	s, err := sqlite.Open(t.Context(), file(t))
	require.NoError(t, err)
	return s
}

func TestStore(t *testing.T) { storetest.Exercise(t, open) }

func TestMigration(t *testing.T) {
	db, err := sql.Open("sqlite", file(t))
	require.NoError(t, err)
	defer db.Close()
	storetest.Migration(t, open, storetest.Past{
		Dialect: goose.DialectSQLite3, DB: db,
		Moment: func(at time.Time) string { return fmt.Sprint(at.UnixMicro()) },
	})
}

func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.db")
	p := pool.New().WithErrors()
	for range 6 {
		p.Go(func() error {
			s, err := sqlite.Open(t.Context(), path)
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

func TestOpenOddPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%20e.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = os.Stat(path)
	require.NoError(t, err)
}

func TestOpenNowhere(t *testing.T) {
	_, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "none", "x.db"))
	require.ErrorContains(t, err, "none")
	require.NotContains(t, err.Error(), "\n")
}

func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }

// TestFileInUse: while another program writes to the file, a change waits; whoever
// gives up waiting is told so, and then all is well again.
func TestFileInUse(t *testing.T) {
	s := open(t)
	defer s.Close()
	other, err := sql.Open("sqlite", file(t))
	require.NoError(t, err)
	defer other.Close()
	other.SetMaxOpenConns(1)
	_, err = other.Exec("begin immediate")
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.PutSetting(ctx, "a", []byte("1")), context.DeadlineExceeded)
	_, err = s.Setting(t.Context(), "a")
	require.NoError(t, err, "readers wait for nobody")
	_, err = other.Exec("rollback")
	require.NoError(t, err)
	require.NoError(t, s.PutSetting(t.Context(), "a", []byte("1")))
}
