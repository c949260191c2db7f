package hours

import (
	"iter"
	"slices"
	"time"
)

// OpenBetween is how much of the time from one moment up to another lies in the
// hours; 0 if the second is not the later one.  It takes one step for each open
// interval between them.
func (c Calendar) OpenBetween(from, to time.Time) (sum time.Duration) {
	for i := range c.between(from, to) {
		sum += i.Closes.Sub(i.Opens)
	}
	return sum
}

// AnyOpenBetween is how much of the time from one moment up to another lies in the
// hours of at least one of some calendars.
func AnyOpenBetween(calendars []Calendar, from, to time.Time) (sum time.Duration) {
	if len(calendars) == 1 {
		return calendars[0].OpenBetween(from, to)
	}
	var all []Interval
	for _, c := range calendars {
		all = slices.AppendSeq(all, c.between(from, to))
	}
	slices.SortFunc(all, func(a, b Interval) int { return a.Opens.Compare(b.Opens) })
	for _, i := range all {
		if i.Opens.Before(from) {
			i.Opens = from // the rest was counted
		}
		if i.Opens.Before(i.Closes) {
			sum += i.Closes.Sub(i.Opens)
			from = i.Closes
		}
	}
	return sum
}

// between are the open intervals from one moment up to another, cut off there.  All
// of them end.
func (c Calendar) between(from, to time.Time) iter.Seq[Interval] {
	from, to = from.UTC(), to.UTC() // the clock on the wall counts, not the monotonic one
	return func(yield func(Interval) bool) {
		for at := from; at.Before(to); {
			opens, ok := c.NextOpen(at)
			if !ok || !opens.Before(to) {
				return
			}
			closes, ends := c.Close(opens)
			if !ends || closes.After(to) {
				closes = to
			}
			if !yield(Interval{Opens: opens, Closes: closes}) {
				return
			}
			at = closes
		}
	}
}
