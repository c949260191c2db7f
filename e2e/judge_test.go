package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// entry is one call in the provider's ledger.
type entry struct {
	To             string    `json:"to"`
	ReceivedAt     time.Time `json:"received_at"`
	EndedAt        time.Time `json:"ended_at"`
	Status         string    `json:"status"`
	StatusCallback string    `json:"status_callback"`
}

// summary is the ledger in short.
type summary struct {
	Created    int            `json:"created"`
	Active     int            `json:"active"`
	PeakActive int            `json:"peak_active"`
	ByStatus   map[string]int `json:"by_status"`
}

// ledger is every call that the provider placed, in the order received.
type ledger []entry

// readLedger reads it from the provider itself.
func readLedger(t *testing.T, base string) (l ledger) {
	t.Helper()
	resp, err := http.Get(base + "/ledger")
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var e entry
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		l = append(l, e)
	}
	require.NoError(t, lines.Err())
	return l
}

func readSummary(t *testing.T, base string) (s summary) {
	t.Helper()
	resp, err := http.Get(base + "/ledger/summary")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&s))
	return s
}

// byNumber groups the calls.
func (l ledger) byNumber() map[string][]entry {
	out := make(map[string][]entry)
	for _, e := range l {
		out[e.To] = append(out[e.To], e)
	}
	return out
}

// only keeps the calls to some numbers.
func (l ledger) only(numbers []string) (out ledger) {
	wanted := make(map[string]bool, len(numbers))
	for _, n := range numbers {
		wanted[n] = true
	}
	for _, e := range l {
		if wanted[e.To] {
			out = append(out, e)
		}
	}
	return out
}

// peak is the most calls that were up at one moment.
func (l ledger) peak() int {
	type edge struct {
		at time.Time
		by int
	}
	var edges []edge
	for _, e := range l {
		edges = append(edges, edge{e.ReceivedAt, 1})
		if !e.EndedAt.IsZero() {
			edges = append(edges, edge{e.EndedAt, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.by - b.by
	})
	up, most := 0, 0
	for _, e := range edges {
		up += e.by
		most = max(most, up)
	}
	return most
}

// assertEveryNumber: NothingLost, and no number dialled more often than allowed.
func assertEveryNumber(t *testing.T, l ledger, numbers []string, maxAttempts int) {
	t.Helper()
	dialled := l.byNumber()
	for _, n := range numbers {
		times := len(dialled[n])
		assert.True(t, times >= 1 && times <= maxAttempts, "%s was dialled %d times", n, times)
	}
	assert.Len(t, dialled, len(numbers), "only these numbers were dialled")
}

// assertNeverTwice: each attempt, which is named in its callback's address, was
// dialled once, and no number while a call to it was up.
func assertNeverTwice(t *testing.T, l ledger) {
	t.Helper()
	attempts := make(map[string]int)
	for _, e := range l {
		attempts[e.StatusCallback]++
	}
	for a, times := range attempts {
		assert.Equal(t, 1, times, "attempt %s", a)
	}
	for n, calls := range l.byNumber() {
		for i := 1; i < len(calls); i++ {
			over := !calls[i-1].EndedAt.IsZero() && !calls[i].ReceivedAt.Before(calls[i-1].EndedAt)
			assert.True(t, over, "%s was dialled while a call to it was up", n)
		}
	}
}

// assertRetriesFirst: when a number was dialled for the first time, no retry had
// been due for longer than it takes to grant and place.
func assertRetriesFirst(t *testing.T, l ledger, delay time.Duration) {
	t.Helper()
	grace := 500 * time.Millisecond
	if raced {
		grace *= raceSlack
	}
	var lastNew time.Time
	for _, calls := range l.byNumber() {
		if calls[0].ReceivedAt.After(lastNew) {
			lastNew = calls[0].ReceivedAt
		}
	}
	retries := 0
	for n, calls := range l.byNumber() {
		for i := 1; i < len(calls); i++ {
			due := calls[i-1].EndedAt.Add(delay)
			assert.False(t, calls[i].ReceivedAt.Before(due.Add(-50*time.Millisecond)), "%s was dialled again too early", n)
			if due.Before(lastNew) {
				retries++
				assert.Less(t, calls[i].ReceivedAt.Sub(due), grace, "a due retry of %s waited while new numbers were dialled", n)
			}
		}
	}
	assert.Positive(t, retries, "no retry was due while there were new numbers: the test shows nothing")
}

// assertAgree: our statistics and the provider's ledger say the same.
func assertAgree(t *testing.T, c campaignJSON, l ledger) {
	t.Helper()
	completed := 0
	for _, calls := range l.byNumber() {
		if calls[len(calls)-1].Status == "completed" {
			completed++
		}
	}
	assert.True(t, c.Stats.AddsUp(), "%+v", c.Stats)
	assert.Equal(t, len(l), c.Stats.Attempts, "attempts")
	assert.Equal(t, len(l)-len(l.byNumber()), c.Stats.Retries, "retries")
	assert.Equal(t, completed, c.Stats.Completed, "completed")
	assert.Equal(t, c.Stats.Total-completed, c.Stats.Failed+c.Stats.Canceled, "failed")
}
