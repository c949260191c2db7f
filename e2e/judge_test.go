package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/e2e/judge"
	"dialtone/internal/load"
)

type (
	entry  = judge.Entry
	ledger = judge.Ledger
)

// readLedger reads it from the provider itself.
func readLedger(t *testing.T, base string) ledger {
	t.Helper()
	l, err := judge.Read(t.Context(), base)
	require.NoError(t, err)
	return l
}

func readSummary(t *testing.T, base string) judge.Summary {
	t.Helper()
	s, err := judge.ReadSummary(t.Context(), base)
	require.NoError(t, err)
	return s
}

// holds asserts that a promise was kept.
func holds(t *testing.T, v judge.Verdict) {
	t.Helper()
	assert.Zero(t, v.Broken, "%s", v)
}

// assertEveryNumber: NothingLost, and no number dialled more often than allowed.
func assertEveryNumber(t *testing.T, l ledger, numbers []string, maxAttempts int) {
	t.Helper()
	holds(t, judge.EveryNumber(l, numbers, maxAttempts))
}

// assertNeverTwice: each attempt, which is named in its callback's address, was
// dialled once, and no number while a call to it was up.
func assertNeverTwice(t *testing.T, l ledger) {
	t.Helper()
	holds(t, judge.NeverTwice(l))
}

// assertRetriesFirst: when a number was dialled for the first time, no retry had
// been due for longer than it takes to grant and place.  A time in which nobody at all
// was dialled, the machine being busy, preferred no new number.
func assertRetriesFirst(t *testing.T, l ledger, delay time.Duration) {
	t.Helper()
	grace := 500 * time.Millisecond
	if load.Raced {
		grace *= raceSlack * raceSlack
	}
	v := judge.RetriesFirst(judge.Campaign{RetryDelay: delay}, l, grace+silence(l))
	holds(t, v)
	assert.Positive(t, v.Checked, "no retry was due while there were new numbers: the test shows nothing")
}

// silence is the longest time in which nobody was dialled though new numbers waited,
// beyond what passes for none.
func silence(l ledger) (longest time.Duration) {
	const none = 100 * time.Millisecond
	seen, soFar := make(map[string]bool), time.Duration(0)
	for i, e := range l {
		if i > 0 {
			soFar = max(soFar, e.ReceivedAt.Sub(l[i-1].ReceivedAt))
		}
		if !seen[e.To] {
			longest = soFar
		}
		seen[e.To] = true
	}
	if longest < none {
		return 0
	}
	return longest
}

// assertAgree: our statistics and the provider's ledger say the same.
func assertAgree(t *testing.T, c campaignJSON, l ledger) {
	t.Helper()
	assert.True(t, c.Stats.AddsUp(), "%+v", c.Stats)
	holds(t, judge.Statistics(judge.Campaign{Name: c.ID, Stats: c.Stats}, l))
}

// assertRecords: the calls' attempts on record are those of the ledger.
func assertRecords(t *testing.T, calls []callJSON, l ledger) {
	t.Helper()
	records := make([]judge.Record, len(calls))
	for i, c := range calls {
		records[i] = judge.Record{ID: c.ID, To: c.To, Status: c.Status, Attempts: make([]judge.Attempt, len(c.Attempts))}
		for n, a := range c.Attempts {
			records[i].Attempts[n] = judge.Attempt{ProviderCallID: a.ProviderCallID, Disposition: string(a.Disposition)}
		}
	}
	holds(t, judge.Records(records, l))
}
