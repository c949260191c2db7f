package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

func TestATokenIsSpentOnTheNextNumber(t *testing.T) {
	s := running(t, 5, 3)
	require.Equal(t, machine.Demand{Fresh: 3, Limit: 5, Weight: 1}, s.wants())
	out := s.grant(2)
	require.Equal(t, []machine.Claim{{Attempt: attempt(1, 1)}, {Attempt: attempt(2, 1)}}, out.Claims)
	require.Empty(t, out.Publish, "nothing is published before the commit")
	require.Equal(t, machine.Demand{Fresh: 1, Limit: 5, Weight: 1}, s.wants())

	out = s.answer(0)
	require.Len(t, out.Publish, 2)
	require.Equal(t, campaign.Job{
		Kind: campaign.JobPlace, Campaign: 7, Attempt: attempt(1, 1), Number: 1, Provider: "mock",
		To: "+4930555", From: "+4930123456", NotAfter: nine.Add(time.Minute),
	}, out.Publish[0])
	require.ElementsMatch(t, []uint64{1, 2}, s.held())
}

func TestACallsOwnCallerIDGoesBeforeTheCampaigns(t *testing.T) {
	s := running(t, 5, 1)
	s.grant(1)
	out := s.do(machine.Claimed{Results: []machine.ClaimResult{{Attempt: attempt(1, 1), To: "+4930555", From: "+49301", Effort: campaign.Effort{Attempts: 2}}}})
	require.Equal(t, "+49301", out.Publish[0].From)
	require.Equal(t, 3, out.Publish[0].Number)
}

// TestWithinLimitWhenGrantedTooMuch: what can't be spent goes back at once.
func TestWithinLimitWhenGrantedTooMuch(t *testing.T) {
	s := running(t, 2, 9)
	out := s.grant(5)
	require.Len(t, out.Claims, 2)
	require.Equal(t, []machine.Release{{Token: tokenOf(3), Unsent: true}, {Token: tokenOf(4), Unsent: true}, {Token: tokenOf(5), Unsent: true}}, out.Releases)
	require.Zero(t, s.m.Demand(s.now).Fresh)
	s.answer(0)
	require.Len(t, s.grant(1).Releases, 1)
	require.ElementsMatch(t, []uint64{1, 2}, s.held())
}

func tokenOf(id uint64) machine.Token { return machine.Token{ID: id, Provider: "mock"} }

func TestTokensGoBackWhereNothingCanBeDialled(t *testing.T) {
	for _, status := range campaign.Statuses {
		if status == campaign.StatusInProgress {
			continue
		}
		s := begin(t, machine.Config{}, aCampaign(status, 5))
		s.do(machine.Page{Calls: waitings(1, 3), Last: true})
		require.Zero(t, s.m.Demand(s.now).Fresh, status)
		out := s.grant(2)
		require.Empty(t, out.Claims, status)
		require.Len(t, out.Releases, 2, status)
	}
	s := running(t, 5, 1)
	require.Len(t, s.grant(3).Releases, 2, "there is one call only")
}

func TestALoweredLimitIsKept(t *testing.T) {
	s := running(t, 4, 9).up(3)
	c := s.c
	c.MaxConcurrentCalls = 2
	s.do(machine.Refreshed{Campaign: c})
	require.Equal(t, machine.Demand{Limit: 2, Weight: 1}, s.wants())
	require.Len(t, s.grant(1).Releases, 1)
}

func TestRefreshedSettingsAreTakenOver(t *testing.T) {
	s := running(t, 1, 9)
	c := s.c
	c.MaxConcurrentCalls, c.Weight, c.From = 3, 2.5, "+49309"
	c.Stats.Total, c.Stats.Queued = 12, 12
	out := s.do(machine.Refreshed{Campaign: c})
	require.Equal(t, machine.Demand{Fresh: 3, Limit: 3, Weight: 2.5}, s.wants())
	require.Equal(t, 12, s.m.Campaign().Stats.Total)
	require.NotNil(t, out.Load, "there may be new contacts")
	s.grant(1)
	require.Equal(t, "+49309", s.answer(0).Publish[0].From)
}

// TestRetriesFirst: a due retry goes before any new number; one that is not due
// holds nothing up.
func TestRetriesFirst(t *testing.T) {
	s := running(t, 9, 9).dialling(2)
	for call := campaign.CallID(1); call <= 2; call++ {
		s.say(campaign.ReportEnded, attempt(call, 1), with(campaign.DispositionBusy))
		s.answer(0)
		s.now = s.now.Add(time.Second)
	}
	require.Equal(t, machine.Demand{Fresh: 7, Limit: 9, Weight: 1}, s.wants())
	require.Equal(t, attempt(3, 1), s.grant(1).Claims[0].Attempt)
	s.answer(0)

	s.now = nine.Add(time.Minute)
	require.Equal(t, machine.Demand{Retries: 1, Fresh: 6, Limit: 9, Weight: 1}, s.wants())
	out := s.grant(2)
	require.Equal(t, []machine.Claim{{Attempt: attempt(1, 2)}, {Attempt: attempt(4, 1)}}, out.Claims)
}

// TestRetriesFirstBeforeNumbersGivenBack: a number that was never dialled stays a
// new one.
func TestRetriesFirstBeforeNumbersGivenBack(t *testing.T) {
	s := running(t, 9, 9).dialling(2)
	s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackExpired))
	require.Equal(t, campaign.CallQueued, s.out.Records[0].Next)
	s.answer(0)
	s.now = s.now.Add(time.Second)
	s.say(campaign.ReportEnded, attempt(2, 1), with(campaign.DispositionBusy))
	s.answer(0)
	s.now = s.now.Add(2 * time.Minute)
	require.Equal(t, machine.Demand{Retries: 1, Fresh: 8, Limit: 9, Weight: 1}, s.wants())
	out := s.grant(3)
	require.Equal(t, []machine.Claim{{Attempt: attempt(2, 2)}, {Attempt: attempt(1, 2)}, {Attempt: attempt(3, 1)}}, out.Claims)
}

func TestARefusedClaimIsAWrongView(t *testing.T) {
	s := running(t, 5, 2)
	s.grant(1)
	out := s.do(machine.Claimed{Results: []machine.ClaimResult{{Attempt: attempt(1, 1), Refused: true}}})
	require.True(t, out.Rebuild)
	require.Empty(t, out.Publish)
}

// TestStopMeansStopForClaimsOnTheirWay: a claim that is committed after the pause
// is undone, not published.
func TestStopMeansStopForClaimsOnTheirWay(t *testing.T) {
	s := running(t, 5, 2)
	claims := s.grant(1).Claims
	s.do(machine.Command{Verb: machine.Pause, Ref: "pause"})
	require.Empty(t, s.answer(0).Replies, "a claim is out")
	out := s.do(machine.Claimed{Results: []machine.ClaimResult{{Attempt: claims[0].Attempt, To: "+4930555"}}})
	require.Empty(t, out.Publish)
	require.Equal(t, []machine.Record{{
		Kind: machine.RecordGiveBack, Attempt: attempt(1, 1), Next: campaign.CallQueued, Reason: campaign.GivenBackStopped, Unplaced: true,
	}}, out.Records)
	out = s.answer(0)
	require.Len(t, out.Replies, 1)
	require.Len(t, out.Releases, 1)
}

func TestABatchThatChangedNothingTellsNoStatistics(t *testing.T) {
	s := running(t, 5, 2)
	s.grant(1)
	want := campaign.Stats{Total: 2, Queued: 1, InProgress: 1}
	s.do(machine.Claimed{Stats: want, Results: []machine.ClaimResult{{Attempt: attempt(1, 1), To: "+4930555"}}})
	s.do(machine.Recorded{})
	require.Equal(t, want, s.m.Campaign().Stats)
}
