// Package postgres is the store for many nodes: PostgreSQL, through pgx.
//
// A batch of the journal is two round trips, however many operations it has: one
// takes the locks and reads the rows, one writes what changed and commits.
//
// # Locks
//
// All transactions take their locks in one order, so that they wait for each
// other but never in a circle: a campaign's advisory lock, partitions, campaigns,
// calls, statistics; of each by ascending id.  What is locked how:
//
//	partitions    share by a batch, against RaiseEpochs
//	campaigns     share by placing and by AddContacts, against every change of
//	              status; more by whoever changes the row
//	calls         by every batch that names them; the lock of a call is that of
//	              its attempts as well
//	advisory      by whoever adds calls to a campaign, so that their ids become
//	              visible in ascending order
//
// Rows of zones are written by transactions that take no other locks.
//
// Should the server see a deadlock all the same, it is a transient error.
package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"dialtone/store"
	"dialtone/store/internal/code"
)

const (
	connectTimeout = 5 * time.Second
	// minConns leaves connections for API requests while the journal has one, and
	// one for the lock of migrations.
	minConns = 4
	// defaultConns is for an address that says nothing of it.
	defaultConns = 10
)

// session sets up each connection.
//
// Every query of this package is meant to run on an index.  Freshly loaded tables
// have no statistics yet, and for them the planner flips to hash joins and whole
// scans from one run to the next: 150 ms instead of 6 for a batch.  With nothing
// but index scans and nested loops there is one plan, always.  (jit would compile
// plans that only look expensive by that.)  And each execution is planned for the
// tables as they are: a plan kept from when they were empty may walk them whole.
// That costs less than a millisecond a batch.
//
// A node that stands still in the middle of a transaction must not keep the locks
// that its successor needs.
const session = `
set enable_seqscan = off;
set enable_bitmapscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
set jit = off;
set plan_cache_mode = force_custom_plan;
set idle_in_transaction_session_timeout = '10s'`

// Store is a store.Store in a PostgreSQL database.
type Store struct {
	pool      *pgxpool.Pool
	zones     code.Zones
	committed atomic.Int64
}

var _ store.Store = (*Store)(nil)

// Open connects to the database at an address like
// "postgres://user:password@host:5432/dialtone?sslmode=require" and brings its
// schema up to date.  "pool_max_conns" in the address bounds the connections.
// The error is transient where the server may come by itself: it can't be reached, is
// starting, or is full.  A server that refuses us, or has no such database, is there.
func Open(ctx context.Context, url string) (*Store, error) { return open(ctx, url, shipped()) }

func open(ctx context.Context, url string, files fs.FS) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", oneLine(err))
	}
	cc := cfg.ConnConfig
	if cc.ConnectTimeout == 0 || cc.ConnectTimeout > connectTimeout {
		cc.ConnectTimeout = connectTimeout
	}
	cc.DialFunc = dialer.DialContext
	if _, named := cc.RuntimeParams["application_name"]; !named {
		cc.RuntimeParams["application_name"] = "dialtone"
	}
	if !poolSized(url) {
		cfg.MaxConns = defaultConns
	}
	cfg.MaxConns = max(cfg.MaxConns, minConns)
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, session, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", oneLine(err))
	}
	s := &Store{pool: pool}
	if err := s.begin(ctx, files); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the database %s at %s:%d: %w", cc.Database, cc.Host, cc.Port, err)
	}
	return s, nil
}

// begin makes sure that the server is there, and has the present schema.
func (s *Store) begin(ctx context.Context, files fs.FS) error {
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := s.pool.Ping(limited); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if refused(err) {
			return oneLine(err)
		}
		return store.AsTransient(oneLine(err))
	}
	return translate(ctx, "migrate", migrate(ctx, s.pool, files))
}

// change runs f in a write transaction.  f's own errors come back as they are.
func (s *Store) change(ctx context.Context, what string, f func(tx pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, f)
	if err != nil {
		return translate(ctx, what, err)
	}
	s.committed.Add(1)
	return nil
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return translate(ctx, "ping", s.pool.Ping(ctx))
}

// Transactions counts the write transactions committed by this process.
func (s *Store) Transactions() int64 { return s.committed.Load() }

// Driver is "postgres".
func (s *Store) Driver() string { return "postgres" }

// Close waits for what runs and closes all connections.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// utc is a nullable time as the domain has it.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// null is a time as a column has it; the zero time is NULL.
func null(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// text is JSON as a column has it; none is NULL.
func text(b []byte) *string {
	if len(b) == 0 {
		return nil
	}
	s := string(b)
	return &s
}
