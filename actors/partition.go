package actors

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc"

	"dialtone/actors/clerk"
	"dialtone/bus"
	"dialtone/campaign"
)

// partition is a part of the campaigns that this node owns, from winning its
// lease to losing it.
type partition struct {
	*runtime
	number int
	epoch  int64
	onLost func(*partition)
	lease  *bus.Lease // nil in tests of a partition by itself

	ctx     context.Context // ends when the partition is lost
	cancel  context.CancelFunc
	begin   context.Context // ends earlier than ctx for an end in good order
	drain   context.CancelFunc
	run     sync.WaitGroup
	telling sync.Once // that the partition is lost

	mu      sync.Mutex
	actors  map[campaign.ID]*actor
	waking  map[campaign.ID]bool // campaigns to be awake before the desk speaks for us
	begun   time.Time
	unread  map[campaign.ID]bool // campaigns that can't be read
	closed  bool
	reports bus.Consumption
}

// newPartition makes a partition with the campaigns that are to be awake before the
// desk speaks for it.  From here on it takes commands.
func newPartition(rt *runtime, number int, epoch int64, active []campaign.ID, onLost func(*partition)) *partition {
	ctx, cancel := context.WithCancel(context.Background())
	begin, drain := context.WithCancel(ctx)
	p := &partition{
		runtime: rt, number: number, epoch: epoch, onLost: onLost,
		ctx: ctx, cancel: cancel, begin: begin, drain: drain,
		actors: make(map[campaign.ID]*actor), waking: make(map[campaign.ID]bool),
		begun: time.Now(), unread: make(map[campaign.ID]bool),
	}
	for _, id := range active {
		p.waking[id] = true
	}
	return p
}

// start wakes the campaigns that need an owner and takes in reports.  The desk
// hears of the partition once they are all awake.
func (p *partition) start(active []campaign.ID) error {
	p.announce()
	for _, id := range active {
		p.actor(id)
	}
	reports, err := p.bus.ConsumeReports(p.number, p.report)
	if err != nil {
		p.abandon()
		return err
	}
	p.mu.Lock()
	p.reports = reports
	p.mu.Unlock()
	return nil
}

// awoke notes that a campaign's machine stands and its tokens are with the desk.
func (p *partition) awoke(a *actor) {
	p.mu.Lock()
	was := p.waking[a.id]
	delete(p.waking, a.id)
	p.mu.Unlock()
	if was {
		p.announce()
	}
}

func (p *partition) announce() {
	p.mu.Lock()
	ready := len(p.waking) == 0
	p.mu.Unlock()
	if ready {
		p.desk.box.post(awake{Partition: p.number, Epoch: p.epoch})
	}
}

// unreadable notes whether a campaign can't be read.
func (p *partition) unreadable(id campaign.ID, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if yes {
		p.unread[id] = true
	} else {
		delete(p.unread, id)
	}
}

// troubles are the campaigns that can't be read, and those that are not awake though the
// partition began before a time.
func (p *partition) troubles(before time.Time) (unread, asleep []campaign.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun.Before(before) {
		asleep = slices.Collect(maps.Keys(p.waking))
	}
	return slices.Collect(maps.Keys(p.unread)), asleep
}

// actor finds the campaign's actor, or makes it.  It is nil when the partition
// takes nothing more.  An actor that ends with its partition stays on the list,
// from which the desk hears whom to forget.
func (p *partition) actor(id campaign.ID) *actor {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	a := p.actors[id]
	if a == nil {
		a = newActor(p.runtime, p, id)
		p.actors[id] = a
		p.run.Go(func() { a.run(p.ctx, p.begin) })
	}
	return a
}

// retire lets an actor go, unless something has come for it.  The desk hears of
// it before there can be another actor of the campaign, who has more to say.
func (p *partition) retire(a *actor) bool {
	if !a.box.close() {
		return false
	}
	p.desk.box.post(left{Campaign: a.id})
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.actors, a.id)
	return true
}

// report hands a report to its actor, waiting for room in its mailbox.
func (p *partition) report(d bus.ReportDelivery) {
	if !p.hand(d.Report.Campaign, d) {
		clerk.GiveBack(d)
	}
}

// hand puts something from outside into the mailbox of a campaign's actor. If
// that one has just retired, a new one is made.  It is false when the partition
// takes nothing more.
func (p *partition) hand(id campaign.ID, m any) bool {
	for p.ctx.Err() == nil {
		a := p.actor(id)
		if a == nil {
			return false
		}
		if a.box.put(p.ctx, m) {
			return true
		}
	}
	return false
}

// grant hands tokens to a campaign's actor; false if it has none.
func (p *partition) grant(id campaign.ID, g granted) bool {
	p.mu.Lock()
	a := p.actors[id]
	p.mu.Unlock()
	return a != nil && a.box.post(g)
}

// reroute tells the actors that there are other providers.
func (p *partition) reroute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.actors {
		a.box.post(rerouted{})
	}
}

// lost ends the partition at once: somebody else owns it.
func (p *partition) lost() {
	p.cancel()
	p.telling.Do(func() { p.onLost(p) })
}

// holds reports whether the node may act for the partition at a moment.  One that stood
// still learns it here, before it does anything else.
func (p *partition) holds(now time.Time) bool { return p.lease == nil || p.lease.Valid(now) }

// stop ends the partition in good order: it is asked for nothing any more and gets no
// tokens; what is in hand is committed and acknowledged, as far as ctx allows.
func (p *partition) stop(ctx context.Context) {
	defer context.AfterFunc(ctx, p.cancel)() // whatever it is that does not end
	p.desk.box.post(quieted{Partition: p.number})
	p.stopReports()
	ids := p.close()
	p.drain()
	done := make(chan struct{})
	var waiter conc.WaitGroup
	waiter.Go(func() { p.run.Wait(); close(done) })
	select {
	case <-done:
	case <-ctx.Done():
		p.log.Warn("a partition did not come to rest in time", "partition", p.number)
	}
	p.cancel()
	waiter.Wait()
	p.desk.box.post(gone{Partition: p.number, Campaigns: ids})
}

// close lets no actor begin any more, and names those that there are.
func (p *partition) close() []campaign.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return slices.Collect(maps.Keys(p.actors))
}

// abandon ends the partition where it stands.
func (p *partition) abandon() {
	p.cancel()
	ids := p.close()
	p.stopReports()
	p.run.Wait()
	p.desk.box.post(gone{Partition: p.number, Campaigns: ids})
}

func (p *partition) stopReports() {
	p.mu.Lock()
	reports := p.reports
	p.reports = nil
	p.mu.Unlock()
	if reports != nil {
		reports.Stop()
	}
}
