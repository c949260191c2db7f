package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// Schedule is when a campaign places calls, both as it is given and as it is shown.
type Schedule struct {
	TimeZone     string        `json:"time_zone,omitempty" example:"America/New_York" doc:"By which clock the hours are meant: an IANA name, in the letters of the IANA list, or contact for the clock of each number's own time zone. Only a schedule of nothing but start_at and end_at needs none."`
	Windows      []Window      `json:"windows,omitempty" maxItems:"100" doc:"The hours of a week; none is every hour of every day." example:"[{\"days\": [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"], \"start\": \"09:00\", \"end\": \"17:00\"}]"`
	ClosedDates  []string      `json:"closed_dates,omitempty" maxItems:"1000" example:"[\"2026-12-25\"]" doc:"Dates without windows."`
	SpecialDates []SpecialDate `json:"special_dates,omitempty" maxItems:"1000" doc:"Dates with windows of their own instead of those of their weekday." example:"[{\"date\": \"2026-12-24\", \"windows\": [{\"start\": \"09:00\", \"end\": \"12:00\"}]}]"`
	StartAt      time.Time     `json:"start_at,omitzero" example:"2026-12-01T09:00:00-05:00" doc:"Nothing is dialled before. A campaign that is started earlier waits for it; none if absent."`
	EndAt        time.Time     `json:"end_at,omitzero" example:"2026-12-31T17:00:00-05:00" doc:"Nothing is dialled from then on; calls that are left end as failed, for the reason expired; none if absent."`
}

// Window is a part of some days of every week.
type Window struct {
	Days  []string `json:"days" enum:"mon,tue,wed,thu,fri,sat,sun" example:"[\"mon\", \"tue\"]" doc:"The days on which it starts."`
	Start string   `json:"start" example:"09:00" doc:"The first minute."`
	End   string   `json:"end" example:"17:00" doc:"The first minute after it; 24:00 is the end of the day. An end before the start is on the next day, and the window then may not be longer than 12 hours across midnight; write a longer night as two windows."`
}

// SpecialDate is a date with windows of its own.
type SpecialDate struct {
	Date    string `json:"date" example:"2026-12-24" doc:"A day of the calendar."`
	Windows []Span `json:"windows" maxItems:"100" example:"[{\"start\": \"09:00\", \"end\": \"12:00\"}]" doc:"Its hours; [] is closed."`
}

// Span is a part of a day.
type Span struct {
	Start string `json:"start" example:"09:00" doc:"The first minute."`
	End   string `json:"end" example:"12:00" doc:"The first minute after it, up to 24:00. An end before the start is on the next day, up to 12 hours across midnight."`
}

func showSchedule(s campaign.Schedule) Schedule {
	out := Schedule{TimeZone: s.TimeZone, StartAt: s.StartAt.UTC(), EndAt: s.EndAt.UTC()}
	for _, w := range s.Windows {
		out.Windows = append(out.Windows, Window{Days: strings.Split(w.Days.String(), ", "), Start: w.Start.String(), End: w.End.String()})
	}
	for _, d := range s.ClosedDates {
		out.ClosedDates = append(out.ClosedDates, d.String())
	}
	for _, d := range s.SpecialDates {
		special := SpecialDate{Date: d.Date.String(), Windows: []Span{}}
		for _, w := range d.Windows {
			special.Windows = append(special.Windows, Span{w.Start.String(), w.End.String()})
		}
		out.SpecialDates = append(out.SpecialDates, special)
	}
	return out
}

// alwaysOpen reports whether a schedule says nothing.
func alwaysOpen(s campaign.Schedule) bool {
	return s.TimeZone == "" && len(s.Windows)+len(s.ClosedDates)+len(s.SpecialDates) == 0 && s.StartAt.IsZero() && s.EndAt.IsZero()
}

// unread stands for a time of day that could not be read.  It is none, so that
// hours.Check draws no conclusion from it, and its own fault is known already.
const unread campaign.Clock = -1

// schedule reads a schedule, which is one value: given, it replaces all there was.
func (o *object) schedule(s *campaign.Schedule) {
	if _, given := o.fields["schedule"]; given {
		*s = campaign.Schedule{}
	}
	in := o.inner("schedule", "Give an object, like {\"time_zone\": \"America/New_York\", \"windows\": [{\"days\": [\"mon\", \"tue\"], \"start\": \"09:00\", \"end\": \"17:00\"}]}.")
	if in == nil {
		return
	}
	read(in, "time_zone", &s.TimeZone, "", "Give an IANA time zone in quotation marks, like \"America/New_York\", or \"contact\" for each number's own.")
	s.Windows = each(in, "windows", hours.LimitWindows, "Give a list of windows, like [{\"days\": [\"mon\", \"tue\"], \"start\": \"09:00\", \"end\": \"17:00\"}].", readWindow)
	s.ClosedDates = each(in, "closed_dates", hours.LimitDates, "Give a list of dates, like [\"2026-12-25\"].", readDate)
	s.SpecialDates = each(in, "special_dates", hours.LimitDates, "Give a list, like [{\"date\": \"2026-12-24\", \"windows\": [{\"start\": \"09:00\", \"end\": \"12:00\"}]}].", readSpecialDate)
	in.instant("start_at", &s.StartAt)
	in.instant("end_at", &s.EndAt)
	in.rest()
	o.adopt(hours.Check(*s, o.at+"schedule"))
}

// each reads the elements of a list.  Of a list that can't be read there is one
// element that is wrong, so that it still counts as given.
func each[T any](o *object, name string, most int, want string, readOne func(o *object, name string, raw json.RawMessage) T) []T {
	var raw []json.RawMessage
	before := len(*o.faults)
	switch read(o, name, &raw, nil, want); {
	case len(*o.faults) > before:
		return make([]T, 1)
	case len(raw) == 0:
		return nil
	}
	if len(raw) > most {
		o.fault(name, "Give at most %d here, not %d.", most, len(raw))
		return make([]T, 1)
	}
	out := make([]T, 0, len(raw))
	for i, r := range raw {
		if len(*o.faults) >= maxFaults {
			o.fault(name, "There are more faults from number %d on; mend these first.", i)
			break
		}
		out = append(out, readOne(o, fmt.Sprintf("%s[%d]", name, i), r))
	}
	return out
}

func readWindow(o *object, name string, raw json.RawMessage) campaign.Window {
	w := campaign.Window{Span: campaign.Span{Start: unread, End: unread}}
	if in := o.element(name, raw, "Give a window as an object, like {\"days\": [\"mon\", \"tue\"], \"start\": \"09:00\", \"end\": \"17:00\"}."); in != nil {
		readWell(in, "days", &w.Days, "Give a list of days, like [\"mon\", \"tue\"].")
		in.span(&w.Span)
		in.rest()
	}
	return w
}

func readSpan(o *object, name string, raw json.RawMessage) campaign.Span {
	s := campaign.Span{Start: unread, End: unread}
	if in := o.element(name, raw, "Give a window as an object, like {\"start\": \"09:00\", \"end\": \"12:00\"}."); in != nil {
		in.span(&s)
		in.rest()
	}
	return s
}

// span reads the start and the end, both of which there must be.
func (o *object) span(s *campaign.Span) {
	const want = "Give a time of day in quotation marks, like \"09:30\", from \"00:00\" to \"24:00\"."
	for _, c := range []struct {
		name string
		dst  *campaign.Clock
	}{{"start", &s.Start}, {"end", &s.End}} {
		*c.dst = unread
		if raw, given := o.fields[c.name]; !given || null(raw) {
			o.fault(c.name, "The window has no %s; give a time of day, like \"09:30\".", c.name)
		}
		if !readWell(o, c.name, c.dst, want) {
			*c.dst = unread
		}
	}
}

func readDate(o *object, name string, raw json.RawMessage) (d campaign.Date) {
	if err := json.Unmarshal(raw, &d); err != nil || null(raw) {
		o.fault(name, "%s", wellPut(err, "Give a date in quotation marks, like \"2026-12-25\"."))
	}
	return d
}

func readSpecialDate(o *object, name string, raw json.RawMessage) (d campaign.SpecialDate) {
	in := o.element(name, raw, "Give an object, like {\"date\": \"2026-12-24\", \"windows\": [{\"start\": \"09:00\", \"end\": \"12:00\"}]}.")
	if in == nil {
		return d
	}
	if raw, given := in.take("date"); !given || null(raw) {
		in.fault("date", "Name the date, like \"2026-12-24\".")
	} else {
		d.Date = readDate(in, "date", raw)
	}
	if raw, given := in.fields["windows"]; !given || null(raw) {
		in.fault("windows", "Give the windows of this date, or [] if it is closed.")
	}
	d.Windows = each(in, "windows", hours.LimitWindows, "Give a list of windows, like [{\"start\": \"09:00\", \"end\": \"12:00\"}], or [] for a closed date.", readSpan)
	in.rest()
	return d
}

// instant reads a moment; zero is none.
func (o *object) instant(name string, t *time.Time) {
	want := fmt.Sprintf("Give a time of RFC 3339 in quotation marks, which is the date, a T, the time with its seconds and the offset from UTC, like \"2026-12-01T09:00:00-05:00\", and not %s.", o.told(name))
	var text string
	if !read(o, name, &text, "", want) {
		return
	}
	at, err := time.Parse(time.RFC3339, text)
	switch year := at.UTC().Year(); {
	case err != nil:
		o.fault(name, "%s", want)
	case year < hours.FirstYear || year > hours.LastYear:
		// Beyond these, times can't be written down as RFC 3339 for every clock.
		o.fault(name, "Give a time in the years %d to %d, not %d.", hours.FirstYear, hours.LastYear, year)
	default:
		*t = at.UTC()
	}
}
