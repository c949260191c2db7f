package postgres_test

import (
	"context"
	"database/sql"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sourcegraph/conc/pool"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/postgres"
	"dialtone/store/storetest"
)

// The second migration updated the calls and built its index the short way: it came
// before two versions ever ran side by side.
var rules = storetest.Rules{Concurrently: true, Exempt: []int{2}}

func TestMigrationsKeepToTheRules(t *testing.T) { storetest.Migrations(t, rules) }

func later(t testing.TB) fs.FS {
	return storetest.Later(t, rules, `-- +goose NO TRANSACTION
-- +goose Up
drop index concurrently if exists calls_later;
create index concurrently calls_later on calls (later, id);
`)
}

// A node of this version works with a schema that a later one has brought about.
func TestFuture(t *testing.T) {
	db, err := sql.Open("pgx", address(t))
	require.NoError(t, err)
	defer db.Close()
	storetest.Future(t, open, db, func(t testing.TB) {
		s, err := postgres.OpenWith(t.Context(), address(t), later(t))
		require.NoError(t, err)
		require.NoError(t, s.Close())
	})
}

// Nodes of two versions start at once, with an index to be built beside the writers:
// those that wait for the migration must not hold it up.
func TestOpenTogetherWithTwoVersions(t *testing.T) {
	url, files := address(t), later(t)
	p := pool.New().WithErrors()
	for i := range 8 {
		p.Go(func() error {
			var s store.Store
			var err error
			if i%2 == 0 {
				s, err = postgres.OpenWith(t.Context(), url, files)
			} else {
				s, err = postgres.Open(t.Context(), url)
			}
			if err != nil {
				return err
			}
			return s.Close()
		})
	}
	require.NoError(t, p.Wait())
	admin, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer admin.Close(context.Background())
	var valid bool
	require.NoError(t, admin.QueryRow(t.Context(), `select indisvalid from pg_index where indexrelid = 'calls_later'::regclass`).Scan(&valid))
	require.True(t, valid)
}

// A backup holds all tables.  A migration that waits for one of them gives up soon, since
// everybody who dials waits behind it; and succeeds when it is tried again.
func TestMigrationBehindABackup(t *testing.T) {
	s := open(t)
	defer s.Close()
	url := address(t)
	var held sync.WaitGroup
	defer held.Wait() // the backup is over by then
	backup, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer backup.Close(context.Background())
	_, err = backup.Exec(t.Context(), `begin; lock table campaigns in access share mode`)
	require.NoError(t, err)

	failed := make(chan error, 1)
	began := time.Now()
	held.Go(func() {
		_, err := postgres.OpenWith(t.Context(), url, later(t))
		failed <- err
	})
	require.Eventually(t, func() bool { // it waits, and others behind it
		limited, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := s.Campaign(limited, campaign.Single)
		return err != nil
	}, 10*time.Second, 10*time.Millisecond)
	limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = s.Campaign(limited, campaign.Single)
	require.NoError(t, err)
	require.Less(t, time.Since(began), 8*time.Second, "dialling went on although the backup did")
	err = <-failed
	require.ErrorContains(t, err, "lock timeout")
	require.True(t, store.Transient(err), "it is tried again")
	_, err = backup.Exec(t.Context(), `commit`)
	require.NoError(t, err)
	newer, err := postgres.OpenWith(t.Context(), url, later(t))
	require.NoError(t, err)
	require.NoError(t, newer.Close())
}
