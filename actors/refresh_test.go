package actors

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

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
