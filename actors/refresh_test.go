package actors

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/ownership"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/campaign/route"
)

// counting is a store that counts the reads of campaigns.
type counting struct {
	Store
	reads atomic.Int64
}

func (c *counting) Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error) {
	c.reads.Add(1)
	return c.Store.Campaign(ctx, id)
}

// TestReroute: a campaign that is awake is told of other providers at once, and one
// that wakes later has them.
func TestReroute(t *testing.T) {
	r := newRig(t)
	var table atomic.Pointer[route.Table]
	table.Store(route.NewTable([]route.Provider{{Name: "mock"}}))
	var asked atomic.Int64
	reads := &counting{Store: r.db}
	n := r.node("n1", func(c *Config) {
		c.Store, c.Machine.RefreshEvery = reads, time.Hour
		c.Table = func() *route.Table { asked.Add(1); return table.Load() }
	})
	// The standing campaign is always awake.
	r.eventually("it is awake", func() bool { return reads.reads.Load() == 1 && asked.Load() == 1 })
	table.Store(route.NewTable([]route.Provider{{Name: "other"}}))
	n.Reroute()
	r.eventually("it has looked again", func() bool { return reads.reads.Load() >= 2 && asked.Load() >= 2 })
}

// TestRerouteWhilePartitionBegins: a campaign that woke before the change is told of it,
// though its partition is still on its way to be owned.
func TestRerouteWhilePartitionBegins(t *testing.T) {
	n := NewNode(Config{Name: "n1", Logger: bustest.Logger(t)})
	p := newPartition(n.rt, 3, 1, nil, func(*partition) {})
	a := newActor(n.rt, p, 7)
	p.actors[a.id] = a
	n.tenures[3] = tenure{stage: ownership.Taking, part: p}
	n.Reroute()
	require.Equal(t, []any{rerouted{}}, a.box.take())
}
