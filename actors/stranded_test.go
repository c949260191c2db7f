package actors

import (
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

// bearable is how long a journal may be shut here.
const bearable = 6 * time.Second

// knowing tells a node when its journal is shut.
func knowing(c *Config) { c.Stalled, c.StrandedAfter = c.Journal.(*gate).stalled, bearable }

// TestStrandedNodeIsTakenOver: a node reaches NATS, and not the database.  Its campaigns go
// on with another, and it has its share again when it can write.
func TestStrandedNodeIsTakenOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(3*time.Second))
	first, second := r.node("n1", knowing), r.node("n2", knowing)
	r.shared(first, second)
	id := r.create(60, 5)
	for !first.owns(bus.PartitionOf(id)) {
		id = r.create(60, 5)
	}
	r.line.hold()
	r.command(id, ActionStart)
	r.eventually("they are called", func() bool { return r.line.upNow(id) == 5 })
	first.journal.close()
	first.store.stall()
	r.line.hangUp()
	r.eventually("the other has all", func() bool { return second.Owned() == bus.Partitions })
	require.GreaterOrEqual(t, first.journal.stalled(), bearable, "not for a short while")
	require.Zero(t, first.Owned())
	r.finished(id, campaign.StatusCompleted)

	first.journal.open()
	first.store.mend()
	r.shared(first, second)
}

// TestStrandedAloneKeepsAll: there is nobody who could do better.
func TestStrandedAloneKeepsAll(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(6*time.Second))
	n := r.node("n1", func(c *Config) { c.Stalled = func() time.Duration { return time.Hour } })
	before := r.epochs(n)
	<-time.After(2 * n.bus.LeaseTTL()) // what is not renewed has run out
	require.Equal(t, bus.Partitions, n.Owned())
	require.Equal(t, before, r.epochs(n))
	r.finished(r.begin(5, 5), campaign.StatusCompleted)
}

// TestNobodyCanWrite: nobody takes anything over, and all goes on when the database is back.
func TestNobodyCanWrite(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(2*time.Second))
	nodes := []*trial{r.node("n1", knowing), r.node("n2", knowing)}
	r.shared(nodes...)
	r.line.hold()
	ids := r.busy(16, 5)
	r.eventually("each is dialling", func() bool { return r.line.total() >= 2*16 })
	before := r.epochs(nodes...)
	for _, n := range nodes {
		n.journal.close()
		n.store.stall()
	}
	r.line.hangUp()
	r.eventually("they have let go", func() bool { return nodes[0].Owned()+nodes[1].Owned() == 0 })
	dialled := r.line.total()
	<-time.After(2 * 2 * time.Second) // they appear and are missed again meanwhile
	require.Equal(t, dialled, r.line.total(), "nobody is dialled of whom nothing can be written down")
	for _, n := range nodes {
		n.journal.open()
		n.store.mend()
	}
	r.shared(nodes...)
	for _, id := range ids {
		r.finished(id, campaign.StatusCompleted)
	}
	require.NotEqual(t, before, r.epochs(nodes...))
}
