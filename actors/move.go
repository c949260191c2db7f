package actors

import (
	"context"
	"errors"
	"time"

	"github.com/sourcegraph/conc/pool"

	"dialtone/actors/ownership"
	"dialtone/bus"
	"dialtone/campaign"
)

const (
	// leastRest is how long a node that could not take what it tried for leaves it; twice
	// as long each time, up to the time of a renewal.
	leastRest = 50 * time.Millisecond
	// takenAtOnce is how often partitions may be being taken at the same time: what comes
	// free while a store is slow need not wait for what came free before.
	takenAtOnce = 4
	// begunAtOnce is how many partitions begin at the same time.
	begunAtOnce = 8
	// partedAtOnce is how many partitions a node that leaves gives at the same time.
	partedAtOnce = 16
)

// move decides whenever something has happened, and when it is time to.  It waits for
// nothing else.
func (n *Node) move(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-n.wake:
		}
		if ctx.Err() != nil {
			return
		}
		n.endLost()
		d := n.decide(time.Now())
		if len(d.Take) > 0 {
			n.moving.Go(func() { n.take(ctx, d.Take) })
		}
		for _, number := range d.Give {
			n.moving.Go(func() { n.give(number) })
		}
		timer.Reset(time.Until(d.Again))
	}
}

// decide says what to do and when to ask again, and notes that it is being done.
func (n *Node) decide(now time.Time) ownership.Decision {
	n.mu.Lock()
	defer n.mu.Unlock()
	stages := make([]ownership.Stage, bus.Partitions)
	again := now.Add(n.renewEvery())
	for i := range n.tenures {
		t := &n.tenures[i]
		stages[i] = t.stage
		if t.stage == ownership.Held && t.lease.Until().Before(again) {
			again = t.lease.Until()
		}
	}
	d := n.mind.Decide(stages, now)
	if n.stranded || n.taking == takenAtOnce || now.Before(n.restTill) {
		d.Take = nil
	}
	if now.Before(n.restTill) && n.restTill.Before(again) {
		again = n.restTill
	}
	if d.Again.IsZero() || again.Before(d.Again) {
		d.Again = again
	}
	if len(d.Take) > 0 {
		n.taking++
	}
	for _, i := range d.Take {
		n.tenures[i].stage = ownership.Taking
	}
	for _, i := range d.Give {
		n.tenures[i].stage = ownership.Giving
	}
	return d
}

// endLost ends the partitions whose lease is lost or has run out, and those that somebody
// else was found to own: they are at rest at once, and gone when they have ended.
func (n *Node) endLost() {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.tenures {
		t := &n.tenures[i]
		if t.stage != ownership.Held || t.lease.Valid(now) && t.part.ctx.Err() == nil {
			continue
		}
		n.log.Warn("lost a partition", "partition", i)
		p := t.part
		p.cancel()
		t.stage, t.lease = ownership.Giving, nil
		n.moving.Go(func() {
			p.abandon()
			n.end(i)
		})
	}
}

// end notes that the node has nothing to do with a partition any more.
func (n *Node) end(numbers ...int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, i := range numbers {
		n.tenures[i] = tenure{}
	}
	raise(n.wake)
}

// give ends a partition in good order and lets go of its lease.
func (n *Node) give(number int) {
	n.mu.RLock()
	t := n.tenures[number]
	n.mu.RUnlock()
	t.part.stop(n.hurry)
	n.letGo(number, t.lease)
	n.end(number)
}

// letGo releases the lease of a partition.
func (n *Node) letGo(number int, lease *bus.Lease) {
	n.mu.Lock()
	n.tenures[number].lease = nil
	n.mu.Unlock()
	if n.release(lease) {
		n.mu.Lock()
		n.mind.Let(number, time.Now())
		n.mu.Unlock()
	}
}

// part gives everything.
func (n *Node) part() {
	var all []int
	n.mu.Lock()
	for i := range n.tenures {
		if t := &n.tenures[i]; t.stage == ownership.Held {
			t.stage = ownership.Giving
			all = append(all, i)
		}
	}
	n.mu.Unlock()
	parting := pool.New().WithMaxGoroutines(partedAtOnce)
	for _, number := range all {
		parting.Go(func() { n.give(number) })
	}
	parting.Wait()
}

// take takes partitions: the lease first, then the epoch in the store, from which on
// nobody else's writes count.  What can't be had now is left for a while.
//
// The epoch is raised from what it was before the lease was asked for: should the lease be
// lost on the way, by all leases being lost or by our standing still, somebody else may
// have gone further, whom a higher epoch would put out without his knowing.
func (n *Node) take(ctx context.Context, numbers []int) {
	ctx, cancel := lingering(ctx)
	defer cancel()
	won, clean := []int(nil), false
	if from, err := n.epochs(ctx); err == nil {
		won, clean = n.win(ctx, numbers)
		clean = (len(won) == 0 || n.takeOver(ctx, won, from)) && clean
	} else {
		n.log.Warn("could not try for partitions; trying again", "count", len(numbers), "error", err)
		n.end(numbers...)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taking--
	n.rest = max(min(2*n.rest, n.renewEvery()), leastRest)
	if clean {
		n.rest = 0
	}
	n.restTill = time.Now().Add(n.rest)
	raise(n.wake)
}

// win tries for leases.  clean: all were to be had.
func (n *Node) win(ctx context.Context, numbers []int) (won []int, clean bool) {
	names := make([]string, len(numbers))
	for i, number := range numbers {
		names[i] = bus.LeasePartition(number)
	}
	leases, errs := n.cfg.Bus.AcquireMany(ctx, names, n.cfg.Name)
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, number := range numbers {
		if errs[i] == nil {
			n.tenures[number].lease = leases[i]
			n.mind.Holder(number, n.cfg.Name, time.Now())
			won = append(won, number)
			continue
		}
		n.tenures[number] = tenure{}
		if !errors.Is(errs[i], bus.ErrHeld) && ctx.Err() == nil {
			n.log.Warn("could not try for a partition", "partition", number, "error", errs[i])
		}
	}
	return won, len(won) == len(numbers)
}

// epochs reads how often each partition has changed hands.
func (n *Node) epochs(ctx context.Context) (map[int]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*n.renewEvery())
	defer cancel()
	return n.cfg.Store.Epochs(ctx)
}

// takeOver becomes the owner of partitions whose leases are won.  It is false unless of
// all.
func (n *Node) takeOver(ctx context.Context, won []int, known map[int]int64) bool {
	raising, cancel := context.WithDeadline(ctx, n.until(won))
	defer cancel()
	from := make(map[int]int64, len(won))
	for _, number := range won {
		from[number] = known[number]
	}
	epochs, err := n.cfg.Store.RaiseEpochs(raising, n.cfg.Name, from)
	var active []campaign.ID
	if err == nil {
		active, err = n.cfg.Store.Active(raising)
	}
	if err != nil {
		n.log.Warn("could not take over partitions; trying again", "count", len(won), "error", err)
		n.giveUp(won)
		return false
	}
	byPartition := make(map[int][]campaign.ID)
	for _, id := range active {
		byPartition[bus.PartitionOf(id)] = append(byPartition[bus.PartitionOf(id)], id)
	}
	var late []int
	beginning := pool.New().WithMaxGoroutines(begunAtOnce)
	for _, number := range won {
		if epochs[number] == 0 {
			late = append(late, number)
			continue
		}
		beginning.Go(func() { n.begin(number, epochs[number], byPartition[number]) })
	}
	beginning.Wait()
	n.log.Info("took partitions", "count", len(epochs), "active_campaigns", len(active))
	if len(late) > 0 {
		n.log.Info("partitions changed hands while they were being taken over", "partitions", late)
		n.giveUp(late)
	}
	return len(late) == 0
}

// until is when the first of the leases runs out, and not longer than a store may take.
func (n *Node) until(numbers []int) time.Time {
	until := time.Now().Add(2 * n.renewEvery())
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, number := range numbers {
		if u := n.tenures[number].lease.Until(); u.Before(until) {
			until = u
		}
	}
	return until
}

// giveUp lets go of leases of which nothing came.
func (n *Node) giveUp(numbers []int) {
	letting := pool.New().WithMaxGoroutines(partedAtOnce)
	for _, number := range numbers {
		n.mu.RLock()
		lease := n.tenures[number].lease
		n.mu.RUnlock()
		letting.Go(func() { n.letGo(number, lease) })
	}
	letting.Wait()
	n.end(numbers...)
}

// begin starts a partition.  Commands reach it before the desk speaks for it, so
// that tokens do as well.
func (n *Node) begin(number int, epoch int64, active []campaign.ID) {
	p := newPartition(n.rt, number, epoch, active, func(*partition) { raise(n.wake) })
	n.mu.Lock()
	t := &n.tenures[number]
	p.lease, t.part = t.lease, p
	n.mu.Unlock()
	if err := p.start(active); err != nil {
		n.log.Warn("could not start a partition; trying again", "partition", number, "error", err)
		n.mu.Lock()
		t.stage = ownership.Giving
		n.mu.Unlock()
		n.giveUp([]int{number})
		return
	}
	n.mu.Lock()
	t.stage = ownership.Held
	n.mu.Unlock()
	raise(n.wake)
}
