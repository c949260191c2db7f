package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/store/sqlite"
)

// TestPlans: a page is read on its own index, from the cursor on, in its order;
// that of a zone visits no other zone's rows.
func TestPlans(t *testing.T) {
	s := open(t).(*sqlite.Store)
	defer s.Close()
	for query, want := range map[string]string{
		sqlite.SelectQueued:       "INDEX calls_campaign (campaign_id=? AND rowid>?)",
		sqlite.SelectQueuedOf:     "INDEX calls_zone (campaign_id=? AND zone=? AND rowid>?)",
		sqlite.SelectUnfinishedOf: "INDEX calls_zone (campaign_id=? AND zone=?)",
		sqlite.SelectZones:        "INDEX calls_zone (campaign_id=? AND zone>?)",
		sqlite.SelectWaiting:      "INDEX calls_campaign (campaign_id=?)",
		sqlite.SelectOpenAttempts: "INDEX calls_campaign (campaign_id=?)",
	} {
		plan, err := s.Explain(t.Context(), query, []any{2, 1, 5, 2000}[:params(query)]...)
		require.NoError(t, err)
		require.Contains(t, plan, want)
		require.NotContains(t, plan, "SCAN calls")
		require.NotContains(t, plan, "SCAN a")
		if query != sqlite.SelectZones && query != sqlite.SelectWaiting && query != sqlite.SelectOpenAttempts { // whose few zones or providers are sorted
			require.NotContains(t, plan, "TEMP B-TREE")
		}
	}
}

// TestHotColumns: what changes in a call's life stands in no index, so that its
// updates touch one page.
func TestHotColumns(t *testing.T) {
	s := open(t).(*sqlite.Store)
	defer s.Close()
	defs, err := s.Indexes(t.Context())
	require.NoError(t, err)
	require.Len(t, defs, 4)
	for _, def := range defs {
		require.NotRegexp(t, `\b(status|claim|attempts|tally|last_day|on_day|next_attempt_at|reason)\b`, def)
	}
}

// params counts a query's parameters.
func params(query string) (n int) {
	if query == sqlite.SelectZones {
		return 1
	}
	for _, c := range query {
		if c == '?' {
			n++
		}
	}
	return n
}
