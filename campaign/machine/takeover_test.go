package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// inFlight is a call in progress as the store has it; state "" is no row.
func inFlight(call campaign.CallID, claim int, state campaign.AttemptState, since time.Time) machine.Open {
	o := machine.Open{Call: campaign.Call{
		ID: call, CampaignID: 7, Status: campaign.CallInProgress, Claim: claim, Contact: campaign.Contact{Phone: "+4930555"},
	}}
	if state != "" {
		o.Current = &campaign.Attempt{ID: attempt(call, claim), Number: 1, Provider: "mock", State: state, StartedAt: since}
		if state == campaign.AttemptPlaced {
			o.Current.ProviderCallID = "CA5"
		}
	}
	return o
}

// TestNothingLostWhenTakenOver: claims without a row are undone, unless placed in
// the meantime; the rest goes on where it stands.
func TestNothingLostWhenTakenOver(t *testing.T) {
	claimed := inFlight(1, 3, "", nine)
	retried := inFlight(2, 4, "", nine)
	retried.Call.Attempts = 1
	waiting := machine.Open{Call: campaign.Call{ID: 3, Status: campaign.CallRetryWait, Claim: 2, Effort: campaign.Effort{Attempts: 1}, NextAttemptAt: nine.Add(time.Minute)}}
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 9), claimed, retried, waiting)
	require.Equal(t, []machine.Record{
		{Kind: machine.RecordGiveBack, Attempt: attempt(1, 3), Next: campaign.CallQueued, Reason: "taken_over", Unplaced: true},
		{Kind: machine.RecordGiveBack, Attempt: attempt(2, 4), Next: campaign.CallRetryWait, NextAttemptAt: nine, Reason: "taken_over", Unplaced: true},
	}, s.out.Records)
	require.Nil(t, s.out.Load, "no call is seen twice: what is undone comes first")
	require.ElementsMatch(t, []uint64{1<<63 | uint64(attempt(1, 3)), 1<<63 | uint64(attempt(2, 4))}, s.held())
	require.Empty(t, s.out.Publish)

	out := s.answer(0)
	require.NotNil(t, out.Load)
	require.Len(t, out.Releases, 2)
	s.do(machine.Page{Calls: []machine.Waiting{{ID: 1, Claim: 3}}, Last: true})
	require.Equal(t, machine.Demand{Retries: 1, Fresh: 1, Limit: 9, Weight: 1}, s.wants())
	require.Equal(t, []machine.Claim{{Attempt: attempt(2, 5)}, {Attempt: attempt(1, 4)}}, s.grant(2).Claims)
	s.now = nine.Add(time.Minute)
	require.Equal(t, attempt(3, 3), s.grant(1).Claims[0].Attempt)
}

// TestNeverTwiceWhenTakenOverAndPlacedMeanwhile: only the row knows who was asked
// to place it, so the machine is built anew.
func TestNeverTwiceWhenTakenOverAndPlacedMeanwhile(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 9), inFlight(1, 3, "", nine))
	out := s.refuse()
	require.True(t, out.Rebuild)
	require.Empty(t, out.Releases)
}

func TestWhatIsInFlightIsTakenUpWhereItStands(t *testing.T) {
	began := nine.Add(-5 * time.Second)
	for _, c := range []struct {
		state   campaign.AttemptState
		records []machine.Record // at a moment
		at      time.Duration
		settle  time.Duration
	}{
		{campaign.AttemptPlacing, []machine.Record{{Kind: machine.RecordAmbiguous, Attempt: attempt(5, 1), Detail: "no report came of placing it"}}, 15 * time.Second, 16 * time.Second},
		{campaign.AttemptAmbiguous, nil, 0, 15 * time.Second},
		// Its end may have been told to nobody: asked after 5 s and as much again, by
		// its place in the spread.
		{campaign.AttemptPlaced, nil, 0, 9 * time.Second},
	} {
		s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 1), inFlight(5, 1, c.state, began))
		require.Empty(t, s.out.Records)
		require.NotNil(t, s.out.Load)
		s.do(machine.Page{Calls: waitings(6, 3), Last: true})
		require.Zero(t, s.m.Demand(s.now).Fresh, "WithinLimit: it counts")
		if c.at > 0 {
			require.Equal(t, c.records, s.at(c.at).Records)
		}
		require.Empty(t, s.at(c.settle-time.Second).Publish)
		out := s.at(c.settle)
		require.Len(t, out.Publish, 1)
		require.Equal(t, campaign.JobSettle, out.Publish[0].Kind)
		require.Equal(t, "mock", out.Publish[0].Provider)
		require.Equal(t, "+4930555", out.Publish[0].To)
		require.Equal(t, began, out.Publish[0].PlacingAt)
		out = s.say(campaign.ReportEnded, attempt(5, 1), with(campaign.DispositionCompleted))
		require.Len(t, out.Records, 1)
		require.Equal(t, machine.Token{ID: 1<<63 | uint64(attempt(5, 1)), Provider: "mock"}, out.Releases[0].Token)
		require.Equal(t, c.settle+5*time.Second, out.Releases[0].Held)
		require.Empty(t, s.answer(0).Releases)
		require.Equal(t, 1, s.m.Demand(s.now).Fresh)
	}
}

// TestOneTakenUpAndHeardOfLateIsAskedAboutSoon: the report of placing it came to the new
// owner, after the end of the call had been told to nobody.
func TestOneTakenUpAndHeardOfLateIsAskedAboutSoon(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 1), inFlight(5, 1, campaign.AttemptPlacing, nine))
	s.now = nine.Add(2 * time.Second)
	s.say(campaign.ReportPlaced, attempt(5, 1), as("CA5"))
	require.Empty(t, s.at(10*time.Second).Publish)
	out := s.at(11 * time.Second) // 5 s and, by its place in the spread, 4 more
	require.Len(t, out.Publish, 1)
	require.Equal(t, campaign.JobSettle, out.Publish[0].Kind)
	require.Equal(t, "CA5", out.Publish[0].ProviderCallID)
}

func TestQueuedCallsAreReadWithTheirPage(t *testing.T) {
	queued := machine.Open{Call: campaign.Call{ID: 3, Status: campaign.CallQueued, Claim: 2}}
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 9), queued)
	require.Zero(t, s.m.Demand(s.now).Fresh)
	s.do(machine.Page{Calls: []machine.Waiting{{ID: 3, Claim: 2}}, Last: true})
	require.Equal(t, 1, s.m.Demand(s.now).Fresh)
}

// TestACanceledCampaignIsFinishedByItsNextOwner: what waits is canceled, what is up
// goes on.
func TestACanceledCampaignIsFinishedByItsNextOwner(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusCanceled, 9), inFlight(1, 1, "", nine), inFlight(5, 1, campaign.AttemptPlaced, nine))
	require.Equal(t, &canceling, s.out.EndWaiting)
	require.Equal(t, []machine.Record{{
		Kind: machine.RecordGiveBack, Attempt: attempt(1, 1), Next: campaign.CallCanceled, Reason: "campaign_canceled", Unplaced: true,
	}}, s.out.Records)
	require.False(t, s.answer(0).Retire)
	s.say(campaign.ReportEnded, attempt(5, 1), with(campaign.DispositionBusy))
	require.Equal(t, campaign.CallCanceled, s.out.Records[0].Next)
	require.True(t, s.answer(0).Retire)
}

func TestAMachineWithNothingToDoMayGo(t *testing.T) {
	for _, status := range campaign.Statuses {
		s := begin(t, machine.Config{}, aCampaign(status, 9))
		idle := status != campaign.StatusInProgress && status != campaign.StatusCanceled
		require.Equal(t, idle, s.out.Retire, status)
		require.Equal(t, idle, s.m.NextTick(s.now).IsZero(), status)
	}
}

func TestSettingsLeftOpenTakeTheirDefaults(t *testing.T) {
	c := campaign.Campaign{ID: campaign.Single, Status: campaign.StatusInProgress}
	s := begin(t, machine.Config{}, c)
	s.do(machine.Page{Calls: waitings(1, 1), Last: true})
	require.Equal(t, machine.Demand{Fresh: 1, Limit: 10, Weight: 1}, s.wants())
	s.dialling(1)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	require.Equal(t, campaign.CallRetryWait, s.out.Records[0].Next)
}
