package scheduler

import (
	"context"
	"sync"

	"dialtone/bus"
)

// watch sees when nobody leads, and which nodes there are.  Without it, a candidate finds
// that out a little later.
func (c *Candidate) watch(ctx context.Context) {
	err := c.cfg.Bus.WatchLeases(ctx, func(name, holder string) {
		if node, ok := bus.ParseLeaseNode(name); ok {
			c.nodes.note(node, holder != "")
		}
		if name != bus.LeaseScheduler {
			return
		}
		c.headless.Store(holder == "")
		if holder == "" {
			select {
			case c.vacant <- struct{}{}:
			default:
			}
		}
	}, bus.LeaseScheduler, bus.LeaseNodes)
	if err != nil {
		c.log.Debug("watching leases has ended", "error", err)
	}
}

// roster is the nodes that are there.
type roster struct {
	mu    sync.Mutex
	there map[string]bool
}

func (r *roster) note(node string, there bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.there == nil {
		r.there = make(map[string]bool)
	}
	if there {
		r.there[node] = true
	} else {
		delete(r.there, node)
	}
}

func (r *roster) names() (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for node := range r.there {
		names = append(names, node)
	}
	return names
}
