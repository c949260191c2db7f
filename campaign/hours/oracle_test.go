package hours_test

import (
	"fmt"
	"slices"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// oracle answers from the schedule as it is written, by the calendar of package
// time, and finds everything else by trying minute after minute.  It shares
// nothing with what it judges.
type oracle struct {
	schedule campaign.Schedule
	zones    []*time.Location
}

func (o oracle) open(t time.Time) bool {
	s := o.schedule
	if t.Before(s.StartAt) || !s.EndAt.IsZero() && !t.Before(s.EndAt) {
		return false
	}
	for _, loc := range o.zones {
		if !o.openBy(t.In(loc)) {
			return false
		}
	}
	return true
}

// openBy asks the windows of the date and those of the calendar's day before.
func (o oracle) openBy(t time.Time) bool {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	now := hour*3600 + minute*60 + second
	for back := range 2 {
		date := time.Date(year, month, day-back, 12, 0, 0, 0, time.UTC)
		for _, w := range o.windows(date) {
			start, end := int(w.Start)*60, int(w.End)*60
			if end < start {
				end += 24 * 3600
			}
			if at := now + back*24*3600; start <= at && at < end {
				return true
			}
		}
	}
	return false
}

var wholeDay = []campaign.Span{{Start: 0, End: 24 * 60}}

// windows are those that start on a date.
func (o oracle) windows(date time.Time) (out []campaign.Span) {
	year, month, day := date.Date()
	d := campaign.Date{Year: year, Month: month, Day: day}
	if slices.Contains(o.schedule.ClosedDates, d) {
		return nil
	}
	for _, special := range o.schedule.SpecialDates {
		if special.Date == d {
			return special.Windows
		}
	}
	if len(o.schedule.Windows) == 0 {
		return wholeDay
	}
	for _, w := range o.schedule.Windows {
		if w.Days.Has(date.Weekday()) {
			out = append(out, w.Span)
		}
	}
	return out
}

// judge says what a calendar gets wrong at an instant, or "".
func (o oracle) judge(c hours.Calendar, t time.Time) string {
	for _, check := range []func(hours.Calendar, time.Time) string{
		o.judgeOpen, o.judgeNextOpen, o.judgeClose, o.judgeIntervals, o.judgeNextDay,
	} {
		if wrong := check(c, t); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (o oracle) judgeOpen(c hours.Calendar, t time.Time) string {
	if got, want := c.Open(t), o.open(t); got != want {
		return fmt.Sprintf("Open is %v, want %v", got, want)
	}
	return ""
}

func (o oracle) judgeNextOpen(c hours.Calendar, t time.Time) string {
	at, ok := c.NextOpen(t)
	if !ok {
		at = t.AddDate(1, 0, 0)
	}
	switch missed, found := o.first(t, at, true); {
	case found:
		return fmt.Sprintf("NextOpen is %v (%v), but it is open at %v", at, ok, missed)
	case !ok:
		return ""
	case at.Before(t) || !o.open(at):
		return fmt.Sprintf("NextOpen is %v, when it is not open", at)
	case !at.Equal(t) && o.open(at.Add(-1)):
		return fmt.Sprintf("NextOpen is %v, but it is open just before", at)
	}
	return ""
}

func (o oracle) judgeClose(c hours.Calendar, t time.Time) string {
	at, ok := c.Close(t)
	if !o.open(t) {
		if !ok || !at.Equal(t) {
			return fmt.Sprintf("Close is %v (%v), but it is closed", at, ok)
		}
		return ""
	}
	if !ok {
		at = t.AddDate(1, 0, 0)
	}
	switch missed, found := o.first(t, at, false); {
	case found:
		return fmt.Sprintf("Close is %v (%v), but it is closed at %v", at, ok, missed)
	case ok && o.open(at):
		return fmt.Sprintf("Close is %v, when it is open", at)
	case !o.open(at.Add(-1)):
		return fmt.Sprintf("Close is %v, but it is closed just before", at)
	}
	return ""
}

// first tries moments of [from, to): every minute of the first fifteen days, in which
// any week shows all that it has, and of the last six hours; and of the months that may
// lie between, some, and more around the dates.
func (o oracle) first(from, to time.Time, open bool) (time.Time, bool) {
	try := func(first, last time.Time, step time.Duration) (time.Time, bool) {
		for t := later(from, first); t.Before(to) && t.Before(last); t = t.Add(step) {
			if o.open(t) == open {
				return t, true
			}
		}
		return time.Time{}, false
	}
	if t, found := try(from, from.Add(15*24*time.Hour), time.Minute); found {
		return t, true
	}
	for _, d := range o.dates() {
		if t, found := try(d.Add(-26*time.Hour), d.Add(50*time.Hour), 13*time.Minute); found {
			return t, true
		}
	}
	if t, found := try(to.Add(-6*time.Hour), to, time.Minute); found {
		return t, true
	}
	return try(from, to, max(17*time.Minute, to.Sub(from)/300))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// dates are those of the schedule that are not like their weekday.
func (o oracle) dates() (out []time.Time) {
	for _, d := range o.schedule.ClosedDates {
		out = append(out, time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC))
	}
	for _, s := range o.schedule.SpecialDates {
		out = append(out, time.Date(s.Date.Year, s.Date.Month, s.Date.Day, 0, 0, 0, 0, time.UTC))
	}
	return out
}

func (o oracle) judgeIntervals(c hours.Calendar, from time.Time) string {
	list := c.Intervals(from, 3)
	if len(list) > 3 {
		return fmt.Sprintf("Intervals gave %d, not 3", len(list))
	}
	t := from
	for i, got := range list {
		opens, ok := c.NextOpen(t)
		closes, ends := c.Close(opens)
		if !ok || !got.Opens.Equal(opens) || !got.Closes.Equal(closes) || ends == got.Closes.IsZero() || !ends && i < len(list)-1 {
			return fmt.Sprintf("interval %d is %v, want %v (%v) to %v (%v)", i, got, opens, ok, closes, ends)
		}
		t = closes
	}
	if len(list) < 3 && (len(list) == 0 || !list[len(list)-1].Closes.IsZero()) {
		if opens, ok := c.NextOpen(t); ok {
			return fmt.Sprintf("Intervals %v leave out the one from %v", list, opens)
		}
	}
	return ""
}

// judgeNextDay wants the earliest instant from which on no zone has the date of t,
// or an earlier one.
func (o oracle) judgeNextDay(c hours.Calendar, t time.Time) string {
	if got := c.Day(t); int64(got) != number(t.In(o.zones[0])) {
		return fmt.Sprintf("Day is %d, want %d", got, number(t.In(o.zones[0])))
	}
	at := c.NextDay(t)
	if !at.After(t) {
		return fmt.Sprintf("NextDay is %v, which is not later", at)
	}
	before := false
	for _, loc := range o.zones {
		today := number(t.In(loc))
		for s := at; s.Before(at.Add(48 * time.Hour)); s = s.Add(7 * time.Minute) {
			if number(s.In(loc)) <= today {
				return fmt.Sprintf("NextDay is %v, but it is %v", at, s.In(loc))
			}
		}
		before = before || number(at.Add(-1).In(loc)) <= today
	}
	if !before {
		return fmt.Sprintf("NextDay is %v, but all zones have had it before", at)
	}
	return ""
}

// number of a date, by counting noons.
func number(t time.Time) int64 {
	year, month, day := t.Date()
	hours := time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Sub(time.Date(1900, 1, 1, 12, 0, 0, 0, time.UTC)).Hours()
	return int64(hours)/24 - 25567 // days from 1900 to 1970
}
