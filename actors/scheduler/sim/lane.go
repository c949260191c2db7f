package sim

import (
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// lane is a part of a campaign's numbers.
type lane struct {
	hours   hours.Calendar
	numbers int
	dated   bool // open and turns are known
	open    bool
	turns   time.Time // when open changes; zero is never
}

// strike brings the lane's hours up to now, and reports whether they changed.
func (l *lane) strike(now time.Time) bool {
	if l.dated && (l.turns.IsZero() || now.Before(l.turns)) {
		return false
	}
	l.dated = true
	if l.open = l.hours.Open(now); l.open {
		l.turns, _ = l.hours.Close(now)
	} else {
		l.turns, _ = l.hours.NextOpen(now)
	}
	return true
}

// LaneNumbers is how many numbers of a lane were never dialled.
func (e *Engine) LaneNumbers(id campaign.ID, lane int) int {
	if d := e.dialers[id]; d != nil && lane < len(d.lanes) {
		return d.lanes[lane].numbers
	}
	return 0
}

// reckonReady counts the numbers that may be dialled.
func (d *dialer) reckonReady() {
	d.ready = d.numbers
	if len(d.lanes) == 0 {
		return
	}
	d.ready = 0
	for i := range d.lanes {
		if d.lanes[i].open {
			d.ready += d.lanes[i].numbers
		}
	}
}

// turnLanes looks which lanes are open.
func (d *dialer) turnLanes(now time.Time) {
	if len(d.lanes) == 0 {
		d.open = d.spec.Hours == nil || d.spec.Hours.Open(now)
		d.ready = d.numbers
		return
	}
	changed := false
	for i := range d.lanes {
		changed = d.lanes[i].strike(now) || changed
	}
	if changed {
		d.line()
		d.open = len(d.opened) > 0
		d.reckonReady()
	}
}

// line puts the open lanes in order.
func (d *dialer) line() {
	d.opened = d.opened[:0]
	for i := range d.lanes {
		if d.lanes[i].open {
			d.opened = append(d.opened, &d.lanes[i])
		}
	}
	slices.SortStableFunc(d.opened, func(a, b *lane) int {
		if a.turns.IsZero() != b.turns.IsZero() {
			return b.turns.Compare(a.turns) // zero is never
		}
		return a.turns.Compare(b.turns)
	})
}

// first is the open lane with numbers that closes first.  There is one.
func (d *dialer) first() *lane {
	for d.opened[0].numbers == 0 {
		d.opened = d.opened[1:]
	}
	return d.opened[0]
}
