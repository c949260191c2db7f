package simulation

import (
	"time"

	"dialtone/actors/book"
	"dialtone/actors/ownership"
	"dialtone/bus"
	"dialtone/campaign"
)

// units is how many parts the partitions are dealt out in here: unit u stands for the
// partitions whose number leaves u.  A run has few campaigns.
const units = 8

func unitOf(id campaign.ID) int { return bus.PartitionOf(id) % units }

// partitionsOf are those of some units.
func partitionsOf(us ...int) (out []int) {
	for _, u := range us {
		for n := u; n < bus.Partitions; n += units {
			out = append(out, n)
		}
	}
	return out
}

// owner is what a process has of the partitions: the leases on them, by the mind that says
// which to take and which to give.  It is what actors.Node is, without its goroutines.
type owner struct {
	p        *process
	mind     *ownership.Mind
	tenures  [units]tenure
	presence *lease // nil while others do not count this node
	leaving  bool
	left     func()        // called when a node that leaves has nothing any more
	taking   bool          // units are being taken; one after the other
	rest     time.Duration // nothing is taken for that long where something could not be
	restTill time.Time
	alarm    int
	soon     bool // a decision is on the agenda
}

// tenure is how the process stands with a unit.
type tenure struct {
	stage ownership.Stage
	lease *lease
	part  *part
}

func newOwner(p *process) *owner {
	return &owner{p: p, mind: ownership.New(p.node.name, ownership.Config{Partitions: units}, p.w.now)}
}

func (o *owner) start() {
	o.p.w.bucket.watch(o.p)
	o.appear()
	o.p.after(leaseTTL/4, o.renew)
}

// appear takes the lease by which the others see that this node is there.
func (o *owner) appear() {
	name := o.p.node.name
	o.p.w.bucket.acquire(o.p, bus.LeaseNode(name), func(l *lease, err error) {
		if err != nil || o.leaving {
			return // it is tried again with the next renewal
		}
		o.presence = l
		o.mind.Member(name, true, o.p.w.now)
		o.decideSoon()
	})
}

// sees has a process hear of who holds a lease, in order, as late as may be.
func (p *process) sees(name, holder string) {
	w := p.w
	p.sights = max(w.now.Sub(w.began)+w.trip(), p.sights)
	p.after(p.sights-w.now.Sub(w.began), func() {
		p.owner.see(name, holder)
		p.lead.see(name, holder)
	})
}

func (o *owner) see(name, holder string) {
	now := o.p.w.now
	if u, ok := bus.ParseLeasePartition(name); ok {
		o.mind.Holder(u, holder, now)
	} else if node, ok := bus.ParseLeaseNode(name); ok && (node != o.p.node.name || o.presence == nil) {
		o.mind.Member(node, holder != "", now)
	}
	o.decideSoon()
}

func (o *owner) decideSoon() {
	if !o.soon {
		o.soon = true
		o.p.after(o.p.w.moment(), func() {
			o.soon = false
			o.decide()
		})
	}
}

// decide does what the mind says.
func (o *owner) decide() {
	o.endLost()
	if o.leaving {
		o.parting()
		return
	}
	now := o.p.w.now
	var stages [units]ownership.Stage
	again := now.Add(leaseTTL / 4)
	for u := range o.tenures {
		stages[u] = o.tenures[u].stage
	}
	d := o.mind.Decide(stages[:], now)
	if len(d.Take) > 0 && !o.taking && !now.Before(o.restTill) {
		o.take(d.Take)
	}
	if now.Before(o.restTill) && o.restTill.Before(again) {
		again = o.restTill
	}
	for _, u := range d.Give {
		o.give(u)
	}
	if !d.Again.IsZero() && d.Again.Before(again) {
		again = d.Again
	}
	o.alarm++
	mine := o.alarm
	o.p.after(max(again.Sub(now), time.Millisecond), func() {
		if o.alarm == mine {
			o.decide()
		}
	})
}

// endLost ends the units whose lease is lost or has run out.
func (o *owner) endLost() {
	for u := range o.tenures {
		if t := &o.tenures[u]; t.stage == ownership.Held && !t.lease.valid() {
			o.drop(u)
		}
	}
}

// take tries for leases, all at once, and begins with those that it gets.
func (o *owner) take(us []int) {
	o.taking = true
	var won []int
	left := len(us)
	for _, u := range us {
		o.tenures[u].stage = ownership.Taking
	}
	o.epochs(func(from [bus.Partitions]int64) {
		for _, u := range us {
			o.p.w.bucket.acquire(o.p, bus.LeasePartition(u), func(l *lease, err error) {
				if err == nil {
					o.tenures[u].lease = l
					o.mind.Holder(u, o.p.node.name, o.p.w.now)
					won = append(won, u)
				} else {
					o.tenures[u] = tenure{}
				}
				if left--; left == 0 {
					o.takeOver(won, from, len(won) == len(us))
				}
			})
		}
	}, func() {
		o.end(us...)
		o.taken(false)
	})
}

// epochs reads how often each partition has changed hands.
func (o *owner) epochs(then func([bus.Partitions]int64), fail func()) {
	s := o.p.w.store
	var from [bus.Partitions]int64
	s.ask(o.p, func() { from = s.epochs }, func(ok bool) {
		if ok {
			then(from)
		} else {
			fail()
		}
	})
}

// takeOver raises the epochs, from which on nobody else's writes count, and reads which
// campaigns are to be woken.
func (o *owner) takeOver(won []int, from [bus.Partitions]int64, clean bool) {
	if len(won) == 0 {
		o.taken(clean)
		return
	}
	w, s := o.p.w, o.p.w.store
	until := w.now.Add(leaseTTL / 2)
	for _, u := range won {
		if t := o.tenures[u].lease.until; t.Before(until) {
			until = t
		}
	}
	var epochs map[int]int64
	var active []campaign.ID
	over := func(ok bool) bool {
		if ok = ok && w.now.Before(until); !ok {
			w.saw("could not take partitions over")
			for _, u := range won {
				o.letGo(u)
			}
			o.taken(false)
		}
		return !ok
	}
	s.ask(o.p, func() { epochs = s.raise(o.p, partitionsOf(won...), from) }, func(ok bool) {
		if over(ok) {
			return
		}
		s.ask(o.p, func() { active = s.active() }, func(ok bool) {
			if over(ok) {
				return
			}
			for _, u := range won {
				if epochs[u] == 0 {
					w.saw("a partition taken over by somebody else meanwhile")
					o.letGo(u)
					continue
				}
				o.begin(u, epochs, active)
			}
			o.taken(clean && len(epochs) == len(won)*bus.Partitions/units)
		})
	})
}

func (o *owner) taken(clean bool) {
	o.taking = false
	o.rest = max(min(2*o.rest, leaseTTL/4), 50*time.Millisecond)
	if clean {
		o.rest = 0
	}
	o.restTill = o.p.w.now.Add(o.rest)
	o.decideSoon()
}

func (o *owner) begin(u int, epochs map[int]int64, active []campaign.ID) {
	t := &o.tenures[u]
	t.stage = ownership.Held
	var mine []campaign.ID
	for _, id := range active {
		if unitOf(id) == u {
			mine = append(mine, id)
		}
	}
	if o.p.w.telling {
		o.p.w.tell("%s owns %d in epoch %d: %v", o.p.node.name, u, epochs[u], mine)
	}
	o.p.w.saw("partition taken")
	t.part = newPart(o.p, u, t.lease, epochs, mine)
	t.part.start(mine)
}

// letGo frees a lease of which nothing came.
func (o *owner) letGo(u int) {
	l := o.tenures[u].lease
	o.tenures[u].stage = ownership.Giving
	o.p.w.bucket.release(l, func() {
		o.mind.Let(u, o.p.w.now)
		o.end(u)
	})
}

// give hands a unit over: it comes to rest first.
func (o *owner) give(u int) {
	o.p.w.saw("partition given")
	t := &o.tenures[u]
	t.stage = ownership.Giving
	t.part.stop(func() {
		o.p.desk.forget(t.part)
		o.letGo(u)
	})
}

func (o *owner) end(us ...int) {
	for _, u := range us {
		o.tenures[u] = tenure{}
	}
	o.decideSoon()
}

// renew renews every lease, and looks which have run out.
func (o *owner) renew() {
	o.p.after(leaseTTL/4, o.renew)
	held := make([]*lease, 0, units+1)
	if l := o.presence; l != nil && !l.valid() {
		o.presence = nil
		o.mind.Member(o.p.node.name, false, o.p.w.now)
	} else if l != nil {
		held = append(held, l)
	}
	for u := range o.tenures {
		if l := o.tenures[u].lease; l != nil {
			held = append(held, l)
		}
	}
	if o.presence == nil && !o.leaving {
		o.appear()
	}
	if len(held) > 0 {
		o.p.w.bucket.renew(o.p, held, func(_ *lease, err error) {
			if err != nil {
				o.decideSoon()
			}
		})
	}
}

// drop ends a unit where it stands.
func (o *owner) drop(u int) {
	o.p.w.saw("partition lost")
	part := o.tenures[u].part
	part.abandon()
	o.p.desk.forget(part)
	o.end(u)
}

// lost hears that a write was refused: somebody else owns the unit.
func (o *owner) lost(part *part) {
	if t := &o.tenures[part.unit]; t.part == part && t.stage == ownership.Held {
		o.p.w.saw("an owner refused by its epoch")
		o.drop(part.unit)
	} else {
		part.abandon()
	}
}

// leave gives everything; then is called when nothing is left.
func (o *owner) leave(then func()) {
	o.leaving, o.left = true, then
	if l := o.presence; l != nil {
		o.presence = nil
		o.p.w.bucket.release(l, func() {})
	}
	o.p.after(10*time.Second, func() { o.finish() }) // whatever it is that does not end
	o.decideSoon()
}

// parting gives what is held, once nothing is being taken any more.
func (o *owner) parting() {
	if o.taking {
		return
	}
	busy := false
	for u := range o.tenures {
		if o.tenures[u].stage == ownership.Held {
			o.give(u)
		}
		busy = busy || o.tenures[u].stage != ownership.None
	}
	if !busy {
		o.finish()
	}
}

func (o *owner) finish() {
	if then := o.left; then != nil {
		o.left = nil
		o.p.after(0, then)
	}
}

// part is the unit that owns a campaign, or nil.
func (o *owner) part(id campaign.ID) *part {
	if t := &o.tenures[unitOf(id)]; t.stage != ownership.Giving {
		return t.part
	}
	return nil
}

// concerns reports whether this node answers for a campaign, or knows that nobody can at
// the moment.
func (o *owner) concerns(id campaign.ID) bool {
	u := unitOf(id)
	if o.tenures[u].stage != ownership.None {
		return true
	}
	since, free := o.mind.Free(u)
	return free && o.p.w.now.Sub(since) < 3*time.Second
}

// grant hands tokens to a campaign's actor; false if it has none.
func (o *owner) grant(id campaign.ID, g book.Granted) bool {
	part := o.part(id)
	return part != nil && part.grant(id, g)
}
