package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// A day's cap is counted in the contact's zone: the next attempt comes when the next
// day has begun there.
func TestADaysCap(t *testing.T) {
	always := campaign.Schedule{TimeZone: campaign.ZoneOfContact}
	s := scheduled(t, utc(2, 20, 0), always, 1, newYork)
	c := s.c
	c.Retry.MaxAttemptsPerDay = 2
	s.do(machine.Refreshed{Campaign: c, Zones: s.zones})
	s.up(1)
	ended := func(claim, before int) machine.Record {
		out := s.say(campaign.ReportEnded, attempt(1, claim), with(campaign.DispositionBusy), func(r *campaign.Report) { r.At = s.now })
		require.Equal(t, aMonday, out.Records[0].Day)
		rec := out.Records[0]
		s.answer(before)
		return rec
	}
	require.Equal(t, s.now.Add(time.Minute), ended(1, 0).NextAttemptAt)
	s.pass(time.Minute)
	s.grant(1)
	s.do(machine.Claimed{Results: []machine.ClaimResult{{
		Attempt: attempt(1, 2), To: "+1212", Effort: campaign.Effort{Attempts: 1, Day: aMonday, OnDay: 1},
	}}})
	s.say(campaign.ReportPlaced, attempt(1, 2), as("CA2"))
	s.answer(1)
	require.Equal(t, utc(3, 5, 0), ended(2, 1).NextAttemptAt, "midnight in New York")
}

// The day of an attempt is the latest that it may have been, whatever other clocks
// say.
func TestTheDayOfAnAttempt(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	out := s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy), func(r *campaign.Report) { r.At = s.now.Add(-48 * time.Hour) })
	require.Equal(t, aMonday, out.Records[0].Day, "not before it was asked for")

	late := utc(2, 23, 59).Add(58 * time.Second)
	up := machine.Open{
		Call:    campaign.Call{ID: 3, Status: campaign.CallInProgress, Claim: 1},
		Current: &campaign.Attempt{ID: attempt(3, 1), State: campaign.AttemptPlaced, StartedAt: late},
	}
	s = &script{T: t, now: late.Add(time.Hour), c: aCampaign(campaign.StatusInProgress, 5)}
	s.m = machine.New(machine.Config{}, s.c, nil, []machine.Open{up}, s.now, &s.out)
	out = s.say(campaign.ReportEnded, attempt(3, 1), with(campaign.DispositionBusy))
	require.Equal(t, aMonday+1, out.Records[0].Day, "its request may have arrived after midnight")
}

// A cap that was lowered meanwhile holds for what is claimed after it.
func TestADaysCapThatWasLowered(t *testing.T) {
	s := scheduled(t, utc(2, 20, 0), campaign.Schedule{TimeZone: campaign.ZoneOfContact}, 1, newYork)
	c := s.c
	c.Retry.MaxAttemptsPerDay = 1
	s.do(machine.Refreshed{Campaign: c, Zones: s.zones})
	s.grant(1)
	out := s.do(machine.Claimed{Results: []machine.ClaimResult{{
		Attempt: attempt(1, 1), To: "+1212", Effort: campaign.Effort{Attempts: 1, Day: aMonday, OnDay: 1},
	}}})
	require.Empty(t, out.Publish)
	require.Equal(t, utc(3, 5, 0), out.Records[0].NextAttemptAt)
	require.Equal(t, campaign.CallRetryWait, out.Records[0].Next)
}

// A policy that allows no more attempts holds for a retry that waits already.
func TestLoweredMaxAttempts(t *testing.T) {
	s := running(t, 5, 1)
	c := s.c
	c.Retry.MaxAttempts = 1
	s.do(machine.Refreshed{Campaign: c})
	s.grant(1)
	out := s.answer(1)
	require.Empty(t, out.Publish)
	require.Equal(t, campaign.CallFailed, out.Records[0].Next)
	require.Equal(t, campaign.ReasonMaxAttempts, out.Records[0].Reason)
}

// Retries by disposition: the delay and the cap are those of how the attempt ended.
func TestRetriesByDisposition(t *testing.T) {
	s := running(t, 5, 2)
	c := s.c
	c.Retry.ByDisposition = map[campaign.Disposition]campaign.RetryRule{
		campaign.DispositionBusy: {Delay: campaign.Duration(10 * time.Second)}, campaign.DispositionNoAnswer: {MaxAttempts: 1},
	}
	s.do(machine.Refreshed{Campaign: c})
	s.up(2)
	out := s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	require.Equal(t, s.now.Add(10*time.Second), out.Records[0].NextAttemptAt)
	out = s.say(campaign.ReportEnded, attempt(2, 1), with(campaign.DispositionNoAnswer))
	require.Equal(t, campaign.CallFailed, out.Records[0].Next)
}
