package actors

import (
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

// knowing tells a node when its journal is shut.
func knowing(c *Config) { c.Stalled = c.Journal.(*gate).stalled }

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
	r.command(id, ActionStart)
	r.eventually("it is dialling", func() bool { return r.line.total() > 5 })
	first.journal.close()
	first.store.stall()
	r.eventually("the other has all", func() bool { return second.Owned() == bus.Partitions })
	require.GreaterOrEqual(t, first.journal.stalled(), 2*first.bus.LeaseTTL(), "not for a short while")
	require.Zero(t, first.Owned())
	r.finished(id, campaign.StatusCompleted)

	first.journal.open()
	first.store.mend()
	r.shared(first, second)
}

// TestStrandedAloneKeepsAll: there is nobody who could do better.
func TestStrandedAloneKeepsAll(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(3*time.Second))
	n := r.node("n1", knowing)
	before := r.epochs(n)
	r.line.hold()
	id := r.begin(5, 5)
	r.eventually("they are called", func() bool { return r.line.upNow(id) == 5 })
	n.journal.close()
	r.line.hangUp()
	r.eventually("nothing is written for long", func() bool { return n.journal.stalled() > 4*n.bus.LeaseTTL() })
	require.Equal(t, bus.Partitions, n.Owned())
	n.journal.open()
	r.finished(id, campaign.StatusCompleted)
	require.Equal(t, before, r.epochs(n))
}

// TestNobodyCanWrite: nobody takes anything over, and all goes on when the database is back.
func TestNobodyCanWrite(t *testing.T) {
	t.Parallel()
	r := newRig(t, bustest.WithLeaseTTL(2*time.Second))
	nodes := []*trial{r.node("n1", knowing), r.node("n2", knowing)}
	r.shared(nodes...)
	r.line.change(func(l *line) { l.talk = 20 * time.Millisecond })
	ids := r.busy(8, 40)
	r.eventually("each is dialling", func() bool { return r.line.total() > 80 })
	before := r.epochs(nodes...)
	for _, n := range nodes {
		n.journal.close()
		n.store.stall()
	}
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
