package postgres

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The classes of this program's advisory locks; the second number of a lock is
// what it is about.
const (
	lockMigrate = 0x6469616c // "dial"
	lockGrow    = 0x6469616d
)

// migrate brings the schema up to date.  Of several processes that start at once
// the first does it and the others wait.
func migrate(ctx context.Context, pool *pgxpool.Pool) (err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	// The lock is the session's: it goes with the process, and spans the
	// transactions of all migrations.  One for each schema.
	if _, err := conn.Exec(ctx, `select pg_advisory_lock($1, hashtext(current_schema()))`, lockMigrate); err != nil {
		return err
	}
	defer func() {
		_, e := conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock($1, hashtext(current_schema()))`, lockMigrate)
		err = errors.Join(err, e)
	}()
	db := stdlib.OpenDBFromPool(pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// Nothing may be registered from outside, and nothing said on the terminal.
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// poolSized reports whether the address bounds the connections itself.
func poolSized(address string) bool {
	if u, err := url.Parse(address); err == nil && u.Scheme != "" {
		return u.Query().Has("pool_max_conns")
	}
	return strings.Contains(address, "pool_max_conns")
}
