package actors

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/campaign/machine"
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

// TestRefreshedTellsANewTableOnce: what is as it was need not be reckoned again.
func TestRefreshedTellsANewTableOnce(t *testing.T) {
	one, two := route.NewTable(nil), route.NewTable(nil)
	a := newActor(&runtime{log: bustest.Logger(t)}, nil, 7)
	a.routed = one
	var got []*route.Table
	for _, table := range []*route.Table{one, two, two, one, nil} {
		a.inputs = nil
		a.refreshed(t.Context(), reread{a.life, &machine.Refreshed{Table: table}})
		got = append(got, a.inputs[0].(machine.Refreshed).Table)
	}
	require.Len(t, got, 5)
	for i, want := range []*route.Table{nil, two, nil, one, nil} {
		require.True(t, want == got[i], "refresh %d", i)
	}
}
