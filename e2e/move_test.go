package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/e2e/judge"
	"dialtone/mockdialer"
	"dialtone/provider"
)

// partitions is how many there are to share.
const partitions = 64

// shared waits until the leader says that so many nodes own all partitions, within one of
// even, and returns how many each has.
func (f *fleet) shared(nodes int) map[string]int {
	f.t.Helper()
	var l leading
	for deadline := time.Now().Add(60 * time.Second); ; pause(f.t, 20*time.Millisecond) {
		if status, body := f.ask("GET", "/v1/scheduler", "", nil); status == 200 {
			require.NoError(f.t, json.Unmarshal(body, &l))
			shares, least, most, sum := make(map[string]int), partitions, 0, 0
			for _, n := range l.Nodes {
				shares[n.Node] = n.Partitions
				sum, least, most = sum+n.Partitions, min(least, n.Partitions), max(most, n.Partitions)
			}
			if len(shares) == nodes && sum == partitions && most-least <= 1 {
				return shares
			}
		}
		require.True(f.t, time.Now().Before(deadline), "not shared by %d nodes: %+v", nodes, l.Nodes)
	}
}

// tenure is who owns a partition, and how often it has changed hands.
type tenure struct {
	node  string
	epoch int64
}

// tenures asks the database, which alone knows.
func (f *fleet) tenures() map[int]tenure {
	f.t.Helper()
	db, err := pgx.Connect(f.t.Context(), f.database)
	require.NoError(f.t, err)
	defer db.Close(context.Background())
	rows, err := db.Query(f.t.Context(), "select partition, node, epoch from partitions")
	require.NoError(f.t, err)
	defer rows.Close()
	out := make(map[int]tenure)
	for rows.Next() {
		var number int
		var t tenure
		require.NoError(f.t, rows.Scan(&number, &t.node, &t.epoch))
		out[number] = t
	}
	require.NoError(f.t, rows.Err())
	require.Len(f.t, out, partitions)
	return out
}

// crowd is campaigns of two calls at a time each, so many that nearly every partition has
// one.  All calls are completed.
type crowd struct {
	f       *fleet
	ids     []string
	numbers [][]string
}

const (
	crowdSize  = 48
	crowdLimit = 2
	crowdCall  = 2500 * time.Millisecond // with ringing, at most
)

func crowdMock() mockdialer.Config {
	return mockdialer.Config{Seed: 9, Outcomes: mockdialer.Outcomes{Completed: 1}, Duration: mockdialer.DurationRange{Min: 500 * time.Millisecond, Max: 2 * time.Second}}
}

func (f *fleet) crowd(numbers int) *crowd {
	f.t.Helper()
	c := &crowd{f: f}
	for area := range crowdSize {
		c.numbers = append(c.numbers, berlin(area, numbers))
		c.ids = append(c.ids, f.load(settings{"max_concurrent_calls": crowdLimit}, c.numbers[area]))
	}
	for _, id := range c.ids {
		f.command(id, "start")
	}
	f.placing(3 * crowdSize * crowdLimit)
	return c
}

// delays are, of all campaigns, the times from the end of a call to the create request
// that takes its slot, while numbers were waiting.
func (c *crowd) delays(s judge.Span) (all []time.Duration) {
	now := time.Now() // the ledger is that of a moment later
	l := c.f.ledger()
	for _, numbers := range c.numbers {
		all = append(all, l.Only(numbers).Refills(crowdLimit, s, now)...)
	}
	return all
}

// finish cancels what waits and judges all that was dialled.
func (c *crowd) finish() {
	c.f.t.Helper()
	for _, id := range c.ids {
		assert.Positive(c.f.t, c.f.campaign(id).Stats.Queued, "numbers were waiting until the end")
		c.f.command(id, "cancel")
	}
	for i, id := range c.ids {
		done := c.f.until(id, time.Minute, func(now campaignJSON) bool { return ended(now) && now.Stats.Open() == 0 })
		own := c.f.ledger().Only(c.numbers[i])
		assertNeverTwice(c.f.t, own)
		assert.LessOrEqual(c.f.t, own.Peak(), crowdLimit, "WithinLimit")
		assert.Equal(c.f.t, len(own), done.Stats.Completed, "NothingLost: every call that was placed is completed")
	}
}

// Three nodes share the partitions within one of even.  A fourth that joins under load gets
// a quarter of them, each once, and nothing else moves.  Another that is asked to stop
// gives its own to the rest within a second, and so does the scheduler's leader.  By the
// provider's ledger no call comes more than a second after there was a slot for it.  What
// this process, which is the provider and NATS, stood still is not in the second.
func TestDrillNodesJoinAndLeaveUnderLoad(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, provider.Limits{Channels: 500, CallsPerSecond: 200}, crowdMock())
	t.Log("three share:", f.shared(3))
	before := f.tenures()
	c := f.crowd(80)
	const bar = time.Second

	joined := judge.Span{From: time.Now()}
	fourth := f.join()
	t.Log("four share:", f.shared(4))
	t.Logf("the fourth had its part %.2f s after it was launched", time.Since(joined.From).Seconds())
	joined.To = f.aSecondOn()
	moved := 0
	for number, is := range f.tenures() {
		if was := before[number]; is != was {
			moved++
			assert.Equal(t, tenure{fourth, was.epoch + 1}, is, "partition %d moved once, to the new node", number)
		}
	}
	assert.Equal(t, partitions/4, moved, "a quarter moved")

	spans := map[string]judge.Span{"join": joined}
	leader, rest := f.leader(0), len(f.nodes)
	for _, leaves := range []string{f.other(leader.Leader, fourth), leader.Leader} {
		what := "leave of a node"
		if leaves == leader.Leader {
			what = "leave of the leader"
		}
		left := judge.Span{From: time.Now()}
		require.NoError(t, f.nodes[leaves].cmd.Process.Signal(syscall.SIGTERM))
		rest--
		f.shared(rest)
		handed := time.Since(left.From)
		stall, _ := stalls.within(judge.Span{From: left.From, To: time.Now()})
		left.To = f.aSecondOn()
		assert.Zero(t, f.nodes[leaves].exit(10*time.Second))
		assert.Less(t, handed, bar+stall, "%s: its partitions were taken over", what)
		t.Logf("%s: its partitions were taken over in %.2f s, in which this process stood still for %.0f ms at most", what, handed.Seconds(), ms(stall))
		spans[what] = left
	}
	assert.NotEqual(t, leader.Leader, f.leader(leader.Term).Leader, "another leads")
	pause(t, crowdCall+2*time.Second) // what was freed in the spans is taken

	for what, s := range spans {
		delays := c.delays(s)
		assert.Greater(t, len(delays), crowdSize/2, "calls ended during the %s", what)
		stall, _ := stalls.within(judge.Span{From: s.From, To: s.To.Add(bar)}) // the last of these slots is taken by then
		t.Logf("%s: this process stood still for %.0f ms at most; what the nodes and the database stood still does not show here", what, ms(stall))
		assert.Less(t, quantile(delays, 1), bar+stall, "the longest delay of a call over the %s", what)
		t.Logf("%s: %d slots were freed; the next create request came after %.0f ms (p50), %.0f ms (p99), %.0f ms (most)",
			what, len(delays), ms(quantile(delays, 0.5)), ms(quantile(delays, 0.99)), ms(quantile(delays, 1)))
	}
	c.finish()
}

// aSecondOn lets a second go by.
func (f *fleet) aSecondOn() time.Time {
	f.t.Helper()
	pause(f.t, time.Second)
	return time.Now()
}

// other is a node that is none of these.
func (f *fleet) other(than ...string) string {
	f.t.Helper()
	for name := range f.nodes {
		if !slices.Contains(than, name) {
			return name
		}
	}
	require.Fail(f.t, "there is no other node")
	return ""
}
