package actors

import (
	"context"
	"log/slog"
	"sync"

	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"
	"dialtone/store"
)

// Store is what the runtime reads, and how it becomes an owner.
type Store interface {
	store.Ownership
	Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error)
	Queued(ctx context.Context, id campaign.ID, zone campaign.ZoneID, after campaign.CallID, limit int) ([]store.Waiting, error)
	Zones(ctx context.Context, id campaign.ID) ([]store.Zone, error)
	Open(ctx context.Context, id campaign.ID, after campaign.CallID, limit int) ([]store.OpenCall, error)
}

// Journal takes operations and calls done from its own goroutine after they are
// committed, with the statistics of the campaigns that they changed.  done's err is
// for what can't be committed at all.
type Journal interface {
	Submit(ops []store.Op, done func(stats map[campaign.ID]campaign.Stats, err error))
}

// runtime is what all actors of a node share.
type runtime struct {
	store   Store
	journal Journal
	bus     *bus.Bus
	desk    *desk
	machine machine.Config
	table   func() *route.Table // nil for none
	log     *slog.Logger
	// reads bounds how many reads are under way at once.
	reads chan struct{}

	mu         sync.Mutex
	background sync.WaitGroup // the reads under way; not begun after finish
	finished   bool
}

// routes is the table that calls are routed by at this moment, or nil.
func (rt *runtime) routes() *route.Table {
	if rt.table == nil {
		return nil
	}
	return rt.table()
}

// mostReads is how many actors may read from the store at once.
const mostReads = 8

// read runs f beside the actors. f must end with ctx, and finds it ended if that happens
// before its turn.  It is false for what comes when all has ended.
func (rt *runtime) read(ctx context.Context, f func()) bool {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.finished {
		return false
	}
	rt.background.Go(func() {
		select {
		case rt.reads <- struct{}{}:
			defer func() { <-rt.reads }()
		case <-ctx.Done():
		}
		f()
	})
	return true
}

// finish waits for the reads under way and lets no other begin.
func (rt *runtime) finish() {
	rt.mu.Lock()
	rt.finished = true
	rt.mu.Unlock()
	rt.background.Wait()
}
