package hours_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

func TestCheckFinds(t *testing.T) {
	mon := func(spans ...string) (out []campaign.Window) {
		for _, s := range spans {
			out = append(out, campaign.Window{Days: campaign.DaysOf(time.Monday), Span: span(s)})
		}
		return out
	}
	many := make([]campaign.Date, 1001)
	for i := range many {
		year, month, day := time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Date()
		many[i] = campaign.Date{Year: year, Month: month, Day: day}
	}
	for _, tt := range []struct {
		name     string
		schedule campaign.Schedule
		want     string // fields, and a part of the message after each colon
	}{
		{"unknown zone", campaign.Schedule{TimeZone: "Mars/Olympus"}, `s.time_zone: no time zone "Mars/Olympus"`},
		{"the machine's zone", campaign.Schedule{TimeZone: "Local"}, "s.time_zone: no time zone"},
		{"windows without a zone", campaign.Schedule{Windows: mon("09:00-10:00")}, "s.time_zone: by which clock"},
		{"closed dates without a zone", campaign.Schedule{ClosedDates: dates("2026-12-25")}, "s.time_zone: by which clock"},
		{"special dates without a zone", campaign.Schedule{SpecialDates: special("2026-12-25")}, "s.time_zone: by which clock"},
		{"no day", in(campaign.Schedule{Windows: []campaign.Window{{Span: span("09:00-10:00")}}}), "s.windows[0].days: at least one day"},
		{"no day of the week", in(campaign.Schedule{Windows: []campaign.Window{{Days: 1 << 7, Span: span("09:00-10:00")}}}), "s.windows[0].days: at least one day"},
		{"empty", in(campaign.Schedule{Windows: mon("09:00-09:00")}), "s.windows[0].end: so that it is empty"},
		{"start at 24:00", in(campaign.Schedule{Windows: mon("24:00-02:00")}), "s.windows[0].start: not at 24:00"},
		{"negative clocks", in(campaign.Schedule{Windows: []campaign.Window{{Days: 2, Span: campaign.Span{Start: -1, End: -5}}}}), "s.windows[0].start: Start the window; s.windows[0].end: End the window"},
		{"swapped", in(campaign.Schedule{Windows: mon("17:00-09:00")}), "s.windows[0].end: ends before it starts"},
		{"just too long across midnight", in(campaign.Schedule{Windows: mon("20:00-08:01")}), "s.windows[0].end: two windows, 20:00 to 24:00 and, on the days after, 00:00 to 08:01"},
		{"00:00 as the end of a day", in(campaign.Schedule{Windows: mon("09:00-00:00")}), "s.windows[0].end: write the end of a day as 24:00"},
		{"overlap", in(campaign.Schedule{Windows: mon("09:00-12:00", "11:59-13:00")}), "s.windows[1]: overlaps s.windows[0]"},
		{"the same twice, and again", in(campaign.Schedule{Windows: mon("09:00-12:00", "09:00-12:00", "10:00-11:00")}), "s.windows[1]: overlaps s.windows[0]; s.windows[2]: overlaps s.windows[0]"},
		{"tail into the next day", in(campaign.Schedule{Windows: week("tue 01:00-03:00, mon 22:00-02:00")}), "s.windows[1]: overlaps s.windows[0]"},
		{"Saturday's tail into Sunday", in(campaign.Schedule{Windows: week("sun 01:00-03:00, sat 22:00-02:00")}), "s.windows[1]: overlaps s.windows[0]"},
		{"a faulty window overlaps nothing", in(campaign.Schedule{Windows: mon("17:00-09:00", "18:00-19:00")}), "s.windows[0].end: ends before"},
		{"too many windows", in(campaign.Schedule{Windows: make([]campaign.Window, 101)}), "s.windows: at most 100 windows, not 101"},
		{"closed twice", in(campaign.Schedule{ClosedDates: dates("2026-12-25", "2026-12-26", "2026-12-25")}), "s.closed_dates[2]: given in s.closed_dates[0] already"},
		{"special twice", in(campaign.Schedule{SpecialDates: append(special("2026-12-24"), special("2026-12-24", "09:00-10:00")...)}), "s.special_dates[1].date: given in s.special_dates[0] already"},
		{"closed and special", in(campaign.Schedule{ClosedDates: dates("2026-12-24"), SpecialDates: special("2026-12-24", "09:00-10:00")}), "s.special_dates[0].date: given in s.closed_dates[0] already"},
		{"special windows", in(campaign.Schedule{SpecialDates: special("2026-12-24", "09:00-10:00", "09:30-11:00", "12:00-12:00", "18:00-08:00")}), "s.special_dates[0].windows[1]: overlaps s.special_dates[0].windows[0]; s.special_dates[0].windows[2].end: empty; s.special_dates[0].windows[3].end: before it starts"},
		{"too many special windows", in(campaign.Schedule{SpecialDates: []campaign.SpecialDate{{Date: date("2026-12-24"), Windows: make([]campaign.Span, 101)}}}), "s.special_dates[0].windows: at most 100"},
		{"too many closed", in(campaign.Schedule{ClosedDates: many}), "s.closed_dates: at most 1000 dates, not 1001"},
		{"too many special", in(campaign.Schedule{SpecialDates: make([]campaign.SpecialDate, 1001)}), "s.special_dates: at most 1000 dates, not 1001"},
		{"years", in(campaign.Schedule{ClosedDates: dates("1969-12-31", "2201-01-01"), SpecialDates: special("0001-01-01")}), "s.closed_dates[0]: 1970 to 2200; s.closed_dates[1]: 1970 to 2200; s.special_dates[0].date: 1970 to 2200"},
		{"no such date", in(campaign.Schedule{ClosedDates: []campaign.Date{{Year: 2026, Month: 2, Day: 29}, {}}}), "s.closed_dates[0]: no date 2026-02-29; s.closed_dates[1]: no date"},
		{"end before start", campaign.Schedule{StartAt: at("2026-06-02T00:00:00Z"), EndAt: at("2026-06-01T00:00:00Z")}, "s.end_at: must end after it starts"},
		{"end at start", campaign.Schedule{StartAt: at("2026-06-02T00:00:00Z"), EndAt: at("2026-06-02T02:00:00+02:00")}, "s.end_at: must end after it starts"},
		{"years of start and end", campaign.Schedule{StartAt: at("1969-12-31T23:59:59Z"), EndAt: at("2201-01-01T00:00:00Z")}, "s.start_at: 1970 to 2200; s.end_at: 1970 to 2200"},
		{"all at once", campaign.Schedule{TimeZone: "x", Windows: mon("09:00-09:00"), ClosedDates: dates("1900-01-01"), EndAt: at("1950-01-01T00:00:00Z")}, "s.time_zone: ; s.windows[0].end: ; s.closed_dates[0]: ; s.end_at: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var faults campaign.Errors
			require.True(t, errors.As(hours.Check(tt.schedule, "s"), &faults))
			want := strings.Split(tt.want, "; ")
			require.Len(t, faults, len(want), "%v", slices.Collect(messages(faults)))
			for i, fault := range faults {
				field, part, _ := strings.Cut(want[i], ": ")
				assert.Equal(t, campaign.CodeInvalid, fault.Code)
				assert.Equal(t, field, fault.Field)
				assert.Contains(t, fault.Message, part)
				assert.Regexp(t, `^[A-Z].*\.$`, fault.Message)
			}
		})
	}
}

func messages(faults campaign.Errors) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, f := range faults {
			if !yield(f.Error()) {
				return
			}
		}
	}
}

// in gives a schedule a zone.
func in(s campaign.Schedule) campaign.Schedule {
	s.TimeZone = "Europe/Paris"
	return s
}

func TestCheckAccepts(t *testing.T) {
	for name, s := range map[string]campaign.Schedule{
		"nothing":               {},
		"a start":               {StartAt: at("1970-01-01T00:00:00Z")},
		"an end":                {EndAt: at("2200-12-31T23:59:59Z")},
		"each number's own":     {TimeZone: campaign.ZoneOfContact, Windows: week(workdays)},
		"a zone alone":          in(campaign.Schedule{}),
		"touching":              in(campaign.Schedule{Windows: week("mon 09:00-12:00, mon 12:00-13:00, mon 22:00-02:00, tue 02:00-03:00, sat 20:00-08:00, sun 08:00-24:00, mon 00:00-01:00")}),
		"twelve hours of night": in(campaign.Schedule{Windows: week("20:00-08:00")}),
		"whole days":            in(campaign.Schedule{Windows: week("00:00-24:00")}),
		"a long day":            in(campaign.Schedule{Windows: week("00:00-23:59")}),
		"until midnight":        in(campaign.Schedule{Windows: week("14:00-00:00")}),
		"a leap day":            in(campaign.Schedule{ClosedDates: dates("2028-02-29")}),
		"special, with a tail":  in(campaign.Schedule{Windows: week("00:00-24:00"), SpecialDates: special("2026-12-24", "20:00-04:00", "04:00-05:00")}),
	} {
		t.Run(name, func(t *testing.T) {
			err := hours.Check(s, "schedule")
			require.True(t, err == nil, "%v", err)
		})
	}
}
