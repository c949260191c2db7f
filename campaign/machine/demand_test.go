package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// aimed is a running campaign with a schedule and a deadline, at a time.
func aimed(t *testing.T, at time.Time, s campaign.Schedule, deadline time.Time, zones ...machine.Zone) *script {
	sc := scheduled(t, at, s, 4, zones...)
	sc.c.Deadline = deadline
	sc.do(machine.Refreshed{Campaign: sc.c, Zones: sc.zones})
	return sc
}

func (s *script) due() time.Time {
	s.Helper()
	s.do(machine.Tick{})
	return s.m.Demand(s.now).Due
}

func TestDemandTellsTheSettings(t *testing.T) {
	s := running(t, 5, 1)
	require.Equal(t, machine.Demand{Fresh: 1, Limit: 5, Weight: 1, Priority: 5, Remaining: 1}, s.m.Demand(s.now))
	s.c.Weight, s.c.Priority, s.c.Group, s.c.Deadline = 2.5, 1, "team-a", nine.Add(time.Hour)
	s.do(machine.Refreshed{Campaign: s.c})
	require.Equal(t, machine.Demand{Fresh: 1, Limit: 5, Weight: 2.5, Priority: 1, Group: "team-a", Remaining: 1, Due: nine.Add(time.Hour)}, s.m.Demand(s.now))
	s.c.Settings = aCampaign(campaign.StatusInProgress, 5).Settings
	s.do(machine.Refreshed{Campaign: s.c})
	require.Equal(t, machine.Demand{Fresh: 1, Limit: 5, Weight: 1, Priority: 5, Remaining: 1}, s.m.Demand(s.now))
}

// Remaining is what the store counts, or what is at hand if that is more; a claim that
// is being committed is out of it already.
func TestDemandRemaining(t *testing.T) {
	s := begin(t, machine.Config{PageSize: 4}, aCampaign(campaign.StatusInProgress, 5))
	remaining := func() int { return s.m.Demand(s.now).Remaining }
	require.Zero(t, remaining())
	s.do(machine.Page{Calls: waitings(1, 4)})
	require.Equal(t, 4, remaining(), "more is known than the store told")
	s.c.Stats = campaign.Stats{Total: 100, Queued: 90, RetryWait: 7, InProgress: 1, Completed: 2}
	s.do(machine.Refreshed{Campaign: s.c})
	require.Equal(t, 97, remaining())
	s.grant(2)
	require.Equal(t, 95, remaining())
	s.c.Stats.Queued, s.c.Stats.InProgress = 88, 3
	s.answer(0)
	require.Equal(t, 95, remaining(), "told once, not twice")
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	s.c.Stats.RetryWait, s.c.Stats.InProgress = 8, 2
	s.answer(0)
	require.Equal(t, 96, remaining(), "a retry is still to be placed")
}

// Length is a running mean of the calls that this owner has seen from their beginning;
// a token that came back without a call says nothing of it.
func TestDemandLength(t *testing.T) {
	up := inFlight(9, 1, campaign.AttemptPlaced, nine)
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5), up)
	s.do(machine.Page{Calls: waitings(1, 3), Last: true})
	s.dialling(3)
	length := func() time.Duration { return s.m.Demand(s.now).Length }
	s.now = nine.Add(2 * time.Second)
	require.NotEmpty(t, s.say(campaign.ReportEnded, attempt(9, 1), with(campaign.DispositionCompleted)).Releases)
	s.answer(0)
	require.Zero(t, length(), "when that one began is not known")
	s.say(campaign.ReportGivenBack, attempt(3, 1), because("throttled"))
	require.NotEmpty(t, s.answer(0).Releases)
	require.Zero(t, length())
	s.now = nine.Add(10 * time.Second)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
	require.Equal(t, 10*time.Second, s.out.Releases[0].Held)
	s.answer(0)
	require.Equal(t, 10*time.Second, length())
	s.now = nine.Add(30 * time.Second)
	s.say(campaign.ReportEnded, attempt(2, 1), with(campaign.DispositionBusy))
	s.answer(0)
	require.Equal(t, 12*time.Second, length())
}

// Due - now is the open time that is left; it stays while the hours are open, and does
// not count the time in which they are closed.
func TestDueStaysWhileTheHoursAreOpen(t *testing.T) {
	deadline := utc(4, 12, 0) // Wednesday noon: 8, 8 and 3 hours from Monday nine on
	s := aimed(t, utc(2, 3, 0), officeHours("UTC"), deadline)
	require.Equal(t, utc(2, 9, 0).Add(19*time.Hour), s.due(), "before they open, as of then")
	for _, c := range []struct {
		at   time.Time
		left time.Duration // from then, or the next opening, on
	}{
		{utc(2, 9, 0), 19 * time.Hour},
		{utc(2, 9, 0).Add(12345678901), 19*time.Hour - 12345678901},
		{utc(2, 16, 59), 11*time.Hour + time.Minute},
		{utc(3, 9, 0), 11 * time.Hour},
		{utc(3, 9, 0).Add(1), 11*time.Hour - 1},
		{utc(4, 11, 59), time.Minute},
	} {
		s.now = c.at
		require.Equal(t, c.at.Add(c.left), s.due(), "%v", c.at)
		d := s.m.Demand(s.now)
		s.now = s.now.Add(30 * time.Second)
		require.Equal(t, d.Due, s.due(), "it stays, %v", c.at)
		require.True(t, d.Due == s.m.Demand(s.now.In(time.Local)).Due, "in every bit") //nolint:testifylint // demands are compared so
	}
	s.now = utc(3, 18, 0)
	night := s.due()
	require.Equal(t, utc(4, 9, 0).Add(3*time.Hour), night)
	s.now = utc(4, 8, 0)
	require.Equal(t, night, s.due(), "a night uses nothing up")
	s.now = deadline
	require.Equal(t, deadline, s.due())
	s.now = utc(5, 15, 0)
	require.Equal(t, deadline, s.due(), "it is long past")
}

func TestDueFollowsTheSettings(t *testing.T) {
	s := aimed(t, utc(2, 10, 0), officeHours("UTC"), utc(3, 12, 0))
	require.Equal(t, utc(2, 20, 0), s.due())
	s.c.Schedule.EndAt = utc(2, 16, 0)
	s.do(machine.Refreshed{Campaign: s.c})
	require.Equal(t, utc(2, 16, 0), s.due(), "the end of the schedule is a deadline")
	s.c.Schedule.EndAt = utc(9, 0, 0)
	s.do(machine.Refreshed{Campaign: s.c})
	require.Equal(t, utc(2, 20, 0), s.due(), "the earlier counts")
	s.c.Schedule.ClosedDates = []campaign.Date{{Year: 2026, Month: time.March, Day: 3}}
	s.do(machine.Refreshed{Campaign: s.c})
	require.Equal(t, utc(2, 17, 0), s.due(), "though the lane turns as before")
	s.c.Deadline = time.Time{}
	s.do(machine.Refreshed{Campaign: s.c})
	require.Equal(t, utc(2, 10, 0).Add(7*time.Hour+5*8*time.Hour), s.due(), "by the end of the schedule: Monday, then Wednesday to Sunday")
	s.c.Schedule = campaign.Schedule{}
	s.do(machine.Refreshed{Campaign: s.c})
	require.Zero(t, s.due())
	s.c.Deadline = utc(2, 9, 0)
	s.do(machine.Refreshed{Campaign: s.c})
	require.Equal(t, utc(2, 9, 0), s.due(), "in the past")
}

// If the hours open no more before the deadline, nothing is left of them.
func TestDueWithoutHoursLeft(t *testing.T) {
	s := aimed(t, utc(2, 18, 0), officeHours("UTC"), utc(3, 9, 0))
	require.Equal(t, utc(2, 18, 0), s.due())
	s.now = utc(2, 19, 0)
	require.Equal(t, utc(2, 18, 0), s.due())
	s.now = utc(3, 9, 0)
	require.Equal(t, utc(3, 9, 0), s.due(), "the deadline itself")
}

// With contact-local hours it is open while any zone is that may have calls left.
func TestDueOfSeveralZones(t *testing.T) {
	// 09:00 to 17:00 is 14:00 to 22:00 in New York and 03:30 to 11:30 in Kolkata.
	s := aimed(t, utc(2, 3, 0), officeHours(campaign.ZoneOfContact), utc(3, 0, 0), newYork, kolkata)
	require.Equal(t, utc(2, 3, 30).Add(16*time.Hour), s.due())
	s.now = utc(2, 10, 0)
	require.Equal(t, utc(2, 19, 30), s.due())
	s.now = utc(2, 12, 0)
	require.Equal(t, utc(2, 22, 0), s.due(), "one zone is through for the day")
	s.now = utc(2, 15, 0)
	require.Equal(t, utc(2, 22, 0), s.due())
}

// A zone that is known to have no call left does not count.
func TestDueOfTheZonesThatAreLeft(t *testing.T) {
	s := aimed(t, utc(2, 14, 0), officeHours(campaign.ZoneOfContact), utc(4, 12, 0), newYork, kolkata)
	require.Len(t, s.m.Unread(), 1, "there may be some in Kolkata")
	require.Equal(t, utc(2, 14, 0).Add(32*time.Hour), s.due())
	s.now = utc(3, 4, 0)
	for s.do(machine.Tick{}); s.out.Load != nil; {
		s.do(machine.Page{Last: true}) // there are none
	}
	s.now = utc(3, 11, 30)
	require.Equal(t, utc(3, 14, 0).Add(8*time.Hour), s.due())
}

// A deadline that is years ahead is reckoned by the days up to the horizon.
func TestDueFarAhead(t *testing.T) {
	deadline := utc(2, 9, 0).AddDate(40, 0, 0)
	s := aimed(t, utc(2, 9, 0), officeHours("UTC"), deadline)
	cal, err := hours.New(s.c.Schedule)
	require.NoError(t, err)
	exact := s.now.Add(cal.OpenBetween(s.now, deadline))
	require.WithinDuration(t, exact, s.due(), 10*time.Hour)
	s = aimed(t, utc(2, 9, 0), campaign.Schedule{}, deadline)
	require.Equal(t, deadline, s.due())
}
