package hours

import (
	"fmt"
	"time"

	"dialtone/campaign"
)

// dates checks the closed and the special ones, and that no date is both.
func (c *checker) dates(closed []campaign.Date, special []campaign.SpecialDate) {
	seen := make(map[campaign.Date]string)
	if c.atMost("closed_dates", len(closed)) {
		for i, d := range closed {
			c.date(seen, fmt.Sprintf("closed_dates[%d]", i), "", d)
		}
	}
	if c.atMost("special_dates", len(special)) {
		for i, d := range special {
			field := fmt.Sprintf("special_dates[%d]", i)
			c.date(seen, field, ".date", d.Date)
			c.spans(field, d.Windows)
		}
	}
}

func (c *checker) atMost(field string, n int) bool {
	if n > LimitDates {
		c.fault(field, "Give at most %d dates, not %d; drop those that are past.", LimitDates, n)
	}
	return n <= LimitDates
}

// date checks one, where part is the field of the date itself, and remembers in
// seen where it stands.
func (c *checker) date(seen map[campaign.Date]string, field, part string, d campaign.Date) {
	if !inCalendar(d) {
		c.fault(field+part, "There is no date %s; give one of the calendar, like 2026-12-25.", d)
		return
	}
	if !yearInRange(d.Year) {
		c.fault(field+part, "Give a date in the years %d to %d, not %s.", FirstYear, LastYear, d)
		return
	}
	if other, ok := seen[d]; ok {
		c.fault(field+part, "The date %s is given in %s.%s already; give it once, closed or with windows of its own.", d, c.at, other)
		return
	}
	seen[d] = field
}

func inCalendar(d campaign.Date) bool {
	year, month, day := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Date()
	return d == campaign.Date{Year: year, Month: month, Day: day}
}

// spans checks the windows of one date against each other.  What they leave past
// midnight may overlap the next date's windows: both are then simply open.
func (c *checker) spans(at string, spans []campaign.Span) {
	if len(spans) > LimitWindows {
		c.fault(at+".windows", "Give at most %d windows for one date, not %d.", LimitWindows, len(spans))
		return
	}
	taken := newStrip(2)
	for i, s := range spans {
		field := fmt.Sprintf("%s.windows[%d]", at, i)
		if !c.span(field, s) {
			continue
		}
		if other, ok := taken.take(i, campaign.Window{Days: campaign.DaysOf(0), Span: s}); ok {
			c.overlap(field, fmt.Sprintf("%s.windows[%d]", at, other))
		}
	}
}

// strip is a run of days, minute by minute, its end joined to its beginning.  It
// knows of each minute which window took it first.
type strip []int16

func newStrip(days int) strip { return make(strip, days*int(campaign.Midnight)) }

// take lays a window on the strip, and names another that it overlaps.
func (s strip) take(index int, w campaign.Window) (other int, overlaps bool) {
	for day := range len(s) / int(campaign.Midnight) {
		if !w.Days.Has(time.Weekday(day)) {
			continue
		}
		from := day*int(campaign.Midnight) + int(w.Start)
		for m := from; m < from+length(w.Span); m++ {
			switch minute := &s[m%len(s)]; {
			case *minute == 0:
				*minute = int16(index + 1)
			case !overlaps:
				other, overlaps = int(*minute-1), true
			}
		}
	}
	return other, overlaps
}
