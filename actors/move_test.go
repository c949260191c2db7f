package actors

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
)

// epochs are those with which the nodes own the partitions.  That each has one owner is
// looked at by the way.
func (r *rig) epochs(nodes ...*trial) (epochs [bus.Partitions]int64) {
	r.t.Helper()
	for _, n := range nodes {
		for _, p := range n.owned() {
			require.Zero(r.t, epochs[p.number], "OneOwner: partition %d", p.number)
			epochs[p.number] = p.epoch
		}
	}
	return epochs
}

// busy makes campaigns of which there is one in every partition, or nearly, whose calls
// take no time, and starts them.
func (r *rig) busy(campaigns, numbers int) (ids []campaign.ID) {
	r.t.Helper()
	for range campaigns {
		ids = append(ids, r.begin(numbers, 2))
	}
	return ids
}

// pauses watches for how long nobody is dialled, until it is asked for the longest time.
func (l *line) pauses() (longest func() time.Duration) {
	var most atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var watching conc.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		last, since := l.total(), time.Now()
		for ctx.Err() == nil {
			<-tick.C
			if now := l.total(); now != last {
				last, since = now, time.Now()
			}
			most.Store(max(most.Load(), int64(time.Since(since))))
		}
	})
	return func() time.Duration {
		cancel()
		watching.Wait()
		return time.Duration(most.Load())
	}
}

// TestJoinMovesAQuarter: a fourth node under load gets 16 of 64, the others stay where they
// are, and dialling goes on.
func TestJoinMovesAQuarter(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(5*time.Second))
	nodes := []*trial{r.node("n1"), r.node("n2"), r.node("n3")}
	r.shared(nodes...)
	r.line.change(func(l *line) { l.talk = 50 * time.Millisecond })
	ids := r.busy(30, 30)
	r.eventually("it is in full swing", func() bool { return r.line.total() > 200 })
	before := r.epochs(nodes...)
	pause := r.line.pauses()
	began := time.Now()
	nodes = append(nodes, r.node("n4"))
	r.shared(nodes...)
	took := time.Since(began)
	longest := pause()
	after := r.epochs(nodes...)
	moved := 0
	for i := range after {
		if after[i] != before[i] {
			moved++
			require.Equal(t, before[i]+1, after[i], "partition %d moved once", i)
			require.True(t, nodes[3].owns(i), "partition %d went to the new node", i)
		}
	}
	require.Equal(t, bus.Partitions/4, moved)
	require.Equal(t, bus.Partitions/4, nodes[3].Owned())
	require.Less(t, r.line.total(), 30*30, "numbers were waiting until the end")
	require.Less(t, took, slack(3*time.Second))
	require.Less(t, longest, slack(time.Second))
	t.Logf("a quarter moved in %v; nobody was dialled for at most %v", took, longest)
	for _, id := range ids {
		r.finished(id, campaign.StatusCompleted)
	}
}

// TestLeaveHandsOver: a node that stops gives its partitions to the others within a second,
// who go on dialling meanwhile.
func TestLeaveHandsOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(60*time.Second))
	nodes := []*trial{r.node("n1"), r.node("n2"), r.node("n3")}
	r.shared(nodes...)
	r.line.change(func(l *line) { l.talk = 50 * time.Millisecond })
	ids := r.busy(30, 30)
	r.eventually("it is in full swing", func() bool { return r.line.total() > 200 })
	before := r.epochs(nodes...)
	pause := r.line.pauses()
	began := time.Now()
	nodes[0].Stop(t.Context())
	stopped := time.Since(began)
	r.shared(nodes[1:]...)
	took := time.Since(began)
	longest := pause()
	after := r.epochs(nodes[1:]...)
	moved := 0
	for i := range after {
		if after[i] != before[i] {
			moved++
		}
	}
	require.InDelta(t, bus.Partitions/3, moved, 1)
	require.Less(t, r.line.total(), 30*30, "numbers were waiting until the end")
	require.Less(t, took, slack(time.Second))
	require.Less(t, longest, slack(time.Second))
	t.Logf("stopped in %v, taken over in %v; nobody was dialled for at most %v", stopped, took, longest)
	for _, id := range ids {
		r.finished(id, campaign.StatusCompleted)
	}
}

// TestLeaderHandsOver: when the scheduler's leader stops, the next one sees it, asks the
// nodes that it knows at once what they hold, and goes on.
func TestLeaderHandsOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(60*time.Second))
	r.node("n1")
	r.node("n2")
	r.candidate("second", r.server.Connect(t, bustest.WithName("second"), bustest.WithLeaseTTL(60*time.Second)))
	r.line.change(func(l *line) { l.talk = 50 * time.Millisecond })
	r.busy(10, 200)
	r.eventually("it is in full swing", func() bool { return r.line.total() > 200 })
	before := r.leading()
	pause := r.line.pauses()
	r.leader.Stop()
	r.eventually("another leads", func() bool { now := r.leading(); return now.Ready && now.Term > before.Term })
	from := r.line.total()
	r.eventually("it grants", func() bool { return r.line.total() > from+50 })
	longest := pause()
	require.Less(t, longest, slack(500*time.Millisecond))
	require.Equal(t, "second", r.leading().Leader)
	require.Less(t, r.line.total(), 2000, "numbers were waiting until the end")
	t.Logf("nobody was dialled for at most %v", longest)
}

func (r *rig) leading() (s scheduler.Stats) {
	r.t.Helper()
	require.NoError(r.t, r.bus.Ask(r.t.Context(), bus.SubjectRole("scheduler", "stats"), nil, &s))
	return s
}

// outrun is a store in which somebody else is faster, once: by the time that a node raises
// the epochs, another has raised one of them.
type outrun struct {
	Store
	once  sync.Once
	fault atomic.Bool // it happened
}

func (o *outrun) RaiseEpochs(ctx context.Context, node string, from map[int]int64) (map[int]int64, error) {
	o.once.Do(func() {
		got, err := o.Store.RaiseEpochs(ctx, "another", map[int]int64{7: from[7]})
		o.fault.Store(err == nil && len(got) == 1)
	})
	return o.Store.RaiseEpochs(ctx, node, from)
}

// TestOneOwnerRaisesNobodyOut: a node whose lease was gone and another's on the way to the
// epoch does not raise that over the other's, who would own the partition by its lease and
// could write nothing.  It leaves it, and takes it again.
func TestOneOwnerRaisesNobodyOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(time.Minute)) // none is lost
	s := &outrun{Store: r.db}
	n := r.node("n1", func(c *Config) { c.Store = s })
	r.eventually("it owns everything", func() bool { return n.Owned() == bus.Partitions })
	require.True(t, s.fault.Load(), "somebody was faster")
	require.EqualValues(t, 2, n.partition(7).epoch, "over the other's, and after it")
	require.EqualValues(t, 1, n.partition(8).epoch)
}
