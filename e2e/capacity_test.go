package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
	"dialtone/provider"
)

// Three nodes, four campaigns.  First a node that does not lead stands still for two
// seconds with jobs in its hands, then the leader is killed.  By the provider's ledger
// there are never more calls up than it has channels, and no more create requests in
// any second, wherever that begins, than it takes.
func TestDrillWithinCapacityOverAStandstillAndANewLeader(t *testing.T) {
	t.Parallel()
	limits := provider.Limits{Channels: 60, CallsPerSecond: 40}
	f := newFleet(t, 3, limits, mockdialer.Config{
		Seed: 5, Outcomes: mockdialer.Outcomes{Completed: 70, Busy: 30},
		Duration: mockdialer.DurationRange{Min: 300 * time.Millisecond, Max: 3 * time.Second},
	})
	first := f.leader(0)
	var ids []string
	for area := range 4 {
		ids = append(ids, f.load(settings{"max_concurrent_calls": 40, "weight": area + 1, "retry": settings{"max_attempts": 1}}, berlin(area, 2000)))
	}
	for _, id := range ids {
		f.command(id, "start")
	}
	f.placing(4 * int(limits.CallsPerSecond))

	still := f.follower(first)
	still.freeze()
	pause(t, 2*time.Second)
	held := f.stuck(time.Second)
	assert.True(t, still.frozen(), "it stood still")
	assert.Positive(t, held, "calls were in its hands, for which the provider had not been asked")
	still.thaw()
	f.placing(3 * int(limits.CallsPerSecond))
	assert.Equal(t, first.Term, f.leader(0).Term, "nobody else led until now")

	before := len(f.ledger())
	killed := time.Now()
	f.nodes[first.Leader].kill()
	second := f.leader(first.Term)
	taken := f.takenIn(killed, "the leader was killed: another leads, and grants")
	assert.NotEqual(t, first.Leader, second.Leader)
	during := len(f.ledger())
	f.placing(6 * int(limits.CallsPerSecond))
	assert.Positive(t, f.leader(first.Term).Granted, "the new leader granted calls")

	for _, id := range ids {
		assert.Positive(t, f.campaign(id).Stats.Queued, "numbers were waiting until the end")
		f.command(id, "cancel")
	}
	l := f.ledger()
	busiest := l.Busiest(time.Second)
	assert.LessOrEqual(t, busiest, int(limits.CallsPerSecond), "create requests in the busiest second")
	assert.LessOrEqual(t, l.Peak(), limits.Channels, "calls up at once")
	assert.Greater(t, busiest, int(limits.CallsPerSecond)*8/10, "the rate was used: else the test shows nothing")
	assert.Greater(t, l.Peak(), limits.Channels*9/10, "the channels were used")
	assertNeverTwice(t, l)
	t.Log("| | limit | most |")
	t.Logf("| calls up at once | %d | %d |", limits.Channels, l.Peak())
	t.Logf("| create requests in any second | %v | %d |", limits.CallsPerSecond, busiest)
	t.Logf("%d calls placed: %d before the leader was killed, %d until the next one granted (%.1f s), %d by it; %d held by the node that stood still",
		len(l), before, during-before, taken.Seconds(), len(l)-during, held)
}

func (f *fleet) ledger() ledger { return readLedger(f.t, f.mock.URL()) }

// placing waits until so many more calls have been placed.
func (f *fleet) placing(more int) {
	f.t.Helper()
	from := f.mock.Summary().Created
	for deadline := time.Now().Add(30 * time.Second); f.mock.Summary().Created < from+more; pause(f.t, 20*time.Millisecond) {
		require.True(f.t, time.Now().Before(deadline), "%d calls placed of %d", f.mock.Summary().Created-from, more)
	}
}
