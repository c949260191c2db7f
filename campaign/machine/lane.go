package machine

import (
	"cmp"
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// lane is the calls of a campaign that wait and have the same hours: all of them,
// or those of some zones where each number is called by its own clock.
type lane struct {
	zone     campaign.ZoneID // AnyZone for all
	names    []string        // of the time zones that count
	calendar *hours.Calendar // nil where no zone is known, and so no hours

	open bool
	// turns is when open changes; zero is never.
	turns time.Time
	dated bool      // open and turns are known
	at    time.Time // of the last strike

	shelves   []shelf // by class
	cursor    campaign.CallID
	exhausted bool // the store had no more queued calls after the cursor
	// reload: the page on its way may have been read too early to end the lane.
	reload bool
	// adrift are queued calls, given back while the lane's page is on its way, that
	// may or may not be in it.
	adrift []due
}

// strike brings the lane's hours up to now, and reports whether they changed.
// Calls are placed until early before the end of the hours: that is how long the
// request of the last one may take to reach the provider.
func (l *lane) strike(now time.Time, early time.Duration) bool {
	back := now.Before(l.at) // the clock was put back
	l.at = now
	if l.dated && !back && (l.turns.IsZero() || now.Before(l.turns)) {
		return false
	}
	was := l.open
	l.dated, l.open, l.turns = true, false, time.Time{}
	if l.calendar == nil {
		return was
	}
	from := now
	if l.calendar.Open(now) {
		closes, ever := l.calendar.Close(now)
		if last := closes.Add(-early); !ever || now.Before(last) {
			l.open = true
			if ever {
				l.turns = last
			}
			return !was
		}
		from = closes
	}
	if opens, ever := l.calendar.NextOpen(from); ever {
		l.turns = opens
	}
	return was
}

// next is the first time after another at which the lane has more, or less, to dial;
// zero for none.
func (l *lane) next(after time.Time) time.Time {
	switch {
	case l.size() == 0 && l.exhausted:
		return time.Time{}
	case !l.open:
		return soonest(after, l.turns)
	}
	return soonest(after, l.turns, l.firstDue(after))
}

// soonest is the earliest of some times that is after another; zero for none.
func soonest(after time.Time, times ...time.Time) (first time.Time) {
	for _, t := range times {
		if t.After(after) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// clear forgets what waits.
func (l *lane) clear() { l.shelves, l.adrift = nil, nil }

// readOn lets the store's queue be read again although it had come to its end.
// A page that is on its way may have been read before there was more.
func (l *lane) readOn(loading bool) { l.exhausted, l.reload = false, loading }

// restore puts a queued call that was given back in its place: in memory if the
// cursor has passed it, else it will be read with its page.
func (l *lane) restore(d due, loading bool) {
	switch {
	case d.call <= l.cursor:
		l.shelf(d.class).returned.add(d)
	case loading:
		l.adrift = append(l.adrift, d)
		l.readOn(true)
	default:
		l.readOn(false)
	}
}

// paged takes in the page that was on its way, but for those calls that skip
// names; of the others sort tells the class.
func (l *lane) paged(in Page, skip func(Waiting) bool, sort func(phone, bound string) class) {
	l.exhausted, l.reload = in.Last && !l.reload, false
	if n := len(in.Calls); n > 0 {
		l.cursor = in.Calls[n-1].ID
	}
	for _, w := range in.Calls {
		if !skip(w) {
			c := sort(w.Phone, w.Provider)
			s := l.shelf(c)
			s.page = append(s.page, due{call: w.ID, claim: w.Claim, zone: w.Zone, class: c})
		}
	}
	l.moor(in.Calls)
}

// moor sorts in the calls that were given back while a page was on its way: the
// cursor may have passed them by.
func (l *lane) moor(page []Waiting) {
	for _, d := range l.adrift {
		_, found := slices.BinarySearchFunc(page, d.call, func(w Waiting, id campaign.CallID) int {
			return cmp.Compare(w.ID, id)
		})
		if !found && d.call <= l.cursor {
			l.shelf(d.class).returned.add(d)
		}
	}
	l.adrift = l.adrift[:0]
}
