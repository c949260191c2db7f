package hours_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/internal/load"
)

// agree holds some random schedules in a set of zones to the oracle.
func agree(t *testing.T, schedules, instants int, names ...string) {
	t.Helper()
	zones := make([]*time.Location, len(names))
	for i, name := range names {
		loc, err := time.LoadLocation(name)
		require.NoError(t, err)
		zones[i] = loc
	}
	for round := range schedules {
		g := newGenerator(fmt.Sprint(names, round), zones...)
		o := oracle{schedule: g.schedule(), zones: zones}
		c, err := hours.New(o.schedule, names...)
		require.NoError(t, err)
		for range 10 * instants {
			at := g.instant()
			require.Empty(t, o.judgeOpen(c, at), explain(o, at))
		}
		for range instants {
			at := g.instant()
			require.Empty(t, o.judge(c, at), explain(o, at))
		}
	}
}

// explanation is put in words only where a test fails.
type explanation struct {
	oracle
	at time.Time
}

func explain(o oracle, at time.Time) explanation { return explanation{o, at} }

func (e explanation) String() string {
	written, _ := json.Marshal(e.schedule)
	return fmt.Sprintf("at %v in %v under %s; replay with -hours.seed=%d", e.at, e.zones, written, *seed)
}

// The calendar agrees with the oracle in every zone there is, from 1970 to 2040.
func TestAgreesWithOracleInEveryZone(t *testing.T) {
	require.GreaterOrEqual(t, len(zoneNames), 500)
	for _, name := range zoneNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.True(t, hours.KnownZone(name))
			agree(t, portion(6), 5, name)
		})
	}
}

func TestAgreesWithOracleInSeveralZones(t *testing.T) {
	pick := rand.New(rand.NewPCG(*seed, 0))
	for range portion(200) {
		names := make([]string, 2+pick.IntN(2))
		for i := range names {
			names[i] = zoneNames[pick.IntN(len(zoneNames))]
		}
		t.Run(fmt.Sprint(names), func(t *testing.T) {
			t.Parallel()
			agree(t, 3, 4, names...)
		})
	}
}

// portion is less of the same where tests must be short, or are watched for races.
func portion(n int) int {
	switch {
	case load.Raced:
		return max(1, n/12)
	case testing.Short():
		return max(1, n/5)
	}
	return n
}

// What Check refuses must not make the calendar panic or think for ever.
func TestSurvivesWhatCheckRefuses(t *testing.T) {
	odd := rapid.Custom(func(t *rapid.T) campaign.Span {
		clocks := rapid.IntRange(-3000, 3000)
		return campaign.Span{Start: campaign.Clock(clocks.Draw(t, "start")), End: campaign.Clock(clocks.Draw(t, "end"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		day := campaign.Date{Year: rapid.IntRange(-5000, 5000).Draw(t, "year"), Month: time.Month(rapid.IntRange(-20, 20).Draw(t, "month"))}
		s := campaign.Schedule{
			TimeZone:     "America/New_York",
			Windows:      []campaign.Window{{Days: campaign.Days(rapid.Byte().Draw(t, "days")), Span: odd.Draw(t, "window")}},
			ClosedDates:  []campaign.Date{day, day},
			SpecialDates: []campaign.SpecialDate{{Date: day, Windows: rapid.SliceOf(odd).Draw(t, "special")}, {Windows: rapid.SliceOf(odd).Draw(t, "zero")}},
		}
		c, err := hours.New(s)
		require.NoError(t, err)
		for _, now := range []time.Time{{}, from1970, time.Date(day.Year, day.Month, 0, 0, 0, 0, 0, time.UTC)} {
			if opens, ok := c.NextOpen(now); ok {
				require.True(t, c.Open(opens))
			}
			c.Intervals(now, 3)
		}
	})
}

// Check refuses windows of a week that overlap, and no others: it is told by how
// many are open at each minute of the week.
func TestCheckFindsOverlapsOnly(t *testing.T) {
	quarter := rapid.Map(rapid.IntRange(0, 95), func(n int) campaign.Clock { return campaign.Clock(15 * n) })
	rapid.Check(t, func(t *rapid.T) {
		var windows []campaign.Window
		for range rapid.IntRange(1, 4).Draw(t, "windows") {
			start := quarter.Draw(t, "start")
			end := (start + campaign.Clock(15*rapid.IntRange(1, 48).Draw(t, "quarters"))) % campaign.Midnight
			days := campaign.Days(rapid.IntRange(1, 127).Draw(t, "days"))
			windows = append(windows, campaign.Window{Days: days, Span: campaign.Span{Start: start, End: end}})
		}
		most := 0
		for m := range 7 * 24 * 4 {
			open := 0
			for _, w := range windows {
				o := oracle{schedule: campaign.Schedule{Windows: []campaign.Window{w}}, zones: []*time.Location{time.UTC}}
				if o.open(from1970.Add(time.Duration(m) * 15 * time.Minute)) {
					open++
				}
			}
			most = max(most, open)
		}
		err := hours.Check(campaign.Schedule{TimeZone: "UTC", Windows: windows}, "s")
		require.Equal(t, most <= 1, err == nil, "%v", err)
	})
}
