package simulation

import (
	"maps"
	"slices"
	"time"

	"dialtone/actors/book"
	"dialtone/bus"
	"dialtone/campaign"
)

// part is a unit of the partitions that a process owns, from winning its lease to losing
// it.
type part struct {
	p        *process
	unit     int
	lease    *lease
	epochs   map[int]int64
	actors   map[campaign.ID]*actor
	waking   map[campaign.ID]bool
	consumes bool
	last     time.Duration // of the reports on their way
	closed   bool          // nothing new is taken in
	draining bool
	gone     bool
	rested   func()
}

func newPart(p *process, unit int, l *lease, epochs map[int]int64, active []campaign.ID) *part {
	pt := &part{
		p: p, unit: unit, lease: l, epochs: make(map[int]int64),
		actors: make(map[campaign.ID]*actor), waking: make(map[campaign.ID]bool),
	}
	for _, n := range partitionsOf(unit) {
		pt.epochs[n] = epochs[n]
	}
	for _, id := range active {
		pt.waking[id] = true
	}
	return pt
}

// start wakes the campaigns that need an owner and takes in reports.
func (pt *part) start(active []campaign.ID) {
	pt.announce()
	for _, id := range active {
		pt.actor(id)
	}
	pt.consumes = true
	pt.p.w.reports.kick()
}

// awoke notes that a campaign's machine stands, and what it holds is with the desk.
func (pt *part) awoke(id campaign.ID) {
	if pt.waking[id] {
		delete(pt.waking, id)
		pt.announce()
	}
}

func (pt *part) announce() {
	if len(pt.waking) > 0 {
		return
	}
	for _, n := range partitionsOf(pt.unit) {
		pt.p.desk.post(book.Awake{Partition: n, Epoch: pt.epochs[n]})
	}
}

// actor finds the campaign's actor, or makes it.
func (pt *part) actor(id campaign.ID) *actor {
	if pt.closed || pt.gone {
		return nil
	}
	a := pt.actors[id]
	if a == nil {
		a = newActor(pt, id)
		pt.actors[id] = a
		a.wake()
	}
	return a
}

// hand puts something from outside into the mailbox of a campaign's actor.
func (pt *part) hand(id campaign.ID, m any) bool {
	a := pt.actor(id)
	if a != nil {
		a.post(m)
	}
	return a != nil
}

func (pt *part) grant(id campaign.ID, g book.Granted) bool {
	a := pt.actors[id]
	if a == nil || a.over {
		return false
	}
	a.post(g)
	return true
}

func (pt *part) report(d *delivery) {
	if !pt.hand(d.report.Campaign, bus.ReportDelivery{Report: d.report, Deliveries: d.n, Receipt: d}) {
		_ = d.Nak(naked)
	}
}

const naked = 100 * time.Millisecond

// consumers are who takes the reports of a message's campaign: its owner, and whoever has
// not heard yet that it is not.
func (w *world) consumers(m *message) (out []consumer) {
	for _, p := range w.running() {
		if pt := p.owner.tenures[unitOf(m.report.Campaign)].part; pt != nil && pt.consumes {
			out = append(out, consumer{p: p, sink: pt.report, last: &pt.last})
		}
	}
	return out
}

// retire lets an actor go, unless something has come for it.
func (pt *part) retire(a *actor) bool {
	if len(a.box)+len(a.kept) > 0 {
		return false
	}
	a.over = true
	pt.p.desk.post(book.Left{Campaign: a.id})
	delete(pt.actors, a.id)
	return true
}

// stop ends the part in good order: what is in hand is committed and acknowledged.
func (pt *part) stop(rested func()) {
	pt.consumes, pt.closed, pt.draining, pt.rested = false, true, true, rested
	for _, n := range partitionsOf(pt.unit) {
		pt.p.desk.post(book.Quieted{Partition: n})
	}
	pt.p.after(3*time.Second, func() {
		if pt.rested != nil {
			pt.p.w.saw("a partition did not come to rest")
			pt.abandon()
		}
	})
	for _, id := range slices.Sorted(maps.Keys(pt.actors)) {
		pt.actors[id].due()
	}
	pt.restIfDone()
}

func (pt *part) restIfDone() {
	if pt.rested == nil {
		return
	}
	for _, a := range pt.actors {
		if !a.over {
			return
		}
	}
	pt.gone = true
	pt.rest()
}

func (pt *part) rest() {
	if then := pt.rested; then != nil {
		pt.rested = nil
		then()
	}
}

// abandon ends the part where it stands.
func (pt *part) abandon() {
	pt.consumes, pt.closed, pt.gone = false, true, true
	for _, id := range slices.Sorted(maps.Keys(pt.actors)) {
		pt.actors[id].empty()
	}
	pt.rest()
}

// forget tells the desk that a part is not the node's any more.
func (d *desk) forget(pt *part) {
	ids := slices.Sorted(maps.Keys(pt.actors))
	for _, n := range partitionsOf(pt.unit) {
		g := book.Gone{Partition: n}
		for _, id := range ids {
			if bus.PartitionOf(id) == n {
				g.Campaigns = append(g.Campaigns, id)
			}
		}
		d.post(g)
	}
}
