package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// officeHours are 09:00 to 17:00 on every day, by some clock.
func officeHours(zone string) campaign.Schedule {
	return campaign.Schedule{TimeZone: zone, Windows: []campaign.Window{
		{Days: campaign.EveryDay, Span: campaign.Span{Start: 9 * 60, End: 17 * 60}},
	}}
}

var (
	newYork = machine.Zone{ID: 1, Zones: "America/New_York"}
	kolkata = machine.Zone{ID: 2, Zones: "Asia/Kolkata"}
)

// scheduled is a running campaign with a schedule, at a time, with calls from 1 on
// at hand, one in each of the zones in turn.
func scheduled(t *testing.T, at time.Time, s campaign.Schedule, calls int, zones ...machine.Zone) *script {
	c := aCampaign(campaign.StatusInProgress, 5)
	c.Schedule, c.Stats = s, campaign.Stats{Total: calls, Queued: calls}
	sc := &script{T: t, now: at, c: c}
	sc.m = machine.New(machine.Config{}, c, zones, nil, sc.now, &sc.out)
	sc.zones = zones
	for sc.out.Load != nil {
		var page machine.Page
		for i := range calls {
			w := machine.Waiting{ID: campaign.CallID(i + 1)}
			if len(zones) > 0 {
				w.Zone = zones[i%len(zones)].ID
			}
			if z := sc.out.Load.Zone; z == campaign.AnyZone || z == w.Zone {
				page.Calls = append(page.Calls, w)
			}
		}
		page.Last = true
		sc.do(page)
	}
	return sc
}

func utc(day, hour, minute int) time.Time {
	return time.Date(2026, 3, day, hour, minute, 0, 0, time.UTC)
}

// InHours: outside its hours an actor asks for no tokens, gives back those it gets,
// and wakes by itself when they open.
func TestInHoursAnActorSleepsAndWakes(t *testing.T) {
	s := scheduled(t, utc(2, 16, 59), officeHours("UTC"), 3)
	require.Equal(t, 3, s.m.Demand(s.now).Fresh)
	s.pass(58 * time.Second)
	require.Zero(t, s.m.Demand(s.now).Fresh, "a request needs time to arrive")
	require.Len(t, s.grant(2).Releases, 2)
	require.Empty(t, s.out.Claims)
	s.pass(time.Hour)
	require.Empty(t, s.out.Status, "it has not ended")
	require.False(t, s.out.Retire, "it is asleep, not gone")

	s.now = utc(3, 8, 59).Add(59 * time.Second)
	s.do(machine.Tick{})
	require.Zero(t, s.m.Demand(s.now).Fresh)
	require.Equal(t, utc(3, 9, 0), s.m.NextTick(s.now))
	s.now = utc(3, 9, 0)
	s.do(machine.Tick{})
	require.Equal(t, 3, s.m.Demand(s.now).Fresh)
	require.Len(t, s.grant(1).Claims, 1)
}

// InHours survives a restart: a machine built while it is closed waits as well.
func TestInHoursAfterARestartAsleep(t *testing.T) {
	s := scheduled(t, utc(2, 3, 0), officeHours("UTC"), 3)
	require.Nil(t, s.out.Load, "nothing is read for hours that are closed")
	require.Zero(t, s.m.Demand(s.now).Fresh)
	s.now = utc(2, 9, 0)
	require.NotNil(t, s.do(machine.Tick{}).Load)
}

// InHours: a dial job is of no use after the hours.
func TestInHoursAJobDoesNotOutliveThem(t *testing.T) {
	s := scheduled(t, utc(2, 16, 0), officeHours("UTC"), 2)
	s.grant(1)
	require.Equal(t, utc(2, 16, 1), s.answer(0).Publish[0].NotAfter, "the life of a job")
	s.now = utc(2, 16, 59).Add(30 * time.Second)
	s.grant(1)
	require.Equal(t, utc(2, 17, 0).Add(-2*time.Second), s.answer(0).Publish[0].NotAfter)
}

// InHours: a claim that is committed when the hours are over is undone, as is one
// whose caller has not been heard of; neither costs an attempt.
func TestInHoursAClaimIsUndone(t *testing.T) {
	s := scheduled(t, utc(2, 16, 59), officeHours("UTC"), 2)
	s.grant(1)
	s.now = utc(2, 17, 0)
	out := s.answer(0)
	require.Empty(t, out.Publish)
	undone := machine.Record{
		Kind: machine.RecordGiveBack, Attempt: attempt(1, 1), Unplaced: true, Next: campaign.CallQueued, Reason: campaign.GivenBackExpired,
	}
	require.Equal(t, []machine.Record{undone}, out.Records)
	require.Len(t, s.answer(0).Releases, 1)

	s = scheduled(t, utc(2, 16, 59), officeHours("UTC"), 2).dialling(1)
	s.now = utc(2, 17, 0)
	out = s.do(machine.Tick{})
	require.Empty(t, out.Publish, "it is not published again")
	require.Equal(t, []machine.Record{undone}, out.Records)
}

// InHours and RetriesFirst: a retry that is due outside the hours waits for the next
// opening, and still goes before new numbers.
func TestInHoursARetryWaitsAndGoesFirst(t *testing.T) {
	s := scheduled(t, utc(2, 16, 59), officeHours("UTC"), 3).up(1)
	s.now = utc(2, 16, 59).Add(50 * time.Second)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	s.answer(0)
	s.now = utc(2, 17, 30)
	s.do(machine.Tick{})
	require.Zero(t, s.m.Demand(s.now).Retries, "it is due, and it is closed")
	s.now = utc(3, 9, 0)
	s.do(machine.Tick{})
	require.Equal(t, machine.Demand{Retries: 1, Fresh: 2, Limit: 5, Weight: 1}, s.wants())
	require.Equal(t, []machine.Claim{{Attempt: attempt(1, 2)}}, s.grant(1).Claims)
}

// A change of the schedule while running takes effect at once.
func TestInHoursAChangedScheduleCountsAtOnce(t *testing.T) {
	s := scheduled(t, utc(2, 16, 0), officeHours("UTC"), 3)
	c := s.c
	c.Schedule = officeHours("Asia/Kolkata") // 21:30 there
	s.do(machine.Refreshed{Campaign: c})
	require.Zero(t, s.m.Demand(s.now).Fresh)
	require.Len(t, s.grant(1).Releases, 1)
	c.Schedule = officeHours("America/New_York") // 11:00 there
	out := s.do(machine.Refreshed{Campaign: c})
	require.Equal(t, 3, s.m.Demand(s.now).Fresh)
	require.False(t, out.Renew || out.Rebuild)
	s.dialling(1)
	c.Schedule = officeHours("Asia/Kolkata")
	out = s.do(machine.Refreshed{Campaign: c})
	require.Len(t, out.Records, 1, "a job that is with the callers would be dialled")
	require.True(t, out.Records[0].Unplaced)
	s.answer(0)
	c.Schedule = officeHours(campaign.ZoneOfContact)
	require.True(t, s.do(machine.Refreshed{Campaign: c}).Renew, "its lanes are others")
}

// With hours of their own, only the numbers of open zones are read and dialled, and
// those first whose hours end first.
func TestInHoursOfTheContact(t *testing.T) {
	// 14:30 UTC: 09:30 in New York, 20:00 in Kolkata.
	s := scheduled(t, utc(2, 14, 30), officeHours(campaign.ZoneOfContact), 6, newYork, kolkata)
	require.Equal(t, machine.Demand{Fresh: 3, Limit: 5, Weight: 1}, s.wants())
	require.Equal(t, []machine.Claim{{Attempt: attempt(1, 1)}, {Attempt: attempt(3, 1)}, {Attempt: attempt(5, 1)}}, s.grant(5).Claims)
	require.Len(t, s.out.Releases, 2)

	// 03:30 UTC on the next day: 09:00 in Kolkata.  Nobody has read its numbers yet.
	s.answer(0)
	s.now = utc(3, 3, 30)
	out := s.do(machine.Tick{})
	require.Equal(t, &machine.Load{Zone: kolkata.ID, Limit: 2000}, out.Load)
}

// The zone that closes first is dialled first.
func TestInHoursTheFirstToCloseGoesFirst(t *testing.T) {
	berlin := machine.Zone{ID: 3, Zones: "Europe/Berlin"}
	// 14:30 UTC: 15:30 in Berlin, which closes 5 hours before New York.
	s := scheduled(t, utc(2, 14, 30), officeHours(campaign.ZoneOfContact), 4, newYork, berlin)
	require.Equal(t, []machine.Claim{{Attempt: attempt(2, 1)}, {Attempt: attempt(4, 1)}, {Attempt: attempt(1, 1)}}, s.grant(3).Claims)
}

// A campaign whose open zones are done does not end while others sleep.
func TestInHoursItDoesNotEndBeforeAllZonesAreDone(t *testing.T) {
	s := scheduled(t, utc(2, 14, 30), officeHours(campaign.ZoneOfContact), 2, newYork, kolkata).up(1)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
	s.c.Stats = campaign.Stats{Total: 2, Queued: 1, Completed: 1, Attempts: 1}
	require.Empty(t, s.answer(0).Status)
	require.Equal(t, utc(3, 3, 30), s.m.Explain(s.now, nil).NextDialAt)
	require.Equal(t, campaign.RuleOutsideHours, s.m.Explain(s.now, nil).Rule)
}

// A campaign that is done ends at once, though it is outside its hours.
func TestItEndsOutsideItsHours(t *testing.T) {
	c := aCampaign(campaign.StatusInProgress, 5)
	c.Schedule, c.Stats = officeHours("UTC"), campaign.Stats{Total: 2, Completed: 2, Attempts: 2}
	s := &script{T: t, now: utc(2, 20, 0), c: c}
	s.m = machine.New(machine.Config{}, c, nil, nil, s.now, &s.out)
	require.True(t, s.out.Status[0].Drained)
}

// A number without a known zone is called by the campaign's default, or not at all.
func TestInHoursOfANumberWithoutAZone(t *testing.T) {
	unknown := machine.Zone{}
	s := scheduled(t, utc(2, 14, 30), officeHours(campaign.ZoneOfContact), 1, unknown)
	require.Zero(t, s.m.Demand(s.now).Fresh)
	require.Equal(t, campaign.RuleOutsideHours, s.m.Explain(s.now, nil).Rule)
	require.Contains(t, s.m.Explain(s.now, nil).Message, "never open")
	c := s.c
	c.DefaultTimeZone = "America/New_York"
	require.NotNil(t, s.do(machine.Refreshed{Campaign: c, Zones: []machine.Zone{unknown}}).Load)
}

// At end_at what is left is closed as failed, with the reason expired; calls that
// are up go on, and are not tried again.
func TestAtTheEndWhatIsLeftExpires(t *testing.T) {
	end := utc(2, 10, 0)
	s := scheduled(t, utc(2, 9, 59), campaign.Schedule{EndAt: end}, 5).up(2)
	require.False(t, s.m.NextTick(s.now).After(end), "it wakes for it")
	s.now = end
	out := s.do(machine.Tick{})
	expiring := machine.EndWaiting{Status: campaign.StatusInProgress, Limit: 2000}
	require.Equal(t, &expiring, out.EndWaiting)
	require.Zero(t, s.m.Demand(s.now).Fresh)
	s.c.Stats = campaign.Stats{Total: 5, InProgress: 2, Failed: 3}
	s.do(machine.WaitingEnded{EndWaiting: expiring, Count: 3, Stats: s.c.Stats})
	require.Nil(t, s.do(machine.Tick{}).EndWaiting, "none is left")

	out = s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	require.Equal(t, campaign.CallFailed, out.Records[0].Next)
	require.Equal(t, campaign.ReasonExpired, out.Records[0].Reason)
	s.answer(0)
	s.say(campaign.ReportEnded, attempt(2, 1), with(campaign.DispositionCompleted))
	s.c.Stats = campaign.Stats{Total: 5, Completed: 1, Failed: 4, Attempts: 2}
	require.True(t, s.answer(0).Status[0].Drained)
}

// It wakes at the end, not only when something else happens.
func TestTheEndIsNotMissed(t *testing.T) {
	end := utc(2, 10, 0)
	s := scheduled(t, end.Add(-time.Second), campaign.Schedule{EndAt: end}, 5)
	require.Equal(t, end, s.m.NextTick(s.now))
}

// Contacts that are added when all has expired expire as well.
func TestContactsAddedAfterTheEndExpire(t *testing.T) {
	s := scheduled(t, utc(2, 10, 0), campaign.Schedule{EndAt: utc(2, 10, 0)}, 1)
	expiring := *s.out.EndWaiting
	out := s.do(machine.WaitingEnded{EndWaiting: expiring, Count: 1, Stats: campaign.Stats{Total: 1, Failed: 1}})
	require.True(t, out.Status[0].Drained)
	s.c.Stats = campaign.Stats{Total: 2, Queued: 1, Failed: 1}
	out = s.do(machine.StatusChanged{Refused: true, Campaign: s.c})
	require.Equal(t, &expiring, out.EndWaiting)
	require.False(t, out.Rebuild)
}

// A campaign that is canceled while it expires is canceled to its end.
func TestCanceledWhileItExpires(t *testing.T) {
	s := scheduled(t, utc(2, 10, 0), campaign.Schedule{EndAt: utc(2, 10, 0)}, 5)
	expiring := *s.out.EndWaiting
	s.do(machine.Command{Verb: machine.Cancel, Ref: "cancel"})
	s.c.Status = campaign.StatusCanceled
	s.do(machine.StatusChanged{Changed: true, Campaign: s.c})
	out := s.do(machine.WaitingEnded{EndWaiting: expiring})
	require.Equal(t, &canceling, out.EndWaiting, "the one that found nothing was about something else")
	require.Empty(t, out.Replies)
}

// A later end brings back what has not expired yet: from the store.
func TestALaterEndIsReadFromTheStore(t *testing.T) {
	s := scheduled(t, utc(2, 10, 0), campaign.Schedule{EndAt: utc(2, 10, 0)}, 5)
	c := s.c
	c.Schedule.EndAt = utc(2, 11, 0)
	require.False(t, s.do(machine.Refreshed{Campaign: c}).Renew, "not before it is known what has expired")
	require.Empty(t, s.grant(1).Claims)
	require.True(t, s.do(machine.WaitingEnded{EndWaiting: machine.EndWaiting{Status: campaign.StatusInProgress, Limit: 2000}, Refused: true}).Renew)
}

// So it is if the campaign was paused when the end was put off.
func TestALaterEndOfAPausedCampaign(t *testing.T) {
	s := scheduled(t, utc(2, 9, 59), campaign.Schedule{EndAt: utc(2, 10, 0)}, 5).up(1)
	s.now = utc(2, 10, 0)
	s.do(machine.Command{Verb: machine.Pause, Ref: "pause"})
	expiring := *s.out.EndWaiting
	s.c.Status = campaign.StatusPaused
	s.do(machine.StatusChanged{Changed: true, Campaign: s.c}, machine.WaitingEnded{EndWaiting: expiring, Refused: true})
	require.False(t, s.do(machine.Refreshed{Campaign: s.c}).Renew, "the end is as it was")
	c := s.c
	c.Schedule.EndAt = utc(2, 11, 0)
	require.True(t, s.do(machine.Refreshed{Campaign: c}).Renew, "what waited was let go of")
}

// TruthInStore: an end that was put off without our hearing of it is not applied.
func TestAnEndThatWasPutOffUnheard(t *testing.T) {
	s := scheduled(t, utc(2, 10, 0), campaign.Schedule{EndAt: utc(2, 10, 0)}, 5)
	out := s.do(machine.WaitingEnded{EndWaiting: *s.out.EndWaiting, Refused: true})
	require.True(t, out.Refresh)
	require.Nil(t, s.do(machine.Tick{}).EndWaiting, "not before it is known why")
	require.NotNil(t, s.do(machine.Refreshed{Campaign: s.c}).EndWaiting, "the end is as it was")
}

// Nor is a call given up before the store has said that the end has come; and one that
// waits again after all the others were closed is closed as well.
func TestNoCallExpiresBeforeTheStoreSaysSo(t *testing.T) {
	s := scheduled(t, utc(2, 9, 59), campaign.Schedule{EndAt: utc(2, 10, 0)}, 5).up(3)
	s.now = utc(2, 10, 0)
	expiring := *s.do(machine.Tick{}).EndWaiting
	out := s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	require.Equal(t, campaign.CallRetryWait, out.Records[0].Next)
	records := out.Records
	s.do(machine.WaitingEnded{EndWaiting: expiring, Count: 2})
	s.out.Records = records
	require.Equal(t, &expiring, s.answer(0).EndWaiting, "one waits again")
	out = s.say(campaign.ReportEnded, attempt(2, 1), with(campaign.DispositionBusy))
	require.Equal(t, campaign.ReasonExpired, out.Records[0].Reason, "by now it is certain")
}

// So it is with a claim that comes back undialled.
func TestNoClaimExpiresBeforeTheStoreSaysSo(t *testing.T) {
	s := scheduled(t, utc(2, 9, 59), campaign.Schedule{EndAt: utc(2, 10, 0)}, 5).dialling(2)
	s.now = utc(2, 10, 0)
	out := s.do(machine.Tick{})
	require.Len(t, out.Records, 2, "their hours are over")
	require.Equal(t, campaign.CallQueued, out.Records[0].Next)
	require.NotNil(t, out.EndWaiting, "which closes them as well, if the end has come")
}

// InHours: a machine that is to be renewed, by which hours its successor will say,
// hands nothing more to the callers, and takes back what is with them.
func TestARenewalDialsNobody(t *testing.T) {
	s := scheduled(t, utc(2, 12, 0), campaign.Schedule{}, 3, newYork).dialling(1)
	s.grant(1)
	claims := s.out.Claims
	c := s.c
	c.Schedule = officeHours(campaign.ZoneOfContact) // 07:00 there
	out := s.do(machine.Refreshed{Campaign: c, Zones: s.zones})
	require.Len(t, out.Records, 1, "what is with the callers")
	require.True(t, out.Records[0].Unplaced)
	records := out.Records
	s.out.Claims, s.out.Records = claims, nil
	out = s.answer(0)
	require.Empty(t, out.Publish, "what was just claimed")
	require.Len(t, out.Records, 1)
	require.False(t, out.Renew)
	s.answer(0)
	s.out.Records = records
	require.True(t, s.answer(0).Renew)
}

// A command that is done is answered before the renewal.
func TestARenewalAnswersFirst(t *testing.T) {
	c := aCampaign(campaign.StatusPending, 5)
	s := begin(t, machine.Config{}, c)
	s.do(machine.Command{Verb: machine.Start, Ref: "start"})
	c.Schedule = officeHours(campaign.ZoneOfContact)
	require.False(t, s.do(machine.Refreshed{Campaign: c}).Renew)
	s.c.Status = campaign.StatusInProgress
	out := s.do(machine.StatusChanged{Changed: true, Campaign: s.c})
	require.Len(t, out.Replies, 1)
	require.True(t, out.Renew)
}

// A clock that is put back closes again what it had opened.
func TestInHoursByAClockThatIsPutBack(t *testing.T) {
	s := scheduled(t, utc(2, 9, 5), officeHours("UTC"), 3)
	require.Equal(t, 3, s.m.Demand(s.now).Fresh)
	s.now = utc(2, 8, 5)
	s.m.Handle([]machine.Input{machine.Tick{}}, s.now, &s.out)
	require.Zero(t, s.m.Demand(s.now).Fresh)
}

// A machine that is to be renewed begins nothing, writes what it has begun and tells
// of it, and leaves what it is told meanwhile to the next.
func TestARenewalLosesNothing(t *testing.T) {
	s := scheduled(t, utc(2, 14, 30), campaign.Schedule{}, 3, newYork).up(2)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
	records := s.out.Records
	c := s.c
	c.Schedule = officeHours(campaign.ZoneOfContact)
	require.False(t, s.do(machine.Refreshed{Campaign: c, Zones: s.zones}).Renew, "an end is being written")
	require.Zero(t, s.m.Demand(s.now).Fresh)
	require.Empty(t, s.say(campaign.ReportEnded, attempt(2, 1), with(campaign.DispositionCompleted)).Acks)
	s.out.Records = records
	out := s.answer(0)
	require.True(t, out.Renew)
	require.Equal(t, []campaign.EventType{campaign.EventCallEnded}, s.events())
	var left []machine.Ref
	s.m.Unacknowledged(func(r machine.Ref) { left = append(left, r) })
	require.Equal(t, []machine.Ref{"ended"}, left)
}

// The zone that closes first is read first, whatever is at hand of others.
func TestInHoursTheFirstToCloseIsReadFirst(t *testing.T) {
	berlin := machine.Zone{ID: 3, Zones: "Europe/Berlin"}
	c := aCampaign(campaign.StatusInProgress, 5)
	c.Schedule, c.Stats = officeHours(campaign.ZoneOfContact), campaign.Stats{Total: 4000, Queued: 4000}
	// 14:30 UTC: open in both; Berlin closes first.
	s := &script{T: t, now: utc(2, 14, 30), c: c}
	s.m = machine.New(machine.Config{}, c, []machine.Zone{newYork, berlin}, nil, s.now, &s.out)
	require.Equal(t, berlin.ID, s.out.Load.Zone)

	zones := []machine.Zone{newYork, berlin}
	s.do(machine.Page{Calls: waitings(1, 2000)})
	require.Nil(t, s.out.Load, "New York comes after what is at hand")
	c.Schedule.Windows = []campaign.Window{
		{Days: campaign.EveryDay, Span: campaign.Span{Start: 9 * 60, End: 10 * 60}},
		{Days: campaign.EveryDay, Span: campaign.Span{Start: 15 * 60, End: 17 * 60}},
	}
	out := s.do(machine.Refreshed{Campaign: c, Zones: zones})
	require.Equal(t, newYork.ID, out.Load.Zone, "it closes before Berlin now, of which a page is at hand")
}

// A zone that the store has not told yet is closed, not in the default zone.
func TestInHoursOfAZoneNotHeardOf(t *testing.T) {
	c := aCampaign(campaign.StatusInProgress, 5)
	c.Schedule, c.DefaultTimeZone = officeHours(campaign.ZoneOfContact), "America/New_York"
	s := &script{T: t, now: utc(2, 14, 30), c: c}
	retry := machine.Open{Call: campaign.Call{ID: 3, Status: campaign.CallRetryWait, Claim: 1, Zone: kolkata.ID, NextAttemptAt: s.now}}
	s.m = machine.New(machine.Config{}, c, nil, []machine.Open{retry}, s.now, &s.out)
	require.Zero(t, s.m.Demand(s.now).Retries)
	s.do(machine.Refreshed{Campaign: c, Zones: []machine.Zone{kolkata}})
	require.Zero(t, s.m.Demand(s.now).Retries, "it is 20:00 there")
	s.now = utc(3, 3, 30)
	s.do(machine.Tick{})
	require.Equal(t, 1, s.m.Demand(s.now).Retries)
}

// A lane's turn is not missed behind a retry that is due and waits for a token.
func TestInHoursAWaitingRetryHidesNoTurn(t *testing.T) {
	s := scheduled(t, utc(2, 16, 58), officeHours("UTC"), 1).up(1)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	s.answer(0)
	s.pass(90 * time.Second)
	s.pass(20 * time.Second)
	require.Equal(t, 1, s.m.Demand(s.now).Retries)
	s.pass(5 * time.Second)
	require.Equal(t, utc(2, 17, 0).Add(-2*time.Second), s.m.NextTick(s.now))
}

// To ask for the demand changes nothing, so that no opening is missed by it.
func TestInHoursDemandOnlyLooks(t *testing.T) {
	s := scheduled(t, utc(2, 9, 0).Add(-time.Millisecond), officeHours("UTC"), 1)
	s.m.Demand(utc(2, 9, 0).Add(time.Millisecond))
	require.Equal(t, utc(2, 9, 0).Add(time.Millisecond), s.m.NextTick(utc(2, 9, 0).Add(time.Millisecond)), "at once: it has opened since")
	s.now = utc(2, 9, 0).Add(time.Millisecond)
	require.NotNil(t, s.do(machine.Tick{}).Load)
}

// A campaign that is started before its start_at is pending until then, and begins
// by itself, after a restart too.
func TestStartedBeforeItsStart(t *testing.T) {
	c := aCampaign(campaign.StatusPending, 5)
	c.Schedule.StartAt = nine.Add(time.Hour)
	s := begin(t, machine.Config{}, c)
	out := s.do(machine.Command{Verb: machine.Start, Ref: "start"})
	require.Equal(t, []machine.ChangeStatus{{From: []campaign.Status{campaign.StatusPending}, To: campaign.StatusPending, Armed: true}}, out.Status)
	s.c.Armed = true
	out = s.do(machine.StatusChanged{Changed: true, Campaign: s.c})
	require.Nil(t, out.Replies[0].Err)
	require.Equal(t, []campaign.EventType{campaign.EventCampaignScheduled}, s.events())
	require.False(t, out.Retire, "it waits")
	require.Equal(t, campaign.RuleStartAhead, s.m.Explain(s.now, nil).Rule)
	require.Equal(t, nine.Add(time.Hour), s.m.Explain(s.now, nil).NextDialAt)

	s = begin(t, machine.Config{}, s.c)
	require.False(t, s.out.Retire)
	s.now = nine.Add(time.Hour - time.Second)
	require.Empty(t, s.do(machine.Tick{}).Status)
	require.Equal(t, nine.Add(time.Hour), s.m.NextTick(s.now))
	s.now = nine.Add(time.Hour)
	require.Equal(t, campaign.StatusInProgress, s.do(machine.Tick{}).Status[0].To)
	s.c.Status, s.c.Armed = campaign.StatusInProgress, false
	s.do(machine.StatusChanged{Changed: true, Campaign: s.c})
	require.Equal(t, []campaign.EventType{campaign.EventCampaignStarted}, s.events())
	require.NotNil(t, s.out.Load)
}

func TestAnArmedCampaignCanBePaused(t *testing.T) {
	c := aCampaign(campaign.StatusPending, 5)
	c.Schedule.StartAt, c.Armed = nine.Add(time.Hour), true
	s := begin(t, machine.Config{}, c)
	out := s.do(machine.Command{Verb: machine.Pause, Ref: "pause"})
	require.Contains(t, out.Status[0].From, campaign.StatusPending)

	c.Armed = false
	s = begin(t, machine.Config{}, c)
	require.NotContains(t, s.do(machine.Command{Verb: machine.Pause, Ref: "pause"}).Status[0].From, campaign.StatusPending)
}

func TestACampaignDoesNotStartAfterItsEnd(t *testing.T) {
	c := aCampaign(campaign.StatusPending, 5)
	c.Schedule.EndAt = nine
	s := begin(t, machine.Config{}, c)
	out := s.do(machine.Command{Verb: machine.Start, Ref: "start"})
	require.Equal(t, campaign.CodeConflict, out.Replies[0].Err.Code)
	require.Empty(t, out.Status)
}
