package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// settling is a machine with one claimed call that is settled within a time.
func settling(t *testing.T, within time.Duration) *script {
	c := aCampaign(campaign.StatusInProgress, 5)
	c.Retry.SettleWithin = campaign.Duration(within)
	s := begin(t, machine.Config{}, c)
	s.c.Stats = campaign.Stats{Total: 1, Queued: 1}
	s.do(machine.Page{Calls: waitings(1, 1), Last: true})
	return s.dialling(1)
}

// silence plays on, second by second, with nobody answering, until something is to be
// written; it tells when that was, and how often the provider was asked.
func (s *script) silence(most time.Duration, answer func()) (at time.Duration, asked int) {
	for end := s.now.Add(most); s.now.Before(end); {
		out := s.pass(time.Second)
		if len(out.Records) > 0 {
			return s.now.Sub(nine), asked
		}
		for _, j := range out.Publish {
			require.Equal(s, campaign.JobSettle, j.Kind)
			asked++
			if answer != nil {
				answer()
			}
		}
	}
	return 0, asked
}

// TestNothingLostForGoodWhenAProviderStaysAway: an attempt that can't be settled ends as
// lost after settle_within, costs, and its call goes on by the policy.
func TestNothingLostForGoodWhenAProviderStaysAway(t *testing.T) {
	s := settling(t, 0)
	s.say(campaign.ReportAmbiguous, attempt(1, 1))
	s.answer(0)
	at, asked := s.silence(2*time.Hour, func() { s.say(campaign.ReportAmbiguous, attempt(1, 1)) })
	require.Equal(t, time.Hour, at, "by default")
	require.Equal(t, 32, asked, "less and less often, down to every two minutes")
	want := machine.Record{
		Kind: machine.RecordFinish, Attempt: attempt(1, 1), Disposition: campaign.DispositionLost, EndedAt: s.now, Day: aMonday,
		Detail: "whether it was dialled could not be learnt from mock within 1h0m0s",
		Next:   campaign.CallRetryWait, NextAttemptAt: s.now.Add(time.Minute),
	}
	require.Equal(t, []machine.Record{want}, s.out.Records)
	require.Len(t, s.out.Releases, 1)
	require.Empty(t, s.out.Releases[0].Outcome, "it was told when it was broken")
	s.answer(0)
	require.Equal(t, []campaign.EventType{campaign.EventCallRetry}, s.events())
	require.Equal(t, want.Detail, s.out.Events[0].Data.(campaign.EventCall).Detail)
	require.Equal(t, []machine.Ref{"late"}, s.do(reported(campaign.ReportPlaced, attempt(1, 1), "late", as("CA1"))).Acks)
}

func TestSettleWithin(t *testing.T) {
	s := settling(t, 10*time.Minute)
	s.say(campaign.ReportTaken, attempt(1, 1))
	s.at(15 * time.Second)
	s.answer(0)
	at, _ := s.silence(time.Hour, nil)
	require.Equal(t, 10*time.Minute+15*time.Second, at, "since it is in doubt")

	s = settling(t, 10*time.Second)
	s.say(campaign.ReportAmbiguous, attempt(1, 1))
	s.answer(0)
	at, asked := s.silence(time.Hour, nil)
	require.Equal(t, 30*time.Second, at, "the provider is asked once, and has time to answer")
	require.Equal(t, 1, asked)

	s = settling(t, time.Minute)
	s.say(campaign.ReportAmbiguous, attempt(1, 1))
	s.answer(0)
	c := s.c
	c.Retry.SettleWithin = campaign.Duration(20 * time.Minute)
	s.do(machine.Refreshed{Campaign: c})
	at, _ = s.silence(time.Hour, nil)
	require.Equal(t, 20*time.Minute, at, "a change counts at once")
}

// A placed call is not lost while the provider says that it is up, however long.
func TestACallThatIsUpIsNotLost(t *testing.T) {
	up := func(s *script) *script {
		s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1"))
		s.answer(0)
		return s
	}
	s := up(settling(t, 5*time.Minute))
	at, _ := s.silence(10*time.Hour, func() { s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1")) })
	require.Zero(t, at)

	s = up(settling(t, 5*time.Minute))
	at, asked := s.silence(10*time.Hour, func() { s.say(campaign.ReportAmbiguous, attempt(1, 1)) })
	require.Equal(t, 7*time.Minute, at, "asked after two minutes, and in vain for five")
	require.Equal(t, 6, asked)
	require.Equal(t, "how the call ended could not be learnt from mock within 5m0s", s.out.Records[0].Detail)

	s = up(settling(t, 5*time.Minute))
	s.at(6 * time.Minute)
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	at, _ = s.silence(10*time.Hour, nil)
	require.Equal(t, 15*time.Minute, at, "a word from the provider begins it anew")
}

// After a takeover the time counts from when the attempt was begun; but the provider is
// asked once more.
func TestSettleWithinAfterATakeover(t *testing.T) {
	for ago, want := range map[time.Duration]time.Duration{
		50 * time.Minute: 10 * time.Minute, 5 * time.Hour: 30 * time.Second,
	} {
		s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5), inFlight(1, 1, campaign.AttemptAmbiguous, nine.Add(-ago)))
		at, asked := s.silence(10*time.Hour, nil)
		require.Equal(t, want, at, ago)
		require.Positive(t, asked)
	}
}

// With very many in doubt the provider is not asked about all of them at once, and those
// that have waited longest come first.
func TestAsksAreSpread(t *testing.T) {
	const n = 8000
	s := running(t, n, n).dialling(n)
	for i := range n {
		s.say(campaign.ReportAmbiguous, attempt(campaign.CallID(i+1), 1))
	}
	asked := map[campaign.AttemptID]int{}
	for second := range 54 { // by when those that were first are to be asked again
		out := s.pass(time.Second)
		require.LessOrEqual(t, len(out.Publish), 200)
		for _, j := range out.Publish {
			asked[j.Attempt]++
		}
		require.Equal(t, max(0, min(200*(second-13), n)), len(asked), second)
	}
	for _, times := range asked {
		require.Equal(t, 1, times)
	}
}
