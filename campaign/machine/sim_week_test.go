package machine_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/internal/load"

	"github.com/stretchr/testify/require"
)

// weekZones are the four zones of the simulated week, whose hours overlap, follow
// each other, and leave a gap.
var weekZones = []machine.Zone{
	{ID: 1, Zones: "America/New_York"},
	{ID: 2, Zones: "America/Los_Angeles"},
	{ID: 3, Zones: "Asia/Kolkata"},
	{ID: 4, Zones: "Europe/Berlin"},
}

// aWeek is a campaign over four zones whose clocks change at its end: America's on
// Sunday, 8 March 2026.
func aWeek(seed uint64, f faults) *world {
	pick := dice{rand.New(rand.NewPCG(seed, 1))}
	w := newWorld(pick, f, scale{contacts: 0, limit: 2, pageSize: 50})
	w.began = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday
	w.now = w.began
	weekdays := campaign.EveryDay &^ campaign.DaysOf(time.Saturday)
	w.versions = nil
	w.keep(campaign.Schedule{
		TimeZone: campaign.ZoneOfContact,
		Windows: []campaign.Window{
			{Days: weekdays, Span: campaign.Span{Start: 9 * 60, End: 12*60 + 30}},
			{Days: weekdays, Span: campaign.Span{Start: 14 * 60, End: 17 * 60}},
		},
		ClosedDates: []campaign.Date{{Year: 2026, Month: time.March, Day: 4}},
	})
	w.store.c.Retry = campaign.RetryPolicy{MaxAttempts: 3, Delay: campaign.Duration(20 * time.Minute)}.WithDefaults()
	w.store.zoned = weekZones
	w.store.addContacts(5_000)
	return w
}

// weekDays is how much of the week is played: all of it, and the Monday under the race
// detector.
func weekDays() int {
	if load.Raced {
		return 1
	}
	return 7
}

// TestAWeekOverFourZones plays a week: by the provider's ledger no call is placed
// outside its callee's hours, and no open time is idle while numbers wait.
func TestAWeekOverFourZones(t *testing.T) {
	for name, c := range map[string]struct {
		faults
		slice time.Duration // in which something must be dialled; calls take up to 3 min, and 20 where they are rough
	}{"calm": {calm, 15 * time.Minute}, "rough": {withoutUsers(rough), time.Hour}} {
		t.Run(name, func(t *testing.T) {
			w := aWeek(4, c.faults)
			require.NoError(t, w.playWeek())
			t.Logf("%d calls, %d numbers left of %d", len(w.provider.calls), w.store.c.Stats.Queued, w.store.c.Stats.Total)
			assertOnlyInHours(t, w)
			assertNoIdleHours(t, w, c.slice)
		})
	}
}

func withoutUsers(f faults) faults {
	f.users, f.hours = 0, false
	return f
}

// playWeek plays for so many days, at whose end numbers are still left.
func (w *world) playWeek() (err error) {
	defer func() {
		if v, ok := recover().(verdict); ok {
			err = errorOf(v)
		}
	}()
	w.unjudged = true // by the ledger, at the end
	w.store.c.Status, w.store.c.StartedAt = campaign.StatusInProgress, w.now
	w.wake()
	w.desk.open()
	w.misfortunes()
	w.play(time.Duration(weekDays())*24*time.Hour, func() bool { return false })
	return nil
}

type errorOf verdict

func (e errorOf) Error() string { return string(e) }

// assertOnlyInHours looks up each call's own clock, with nothing of ours but the zone.
func assertOnlyInHours(t *testing.T, w *world) {
	zoneOf := map[string]*time.Location{}
	for _, c := range w.store.calls {
		loc, err := time.LoadLocation(string(c.Zones))
		require.NoError(t, err)
		zoneOf[c.Phone] = loc
	}
	perZone := map[string]int{}
	for to, calls := range w.provider.byNumber {
		for _, c := range calls {
			if w.provider.late[c.attempt] { // it had the request in time
				continue
			}
			at := c.at.In(zoneOf[to])
			h := float64(at.Hour()) + float64(at.Minute())/60
			require.True(t, h >= 9 && h < 12.5 || h >= 14 && h < 17, "%s was called at %v", to, at)
			require.NotEqual(t, time.Saturday, at.Weekday(), "%s was called at %v", to, at)
			require.NotEqual(t, 4, at.Day(), "%s was called on a closed date, %v", to, at)
			perZone[at.Location().String()]++
		}
	}
	require.Len(t, perZone, 4, "there were calls in each zone: %v", perZone)
}

// assertNoIdleHours: in every slice of time in which some zone was open and had
// numbers left all the time, calls were placed.
func assertNoIdleHours(t *testing.T, w *world, slice time.Duration) {
	dials := map[int]int{}
	for _, c := range w.provider.calls {
		dials[int(c.at.Sub(w.began)/slice)]++
	}
	open, idle := 0, 0
	for i := range int(time.Duration(weekDays()) * 24 * time.Hour / slice) {
		from := w.began.Add(time.Duration(i) * slice)
		if w.waitingThrough(from, from.Add(slice)) {
			open++
			if dials[i] == 0 {
				idle++
				t.Errorf("nothing was dialled from %v on", from)
			}
		}
	}
	require.Greater(t, open, weekDays()*int(5*time.Hour/slice), "there was a week's worth of open time")
	require.Zero(t, idle)
}

// waitingThrough reports whether some zone was open all the time and had a number
// that nobody had called by its end.
func (w *world) waitingThrough(from, to time.Time) bool {
	for _, z := range weekZones {
		cal := calendar(w.store.c.Schedule, z.Zones)
		closes, _ := cal.Close(from)
		if !cal.Open(from) || closes.Before(to.Add(w.config().CloseEarly)) {
			continue
		}
		for _, c := range w.store.calls {
			calls := w.provider.byNumber[c.Phone]
			if c.Zone == z.ID && (len(calls) == 0 || calls[0].at.After(to)) {
				return true
			}
		}
	}
	return false
}
