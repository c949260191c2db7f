package sqlite_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/store/sqlite"
	"dialtone/store/storetest"
)

// The second migration updated the calls: it came before the rules.
var rules = storetest.Rules{Exempt: []int{2}}

func TestMigrationsKeepToTheRules(t *testing.T) { storetest.Migrations(t, rules) }

// The program of the version before works with a file that a later one has had: one can
// go back.
func TestFuture(t *testing.T) {
	all := storetest.Later(t, rules, "-- +goose Up\ncreate index calls_later on calls (later);\n")
	db, err := sql.Open("sqlite", file(t))
	require.NoError(t, err)
	defer db.Close()
	storetest.Future(t, open, db, func(t testing.TB) {
		s, err := sqlite.OpenWith(t.Context(), file(t), all)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	})
}
