package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ZoneOfContact as a schedule's TimeZone means that each number is called by
// the clock of its own zone.
const ZoneOfContact = "contact"

// Schedule says when a campaign may dial, by the clock on the wall.  The zero
// value is always.  Package campaign/hours checks it and reckons with it.
//
// A schedule and all that is in it never change: who wants another makes one.
type Schedule struct {
	// TimeZone is an IANA name, or ZoneOfContact.  It may be "" only where nothing
	// but StartAt and EndAt is given.
	TimeZone string `json:"time_zone,omitempty"`
	// Windows are the hours of a week; none is every hour of every day.
	Windows []Window `json:"windows,omitempty"`
	// ClosedDates are without windows.
	ClosedDates []Date `json:"closed_dates,omitempty"`
	// SpecialDates have windows of their own instead of those of their weekday.
	SpecialDates []SpecialDate `json:"special_dates,omitempty"`
	// StartAt and EndAt bound the whole: nothing is dialled before the first, nor
	// at or after the second.  Zero is no bound.
	StartAt time.Time `json:"start_at,omitzero"`
	EndAt   time.Time `json:"end_at,omitzero"`
}

// PerContact reports whether each number has hours of its own.
func (s Schedule) PerContact() bool { return s.TimeZone == ZoneOfContact }

// Ended reports whether the schedule's end has come.
func (s Schedule) Ended(now time.Time) bool { return !s.EndAt.IsZero() && !now.Before(s.EndAt) }

// Span is a part of a day: from Start on, up to but not at End.  One that ends
// before it starts crosses midnight; it belongs to the day on which it starts.
type Span struct {
	Start Clock `json:"start"`
	End   Clock `json:"end"`
}

// Window is a span on some days of every week.
type Window struct {
	Days Days `json:"days"`
	Span
}

// SpecialDate is a date with windows of its own; with none it is closed.
type SpecialDate struct {
	Date    Date   `json:"date"`
	Windows []Span `json:"windows"`
}

// Clock is a time of day in minutes since midnight, up to 24:00.  It travels as
// "09:30".
type Clock int

// Midnight is the end of a day.
const Midnight Clock = 24 * 60

func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText writes "09:30".
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads "09:30", and nothing shorter: who writes "9" may mean many
// things.
func (c *Clock) UnmarshalText(b []byte) error {
	var h, m int
	s := string(b)
	if len(s) == 5 && s[2] == ':' && digits(s[:2], &h) && digits(s[3:], &m) && m < 60 && h*60+m <= int(Midnight) {
		*c = Clock(h*60 + m)
		return nil
	}
	return fmt.Errorf("%q is not a time of day; write it like \"09:30\", from \"00:00\" to \"24:00\"", s)
}

// Date is a day of the calendar.  It travels as "2026-12-25".
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// MarshalText writes "2026-12-25".
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "2026-12-25", and no date that the calendar lacks.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return fmt.Errorf("%q is not a date of the calendar; write it like \"2026-12-25\"", b)
	}
	d.Year, d.Month, d.Day = t.Date()
	return nil
}

// Days is a set of days of the week: the bit 1<<time.Weekday for each.  It
// travels as a list, ["mon", "tue"].
type Days uint8

// EveryDay is the whole week.
const EveryDay Days = 1<<7 - 1

// DayNames are what a day may be called, from Sunday on, like time.Weekday.
var DayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// DaysOf is a set of some days.
func DaysOf(days ...time.Weekday) (set Days) {
	for _, d := range days {
		set |= 1 << d
	}
	return set
}

// Has reports whether a day is in the set.
func (s Days) Has(d time.Weekday) bool { return s&(1<<d) != 0 }

// names lists the days, the week beginning on Monday.
func (s Days) names() []string {
	out := make([]string, 0, 7)
	for i := range 7 {
		if d := time.Weekday((i + 1) % 7); s.Has(d) {
			out = append(out, DayNames[d])
		}
	}
	return out
}

func (s Days) String() string { return strings.Join(s.names(), ", ") }

// MarshalJSON writes ["mon", "tue"].
func (s Days) MarshalJSON() ([]byte, error) { return json.Marshal(s.names()) }

// UnmarshalJSON reads it.  A day may be named once.
func (s *Days) UnmarshalJSON(b []byte) error {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return fmt.Errorf("days must be a list, like [\"mon\", \"tue\"]")
	}
	var set, twice Days
	var unknown []string
	for _, n := range names {
		day, ok := dayNamed(n)
		switch {
		case !ok:
			unknown = append(unknown, n)
		case set.Has(day):
			twice |= 1 << day
		default:
			set |= 1 << day
		}
	}
	if err := daysFault(unknown, twice); err != nil {
		return err
	}
	*s = set
	return nil
}

// daysFault names every day that is none, as far as anybody reads them, and every
// one that is there twice; nil for neither.
func daysFault(unknown []string, twice Days) error {
	const most, longest = 7, 20
	var said []string
	if len(unknown) > 0 {
		told := make([]string, 0, most)
		for _, n := range unknown[:min(len(unknown), most)] {
			told = append(told, fmt.Sprintf("%.*q", longest, n))
		}
		if n := len(unknown) - most; n > 0 {
			told = append(told, fmt.Sprintf("and %d more", n))
		}
		said = append(said, fmt.Sprintf("there is no day %s; take some of %v", strings.Join(told, ", "), EveryDay))
	}
	switch names := twice.names(); len(names) {
	case 0:
	case 1:
		said = append(said, fmt.Sprintf("the day %v is named twice; name it once", twice))
	default:
		said = append(said, fmt.Sprintf("the days %v are named twice; name each once", twice))
	}
	if len(said) == 0 {
		return nil
	}
	return errors.New(strings.Join(said, "; "))
}

func dayNamed(name string) (time.Weekday, bool) {
	for i, n := range DayNames {
		if n == name {
			return time.Weekday(i), true
		}
	}
	return 0, false
}

func digits(s string, n *int) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
		*n = *n*10 + int(c-'0')
	}
	return true
}
