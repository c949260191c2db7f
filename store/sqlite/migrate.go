package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

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
// it is, so that one can go back to the version before.
func migrate(ctx context.Context, path string, files fs.FS) (err error) {
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	db, err := sql.Open("sqlite", address(path, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"journal_mode(wal)", "synchronous(full)"},
	}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)

	// Nothing may be registered from outside, and nothing said on the terminal.
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// lock takes a lock that goes with the process: an exclusive transaction on an
// empty database of its own beside the file.  The file itself can't be locked
// so, because others may be reading it, and locks of plain files differ between
// operating systems.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	db, err := sql.Open("sqlite", address(path, url.Values{"_txlock": {"exclusive"}}))
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() {
		_ = tx.Rollback()
		_ = db.Close()
	}, nil
}
