package hours_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

var (
	from1970 = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	till2040 = time.Date(2041, 1, 1, 0, 0, 0, 0, time.UTC)
)

// generator makes schedules and instants that are likely to get in each other's
// way: both keep to a few moments, most of them changes of a clock.
type generator struct {
	*rand.Rand
	moments []time.Time
	zone    *time.Location
}

func newGenerator(name string, zones ...*time.Location) *generator {
	h := fnv.New64a()
	h.Write([]byte(name))
	g := &generator{Rand: rand.New(rand.NewPCG(*seed, h.Sum64())), zone: zones[0]}
	changes := changesOf(zones)
	for range 3 {
		g.moments = append(g.moments, g.moment(changes))
	}
	return g
}

// changesOf lists when the clocks change.
func changesOf(zones []*time.Location) (out []time.Time) {
	for _, loc := range zones {
		for t := from1970.In(loc); t.Before(till2040); {
			_, end := t.ZoneBounds()
			if end.IsZero() {
				break
			}
			if !end.After(t) { // see TestLastDayOfLeapYear
				end = t.Add(25 * time.Hour)
			}
			out = append(out, end)
			t = end
		}
	}
	return out
}

func (g *generator) moment(changes []time.Time) time.Time {
	switch n := g.IntN(10); {
	case n < 7 && len(changes) > 0:
		return changes[g.IntN(len(changes))]
	case n == 7: // the last day of a leap year
		return time.Date(1972+4*g.IntN(18), 12, 31, g.IntN(30), 0, 0, 0, time.UTC)
	}
	return from1970.Add(time.Duration(g.Int64N(int64(till2040.Sub(from1970)))))
}

// instant is near one of the moments: seconds, minutes, hours or days away.
func (g *generator) instant() time.Time {
	t := g.moments[g.IntN(len(g.moments))]
	units := []time.Duration{1, time.Second, time.Minute, time.Hour, 24 * time.Hour}
	for range 1 + g.IntN(2) {
		t = t.Add(time.Duration(g.IntN(9)-4) * units[g.IntN(len(units))])
	}
	return t
}

func (g *generator) schedule() campaign.Schedule {
	s := campaign.Schedule{TimeZone: campaign.ZoneOfContact}
	for range g.IntN(5) {
		s.Windows = append(s.Windows, campaign.Window{Days: g.days(), Span: g.span()})
	}
	for range g.IntN(4) {
		s.ClosedDates = append(s.ClosedDates, g.date())
	}
	for range g.IntN(4) {
		s.SpecialDates = append(s.SpecialDates, campaign.SpecialDate{Date: g.date(), Windows: g.spans(g.IntN(3))})
	}
	s.SpecialDates = firstOfEach(s.SpecialDates)
	if g.IntN(6) == 0 {
		s.StartAt = g.instant()
	}
	if g.IntN(6) == 0 {
		s.EndAt = g.instant()
	}
	return s
}

// firstOfEach drops dates that are there twice, which Check refuses.
func firstOfEach(dates []campaign.SpecialDate) (out []campaign.SpecialDate) {
	seen := map[campaign.Date]bool{}
	for _, d := range dates {
		if !seen[d.Date] {
			out = append(out, d)
		}
		seen[d.Date] = true
	}
	return out
}

// days is rarely empty, which Check refuses, but the calendar must survive.
func (g *generator) days() campaign.Days {
	switch n := g.IntN(20); {
	case n == 0:
		return 0
	case n < 8:
		return campaign.EveryDay
	}
	return campaign.Days(g.IntN(128))
}

func (g *generator) spans(n int) (out []campaign.Span) {
	for range n {
		out = append(out, g.span())
	}
	return out
}

func (g *generator) span() campaign.Span {
	if g.IntN(6) == 0 {
		return campaign.Span{Start: 0, End: campaign.Midnight}
	}
	return campaign.Span{Start: g.clock(), End: g.clock()}
}

// clock keeps to the small hours, in which clocks change, and to midnight.
func (g *generator) clock() campaign.Clock {
	switch g.IntN(5) {
	case 0:
		return campaign.Clock(g.IntN(24*60 + 1))
	case 1:
		return campaign.Clock(22*60 + 15*g.IntN(9))
	}
	return campaign.Clock(15 * g.IntN(17))
}

// date is on one of the moments, or a few days away.
func (g *generator) date() campaign.Date {
	t := g.moments[g.IntN(len(g.moments))].In(g.zone)
	year, month, day := time.Date(t.Year(), t.Month(), t.Day()+g.IntN(7)-3, 0, 0, 0, 0, time.UTC).Date()
	return campaign.Date{Year: year, Month: month, Day: day}
}

// The generator does what it is there for: many of its instants lie within a day
// of a change of the clock, some within seconds, and from there it is open at once,
// within a day, later, or never.
func TestGeneratorIsDenseAroundTransitions(t *testing.T) {
	loc, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	seen := map[string]int{}
	for round := range 500 {
		g := newGenerator(fmt.Sprint("dense", round), loc)
		c, err := hours.New(g.schedule(), "America/New_York")
		require.NoError(t, err)
		at := g.instant()
		seen[situationOf(c, at)]++
		for _, near := range []time.Duration{10 * time.Second, 24 * time.Hour} {
			if offsetOf(at.Add(-near), loc) != offsetOf(at.Add(near), loc) {
				seen[near.String()]++
			}
		}
	}
	t.Log(seen)
	require.Greater(t, seen["24h0m0s"], 150)
	for _, what := range []string{"10s", "open", "soon", "later", "never"} {
		require.Greater(t, seen[what], 10, what)
	}
}

func offsetOf(t time.Time, loc *time.Location) int {
	_, off := t.In(loc).Zone()
	return off
}

func situationOf(c hours.Calendar, at time.Time) string {
	switch opens, ok := c.NextOpen(at); {
	case !ok:
		return "never"
	case opens.Equal(at):
		return "open"
	case opens.Sub(at) < 24*time.Hour:
		return "soon"
	}
	return "later"
}
