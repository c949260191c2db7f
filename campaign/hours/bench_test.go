package hours_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// situations are what Open and NextOpen are measured in.
func situations(t testing.TB) []situation {
	ordinary := campaign.Schedule{TimeZone: "America/New_York", Windows: week("mon tue wed thu fri 09:00-12:30, mon tue wed thu fri 13:30-17:00")}
	heavy := ordinary
	for i := range 500 { // every other day, and the last year of them in a run
		day := time.Date(2026, 1, 1+2*i, 0, 0, 0, 0, time.UTC)
		if i >= 250 {
			day = time.Date(2026, 1, 251+i, 0, 0, 0, 0, time.UTC)
		}
		heavy.ClosedDates = append(heavy.ClosedDates, campaign.Date{Year: day.Year(), Month: day.Month(), Day: day.Day()})
	}
	several := ordinary
	several.TimeZone = campaign.ZoneOfContact
	return []situation{
		{"Ordinary/open", calendar(t, ordinary), at("2026-06-01T14:00:00Z")},
		{"Ordinary/weekend", calendar(t, ordinary), at("2026-06-06T14:00:00Z")},
		{"Ordinary/past2037", calendar(t, ordinary), at("2046-06-09T14:00:00Z")},
		{"Closed500/alternating", calendar(t, heavy), at("2026-07-03T23:00:00Z")},
		{"Closed500/run", calendar(t, heavy), at("2027-06-01T14:00:00Z")},
		{"Transition", calendar(t, ordinary), at("2026-03-08T06:59:00Z")},
		{"Coasts", calendar(t, several, "America/New_York", "America/Los_Angeles"), at("2026-06-06T14:00:00Z")},
	}
}

type situation struct {
	name     string
	calendar hours.Calendar
	now      time.Time
}

func calendar(t testing.TB, s campaign.Schedule, zones ...string) hours.Calendar {
	c, err := hours.New(s, zones...)
	require.NoError(t, err)
	return c
}

func TestAllocatesNothing(t *testing.T) {
	for _, s := range situations(t) {
		require.Zero(t, testing.AllocsPerRun(100, func() { s.calendar.Open(s.now) }), "Open, %s", s.name)
		require.Zero(t, testing.AllocsPerRun(100, func() { s.calendar.NextOpen(s.now) }), "NextOpen, %s", s.name)
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, s := range situations(b) {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.calendar.Open(s.now)
			}
		})
	}
}

func BenchmarkNextOpen(b *testing.B) {
	for _, s := range situations(b) {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.calendar.NextOpen(s.now)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	heavy := campaign.Schedule{TimeZone: "America/New_York", Windows: week(workdays)}
	for i := range 500 {
		year, month, day := time.Date(2026, 1, 1+2*i, 0, 0, 0, 0, time.UTC).Date()
		heavy.ClosedDates = append(heavy.ClosedDates, campaign.Date{Year: year, Month: month, Day: day})
	}
	for name, s := range map[string]campaign.Schedule{
		"Ordinary":  {TimeZone: "America/New_York", Windows: week(workdays)},
		"Closed500": heavy,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				calendar(b, s)
			}
		})
	}
}

// BenchmarkNeverMeets is the dearest question there is: 400 days without an answer.
func BenchmarkNeverMeets(b *testing.B) {
	c := calendar(b, campaign.Schedule{TimeZone: campaign.ZoneOfContact, Windows: week("09:00-10:00")}, "Europe/London", "America/New_York")
	for b.Loop() {
		c.NextOpen(at("2026-06-06T14:00:00Z"))
	}
}
