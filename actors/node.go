package actors

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"dialtone/actors/ownership"
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
	// Stalled is how long the journal has been trying to commit what it has in hand; 0 when
	// it is not.  nil: it is never known to.
	Stalled func() time.Duration
	// StrandedAfter is how long that may be before others are to take over.  Default twice
	// a lease's time, and 30 s at the least.
	StrandedAfter time.Duration
	Machine       machine.Config
	// Table is the providers that calls are routed to at this moment; nil, or one that
	// is nil, routes any call to any.  Who changes it calls Reroute.
	Table  func() *route.Table
	Logger *slog.Logger
}

// Node owns partitions, by lease, and runs their campaigns.  It shares them evenly with
// the other nodes that are there; see package ownership.
//
// Three goroutines look after that, and none of them waits for another, for the store or
// for a partition: renew renews the leases, watch sees what the others do, and move
// decides.  What is taken and given is so in goroutines of its own.
type Node struct {
	cfg Config
	rt  *runtime
	log *slog.Logger

	mu       sync.RWMutex
	tenures  [bus.Partitions]tenure
	presence *bus.Lease // nil while others do not count this node
	mind     *ownership.Mind
	leaving  bool
	stranded bool      // it lets its leases run out
	taking   int       // how often partitions are being taken
	restTill time.Time // nothing is taken before
	rest     time.Duration

	wake     chan struct{} // holds one: something has happened for move
	service  bus.Service
	keeping  sync.WaitGroup     // renew and watch
	deciding sync.WaitGroup     // move
	moving   sync.WaitGroup     // takings, givings and endings; begun by move alone
	cancel   context.CancelFunc // ends renew, watch and move
	halt     context.CancelFunc // ends move, and what is being taken
	hurry    context.Context    // ends when what is being given is to end where it stands
	abort    context.CancelFunc
	started  bool
}

// tenure is how the node stands with a partition.
type tenure struct {
	stage ownership.Stage
	lease *bus.Lease // nil before it is won, and once it is lost
	part  *partition // nil unless it was begun
}

// NewNode makes a node that does not run yet.
func NewNode(cfg Config) *Node {
	n := &Node{
		cfg: cfg, log: cfg.Logger.With("part", "actors"), wake: make(chan struct{}, 1),
		mind: ownership.New(cfg.Name, ownership.Config{Partitions: bus.Partitions}, time.Now()),
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

// Start takes the partitions that are free and for this node, and answers commands.
// Those that come free later are taken then.
func (n *Node) Start(ctx context.Context) error {
	if err := n.rt.desk.start(n.cfg.Bus); err != nil {
		return fmt.Errorf("listen for grants: %w", err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	moves, halt := context.WithCancel(run)
	n.cancel, n.halt, n.started = cancel, halt, true
	n.hurry, n.abort = context.WithCancel(context.WithoutCancel(ctx))
	n.appear(ctx)
	n.look(ctx, run)
	if d := n.decide(time.Now()); len(d.Take) > 0 {
		n.take(moves, d.Take)
	}
	service, err := n.cfg.Bus.ServeCampaigns(actions, n.concerns, func(r *bus.Request) { n.command(run, r) })
	if err != nil {
		n.Stop(ctx)
		return fmt.Errorf("serve the campaigns' subjects: %w", err)
	}
	n.service = service
	n.keeping.Go(func() { n.renew(run) })
	n.deciding.Go(func() { n.move(moves) })
	return nil
}

// Stop brings the campaigns to rest, as far as ctx allows, and hands their partitions over
// to the nodes that stay, some at a time.  It may be called twice, and before Start.
func (n *Node) Stop(ctx context.Context) {
	if !n.started {
		return
	}
	n.started = false
	defer context.AfterFunc(ctx, n.abort)()
	n.halt()
	n.deciding.Wait() // nothing more is begun
	n.disappear()
	n.moving.Wait()
	n.part()
	if n.service != nil {
		if err := n.service.Stop(); err != nil {
			n.log.Warn("could not leave the campaigns' subjects", "error", err)
		}
	}
	n.cancel()
	n.keeping.Wait()
	n.rt.finish()
	n.rt.desk.stop()
	n.abort()
}

// Reroute has every campaign that is awake route its calls by the table as it is now.
// Those that wake later do so anyway.
func (n *Node) Reroute() {
	for i := range bus.Partitions {
		if p := n.partition(i); p != nil { // also one that is just beginning
			p.reroute()
		}
	}
}

// Owned is the number of partitions that this node owns.
func (n *Node) Owned() int { return len(n.owned()) }

func (n *Node) owned() []*partition {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var out []*partition
	for i := range n.tenures {
		if t := &n.tenures[i]; t.stage == ownership.Held {
			out = append(out, t.part)
		}
	}
	return out
}

// overslept is how long a campaign may take to be read before it is told of.
const overslept = 10 * time.Second

// Troubles names the campaigns of this node's partitions that stand still since they
// can't be read (unread), and those without which nothing is granted to anybody, since
// not even their open calls can be read (asleep), by ascending id.
func (n *Node) Troubles() (unread, asleep []campaign.ID) {
	for _, p := range n.owned() {
		u, a := p.troubles(time.Now().Add(-overslept))
		unread, asleep = append(unread, u...), append(asleep, a...)
	}
	slices.Sort(unread)
	slices.Sort(asleep)
	return unread, asleep
}

// partition is one that this node owns, or nil.
func (n *Node) partition(number int) *partition {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if t := &n.tenures[number]; t.stage != ownership.Giving {
		return t.part
	}
	return nil
}

func (n *Node) owns(number int) bool { return n.partition(number) != nil }

// ownerless is how long after a partition has come free somebody who asks is told to ask
// again.  If what is seen is old, its owner answers, and must be heard in the end.
const ownerless = 3 * time.Second

// concerns reports whether this node answers for a partition, or knows that nobody can at
// the moment.
func (n *Node) concerns(number int) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.tenures[number].stage != ownership.None {
		return true
	}
	since, free := n.mind.Free(number)
	return free && time.Since(since) < ownerless
}

// command takes a request to its campaign's actor.
func (n *Node) command(ctx context.Context, r *bus.Request) {
	p := n.partition(bus.PartitionOf(r.Campaign))
	switch {
	case p == nil:
		r.Again()
	case r.Action == ActionStats:
		n.rt.answerStats(ctx, r)
	case !p.hand(r.Campaign, r):
		r.Again()
	}
}

func (n *Node) deliver(id campaign.ID, g granted) bool {
	p := n.partition(bus.PartitionOf(id))
	return p != nil && p.grant(id, g)
}
