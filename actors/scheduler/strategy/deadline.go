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
// those that are due first are kept whole, and of the others each has what is left of
// the floors.
//
// A campaign is late if it can't be done in time with that: where its calls and those of
// all who are due before it and are not late are more work than the capacity, less the
// reserve, does until it is due (the condition for the earliest deadline first: Liu,
// Layland, JACM 1973).  Floors that don't fit today may do so in time, once others' are
// done.  One whose time has passed has its share of the rest, as everybody.
//
// A floor is kept by a virtual clock (Zhang, SIGCOMM 1990) that runs by the work of the
// pool: each call of the campaign moves it on by the call's cost ÷ floor, and the
// campaign goes first while its clock is behind.  Floors are reckoned anew about once a
// second.
type deadline struct {
	*tree
	reserve float64
	of      map[campaign.ID]*floor
	work    float64  // cost of all calls so far: seconds of the whole pool
	behind  clocks   // eligible campaigns with a floor
	due     []*floor // campaigns with a deadline, by it as of the last reckoning
	next    time.Time
	stale   bool // a deadline has changed since
	late    []campaign.ID
}

// floor is what a campaign must have.
type floor struct {
	*node
	remaining int
	due       time.Time
	listed    bool    // among those that are due
	work, end float64 // as of the last reckoning: of the calls left, and seconds until due
	late      bool
	part      float64   // of the capacity; 0 is none
	clock     float64   // of work
	pace      float64   // the part that the clock was moved by; 0 before it had any
	active    bool      // it was eligible since the last reckoning
	wanted    time.Time // the last reckoning before which it was
	place     int       // among those with a floor, or -1
}

const (
	// reckonEvery is how often floors follow what is left and the time; reckonEach is
	// added for each, so that many don't slow grants down.
	reckonEvery = time.Second
	reckonEach  = 500 * time.Microsecond
	// wantedFor is for how long, beside two of its calls, a campaign that can't use a
	// token keeps its floor: it may be at its limit.  After that it may be paused, and
	// others need what it had.
	wantedFor = 30 * time.Second
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
	f.remaining = t.Remaining
	if f.due.Equal(t.Due) {
		return
	}
	f.due, d.stale = t.Due, true
	if !f.listed {
		f.listed = true
		d.due = append(d.due, f)
	}
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
	n := d.tree.next(now)
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

func (d *deadline) Grant(id campaign.ID, now time.Time) Charge {
	f := d.floor(id)
	f.remaining -= min(1, f.remaining)
	var c Charge
	if d.first() == f {
		c = Charge{cost: d.guess(f.node), kind: ofFloor}
		d.serve(f.node)
		d.tick(f, c.cost)
	} else {
		c = d.grant(f.node, now)
	}
	d.work += c.cost
	return c
}

// tick moves a floor's clock on.
func (d *deadline) tick(f *floor, cost float64) {
	if f.pace == 0 {
		return // it has begun anew since
	}
	f.clock += cost / f.pace
	if f.place >= 0 {
		heap.Fix(&d.behind, f.place)
	}
}

func (d *deadline) Adopt(id campaign.ID, now time.Time) Charge {
	c := d.adopt(d.floor(id).node, now)
	d.work += c.cost
	return c
}

func (d *deadline) Release(id campaign.ID, c Charge, held time.Duration) {
	more := d.spent(c, held) - c.cost
	if c != (Charge{}) {
		d.work += more
	}
	f := d.of[id]
	if f == nil {
		d.settle(nil, c, held)
		return
	}
	if c.kind == ofFloor {
		d.tick(f, more)
	}
	d.settle(f.node, c, held)
}

// reckon gives floors: first to those that can be done in time, by when they are due,
// then what is left to those that can't.
func (d *deadline) reckon(now time.Time) {
	d.list()
	d.next, d.stale = now.Add(reckonEvery+time.Duration(len(d.due))*reckonEach), false
	d.late = d.late[:0]
	free, work := 1-d.reserve, 0.0
	for _, f := range d.due {
		d.measure(f, now)
		f.late = f.work > 0 && work+f.work > (1-d.reserve)*f.end
		if f.late {
			d.late = append(d.late, f.id)
			continue
		}
		if f.counts(now) {
			work += f.work
		}
		free -= d.give(f, free, now)
	}
	for _, f := range d.due {
		if f.late {
			free -= d.give(f, free, now)
		}
	}
	slices.Sort(d.late)
}

// list puts those that are due in order, and drops those that are no more.
func (d *deadline) list() {
	d.due = slices.DeleteFunc(d.due, func(f *floor) bool {
		if f.listed = !f.due.IsZero(); !f.listed {
			d.change(f, 0)
		}
		return !f.listed
	})
	slices.SortFunc(d.due, func(a, b *floor) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.id, b.id)) })
}

func (d *deadline) measure(f *floor, now time.Time) {
	f.work = float64(f.remaining) * d.guess(f.node)
	f.end = f.due.Sub(now).Seconds()
	if f.active || f.at >= 0 {
		f.wanted = now
	}
	f.active = false
}

// counts reports whether a campaign could have used a token lately.
func (f *floor) counts(now time.Time) bool {
	return (now.Sub(f.wanted) - wantedFor).Seconds() < 2*f.length
}

// give lets a campaign have its floor, as far as that is free, and returns it.
func (d *deadline) give(f *floor, free float64, now time.Time) float64 {
	part := 0.0
	if f.work > 0 && f.end > 0 && f.counts(now) {
		part = min(f.work/f.end, free)
	}
	d.change(f, part)
	return part
}

// change puts another floor in force.  By how much cost the campaign is ahead of its
// floor, or behind it, stays as it was.
func (d *deadline) change(f *floor, part float64) {
	f.part = part
	if part == 0 {
		d.quit(f)
		return
	}
	f.clock = d.work + (f.clock-d.work)*f.pace/part
	f.pace = part
	if f.place >= 0 {
		heap.Fix(&d.behind, f.place)
	}
	d.join(f)
}

// Late lists the campaigns that can't be done in time with what they may count on.
func (d *deadline) Late(now time.Time) []campaign.ID {
	if d.stale || !now.Before(d.next) {
		d.reckon(now)
	}
	return slices.Clone(d.late)
}

func (d *deadline) SetCapacity(channels int, callsPerSecond float64) {
	d.setCapacity(channels, callsPerSecond)
}

func (d *deadline) Forget(id campaign.ID) {
	if f := d.of[id]; f != nil {
		f.due, d.stale = time.Time{}, true
		d.change(f, 0)
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
