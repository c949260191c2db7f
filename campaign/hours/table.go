package hours

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"dialtone/campaign"
)

// aDay is the length of a day by local time, in seconds.
const aDay = 24 * 60 * 60

// never is a day, or a second, that does not come.
const never = math.MaxInt64

// table is a set of local moments: what is in it on each day of the week, but for
// the dates on which it is something else.  Days are numbered from 1 January 1970,
// local moments are seconds from its midnight, neither with a zone.
type table struct {
	week [7][]span
	// days are the numbers of the days that are not like their weekday, in order;
	// dates are what is on each.  They are apart so that a search stays in one
	// piece of memory.
	days  []int64
	dates []date
	// over is a local moment after the last of dates by more than any clock was
	// ever put back.  What the table has not from there on will not come again.
	over int64
}

// span is a part of a day in seconds since its midnight: from, up to but not at to.
type span struct{ from, to int64 }

// date is a day with spans of its own.
type date struct {
	spans []span
	next  int64 // the first local moment from this day on that is in the table, or never
}

// newTable compiles the hours of a schedule.
func newTable(s campaign.Schedule) table {
	b := blueprint{week: weekly(s.Windows), dates: exceptions(s)}
	t := table{days: b.affected()}
	for d := range t.week {
		t.week[d] = cut(b.week[d], b.week[(d+6)%7])
	}
	t.dates = make([]date, len(t.days))
	for i, n := range t.days {
		t.dates[i].spans = cut(b.own(n), b.own(n-1))
	}
	t.link()
	return t
}

// blueprint has the windows as written, each with the day on which it starts.
type blueprint struct {
	week  [7][]campaign.Span
	dates map[int64][]campaign.Span
}

func weekly(windows []campaign.Window) (week [7][]campaign.Span) {
	if len(windows) == 0 {
		windows = []campaign.Window{{Days: campaign.EveryDay, Span: campaign.Span{End: campaign.Midnight}}}
	}
	for _, w := range windows {
		for d := range week {
			if w.Days.Has(time.Weekday(d)) {
				week[d] = append(week[d], w.Span)
			}
		}
	}
	return week
}

// exceptions has the dates with windows of their own; where one is closed and
// special, closed is the safer.
func exceptions(s campaign.Schedule) map[int64][]campaign.Span {
	out := make(map[int64][]campaign.Span, len(s.ClosedDates)+len(s.SpecialDates))
	for _, d := range s.SpecialDates {
		out[numberOf(d.Date)] = d.Windows
	}
	for _, d := range s.ClosedDates {
		out[numberOf(d)] = nil
	}
	return out
}

// affected lists the days that may differ from their weekday: the exceptions, and
// the day after each, on which a window of the day before may end.
func (b blueprint) affected() []int64 {
	out := make([]int64, 0, 2*len(b.dates))
	for n := range maps.Keys(b.dates) {
		out = append(out, n, n+1)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// own are the windows that start on a day.
func (b blueprint) own(number int64) []campaign.Span {
	if spans, ok := b.dates[number]; ok {
		return spans
	}
	return b.week[weekday(number)]
}

// cut makes a day's spans: its own windows up to midnight, and what the day before
// left past it.
func cut(own, before []campaign.Span) []span {
	var out []span
	for _, w := range own {
		if w.End < w.Start {
			w.End = campaign.Midnight
		}
		out = append(out, span{from: seconds(w.Start), to: seconds(w.End)})
	}
	for _, w := range before {
		if w.End < w.Start {
			out = append(out, span{to: seconds(w.End)})
		}
	}
	return merge(out)
}

func seconds(c campaign.Clock) int64 { return int64(min(max(c, 0), campaign.Midnight)) * 60 }

// merge puts spans in order, joins those that touch and drops the empty ones.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	out := spans[:0]
	for _, s := range spans {
		switch last := len(out) - 1; {
		case s.from >= s.to:
		case last >= 0 && s.from <= out[last].to:
			out[last].to = max(out[last].to, s.to)
		default:
			out = append(out, s)
		}
	}
	return out
}

// complement has what t has not.
func (t *table) complement() table {
	out := table{days: t.days, dates: make([]date, len(t.dates))}
	for d, spans := range t.week {
		out.week[d] = gaps(spans)
	}
	for i, d := range t.dates {
		out.dates[i].spans = gaps(d.spans)
	}
	out.link()
	return out
}

// wholeDay is shared by all days that have it.  Spans never change.
var wholeDay = []span{{from: 0, to: aDay}}

func gaps(spans []span) []span {
	if len(spans) == 0 {
		return wholeDay
	}
	out := make([]span, 0, len(spans)+1)
	from := int64(0)
	for _, s := range spans {
		out = append(out, span{from: from, to: s.from})
		from = s.to
	}
	return merge(append(out, span{from: from, to: aDay}))
}

// link finishes a table whose days are there.  It goes through the dates from the
// last to the first, since each one's next is found through those after it.
func (t *table) link() {
	t.over = math.MinInt64
	if n := len(t.days); n > 0 {
		t.over = (t.days[n-1] + 3) * aDay
	}
	for i := len(t.dates) - 1; i >= 0; i-- {
		if d := &t.dates[i]; len(d.spans) > 0 {
			d.next = t.days[i]*aDay + d.spans[0].from
		} else {
			d.next = t.after(t.days[i]+1, i+1)
		}
	}
}

// first is the first local moment from one on that is in the table, or never.
func (t *table) first(local int64) int64 {
	day, sec := split(local)
	i, found := slices.BinarySearch(t.days, day)
	spans := t.week[weekday(day)]
	if found {
		spans = t.dates[i].spans
		i++
	}
	for _, s := range spans {
		if sec < s.to {
			return day*aDay + max(sec, s.from)
		}
	}
	return t.after(day+1, i)
}

// after is the first moment in the table from the beginning of a day on, or never;
// i is the place of the first date that is not before that day.
func (t *table) after(day int64, i int) int64 {
	for end := day + 7; day < end; day++ {
		if i < len(t.days) && t.days[i] == day {
			return t.dates[i].next
		}
		if spans := t.week[weekday(day)]; len(spans) > 0 {
			return day*aDay + spans[0].from
		}
	}
	if i < len(t.dates) {
		return t.dates[i].next
	}
	return never
}

func numberOf(d campaign.Date) int64 {
	day, _ := split(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix())
	return day
}

// weekday of a numbered day: the first, 0, was a Thursday.
func weekday(day int64) int { return int((day%7 + 7 + int64(time.Thursday)) % 7) }

// split is the day of a local moment and the second of that day; it rounds down,
// before 1970 too.
func split(local int64) (day, sec int64) {
	day, sec = local/aDay, local%aDay
	if sec < 0 {
		day, sec = day-1, sec+aDay
	}
	return day, sec
}
