package simulation

import (
	"slices"
	"strconv"
	"strings"
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
// which to take and which to give.
type owner struct {
	p      *process
	mind   *ownership.Mind
	stages [units]ownership.Stage
	leases [units]*lease
	parts  [units]*part
	member *lease
	alarm  int
	soon   bool // a decision is on the agenda
	gone   func()
}

func newOwner(p *process) *owner {
	return &owner{p: p, mind: ownership.New(p.node.name, ownership.Config{Partitions: units}, p.w.now)}
}

func leaseOf(unit int) string { return bus.LeasePartition(unit) }

func (o *owner) start() {
	o.p.w.bucket.watch(o.p)
	o.join()
	o.p.after(leaseTTL/4, o.renew)
}

// join takes the lease by which the others see that this node is there.
func (o *owner) join() {
	if o.gone != nil {
		return
	}
	name := o.p.node.name
	o.p.w.bucket.acquire(o.p, "node."+name, func(l *lease, err error) {
		if err != nil {
			o.p.after(300*time.Millisecond, o.join)
			return
		}
		o.member = l
		o.mind.Member(name, true, o.p.w.now)
		o.decide()
	})
}

// sees has a process hear of who holds a lease, in order, as late as may be.
func (p *process) sees(name, holder string) {
	w := p.w
	p.sights = max(w.now.Sub(w.began)+w.trip(), p.sights)
	p.after(p.sights-w.now.Sub(w.began), func() { p.owner.see(name, holder) })
}

func (o *owner) see(name, holder string) {
	now := o.p.w.now
	if number, ok := strings.CutPrefix(name, "partition."); ok {
		u, _ := strconv.Atoi(number) // it is one of ours
		o.mind.Holder(u, holder, now)
	} else if node, ok := strings.CutPrefix(name, "node."); ok {
		if node == o.p.node.name && holder == "" && o.member != nil && o.member.valid() {
			return // it is there
		}
		o.mind.Member(node, holder != "", now)
	} else {
		return
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
	now := o.p.w.now
	d := o.mind.Decide(o.stages[:], now)
	if len(d.Take) > 0 {
		o.take(d.Take)
	}
	for _, u := range d.Give {
		o.give(u)
	}
	o.alarm++
	if mine := o.alarm; !d.Again.IsZero() {
		o.p.after(max(d.Again.Sub(now), time.Millisecond), func() {
			if o.alarm == mine {
				o.decide()
			}
		})
	}
	o.leaveIfDone()
}

// take tries for leases, all at once, and begins with those that it gets.
func (o *owner) take(us []int) {
	var won []int
	left := len(us)
	for _, u := range us {
		o.stages[u] = ownership.Taking
		o.p.w.bucket.acquire(o.p, leaseOf(u), func(l *lease, err error) {
			if err == nil {
				o.leases[u] = l
				won = append(won, u)
			} else {
				o.stages[u] = ownership.None
			}
			if left--; left > 0 {
				return
			}
			if len(won) < len(us) {
				o.decideSoon()
			}
			if len(won) > 0 {
				o.raise(won)
			}
		})
	}
}

// raise raises the epochs, from which on nobody else's writes count, and reads which
// campaigns are to be woken.
func (o *owner) raise(won []int) {
	s := o.p.w.store
	var epochs map[int]int64
	var active []campaign.ID
	fail := func() {
		o.p.w.saw("could not take partitions over")
		for _, u := range won {
			o.letGo(u)
		}
	}
	s.ask(o.p, func() { epochs = s.raise(partitionsOf(won...)) }, func(ok bool) {
		if !ok {
			fail()
			return
		}
		s.ask(o.p, func() { active = s.active() }, func(ok bool) {
			if !ok {
				fail()
				return
			}
			o.begin(won, epochs, active)
		})
	})
}

func (o *owner) begin(won []int, epochs map[int]int64, active []campaign.ID) {
	for _, u := range won {
		if o.stages[u] != ownership.Taking {
			continue // its lease was lost meanwhile
		}
		o.stages[u] = ownership.Held
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
		o.parts[u] = newPart(o.p, u, epochs, mine)
		o.parts[u].start(mine)
	}
	o.decideSoon()
}

// letGo frees a lease with which nothing was begun.
func (o *owner) letGo(u int) {
	l := o.leases[u]
	if l == nil {
		return
	}
	o.stages[u] = ownership.Giving
	o.p.w.bucket.release(l, func() { o.given(u, l) })
}

// give hands a partition over: it comes to rest first.
func (o *owner) give(u int) {
	o.p.w.saw("partition given")
	part, l := o.parts[u], o.leases[u]
	o.stages[u] = ownership.Giving
	part.stop(func() {
		if o.parts[u] != part {
			return // it was dropped meanwhile
		}
		o.parts[u] = nil
		o.p.desk.forget(part)
		o.p.w.bucket.release(l, func() { o.given(u, l) })
	})
}

func (o *owner) given(u int, l *lease) {
	if o.leases[u] != l {
		return
	}
	o.leases[u] = nil
	o.stages[u] = ownership.None
	o.mind.Holder(u, "", o.p.w.now)
	o.decideSoon()
}

// renew renews every lease, and drops the partitions whose lease is lost or has run out.
func (o *owner) renew() {
	o.p.after(leaseTTL/4, o.renew)
	held := make([]*lease, 0, units+1)
	for u, l := range o.leases {
		if l != nil {
			held = append(held, l)
			o.dropUnlessValid(u, l)
		}
	}
	if l := o.member; l != nil {
		held = append(held, l)
		o.rejoinUnlessValid(l)
	}
	if len(held) == 0 {
		return
	}
	o.p.w.bucket.renew(o.p, held, func(l *lease, _ error) {
		if u := slices.Index(o.leases[:], l); u >= 0 {
			o.dropUnlessValid(u, l)
		}
		o.rejoinUnlessValid(l)
	})
}

func (o *owner) dropUnlessValid(u int, l *lease) {
	if o.leases[u] == l && !l.valid() && o.stages[u] != ownership.Giving {
		o.p.w.saw("partition lost")
		o.drop(u)
	}
}

func (o *owner) rejoinUnlessValid(l *lease) {
	if o.member == l && !l.valid() {
		o.member = nil
		o.join()
	}
}

// drop ends a partition where it stands.
func (o *owner) drop(u int) {
	part := o.parts[u]
	o.leases[u], o.parts[u] = nil, nil
	o.stages[u] = ownership.None
	if part != nil {
		part.abandon()
		o.p.desk.forget(part)
	}
	o.decideSoon()
}

// lost hears that a write was refused: somebody else owns the partition.
func (o *owner) lost(part *part) {
	if o.parts[part.unit] == part {
		o.p.w.saw("an owner refused by its epoch")
		o.drop(part.unit)
	}
}

// leave gives everything; then is called when nothing is left.
func (o *owner) leave(then func()) {
	o.gone = then
	o.p.desk.close()
	o.mind.Leave()
	if o.member != nil {
		o.p.w.bucket.release(o.member, func() {})
		o.member = nil
	}
	o.p.after(10*time.Second, func() { o.finish() }) // whatever it is that does not end
	o.decide()
}

func (o *owner) leaveIfDone() {
	if o.gone == nil {
		return
	}
	for u := range units {
		if o.stages[u] != ownership.None {
			return
		}
	}
	o.finish()
}

func (o *owner) finish() {
	if then := o.gone; then != nil {
		o.gone = func() {}
		o.p.after(0, then)
	}
}

// grant hands tokens to a campaign's actor; false if it has none.
func (o *owner) grant(id campaign.ID, g book.Granted) bool {
	part := o.parts[unitOf(id)]
	return part != nil && part.grant(id, g)
}

// current reports whether the process owns a campaign by the store's word.
func (o *owner) current(id campaign.ID) bool {
	pt, n := o.parts[unitOf(id)], bus.PartitionOf(id)
	return pt != nil && pt.epochs[n] == o.p.w.store.epochs[n]
}
