package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"dialtone/store"
	"dialtone/store/postgres"
	"dialtone/store/sqlite"
)

// OpenDatabase opens PostgreSQL, or SQLite in the data folder when url is "", and
// brings the schema up to date.  It does not lock the folder: a key can be
// created while the service runs.
func OpenDatabase(ctx context.Context, data, url string) (store.Store, error) {
	if url != "" {
		s, err := postgres.Open(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("open PostgreSQL: %w", err)
		}
		return s, nil
	}
	if err := os.MkdirAll(data, 0o750); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	s, err := sqlite.Open(ctx, filepath.Join(data, "dialtone.db"))
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	return s, nil
}
