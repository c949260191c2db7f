package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sourcegraph/conc"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"
)

// Config is what a Node needs.
type Config struct {
	// Name is the node's alone, and the same after a restart.
	Name    string
	Bus     *bus.Bus
	Store   Store
	Journal Journal
	Machine machine.Config
	// Table is the providers that calls are routed to at this moment; nil, or one that
	// is nil, routes any call to any.  Who changes it calls Reroute.
	Table  func() *route.Table
	Logger *slog.Logger
}

// Node owns partitions, by lease, and runs their campaigns.
type Node struct {
	cfg Config
	rt  *runtime
	log *slog.Logger

	mu         sync.RWMutex
	partitions [bus.Partitions]*partition

	leases  [bus.Partitions]*bus.Lease // owned by the goroutine keep
	lostOne chan *partition
	service bus.Service
	cancel  context.CancelFunc
	keeping sync.WaitGroup
	started bool
}

// NewNode makes a node that does not run yet.
func NewNode(cfg Config) *Node {
	n := &Node{
		cfg: cfg, log: cfg.Logger.With("part", "actors"),
		lostOne: make(chan *partition, bus.Partitions),
	}
	n.rt = &runtime{
		store: cfg.Store, journal: cfg.Journal, bus: cfg.Bus,
		machine: cfg.Machine, table: cfg.Table, log: n.log, reads: make(chan struct{}, mostReads),
	}
	n.rt.desk = newDesk(cfg.Name,
		func(r scheduler.Report) error { return cfg.Bus.Send(bus.SubjectDemand(), r) },
		n.deliver, n.log)
	return n
}

// Start takes the partitions that are free and answers commands.  Those that
// are not free are tried for again and again.
func (n *Node) Start(ctx context.Context) error {
	if err := n.rt.desk.start(n.cfg.Bus); err != nil {
		return fmt.Errorf("listen for grants: %w", err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.cancel, n.started = cancel, true
	n.seize(ctx)
	service, err := n.cfg.Bus.ServeCampaigns(actions, n.owns, func(r *bus.Request) { n.command(run, r) })
	if err != nil {
		n.Stop(ctx)
		return fmt.Errorf("serve the campaigns' subjects: %w", err)
	}
	n.service = service
	n.keeping.Go(func() { n.keep(run) })
	return nil
}

// Stop brings the campaigns to rest, as far as ctx allows, and hands the leases
// over.  It may be called twice, and before Start.
func (n *Node) Stop(ctx context.Context) {
	if !n.started {
		return
	}
	n.started = false
	if n.service != nil {
		if err := n.service.Stop(); err != nil {
			n.log.Warn("could not leave the campaigns' subjects", "error", err)
		}
	}
	n.cancel()
	n.keeping.Wait()
	n.rt.desk.shut()
	var stopping conc.WaitGroup
	for _, p := range n.owned() {
		stopping.Go(func() { p.stop(ctx) })
	}
	stopping.Wait()
	n.rt.finish()
	n.rt.desk.stop()
	n.release(ctx)
}

// Reroute has every campaign that is awake route its calls by the table as it is now.
// Those that wake later do so anyway.
func (n *Node) Reroute() {
	for _, p := range n.owned() {
		p.reroute()
	}
}

// Owned is the number of partitions that this node owns.
func (n *Node) Owned() int { return len(n.owned()) }

func (n *Node) owned() []*partition {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var out []*partition
	for _, p := range n.partitions {
		if p != nil {
			out = append(out, p)
		}
	}
	return out
}

func (n *Node) partition(number int) *partition {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.partitions[number]
}

func (n *Node) owns(number int) bool { return n.partition(number) != nil }

// command takes a request to its campaign's actor.
func (n *Node) command(ctx context.Context, r *bus.Request) {
	if r.Action == ActionStats {
		n.rt.answerStats(ctx, r)
		return
	}
	if p := n.partition(bus.PartitionOf(r.Campaign)); p != nil {
		p.hand(r.Campaign, r)
	}
}

func (n *Node) deliver(id campaign.ID, g granted) bool {
	p := n.partition(bus.PartitionOf(id))
	return p != nil && p.grant(id, g)
}

// keep holds on to the leases and tries for those that others have.
func (n *Node) keep(ctx context.Context) {
	writing, cancel := lingering(ctx)
	defer cancel()
	tick := time.NewTicker(n.renewEvery())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-n.lostOne:
			if n.partition(p.number) == p {
				n.drop(p.number)
			}
		case <-tick.C:
			// Who can't renew all it has does not try for more, which may take a while
			// then: the rest must be dropped in time.
			if n.renew(writing) && ctx.Err() == nil {
				n.seize(writing)
			}
		}
	}
}

func (n *Node) renewEvery() time.Duration { return n.cfg.Bus.LeaseTTL() / 4 }

const (
	// leaseGrace is how long an end waits for what is being written of leases.
	leaseGrace = 500 * time.Millisecond
	// releasePatience bounds the handing over of leases.
	releasePatience = 2 * time.Second
)

// lingering is a context that ends a moment after ctx.  A write of a lease that is
// broken off might count all the same, and then the lease could not be handed
// over, for want of its revision.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(leaseGrace, cancel) })
	return out, func() { stop(); cancel() }
}

// renew renews every lease, and drops the partitions whose lease is lost or has
// run out: by then they are at rest, whether or not there was an answer.  It reports whether
// all were renewed.
func (n *Node) renew(ctx context.Context) (all bool) {
	var held []*bus.Lease
	var numbers []int
	until := time.Time{}
	for i, l := range n.leases {
		if l == nil {
			continue
		}
		held, numbers = append(held, l), append(numbers, i)
		if u := l.Until(); until.IsZero() || u.Before(until) {
			until = u
		}
	}
	if soonest := time.Now().Add(n.renewEvery()); until.Before(soonest) {
		until = soonest // after a standstill there is one try
	}
	renewing, cancel := context.WithDeadline(ctx, until)
	errs := n.cfg.Bus.RenewMany(renewing, held)
	cancel()
	var lost []int
	all = true
	for i, err := range errs {
		all = all && err == nil
		if err != nil && (errors.Is(err, bus.ErrLost) || !held[i].Valid(time.Now())) {
			n.log.Warn("lost a partition", "partition", numbers[i], "error", err)
			lost = append(lost, numbers[i])
		}
	}
	n.drop(lost...)
	return all
}

// drop ends partitions where they stand, all at once.
func (n *Node) drop(numbers ...int) {
	var ending conc.WaitGroup
	for _, number := range numbers {
		n.leases[number] = nil
		n.mu.Lock()
		p := n.partitions[number]
		n.partitions[number] = nil
		n.mu.Unlock()
		if p != nil {
			ending.Go(p.abandon)
		}
	}
	ending.Wait()
}

// seize takes the partitions whose leases are free: the lease first, then the
// epoch in the store, from which on nobody else's writes count.
func (n *Node) seize(ctx context.Context) {
	won := n.acquire(ctx)
	if len(won) == 0 {
		return
	}
	// A store that hangs must not keep us from renewing what we have.
	ctx, cancel := context.WithTimeout(ctx, 2*n.renewEvery())
	defer cancel()
	epochs, err := n.cfg.Store.RaiseEpochs(ctx, n.cfg.Name, won)
	var active []campaign.ID
	if err == nil {
		active, err = n.cfg.Store.Active(ctx)
	}
	if err != nil {
		n.log.Warn("could not take over partitions; trying again", "error", err)
		n.giveUp(ctx, won)
		return
	}
	byPartition := make(map[int][]campaign.ID)
	for _, id := range active {
		byPartition[bus.PartitionOf(id)] = append(byPartition[bus.PartitionOf(id)], id)
	}
	for _, number := range won {
		n.begin(number, epochs[number], byPartition[number])
	}
	n.log.Info("took partitions", "count", len(won), "active_campaigns", len(active))
}

func (n *Node) acquire(ctx context.Context) (won []int) {
	var numbers []int
	var names []string
	for i, l := range n.leases {
		if l == nil {
			numbers, names = append(numbers, i), append(names, bus.LeasePartition(i))
		}
	}
	if len(names) == 0 {
		return nil
	}
	leases, errs := n.cfg.Bus.AcquireMany(ctx, names, n.cfg.Name)
	for i, l := range leases {
		switch {
		case errs[i] == nil:
			n.leases[numbers[i]] = l
			won = append(won, numbers[i])
		case !errors.Is(errs[i], bus.ErrHeld) && ctx.Err() == nil:
			n.log.Warn("could not try for a partition", "partition", numbers[i], "error", errs[i])
		}
	}
	return won
}

// begin starts a partition.  Commands reach it before the desk speaks for it, so
// that tokens do as well.
func (n *Node) begin(number int, epoch int64, active []campaign.ID) {
	p := newPartition(n.rt, number, epoch, active, func(p *partition) {
		select {
		case n.lostOne <- p:
		default: // so many are lost that the next renewal finds it
		}
	})
	n.mu.Lock()
	n.partitions[number] = p
	n.mu.Unlock()
	if err := p.start(active); err != nil {
		n.log.Warn("could not start a partition; trying again", "partition", number, "error", err)
		n.drop(number)
	}
}

// giveUp hands leases over, also when there is no time left: that would cost the
// others their time to live.
func (n *Node) giveUp(ctx context.Context, numbers []int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releasePatience)
	defer cancel()
	var leases []*bus.Lease
	for _, i := range numbers {
		leases = append(leases, n.leases[i])
		n.leases[i] = nil
	}
	for _, err := range n.cfg.Bus.ReleaseMany(ctx, leases) {
		if err != nil {
			n.log.Debug("could not release a lease; it will run out", "error", err)
		}
	}
}

// release hands all leases over, so that nobody waits for them to run out.
func (n *Node) release(ctx context.Context) {
	var numbers []int
	for i, l := range n.leases {
		if l != nil {
			numbers = append(numbers, i)
		}
	}
	n.giveUp(ctx, numbers)
	n.mu.Lock()
	n.partitions = [bus.Partitions]*partition{}
	n.mu.Unlock()
}
