package sqlite

import (
	"context"
	"database/sql"
	"strings"
)

// bulk is one statement over many rows, written as VALUES.  Measured for 500
// rows: 3.3 µs a row, against 5.2 with a statement for each row and 8.5 with
// json_each.  It is prepared for a few numbers of rows, so that every number
// can be made up of them.
type bulk struct {
	// sql has %s where the rows go; parameters that all rows share stand before
	// them and are numbered.
	sql string
	// width is the number of parameters of a row.
	width int
	sizes []bulkSize
}

type bulkSize struct {
	rows int
	stmt *sql.Stmt
}

func (b *bulk) prepare(ctx context.Context, db *sql.DB) error {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", b.width), ",") + ")"
	for _, n := range []int{128, 16, 1} {
		rows := strings.TrimSuffix(strings.Repeat(row+",", n), ",")
		stmt, err := db.PrepareContext(ctx, strings.Replace(b.sql, "%s", rows, 1))
		if err != nil {
			return err
		}
		b.sizes = append(b.sizes, bulkSize{n, stmt})
	}
	return nil
}

// exec runs the statement over n rows and returns how many it changed.  row
// appends the parameters of row i.
func (b *bulk) exec(ctx context.Context, tx *sql.Tx, shared []any, n int, row func(args []any, i int) []any) (changed int64, err error) {
	args := append(make([]any, 0, len(shared)+min(n, b.sizes[0].rows)*b.width), shared...)
	at := 0
	for _, size := range b.sizes {
		if n-at < size.rows {
			continue
		}
		stmt := tx.StmtContext(ctx, size.stmt)
		for ; n-at >= size.rows; at += size.rows {
			args = args[:len(shared)]
			for i := range size.rows {
				args = row(args, at+i)
			}
			done, err := stmt.ExecContext(ctx, args...)
			if err != nil {
				return changed, err
			}
			rows, err := done.RowsAffected()
			if err != nil {
				return changed, err
			}
			changed += rows
		}
	}
	return changed, nil
}

func (b *bulk) close() {
	for _, size := range b.sizes {
		_ = size.stmt.Close()
	}
}
