// Package sqlite is the store in one file, for one machine: the embedded default.
//
// There is one connection that writes, because SQLite has one writer anyway: the
// journal's batches and the API's changes take turns on it and none can find the
// database busy.  Reads have connections of their own; in WAL mode they wait for
// nobody.  Every commit is on disk before it returns (synchronous=FULL): the
// guard against dialling twice rests on that.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"dialtone/store"
	"dialtone/store/internal/code"
)

const (
	readers = 4
	// patience is how long to wait for another process that uses the file: a
	// command line beside the service.
	patience = 10 * time.Second
	// cacheKiB holds the hot pages of some 100,000 calls in memory.
	cacheKiB = 64 << 10
	// checkpointPages is how much the log grows before its pages are copied into
	// the file.  A page that changed ten times in between is copied once.
	checkpointPages = 8000
)

// Store is a store.Store in a file.
type Store struct {
	writer, reader *sql.DB
	prepared       statements
	zones          code.Zones
	committed      atomic.Int64
}

var _ store.Store = (*Store)(nil)

// Open opens the database in the file at path, makes it if there is none, and
// brings its schema up to date.  Its directory must exist.
func Open(ctx context.Context, path string) (*Store, error) { return open(ctx, path, shipped()) }

func open(ctx context.Context, path string, files fs.FS) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := migrate(ctx, path, files); err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, translate(ctx, "migrate", err))
	}
	s, err := connect(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, translate(ctx, "connect", err))
	}
	return s, nil
}

func connect(ctx context.Context, path string) (*Store, error) {
	writer, err := sql.Open("sqlite", address(path, url.Values{
		"_txlock": {"immediate"}, // so that a change never has to become a writer half way
		"_pragma": {"synchronous(full)", fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages)},
	}))
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	reader, err := sql.Open("sqlite", address(path, url.Values{"_pragma": {"query_only(1)"}}))
	if err != nil {
		_ = writer.Close()
		return nil, err
	}
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	s := &Store{writer: writer, reader: reader}
	if err := s.prepared.prepare(ctx, writer, reader); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// address is the data source name of the file with what all connections share.
func address(path string, with url.Values) string {
	with.Set("_busy_timeout", fmt.Sprint(patience.Milliseconds()))
	with.Add("_pragma", fmt.Sprintf("cache_size(-%d)", cacheKiB))
	with.Add("_pragma", "temp_store(memory)")
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + with.Encode()
}

// change runs f in a write transaction.  f's own errors come back as they are.
func (s *Store) change(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, what, err)
	}
	if err := f(tx); err != nil {
		if errors.Is(tx.Rollback(), sql.ErrTxDone) && ctx.Err() != nil {
			err = ctx.Err() // which ended the transaction under f, whatever f saw of that
		}
		return translate(ctx, what, err)
	}
	if err := tx.Commit(); err != nil {
		// A commit that did not come about (disk full) may leave the transaction
		// open on the one connection.
		_, _ = s.writer.ExecContext(context.WithoutCancel(ctx), "rollback")
		return translate(ctx, what, err)
	}
	s.committed.Add(1)
	return nil
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return translate(ctx, "ping", s.reader.QueryRowContext(ctx, "select 1 from campaigns where id = 1").Scan(&one))
}

// Transactions counts the write transactions committed by this process.
func (s *Store) Transactions() int64 { return s.committed.Load() }

// Driver is "sqlite".
func (s *Store) Driver() string { return "sqlite" }

// Close waits for what runs and closes the file.
func (s *Store) Close() error {
	s.prepared.close()
	err := s.reader.Close()
	// The last connection to close copies the log into the file and removes it.
	if e := s.writer.Close(); e != nil {
		err = e
	}
	return translate(context.Background(), "close the database", err)
}

// micros is a time as a column has it; the zero time is NULL.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// moment reads micros; NULL must have been made 0.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
