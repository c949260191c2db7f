package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The queries whose plans are tested.
const (
	SelectQueued       = selectQueued
	SelectQueuedOf     = selectQueuedOf
	SelectZones        = selectZones
	SelectUnfinishedOf = selectUnfinishedOf
	SelectWaiting      = selectWaiting
	SelectOpenAttempts = selectOpenAttempts
)

// Explain runs a query on a connection like any other and tells how.
func (s *Store) Explain(ctx context.Context, query string, args ...any) (string, error) {
	var plan []string
	rows, err := s.pool.Query(ctx, "explain (analyze, costs off, timing off, summary off) "+query, args...)
	err = each(rows, err, func(row pgx.Row) error {
		var line string
		err := row.Scan(&line)
		plan = append(plan, line)
		return err
	})
	return strings.Join(plan, "\n"), err
}

// Indexes are the definitions of the indexes of calls.
func (s *Store) Indexes(ctx context.Context) (out []string, err error) {
	rows, err := s.pool.Query(ctx, `select indexdef from pg_indexes where schemaname = current_schema() and tablename = 'calls'`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Analyze gathers statistics.
func (s *Store) Analyze(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "analyze")
	return err
}

// OpenWith opens with other migrations than the shipped ones.
var OpenWith = open
