package hours

import (
	"fmt"
	"time"

	"dialtone/campaign"
)

// The bounds of a schedule.
const (
	LimitWindows = 100   // of the week, and of each special date
	LimitDates   = 1_000 // closed, and as many special
	FirstYear    = 1970
	LastYear     = 2200
	// LimitCrossing is the length, in hours, of the longest window across midnight.
	// What is longer was most likely written the wrong way round.
	LimitCrossing = 12
)

// Check returns every fault of a schedule at once, as campaign.Errors, or nil.
// Fields are named under at: with "schedule", "schedule.windows[0].days".
func Check(s campaign.Schedule, at string) error {
	c := checker{at: at}
	c.zone(s)
	c.windows(s.Windows)
	c.dates(s.ClosedDates, s.SpecialDates)
	c.bounds(s.StartAt, s.EndAt)
	if len(c.faults) == 0 {
		return nil
	}
	return c.faults
}

// checker gathers what is wrong.
type checker struct {
	at     string
	faults campaign.Errors
}

func (c *checker) fault(field, format string, args ...any) {
	c.faults = append(c.faults, campaign.Invalid(c.at+"."+field, format, args...))
}

func (c *checker) zone(s campaign.Schedule) {
	dated := len(s.Windows) > 0 || len(s.ClosedDates) > 0 || len(s.SpecialDates) > 0
	switch {
	case s.PerContact():
	case s.TimeZone == "" && dated:
		c.fault("time_zone", "Say by which clock the hours are meant: give an IANA time zone, like \"America/New_York\", or %q for each number's own.", campaign.ZoneOfContact)
	case s.TimeZone != "" && !KnownZone(s.TimeZone):
		c.faults = append(c.faults, unknownZone(c.at+".time_zone", s.TimeZone))
	}
}

// windows checks those of the week, which is a circle: Saturday night ends on Sunday.
func (c *checker) windows(windows []campaign.Window) {
	if len(windows) > LimitWindows {
		c.fault("windows", "Give at most %d windows, not %d.", LimitWindows, len(windows))
		return
	}
	week := newStrip(7)
	for i, w := range windows {
		field := fmt.Sprintf("windows[%d]", i)
		good := c.span(field, w.Span)
		if w.Days&campaign.EveryDay == 0 {
			c.fault(field+".days", "Name at least one day of the week for this window, like [\"mon\", \"tue\"].")
		}
		if !good {
			continue
		}
		if other, ok := week.take(i, w); ok {
			c.overlap(field, fmt.Sprintf("windows[%d]", other))
		}
	}
}

func (c *checker) overlap(field, other string) {
	c.fault(field, "This window overlaps %s.%s; make one window of both, or let this one start where the other ends.", c.at, other)
}

// span reports whether a part of a day can be what somebody means.
func (c *checker) span(field string, s campaign.Span) bool {
	before := len(c.faults)
	if s.Start < 0 || s.Start >= campaign.Midnight {
		c.fault(field+".start", "Start the window from 00:00 to 23:59, not at %s; 24:00 is only an end.", s.Start)
	}
	if s.End < 0 || s.End > campaign.Midnight {
		c.fault(field+".end", "End the window from 00:00 to 24:00, not at %s.", s.End)
	}
	if len(c.faults) > before {
		return false
	}
	switch {
	case s.Start == s.End:
		c.fault(field+".end", "The window starts and ends at %s, so that it is empty; let it end later, or write 00:00 to 24:00 for a whole day.", s.End)
	case s.End == 0 && length(s) > LimitCrossing*60:
		c.fault(field+".end", "The window ends before it starts: write the end of a day as 24:00.")
	case s.End < s.Start && length(s) > LimitCrossing*60:
		c.fault(field+".end", "The window ends before it starts: from %s to %s is more than %d hours across midnight. Swap the two; if you do mean the night, write two windows, %s to 24:00 and, on the days after, 00:00 to %s.",
			s.Start, s.End, LimitCrossing, s.Start, s.End)
	}
	return len(c.faults) == before
}

// length of a span in minutes.
func length(s campaign.Span) int {
	if s.End < s.Start {
		return int(campaign.Midnight - s.Start + s.End)
	}
	return int(s.End - s.Start)
}

func (c *checker) bounds(start, end time.Time) {
	before := len(c.faults)
	c.instant("start_at", start)
	c.instant("end_at", end)
	if len(c.faults) > before || start.IsZero() || end.IsZero() {
		return
	}
	if !end.After(start) {
		c.fault("end_at", "The schedule must end after it starts at %s; give a later end, or leave one of the two out.", start.Format(time.RFC3339))
	}
}

func (c *checker) instant(field string, t time.Time) {
	if !t.IsZero() && !yearInRange(t.UTC().Year()) {
		c.fault(field, "Give a time in the years %d to %d, not %d.", FirstYear, LastYear, t.UTC().Year())
	}
}

func yearInRange(year int) bool { return year >= FirstYear && year <= LastYear }
