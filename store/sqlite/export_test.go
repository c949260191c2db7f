package sqlite

import (
	"context"
	"strings"
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

// Indexes are the definitions of the indexes of calls.
func (s *Store) Indexes(ctx context.Context) (out []string, err error) {
	rows, err := s.reader.QueryContext(ctx, `select sql from sqlite_master where type = 'index' and tbl_name = 'calls'`)
	err = each(rows, err, func(scan func(...any) error) error {
		var def string
		err := scan(&def)
		out = append(out, def)
		return err
	})
	return out, err
}

// Explain tells how a query would be run.
func (s *Store) Explain(ctx context.Context, query string, args ...any) (string, error) {
	var plan []string
	rows, err := s.reader.QueryContext(ctx, "explain query plan "+query, args...)
	err = each(rows, err, func(scan func(...any) error) error {
		var id, parent, unused int
		var line string
		err := scan(&id, &parent, &unused, &line)
		plan = append(plan, line)
		return err
	})
	return strings.Join(plan, "\n"), err
}

// OpenWith opens with other migrations than the shipped ones.
var OpenWith = open
