package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// denied says that the provider did not know an attempt's call, when looked at a time
// after nine.
func (s *script) denied(id campaign.AttemptID, looked time.Duration) *machine.Effects {
	s.Helper()
	return s.say(campaign.ReportGivenBack, id, because(campaign.GivenBackNotDialled), func(r *campaign.Report) { r.At = nine.Add(looked) })
}

// TestNeverTwiceWhenAProviderDialsLate: one that did not answer the request, or of which
// nothing was heard, is believed only the second time that it does not know the call, and
// is asked for that half a minute after the first.
func TestNeverTwiceWhenAProviderDialsLate(t *testing.T) {
	id := attempt(1, 1)
	unanswered := func(t *testing.T) *script {
		s := running(t, 5, 1).dialling(1)
		s.say(campaign.ReportAmbiguous, id, because(campaign.AmbiguousUnanswered))
		s.answer(0)
		return s
	}
	for name, from := range map[string]func(*testing.T) *script{
		"unanswered": unanswered,
		"unheard of": func(t *testing.T) *script {
			s := running(t, 5, 1).dialling(1)
			s.say(campaign.ReportTaken, id)
			s.at(15 * time.Second)
			s.answer(0)
			return s
		},
		"taken over": func(t *testing.T) *script {
			s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5), inFlight(1, 1, campaign.AttemptAmbiguous, nine))
			s.do(machine.Page{Last: true})
			return s
		},
		"taken over, and its last settling failed": func(t *testing.T) *script {
			s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5), inFlight(1, 1, campaign.AttemptPlacing, nine))
			s.do(machine.Page{Last: true})
			s.say(campaign.ReportAmbiguous, id)
			s.answer(0)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := from(t)
			require.Len(t, s.at(16*time.Second).Publish, 1)
			s.now = nine.Add(17 * time.Second)
			out := s.denied(id, 16*time.Second)
			require.Empty(t, out.Records)
			require.Len(t, out.Acks, 1)
			require.Zero(t, s.m.Demand(s.now).Fresh)
			require.Empty(t, s.at(46*time.Second).Publish)
			require.Equal(t, campaign.JobSettle, s.at(47 * time.Second).Publish[0].Kind)
			s.now = nine.Add(48 * time.Second)
			require.Empty(t, s.denied(id, 16*time.Second).Records, "the first report, delivered again")
			require.Len(t, s.out.Acks, 1)
			require.Equal(t, campaign.CallQueued, s.denied(id, 48*time.Second).Records[0].Next)
			require.Len(t, s.answer(0).Releases, 1)
		})
	}
	s := unanswered(t)
	s.at(15 * time.Second)
	s.denied(id, 15*time.Second)
	s.at(45 * time.Second)
	require.Equal(t, machine.RecordPlaced, s.say(campaign.ReportPlaced, id, as("CA1")).Records[0].Kind, "it dialled meanwhile")
}

// What is heard before it is in doubt at all is the first time, too.
func TestADenialWhilePlacing(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.say(campaign.ReportTaken, attempt(1, 1))
	out := s.denied(attempt(1, 1), 0)
	require.Equal(t, []machine.Record{{
		Kind: machine.RecordAmbiguous, Attempt: attempt(1, 1), Detail: "the provider does not know it yet",
	}}, out.Records)
	require.Empty(t, out.Acks)
	require.Len(t, s.answer(0).Acks, 1)
	require.Empty(t, s.at(29*time.Second).Publish)
	require.Len(t, s.at(30*time.Second).Publish, 1)
	require.Equal(t, campaign.CallQueued, s.denied(attempt(1, 1), 30*time.Second).Records[0].Next)
}

// One that has answered the request, be it with garbage, has done with it.
func TestAProviderThatAnsweredIsBelievedAtOnce(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.say(campaign.ReportAmbiguous, attempt(1, 1))
	s.answer(0)
	require.Len(t, s.at(15*time.Second).Publish, 1)
	require.Equal(t, campaign.CallQueued, s.denied(attempt(1, 1), 15*time.Second).Records[0].Next)
}

// However short settle_within is, there is time for the second look.
func TestNotLostBeforeTheSecondLook(t *testing.T) {
	s := settling(t, 10*time.Second)
	s.say(campaign.ReportAmbiguous, attempt(1, 1), because(campaign.AmbiguousUnanswered))
	s.answer(0)
	s.at(15 * time.Second)
	s.denied(attempt(1, 1), 15*time.Second)
	at, asked := s.silence(time.Hour, nil)
	require.Equal(t, time.Minute, at, "asked at 45 s, and time to answer")
	require.Equal(t, 1, asked)
	require.Equal(t, campaign.DispositionLost, s.out.Records[0].Disposition)
}

func TestConfirmAfter(t *testing.T) {
	s := begin(t, machine.Config{ConfirmAfter: 5 * time.Second}, aCampaign(campaign.StatusInProgress, 5))
	s.do(machine.Page{Calls: waitings(1, 1), Last: true})
	s.dialling(1)
	s.say(campaign.ReportAmbiguous, attempt(1, 1), because(campaign.AmbiguousUnanswered))
	s.answer(0)
	s.at(15 * time.Second)
	s.denied(attempt(1, 1), 15*time.Second)
	require.Len(t, s.at(20*time.Second).Publish, 1)
	require.Len(t, s.denied(attempt(1, 1), 20*time.Second).Records, 1)
}
