package strategy

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"dialtone/campaign"
)

// deadline gives each campaign that is due by a time a floor: the part of the capacity
// that it needs to be done by then,
//
//	calls left × what one costs on average ÷ open time left
//
// and shares the rest by weight (fair), among all; what is taken of a floor does not
// count there.  Floors never take more than all but the reserve: where they don't fit,
// those that are due first are kept whole, one gets what is left, and the others are
// late, as are those whose time has passed: they have their share of the rest.
//
// A floor is kept by a virtual clock (Zhang, SIGCOMM 1990) that runs by the work of the
// pool: each call of the campaign moves it on by the call's cost ÷ floor, and the
// campaign goes first while its clock is behind.  Floors are reckoned anew once a
// second.
type deadline struct {
	*tree
	reserve float64
	of      map[campaign.ID]*floor
	work    float64 // cost of all calls so far: seconds of the whole pool
	behind  clocks  // eligible campaigns with a floor
	next    time.Time
	late    []campaign.ID
	order   []*floor // of reckon, for reuse
}

// floor is what a campaign must have.
type floor struct {
	*node
	remaining int
	due       time.Time
	part      float64 // of the capacity; 0 is none
	clock     float64 // of work
	active    bool    // it was eligible since floors were reckoned last
	place     int     // among those with a floor, or -1
}

const (
	// reckonEvery is how often floors follow what is left and the time.
	reckonEvery = time.Second
	// ofFloor is the kind of a Charge that was taken of a floor.
	ofFloor = 1
)

func newDeadline(t tuning, reserve float64) *deadline {
	return &deadline{tree: newTree(t), reserve: reserve, of: make(map[campaign.ID]*floor)}
}

func (d *deadline) floor(id campaign.ID) *floor {
	f := d.of[id]
	if f == nil {
		f = &floor{node: d.campaign(id), place: -1}
		d.of[id] = f
	}
	return f
}

func (d *deadline) Set(id campaign.ID, t Terms) {
	f := d.floor(id)
	d.set(f.node, t)
	if !f.due.Equal(t.Due) {
		f.due, d.next = t.Due, time.Time{} // at once
	}
	f.remaining = t.Remaining
}

func (d *deadline) Enter(id campaign.ID) {
	f := d.floor(id)
	d.enter(f.node)
	f.active = true
	d.join(f)
}

// join puts an eligible campaign with a floor among those that may be behind.  Nobody
// banks the time in which it could not use its floor, beyond one call.
func (d *deadline) join(f *floor) {
	if f.part == 0 || f.place >= 0 || f.at < 0 {
		return
	}
	f.clock = max(f.clock, d.work-d.guess(f.node)/f.part)
	heap.Push(&d.behind, f)
}

func (d *deadline) Leave(id campaign.ID) {
	if f := d.of[id]; f != nil {
		d.leave(f.node)
		d.quit(f)
	}
}

func (d *deadline) quit(f *floor) {
	if f.place >= 0 {
		heap.Remove(&d.behind, f.place)
	}
}

func (d *deadline) Next(now time.Time) (campaign.ID, bool) {
	if !now.Before(d.next) {
		d.reckon(now)
	}
	if f := d.first(); f != nil {
		return f.id, true
	}
	n := d.tree.next()
	if n == nil {
		return 0, false
	}
	return n.id, true
}

// first is the campaign that is furthest behind its floor, or nil.
func (d *deadline) first() *floor {
	if len(d.behind) > 0 && d.behind[0].clock <= d.work {
		return d.behind[0]
	}
	return nil
}

func (d *deadline) Grant(id campaign.ID) Charge {
	f := d.floor(id)
	f.remaining -= min(1, f.remaining)
	var c Charge
	if d.first() == f {
		c = Charge{cost: d.guess(f.node), kind: ofFloor}
		d.serve(f.node)
		d.tick(f, c.cost)
	} else {
		c = Charge{cost: d.grant(f.node)}
	}
	d.work += c.cost
	return c
}

// tick moves a floor's clock on.
func (d *deadline) tick(f *floor, cost float64) {
	if f.part == 0 {
		return // it had a floor when the call was granted
	}
	f.clock += cost / f.part
	if f.place >= 0 {
		heap.Fix(&d.behind, f.place)
	}
}

func (d *deadline) Adopt(id campaign.ID) Charge { return Charge{cost: d.adopt(d.floor(id).node)} }

func (d *deadline) Release(id campaign.ID, c Charge, held time.Duration) {
	f := d.floor(id)
	if c != (Charge{}) {
		d.work += d.spent(held) - c.cost
	}
	if c.kind == ofFloor {
		d.tick(f, d.spent(held)-c.cost)
		c = Charge{} // the share of the rest was not charged
	}
	d.settle(f.node, c, held)
}

// reckon gives floors, to those that are due first, until the capacity is spoken for.
// Only campaigns count that could have used a token lately.
func (d *deadline) reckon(now time.Time) {
	d.next = now.Add(reckonEvery)
	d.late, d.order = d.late[:0], d.order[:0]
	for _, f := range d.of {
		if !f.due.IsZero() {
			d.order = append(d.order, f)
		} else if f.part > 0 {
			d.grantPart(f, 0)
		}
	}
	slices.SortFunc(d.order, func(a, b *floor) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.id, b.id)) })
	free := 1 - d.reserve
	for _, f := range d.order {
		need, possible := d.need(f, now)
		part := 0.0
		if f.active && possible {
			part = min(need, free)
			free -= part
			possible = part == need
		}
		if !possible {
			d.late = append(d.late, f.id)
		}
		d.grantPart(f, part)
		f.active = f.at >= 0
	}
	slices.Sort(d.late)
}

// need is the part of the capacity that a campaign must have to be done in time;
// possible is false where no part would do.
func (d *deadline) need(f *floor, now time.Time) (part float64, possible bool) {
	if f.remaining == 0 {
		return 0, true
	}
	left := f.due.Sub(now).Seconds()
	if left <= 0 {
		return 0, false
	}
	part = float64(f.remaining) * d.guess(f.node) / left
	return part, part <= 1
}

// grantPart changes a floor.
func (d *deadline) grantPart(f *floor, part float64) {
	f.part = part
	if part == 0 {
		d.quit(f)
		return
	}
	d.join(f)
}

// Late lists the campaigns that can't be done in time with what they may count on.
func (d *deadline) Late(now time.Time) []campaign.ID {
	if !now.Before(d.next) {
		d.reckon(now)
	}
	return slices.Clone(d.late)
}

func (d *deadline) SetCapacity(channels int, callsPerSecond float64) {
	d.setCapacity(channels, callsPerSecond)
}

func (d *deadline) Forget(id campaign.ID) {
	if f := d.of[id]; f != nil {
		d.quit(f)
		delete(d.of, id)
	}
	d.forget(id)
}

// clocks is a heap of floors, the one furthest behind first.
type clocks []*floor

func (h clocks) Len() int { return len(h) }
func (h clocks) Less(i, j int) bool {
	if h[i].clock != h[j].clock {
		return h[i].clock < h[j].clock
	}
	return h[i].id < h[j].id
}
func (h clocks) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *clocks) Push(x any) {
	f := x.(*floor)
	f.place = len(*h)
	*h = append(*h, f)
}
func (h *clocks) Pop() any {
	old := *h
	f := old[len(old)-1]
	f.place = -1
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return f
}
