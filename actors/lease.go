package actors

import (
	"cmp"
	"context"
	"errors"
	"time"

	"dialtone/bus"
)

const (
	// leaseGrace is how long an end waits for what is being written of leases.
	leaseGrace = 500 * time.Millisecond
	// releasePatience bounds the handing over of a lease.
	releasePatience = 2 * time.Second
	// lookPatience is how long a start waits to see what the others hold.
	lookPatience = 2 * time.Second
)

func (n *Node) renewEvery() time.Duration { return n.cfg.Bus.LeaseTTL() / 4 }

// lingering is a context that ends a moment after ctx.  A write of a lease that is
// broken off might count all the same, and then the lease could not be handed
// over, for want of its revision.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(leaseGrace, cancel) })
	return out, func() { stop(); cancel() }
}

// appear takes the lease that tells the others that this node is there.
func (n *Node) appear(ctx context.Context) {
	lease, err := n.cfg.Bus.Acquire(ctx, bus.LeaseNode(n.cfg.Name), n.cfg.Name)
	if err != nil {
		n.log.Warn("could not tell the other nodes of this one; trying again", "error", err)
		return
	}
	n.mu.Lock()
	leaving := n.leaving
	if !leaving {
		n.presence = lease
		n.mind.Member(n.cfg.Name, true, time.Now())
	}
	n.mu.Unlock()
	if leaving { // it disappeared meanwhile, and the others are not to count on it
		n.release(lease)
		return
	}
	raise(n.wake)
}

// disappear has the others count this node no more, so that they take what it gives.
func (n *Node) disappear() {
	n.mu.Lock()
	lease := n.presence
	n.presence, n.leaving = nil, true
	n.mu.Unlock()
	if lease != nil {
		n.release(lease)
	}
}

// release lets go of a lease, also when there is no time left: that would cost the others
// its time to live.
func (n *Node) release(lease *bus.Lease) (done bool) {
	ctx, cancel := context.WithTimeout(context.Background(), releasePatience)
	defer cancel()
	if err := lease.Release(ctx); err != nil {
		n.log.Debug("could not release a lease; it will run out", "lease", lease.Name(), "error", err)
		return false
	}
	return true
}

// look begins to watch the leases, and waits until all that is held has been seen.
func (n *Node) look(ctx, run context.Context) {
	seen := make(chan struct{})
	n.keeping.Go(func() {
		err := n.cfg.Bus.WatchLeases(run, func(name, holder string) {
			if name == "" {
				close(seen)
				return
			}
			n.saw(name, holder)
		}, bus.LeaseNodes, bus.LeasePartitions)
		if err != nil {
			n.log.Debug("watching leases has ended", "error", err)
		}
	})
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	select {
	case <-seen:
	case <-ctx.Done():
		n.log.Warn("can't see yet which node owns what")
	}
}

// saw takes in who holds a lease.
func (n *Node) saw(name, holder string) {
	now := time.Now()
	n.mu.Lock()
	if number, ok := bus.ParseLeasePartition(name); ok {
		n.mind.Holder(number, holder, now)
	} else if node, ok := bus.ParseLeaseNode(name); ok && (node != n.cfg.Name || n.presence == nil) {
		n.mind.Member(node, holder != "", now)
	}
	n.mu.Unlock()
	raise(n.wake)
}

// renew renews all leases, again and again.  It waits for nothing but the answers.
func (n *Node) renew(ctx context.Context) {
	writing, cancel := lingering(ctx)
	defer cancel()
	tick := time.NewTicker(n.renewEvery())
	defer tick.Stop()
	told := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n.strand() {
			if !told {
				n.log.Warn("the database can't be written to from here; leases run out, for a node that can")
			}
			told = true
			n.absent()
			raise(n.wake) // those that have run out end
			continue
		}
		told = told && n.stalled() > 0
		n.renewAll(writing)
		if n.absent() && ctx.Err() == nil {
			n.appear(writing)
		}
	}
}

// A node that can write nothing down holds on to its leases for strandedAfter times a
// lease's time to live, and for leastStranded: a database that is away for all is back by
// then, as a rule, and takeovers would only delay what goes on then; and a connection that
// has fallen silent was given up, and another one opened.
const (
	strandedAfter = 2
	leastStranded = 30 * time.Second
)

// strand decides whether the node lets its leases run out, because it has been able to
// write nothing down for long and others are there: they may reach the database that it
// can't.  Where they can't either, nobody takes anything over.
func (n *Node) strand() bool {
	long := n.stalled() >= cmp.Or(n.cfg.StrandedAfter, max(strandedAfter*n.cfg.Bus.LeaseTTL(), leastStranded))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stranded = long && !n.mind.Alone()
	return n.stranded
}

func (n *Node) stalled() time.Duration {
	if n.cfg.Stalled == nil {
		return 0
	}
	return n.cfg.Stalled()
}

// renewAll tries to renew each lease for as long as it holds.  The presence goes first, so
// that it does not outlast what shows that the node is at work.
func (n *Node) renewAll(ctx context.Context) {
	presence, held := n.leases()
	ctx, cancel := context.WithTimeout(ctx, n.renewEvery())
	defer cancel()
	if presence != nil {
		if err := presence.Renew(ctx); errors.Is(err, bus.ErrLost) && !n.parting() {
			n.log.Warn("the other nodes did not know of this one", "error", err)
		}
	}
	failed := 0
	var last error
	for i, err := range n.cfg.Bus.RenewMany(ctx, held) {
		if err != nil && n.keeps(held[i]) {
			failed++
			last = err
		}
	}
	if failed > 0 {
		n.log.Warn("could not renew leases", "failed", failed, "of", len(held), "error", last)
		raise(n.wake) // those that are lost, or have run out, end
	}
}

// keeps reports whether a lease is still to be renewed: one that was let go of meanwhile is
// not.
func (n *Node) keeps(lease *bus.Lease) bool {
	number, _ := bus.ParseLeasePartition(lease.Name())
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.tenures[number].lease == lease
}

func (n *Node) leases() (presence *bus.Lease, held []*bus.Lease) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for i := range n.tenures {
		if l := n.tenures[i].lease; l != nil {
			held = append(held, l)
		}
	}
	return n.presence, held
}

// parting reports whether the node is about to leave.
func (n *Node) parting() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.leaving
}

// absent reports whether the others do not count this node, and are to.
func (n *Node) absent() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.presence != nil && !n.presence.Valid(time.Now()) {
		n.presence = nil
		n.mind.Member(n.cfg.Name, false, time.Now())
	}
	return n.presence == nil && !n.leaving
}
