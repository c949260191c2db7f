package postgres

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/sethvargo/go-retry"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The classes of this program's advisory locks; the second number of a lock is
// what it is about.
const (
	lockMigrate = 0x6469616c // "dial"
	lockGrow    = 0x6469616d
)

// lockTimeout is how long a migration waits for a table.  What waits for a table keeps
// everybody else from it who comes later: behind a backup, which holds all tables for as
// long as it runs, that would be the end of all dialling.  A migration that had to give
// up is tried again.
const lockTimeout = "3s"

// shipped are the migrations of this version.
func shipped() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is a valid one
	}
	return files
}

// migrate brings the schema up to date.  Of several processes that start at once
// the first does it and the others wait.  A schema that is newer than files is left as
// it is: see docs/adr/0018 for why it can be worked with.
func migrate(ctx context.Context, pool *pgxpool.Pool, files fs.FS) (err error) {
	unlock, err := lockMigrations(ctx, pool)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	// A connection of its own: what binds the planner elsewhere is wrong for statements
	// that walk whole tables.
	db := stdlib.OpenDB(*pool.Config().ConnConfig, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "set lock_timeout = '"+lockTimeout+"'")
		return err
	}))
	defer func() { err = errors.Join(err, db.Close()) }()
	// Nothing may be registered from outside, and nothing said on the terminal.
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// lockMigrations takes the lock of this schema's migrations.  It is the session's: it
// goes with the process, and spans the transactions of all migrations.  Who waits for it
// does so outside of any query: an index that is built concurrently waits for the end of
// every query that was there before, and would wait for ours, which waits for it.
func lockMigrations(ctx context.Context, pool *pgxpool.Pool) (unlock func() error, err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	err = retry.Do(ctx, retry.NewConstant(lockEvery), func(ctx context.Context) error {
		var ours bool
		err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1, hashtext(current_schema()))`, lockMigrate).Scan(&ours)
		if err == nil && !ours {
			return retry.RetryableError(errMigrating)
		}
		return err
	})
	if err != nil {
		conn.Release()
		return nil, err
	}
	return func() error {
		defer conn.Release()
		// Also at an end: but a server that stands still is not waited for.  The lock goes
		// with the connection then, which is closed.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockPatience)
		defer cancel()
		_, err := conn.Exec(ctx, `select pg_advisory_unlock($1, hashtext(current_schema()))`, lockMigrate)
		return err
	}, nil
}

const (
	lockEvery      = 100 * time.Millisecond
	unlockPatience = 2 * time.Second
)

var errMigrating = errors.New("another process is bringing the schema up to date")

// poolSized reports whether the address bounds the connections itself.
func poolSized(address string) bool {
	if u, err := url.Parse(address); err == nil && u.Scheme != "" {
		return u.Query().Has("pool_max_conns")
	}
	return strings.Contains(address, "pool_max_conns")
}
