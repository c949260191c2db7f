package scheduler

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/provider"
)

// OneOwner: a leader whose lease has run out, though it has not noticed yet, grants
// nothing and answers nothing.
func TestNothingWithoutAValidLease(t *testing.T) {
	const ttl = 10 * time.Second
	b := bustest.Start(t, bustest.WithLeaseTTL(ttl))
	got := make(chan Grants, 9)
	sub, err := bus.Subscribe(b, bus.SubjectGrants("n1"), func(g Grants) { got <- g })
	require.NoError(t, err)
	defer sub.Stop()
	c := NewCandidate(Config{Node: "n1", Bus: b, Logger: bustest.Logger(t)})
	lease, err := b.Acquire(t.Context(), bus.LeaseScheduler, "n1")
	require.NoError(t, err)
	now := time.Now()
	core := readyCore(t, now)

	c.grant(core, lease, now.Add(ttl))
	require.Zero(t, core.granted)
	c.grant(core, lease, now)
	require.EqualValues(t, 1, core.granted)
	require.Len(t, (<-got).Grants, 1)

	require.NoError(t, lease.Release(t.Context()))
	core = readyCore(t, now)
	c.grant(core, lease, now)
	require.Zero(t, core.granted)
	answered := make(chan answer, 1)
	c.take(t.Context(), core, lease, newKeeper(nil), ask{question: "stats", answer: answered})
	require.ErrorIs(t, (<-answered).err, bus.ErrNotMine)
	require.Empty(t, got)
}

// readyCore has one token to grant, to n1.
func readyCore(t *testing.T, now time.Time) *Core {
	build, err := Choice{Strategy: strategy.Default}.Builder()
	require.NoError(t, err)
	core := NewCore(7, map[string]provider.Limits{"a": {Channels: 1}}, Choice{}, build, now)
	f := &Full{Seen: Mark{Term: 7}}
	for p := range bus.Partitions {
		f.Partitions = append(f.Partitions, Partition{Number: p, Epoch: 1})
	}
	core.Take(&Report{Node: "n1", Full: f, Demands: []Demand{{Campaign: 2, Fresh: 1, Limit: 1}}}, now)
	require.True(t, core.Ready())
	return core
}
