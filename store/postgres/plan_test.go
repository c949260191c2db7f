package postgres_test

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store/postgres"
	"dialtone/store/storetest"
)

// TestPlans: whatever the planner knows of the tables, a page is read on its own
// index, in its order, and one of a zone visits that zone's rows after the cursor
// and no others.
func TestPlans(t *testing.T) {
	s := open(t).(*postgres.Store)
	defer s.Close()
	p := plans{t, s}

	p.check(1000, 1, 0) // nothing there
	// No statistics; and at this size the index of zones is a level higher than
	// others, which the planner would be glad to save.
	id, zone := storetest.TenZones(t, s, 40_000)
	p.check(id, zone, 4000)
	require.NoError(t, s.Analyze(t.Context()))
	p.check(id, zone, 4000)
	// Not in the statistics: the planner expects no rows of it.
	id, zone = storetest.TenZones(t, s, 100_000)
	p.check(id, zone, 10_000)
	require.NoError(t, s.Analyze(t.Context()))
	p.check(id, zone, 10_000)
	p.check(id, 0, 0) // a zone without calls
}

// TestHotColumns: what changes in a call's life stands in no index, so that its
// updates stay off all of them (HOT).
func TestHotColumns(t *testing.T) {
	s := open(t).(*postgres.Store)
	defer s.Close()
	defs, err := s.Indexes(t.Context())
	require.NoError(t, err)
	require.Len(t, defs, 5)
	for _, def := range defs {
		require.NotRegexp(t, `\b(status|claim|attempts|tally|last_day|on_day|next_attempt_at|reason)\b`, def)
	}
}

type plans struct {
	*testing.T
	s *postgres.Store
}

var removed = regexp.MustCompile(`Rows Removed by Filter: (\d+)`)

// explain is the plan of a query, which must be in order by itself.
func (p plans) explain(query string, args ...any) string {
	p.Helper()
	plan, err := p.s.Explain(p.Context(), query, args...)
	require.NoError(p, err)
	require.NotContains(p, plan, "Seq Scan on calls")
	return plan
}

// page is the plan of a page, which visits at most so many rows.
func (p plans) page(index string, most int, query string, args ...any) {
	p.Helper()
	plan := p.explain(query, args...)
	require.Contains(p, plan, "using "+index+" on calls", plan)
	require.NotContains(p, plan, "Sort", plan)
	if m := removed.FindStringSubmatch(plan); m != nil {
		n, err := strconv.Atoi(m[1])
		require.NoError(p, err)
		require.LessOrEqual(p, n, most, plan)
	}
}

// check looks at all plans for a campaign of which a zone has n calls.
func (p plans) check(id campaign.ID, zone campaign.ZoneID, n int) {
	p.Helper()
	var middle campaign.CallID
	if n > 0 {
		page, err := p.s.Queued(p.Context(), id, zone, 0, n)
		require.NoError(p, err)
		require.Len(p, page, n)
		middle = page[n/2].ID
	}
	for _, after := range []campaign.CallID{0, middle} {
		p.page("calls_zone", 0, postgres.SelectQueuedOf, int64(id), int64(after), int32(zone), 2000)
		p.page("calls_campaign", 0, postgres.SelectQueued, int64(id), int64(after), 2000)
	}
	for _, underway := range []bool{false, true} {
		p.page("calls_zone", 0, postgres.SelectUnfinishedOf, int64(id), int64(0), int32(zone), underway)
	}
	zones := p.explain(postgres.SelectZones, int64(id))
	require.Regexp(p, `using calls_zone on calls c \(actual rows=[01] loops=1?[01]\)`, zones)
	open := p.explain(postgres.SelectOpenAttempts, int64(id), int64(0), 1000)
	require.Contains(p, open, "using calls_campaign on calls")
	require.Contains(p, p.explain(postgres.SelectWaiting, int64(id), int64(0)), "using calls_campaign on calls")
}
