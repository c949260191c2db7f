package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"dialtone/mockdialer"
	"dialtone/provider"
)

// A process that stands still until others have taken over what it had, and then goes on as
// if nothing had happened, does no harm: a node with its campaigns, callers and jobs in
// hand, and the scheduler's leader.  By the provider's ledger nothing is dialled twice or
// lost, and no limit is exceeded; and the process is one of the nodes again.
func TestDrillFrozenAndThawed(t *testing.T) {
	t.Parallel()
	limits := provider.Limits{Channels: 60, CallsPerSecond: 40}
	f := newFleet(t, 3, limits, mockdialer.Config{
		Seed: 5, Outcomes: mockdialer.Outcomes{Completed: 70, Busy: 30},
		Duration: mockdialer.DurationRange{Min: 300 * time.Millisecond, Max: 3 * time.Second},
	})
	f.shared(3)
	const campaigns, attempts = 8, 2
	numbers := make([][]string, campaigns)
	var ids []string
	for area := range campaigns {
		numbers[area] = berlin(area, 250)
		ids = append(ids, f.load(settings{"max_concurrent_calls": 20, "retry": settings{"max_attempts": attempts, "delay": "500ms"}}, numbers[area]))
	}
	for _, id := range ids {
		f.command(id, "start")
	}
	f.placing(3 * int(limits.CallsPerSecond))

	first := f.leader(0)
	for _, c := range []struct {
		what   string
		frozen *process
	}{{"a node", f.follower(first)}, {"the leader", f.nodes[first.Leader]}} {
		before := f.tenures()
		began := time.Now()
		c.frozen.freeze()
		f.shared(2)
		taken := f.takenIn(began, c.what+" stood still: others have what it owned")
		during := f.mock.Summary().Created
		f.placing(2 * int(limits.CallsPerSecond)) // the others go on
		assert.True(t, c.frozen.frozen(), "%s stood still until it was taken over", c.what)
		changed := 0
		for number, is := range f.tenures() {
			if is.node != before[number].node {
				changed++
			}
		}
		assert.Positive(t, changed, "%s had partitions", c.what)
		c.frozen.thaw()
		f.shared(3)
		f.placing(2 * int(limits.CallsPerSecond))
		t.Logf("%s stood still: its %d partitions had other owners after %.1f s, %d calls had been placed by then", c.what, changed, taken.Seconds(), during)
	}
	second := f.leader(first.Term)
	assert.NotEqual(t, first.Leader, second.Leader, "another leads, and goes on leading")

	for i, id := range ids {
		done := f.until(id, 3*time.Minute, func(now campaignJSON) bool { return ended(now) && now.Stats.Open() == 0 })
		own := f.ledger().Only(numbers[i])
		assertEveryNumber(t, own, numbers[i], attempts)
		assertAgree(t, done, own)
		assert.LessOrEqual(t, own.Peak(), 20, "the campaign's limit")
	}
	l := f.ledger()
	assertNeverTwice(t, l)
	assert.LessOrEqual(t, l.Busiest(time.Second), int(limits.CallsPerSecond), "create requests in the busiest second")
	assert.LessOrEqual(t, l.Peak(), limits.Channels, "calls up at once")
}
