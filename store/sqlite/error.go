package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	sqlitedriver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"dialtone/store"
)

// translate gives an error of the database its meaning at the store's border.
// What is not the database's comes back as it is.
func translate(ctx context.Context, what string, err error) error {
	var e *sqlitedriver.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, sql.ErrTxDone) || primary(err) == codes.SQLITE_INTERRUPT):
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone):
		return store.AsTransient(fmt.Errorf("%s: %w", what, err))
	case errors.As(err, &e) && passing(e):
		return store.AsTransient(fmt.Errorf("%s: %w", what, err))
	case errors.As(err, &e):
		return fmt.Errorf("%s: %w", what, err)
	}
	return err
}

// passing reports whether waiting, or making room on the disk, may help.
func passing(e *sqlitedriver.Error) bool {
	switch primary(e) {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_IOERR, codes.SQLITE_FULL, codes.SQLITE_CANTOPEN,
		codes.SQLITE_PROTOCOL, codes.SQLITE_NOMEM, codes.SQLITE_INTERRUPT, codes.SQLITE_READONLY:
		return true
	}
	return false
}

// primary is the error's code without its extension, or -1.
func primary(err error) int {
	var e *sqlitedriver.Error
	if !errors.As(err, &e) {
		return -1
	}
	return e.Code() & 0xff
}

// unique reports whether a row with that key exists.
func unique(err error) bool { return primary(err) == codes.SQLITE_CONSTRAINT }
