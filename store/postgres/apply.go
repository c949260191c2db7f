package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"dialtone/store"
	"dialtone/store/ledger"
)

// Apply performs a batch in one transaction of two round trips: the first locks
// and reads the rows that the ledger asks for, the second writes what changed.
// (A batch with EndCalls takes a third.)
func (s *Store) Apply(ctx context.Context, b *store.Batch) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return translate(ctx, "apply a batch", err)
	}
	defer conn.Release()
	if err := apply(ctx, conn, b); err != nil {
		rollback(ctx, conn)
		return translate(ctx, "apply a batch", err)
	}
	s.committed.Add(1)
	return nil
}

func apply(ctx context.Context, conn *pgxpool.Conn, b *store.Batch) error {
	led := ledger.New(b)
	need := led.Need()
	if err := send(ctx, conn, func(q *pgx.Batch) { queueReads(q, led, need) }); err != nil {
		return err
	}
	led.Decide(time.Now())
	if len(led.Ends()) > 0 {
		// What it ends moves the statistics, and is known only afterwards.
		err := send(ctx, conn, func(q *pgx.Batch) {
			queueRows(q, led)
			for _, e := range led.Ends() {
				queueEnd(q, led, e)
			}
		})
		if err != nil {
			return err
		}
	}
	return send(ctx, conn, func(q *pgx.Batch) {
		if len(led.Ends()) == 0 {
			queueRows(q, led)
		}
		queueResults(q, b, led, need)
		q.Queue("commit").Exec(func(done pgconn.CommandTag) error {
			if done.String() != "COMMIT" {
				return errRolledBack
			}
			return nil
		})
	})
}

// errRolledBack: the server answers a commit so when the transaction had failed.
var errRolledBack = store.AsTransient(errors.New("the database rolled the transaction back"))

// send has the server perform queries in one round trip; the first that fails
// ends it.
func send(ctx context.Context, conn *pgxpool.Conn, queue func(*pgx.Batch)) error {
	q := &pgx.Batch{}
	queue(q)
	return conn.SendBatch(ctx, q).Close()
}

// rollback makes the connection fit for the pool again.  If that fails, the pool
// throws it away.
func rollback(ctx context.Context, conn *pgxpool.Conn) {
	if conn.Conn().IsClosed() || conn.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	_, _ = conn.Exec(ctx, "rollback")
}
