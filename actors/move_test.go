package actors

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/actors/ownership"
	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/internal/load"
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
		id := r.create(numbers, 2)
		// Where everything is slow already, who asks may be told to ask again.
		r.eventually("it is started", func() bool { _, err := r.ask(id, ActionStart); return err == nil })
		ids = append(ids, id)
	}
	return ids
}

// pauses watches for how long nobody is dialled, by a clock, until it is asked for the longest
// time.
func (l *line) pauses(c *clock) (longest func() time.Duration) {
	var most atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var watching conc.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		last, since := l.total(), c.now()
		for ctx.Err() == nil {
			<-tick.C
			if now := l.total(); now != last {
				last, since = now, c.now()
			}
			most.Store(max(most.Load(), int64(c.since(since))))
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
	r := newRig(t, bustest.WithLeaseTTL(60*time.Second))
	nodes := []*trial{r.node("n1"), r.node("n2"), r.node("n3")}
	r.shared(nodes...)
	r.line.change(func(l *line) { l.talk = 150 * time.Millisecond }) // which leaves some seconds
	ids := r.busy(30, 40)
	r.eventually("it is in full swing", func() bool { return r.line.total() > 200 })
	before := r.epochs(nodes...)
	clock := startClock(t)
	pause := r.line.pauses(clock)
	began := clock.now()
	nodes = append(nodes, r.node("n4"))
	r.shared(nodes...)
	took := clock.since(began)
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
	require.Less(t, r.line.total(), 30*40, "numbers were waiting until the end")
	require.Less(t, took, load.Slack(3*time.Second))
	require.Less(t, longest, load.Slack(time.Second))
	t.Logf("a quarter moved in %v; nobody was dialled for at most %v", took, longest)
	r.line.change(func(l *line) { l.talk = 0 })
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
	r.line.change(func(l *line) { l.talk = 150 * time.Millisecond }) // which leaves some seconds
	ids := r.busy(30, 40)
	r.eventually("it is in full swing", func() bool { return r.line.total() > 200 })
	before := r.epochs(nodes...)
	clock := startClock(t)
	pause := r.line.pauses(clock)
	began := clock.now()
	nodes[0].Stop(t.Context())
	stopped := clock.since(began)
	r.shared(nodes[1:]...)
	took := clock.since(began)
	longest := pause()
	after := r.epochs(nodes[1:]...)
	moved := 0
	for i := range after {
		if after[i] != before[i] {
			moved++
		}
	}
	require.InDelta(t, bus.Partitions/3, moved, 1)
	require.Less(t, r.line.total(), 30*40, "numbers were waiting until the end")
	require.Less(t, took, load.Slack(time.Second))
	require.Less(t, longest, load.Slack(time.Second))
	t.Logf("stopped in %v, taken over in %v; nobody was dialled for at most %v", stopped, took, longest)
	r.line.change(func(l *line) { l.talk = 0 })
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
	pause := r.line.pauses(startClock(t))
	r.leader.Stop()
	r.eventually("another leads", func() bool { now := r.leading(); return now.Ready && now.Term > before.Term })
	from := r.line.total()
	r.eventually("it grants", func() bool { return r.line.total() > from+50 })
	longest := pause()
	require.Less(t, longest, load.Slack(500*time.Millisecond))
	require.Equal(t, "second", r.leading().Leader)
	require.Less(t, r.line.total(), 2000, "numbers were waiting until the end")
	t.Logf("nobody was dialled for at most %v", longest)
}

func (r *rig) leading() (s scheduler.Stats) {
	r.t.Helper()
	require.NoError(r.t, r.bus.Ask(r.t.Context(), bus.SubjectRole("scheduler", "stats"), nil, &s))
	return s
}

// TestSlowEndHoldsUpNothing: partitions that can't end, since their commits hang, are
// renewed until they have ended, and so is all else that the node owns; and who asks
// meanwhile is answered soon after by their next owner.
func TestSlowEndHoldsUpNothing(t *testing.T) {
	t.Parallel()
	const ttl = 6 * time.Second // of which a node may stand still for half
	r := newRig(t, bustest.WithLeaseTTL(ttl), bustest.WithAckWait(time.Second))
	first := r.node("n1")
	r.line.hold()
	ids := r.busy(40, 2)
	r.eventually("all are called", func() bool { return r.line.total() >= channels })
	first.journal.close()
	r.line.hangUp()
	r.eventually("commits are on their way", func() bool { held, _, _ := first.journal.counts(); return held >= 20 })
	before := r.epochs(first)

	second := r.node("n2")
	giving := func() (numbers []int) {
		first.mu.RLock()
		defer first.mu.RUnlock()
		for i := range first.tenures {
			if first.tenures[i].stage == ownership.Giving {
				numbers = append(numbers, i)
			}
		}
		return numbers
	}
	stuck := func() campaign.ID {
		for _, id := range ids {
			if slices.Contains(giving(), bus.PartitionOf(id)) {
				return id
			}
		}
		return 0
	}
	r.eventually("one that can't end is to be given", func() bool { return stuck() != 0 })
	asked := stuck()
	<-time.After(ttl / 2) // who asks does not wait for ever
	retries := r.bus.Counters().CommandRetries
	var asking conc.WaitGroup
	clock := startClock(t)
	answered := make(chan time.Duration, 1)
	asking.Go(func() {
		if _, err := r.ask(asked, ActionRefresh); err == nil {
			answered <- clock.now()
		}
		close(answered)
	})
	<-time.After(ttl * 3 / 4) // what is not renewed another has by then
	require.Contains(t, giving(), bus.PartitionOf(asked))
	require.NotZero(t, first.Owned())
	for _, p := range first.owned() {
		require.Equal(t, before[p.number], p.epoch, "partition %d was not lost meanwhile", p.number)
	}
	require.False(t, second.owns(bus.PartitionOf(asked)))
	require.Greater(t, r.bus.Counters().CommandRetries, retries+10, "it was told to ask again, and again")

	opened := clock.now()
	first.journal.open()
	r.shared(first, second)
	asking.Wait()
	at, ok := <-answered
	require.True(t, ok, "it was answered")
	require.Less(t, at-opened, load.Slack(time.Second))
	for _, id := range ids {
		r.finished(id, campaign.StatusCompleted)
	}
}

// TestSlowStoreHoldsUpNothing: a node that can't take over what it has won, since the store
// hangs, keeps what it owns.
func TestSlowStoreHoldsUpNothing(t *testing.T) {
	t.Parallel()
	const ttl = 6 * time.Second // of which a node may stand still for half
	r := newRig(t, bustest.WithLeaseTTL(ttl))
	first, second := r.node("n1"), r.node("n2")
	r.shared(first, second)
	before := r.epochs(second)
	second.store.stall()
	unrenewed := time.After(ttl) // nothing of it is left by then
	first.Stop(t.Context())
	r.eventually("it tries to take over, again and again", func() bool { return second.store.waited.Load() >= 4 })
	<-unrenewed
	for _, p := range second.owned() {
		require.Equal(t, before[p.number], p.epoch)
	}
	require.Equal(t, bus.Partitions/2, second.Owned())
	second.store.mend()
	r.eventually("it takes over", func() bool { return second.Owned() == bus.Partitions })
	after := r.epochs(second)
	for i, was := range before {
		require.True(t, was == 0 || after[i] == was, "partition %d was lost meanwhile", i)
	}
}

// TestCommandsDuringMoves: whoever asks while partitions move is answered within a second.
func TestCommandsDuringMoves(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(60*time.Second))
	first := r.node("n1")
	var ids []campaign.ID
	for range 40 {
		ids = append(ids, r.create(1, 1))
	}
	var most, asked atomic.Int64
	clock := startClock(t)
	done := make(chan struct{})
	var asking conc.WaitGroup
	for w := range 4 {
		asking.Go(func() {
			for i := w; ; i += 4 {
				select {
				case <-done:
					return
				default:
				}
				began := clock.now()
				r.command(ids[i%len(ids)], ActionStats)
				most.Store(max(most.Load(), int64(clock.since(began))))
				asked.Add(1)
			}
		})
	}
	second, third := r.node("n2"), r.node("n3")
	r.shared(first, second, third)
	second.Stop(t.Context())
	r.shared(first, third)
	first.Stop(t.Context())
	r.shared(third)
	close(done)
	asking.Wait()
	require.NotZero(t, r.bus.Counters().CommandRetries, "none came in between two owners")
	require.Less(t, time.Duration(most.Load()), load.Slack(time.Second))
	t.Logf("%d commands, %d asked again, answered within %v", asked.Load(), r.bus.Counters().CommandRetries, time.Duration(most.Load()))
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

// TestLeavingNodeIsNotSeenAgain: a node that was about to tell of itself when it was stopped
// lets go of that again; else the others would leave partitions to it.
func TestLeavingNodeIsNotSeenAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(time.Minute))
	n := r.idle("n1")
	n.disappear()
	n.appear(t.Context())
	_, err := r.bus.Acquire(t.Context(), bus.LeaseNode("n1"), "another")
	require.NoError(t, err, "the lease is free")
	require.Nil(t, n.presence)
}
