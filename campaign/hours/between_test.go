package hours_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/hours"
)

func TestOpenBetween(t *testing.T) {
	office := calendar(t, campaign.Schedule{TimeZone: "America/New_York", Windows: week("mon tue wed thu fri 09:00-12:30, mon tue wed thu fri 13:30-17:00")})
	night := calendar(t, campaign.Schedule{TimeZone: "America/New_York", Windows: week("sat 22:00-05:00")})
	always := calendar(t, campaign.Schedule{})
	bounded := calendar(t, campaign.Schedule{StartAt: at("2026-06-01T10:00:00Z").Add(5), EndAt: at("2026-06-01T11:00:00Z").Add(8)})
	for _, c := range []struct {
		name     string
		calendar hours.Calendar
		from, to string
		want     time.Duration
	}{
		{"a week", office, "2026-06-01T00:00:00Z", "2026-06-08T00:00:00Z", 35 * time.Hour},
		{"from within to within", office, "2026-06-01T14:00:00Z", "2026-06-01T18:00:00Z", 3 * time.Hour},
		{"inside one window", office, "2026-06-01T14:00:00Z", "2026-06-01T14:00:01Z", time.Second},
		{"up to the opening", office, "2026-06-01T00:00:00Z", "2026-06-01T13:00:00Z", 0},
		{"from the closing on", office, "2026-06-05T21:00:00Z", "2026-06-08T13:00:00Z", 0},
		{"nothing", office, "2026-06-01T14:00:00Z", "2026-06-01T14:00:00Z", 0},
		{"backwards", office, "2026-06-08T00:00:00Z", "2026-06-01T00:00:00Z", 0},
		{"an hour less in spring", night, "2026-03-07T00:00:00Z", "2026-03-09T00:00:00Z", 6 * time.Hour},
		{"an hour more in autumn", night, "2026-10-31T00:00:00Z", "2026-11-02T00:00:00Z", 8 * time.Hour},
		{"always", always, "2026-06-01T00:00:00Z", "2027-06-01T00:00:00Z", 365 * 24 * time.Hour},
		{"bounds to the nanosecond", bounded, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", time.Hour + 3},
		{"never", hours.Calendar{}, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", 0},
	} {
		require.Equal(t, c.want, c.calendar.OpenBetween(at(c.from), at(c.to)), c.name)
	}
}

func TestAnyOpenBetween(t *testing.T) {
	nine := campaign.Schedule{TimeZone: campaign.ZoneOfContact, Windows: week("mon 09:00-17:00")}
	east, west := calendar(t, nine, "America/New_York"), calendar(t, nine, "America/Los_Angeles")
	london, tokyo := calendar(t, nine, "Europe/London"), calendar(t, nine, "Asia/Tokyo")
	from, to := at("2026-06-01T00:00:00Z"), at("2026-06-02T00:00:00Z")
	any := func(cs ...hours.Calendar) time.Duration { return hours.AnyOpenBetween(cs, from, to) }
	require.Equal(t, time.Duration(0), any())
	require.Equal(t, 8*time.Hour, any(east))
	require.Equal(t, 8*time.Hour, any(east, east))
	require.Equal(t, 11*time.Hour, any(west, east), "what both have counts once")
	require.Equal(t, 16*time.Hour, any(tokyo, london), "what lies between does not count")
	require.Equal(t, 24*time.Hour, any(east, calendar(t, campaign.Schedule{}), west), "one may be within another")
	require.Equal(t, 8*time.Hour, any(east, hours.Calendar{}))
}

// between is what the oracle says to OpenBetween: it tries moment after moment, and
// where two differ looks for the turn between them.  Two turns are half a minute
// apart at least, but for the schedule's bounds.
func (o oracle) between(from, to time.Time) (sum time.Duration) {
	cuts := []time.Time{from, to}
	for _, t := range []time.Time{o.schedule.StartAt, o.schedule.EndAt} {
		if t.After(from) && t.Before(to) {
			cuts = append(cuts, t)
		}
	}
	slices.SortFunc(cuts, time.Time.Compare)
	for i := range cuts[1:] {
		for t := cuts[i]; t.Before(cuts[i+1]); {
			next := t.Add(30 * time.Second)
			if next.After(cuts[i+1]) {
				next = cuts[i+1]
			}
			sum += o.within(t, next)
			t = next
		}
	}
	return sum
}

// within is the same where there is one turn at most.
func (o oracle) within(from, to time.Time) time.Duration {
	open, length := o.open(from), to.Sub(from)
	switch {
	case open == o.open(to.Add(-1)) && open:
		return length
	case open == o.open(to.Add(-1)):
		return 0
	}
	middle := from.Add(length / 2)
	return o.within(from, middle) + o.within(middle, to)
}

// OpenBetween agrees with the oracle, wherever two moments lie and whatever lies
// between them; and long times are the sum of their parts.
func TestOpenBetweenAgreesWithOracle(t *testing.T) {
	pick := rand.New(rand.NewPCG(*seed, 1))
	positive, rounds := 0, max(50, portion(250))
	for round := range rounds {
		names := make([]string, 1+pick.IntN(2))
		zones := make([]*time.Location, len(names))
		for i := range names {
			names[i] = zoneNames[pick.IntN(len(zoneNames))]
			zones[i], _ = time.LoadLocation(names[i])
		}
		g := newGenerator(fmt.Sprint("between", names, round), zones...)
		o := oracle{schedule: g.schedule(), zones: zones}
		c, err := hours.New(o.schedule, names...)
		require.NoError(t, err)
		from := g.instant()
		to := from.Add(time.Duration(g.Int64N(int64(36 * time.Hour))))
		got := c.OpenBetween(from, to)
		require.Equal(t, o.between(from, to), got, "%v up to %v", explain(o, from), to)
		if got > 0 && got < to.Sub(from) {
			positive++
		}
		far := to.AddDate(0, 0, g.IntN(500))
		require.Equal(t, c.OpenBetween(from, far), got+c.OpenBetween(to, far), "%v up to %v and %v", explain(o, from), to, far)
		other, err := hours.New(g.schedule(), names...)
		require.NoError(t, err)
		both := hours.AnyOpenBetween([]hours.Calendar{c, other}, from, far)
		require.GreaterOrEqual(t, both, max(c.OpenBetween(from, far), other.OpenBetween(from, far)))
		require.LessOrEqual(t, both, min(far.Sub(from), c.OpenBetween(from, far)+other.OpenBetween(from, far)))
	}
	require.Greater(t, positive, rounds/10, "some lie partly in the hours")
}

func BenchmarkOpenBetween(b *testing.B) {
	for _, s := range situations(b) {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.calendar.OpenBetween(s.now, s.now.AddDate(0, 0, 100))
			}
		})
	}
}
