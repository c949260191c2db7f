package hours

import (
	"time"

	"dialtone/campaign"
)

// Calendar is a schedule in the zone, or the zones, that count.  Where there are
// several it is open only while all of them are.
//
// It never changes and is safe for concurrent use.  The zero Calendar is never
// open.
type Calendar struct {
	rules *rules
	zones []*time.Location
}

// rules are a schedule compiled, whatever the zone.
type rules struct {
	open, closed table     // closed is the complement of open
	start, end   time.Time // zero is no bound
}

// New makes the calendar of a schedule: in the schedule's own zone, or, where it is
// one per contact, in the zones given, of which there must be one at least.  A
// schedule that names no zone is in UTC.
//
// It does not Check.  Its errors are *campaign.Error.
func New(s campaign.Schedule, zones ...string) (Calendar, error) {
	if !s.PerContact() {
		zones = []string{s.TimeZone}
	}
	if len(zones) == 0 {
		return Calendar{}, campaign.Invalid("time_zone", "Name the time zones of the number: this schedule goes by them.")
	}
	c := Calendar{rules: compile(s), zones: make([]*time.Location, len(zones))}
	for i, name := range zones {
		if name == "" && !s.PerContact() {
			name = "UTC"
		}
		loc, ok := zone(name)
		if !ok {
			return Calendar{}, unknownZone("time_zone", name)
		}
		c.zones[i] = loc
	}
	return c, nil
}

func compile(s campaign.Schedule) *rules {
	open := newTable(s)
	return &rules{open: open, closed: open.complement(), start: s.StartAt, end: s.EndAt}
}

// Open reports whether t lies in the hours.
func (c Calendar) Open(t time.Time) bool {
	if c.rules == nil || t.Before(c.rules.start) || c.rules.endedBy(t) {
		return false
	}
	sec := t.Unix()
	for _, loc := range c.zones {
		if now := local(loc, sec); c.rules.open.first(now) != now {
			return false
		}
	}
	return true
}

func (r *rules) endedBy(t time.Time) bool { return !r.end.IsZero() && !t.Before(r.end) }

// NextOpen is the first moment from t on that lies in the hours: t itself if that
// does.  It is false if there is none.
func (c Calendar) NextOpen(t time.Time) (time.Time, bool) {
	if c.rules == nil {
		return time.Time{}, false
	}
	if t.Before(c.rules.start) {
		t = c.rules.start.In(t.Location())
	}
	sec := t.Unix()
	at, ok := c.meet(sec)
	if at != sec { // else t keeps its fraction
		t = unix(at, t)
	}
	if !ok || c.rules.endedBy(t) {
		return time.Time{}, false
	}
	return t, true
}

// horizon bounds the search for a moment at which several zones are open.  It is
// a year, so that every pair of seasons is seen, and a little for holidays.
const horizon = 400 * aDay

// meet is the first second from sec on at which all zones are open.
func (c Calendar) meet(sec int64) (int64, bool) {
	at, ok := c.turn(sec)
	if !ok || at == sec || len(c.zones) == 1 {
		return at, ok
	}
	for limit := at + horizon; at <= limit; {
		next, ok := c.turn(at)
		if !ok || next == at {
			return next, ok
		}
		at = next
	}
	return 0, false
}

// turn lets each zone, one after the other, move sec on to when it is open.
func (c Calendar) turn(sec int64) (int64, bool) {
	for _, loc := range c.zones {
		at, ok := c.rules.open.next(loc, sec)
		if !ok {
			return 0, false
		}
		sec = at
	}
	return sec, true
}

// Close is the end of the open interval in which t lies: the first moment from t on
// that does not lie in the hours, which is t itself if it doesn't.  It is false if
// there is none.
//
// Windows that touch are one interval, across midnight and a change of the clock too.
func (c Calendar) Close(t time.Time) (time.Time, bool) {
	if !c.Open(t) {
		return t, true
	}
	end := c.rules.end
	for _, loc := range c.zones {
		at, ok := c.rules.closed.next(loc, t.Unix())
		if ok && (end.IsZero() || at <= end.Unix()) {
			end = time.Unix(at, 0)
		}
	}
	if end.IsZero() {
		return time.Time{}, false
	}
	return end.In(t.Location()), true
}

// Interval is an open interval, as long as can be.
type Interval struct {
	Opens  time.Time
	Closes time.Time // zero is never
}

// Intervals lists the next open intervals, up to count.  One that is open at from
// begins there.
func (c Calendar) Intervals(from time.Time, count int) []Interval {
	var out []Interval
	for len(out) < count {
		opens, ok := c.NextOpen(from)
		if !ok {
			break
		}
		closes, ok := c.Close(opens)
		out = append(out, Interval{Opens: opens, Closes: closes})
		if !ok {
			break
		}
		from = closes
	}
	return out
}

// Day is the date at t, in the first of the zones.
func (c Calendar) Day(t time.Time) campaign.Day {
	day, _ := split(local(c.first(), t.Unix()))
	return campaign.Day(day)
}

func (c Calendar) first() *time.Location {
	if len(c.zones) == 0 {
		return time.UTC
	}
	return c.zones[0]
}

// NextDay is when the next date has begun in all of the zones: from then on, each
// has a later date than it has at t.
//
// Where the clock goes back over midnight, a date begins twice.  The second time
// counts: from the moment returned on, no zone falls back to the date it had at t.
func (c Calendar) NextDay(t time.Time) time.Time {
	sec := t.Unix()
	at := nextDate(c.first(), sec)
	for _, loc := range c.zones {
		at = max(at, nextDate(loc, sec))
	}
	return unix(at, t)
}

// unix is a second as a time where like is.
func unix(sec int64, like time.Time) time.Time { return time.Unix(sec, 0).In(like.Location()) }
