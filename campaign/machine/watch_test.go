package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// at lets the clock stand at a time after nine, with a tick.
func (s *script) at(d time.Duration) *machine.Effects {
	s.Helper()
	s.now = nine.Add(d)
	return s.do(machine.Tick{})
}

// TestAnUnheardJobIsPublishedAgain: after 15 s, then with doubled patience.
func TestAnUnheardJobIsPublishedAgain(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	for _, at := range []time.Duration{15, 45, 105, 225, 465, 945, 1545, 2145} {
		require.Empty(t, s.at(at*time.Second-time.Second).Publish, at)
		out := s.at(at * time.Second)
		require.Len(t, out.Publish, 1, at)
		require.Equal(t, campaign.JobPlace, out.Publish[0].Kind)
		require.Equal(t, s.now.Add(time.Minute), out.Publish[0].NotAfter)
		require.Empty(t, out.Records)
	}
}

func TestAJobThatDidNotReachTheQueueIsPublishedSoon(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.do(machine.Published{Failed: []campaign.AttemptID{attempt(1, 1), attempt(9, 9)}})
	require.Len(t, s.at(time.Second).Publish, 1)

	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	s.answer(0)
	s.do(machine.Published{Failed: []campaign.AttemptID{attempt(1, 1)}})
	require.Empty(t, s.at(3*time.Second).Publish, "a place job that failed and is not needed any more")
	require.Len(t, s.at(121*time.Second).Publish, 1)
	s.do(machine.Published{Failed: []campaign.AttemptID{attempt(1, 1)}})
	require.Equal(t, campaign.JobSettle, s.at(122 * time.Second).Publish[0].Kind)
}

// TestNeverTwiceWhenPlacingIsNotHeardOf: it becomes ambiguous, and is settled.
func TestNeverTwiceWhenPlacingIsNotHeardOf(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.at(3 * time.Second)
	s.say(campaign.ReportTaken, attempt(1, 1))
	require.Empty(t, s.at(17*time.Second).Records)
	out := s.at(18 * time.Second)
	require.Equal(t, []machine.Record{{
		Kind: machine.RecordAmbiguous, Attempt: attempt(1, 1), Detail: "no report came of placing it",
	}}, out.Records)
	require.Empty(t, out.Publish)
	s.answer(0)
	for _, at := range []time.Duration{19, 49, 109, 229} {
		require.Empty(t, s.at(at*time.Second-time.Second).Publish, at)
		out = s.at(at * time.Second)
		require.Len(t, out.Publish, 1, at)
		require.Equal(t, campaign.JobSettle, out.Publish[0].Kind)
		require.Equal(t, nine, out.Publish[0].PlacingAt, "the token was spent then, so it was not dialled before")
		s.say(campaign.ReportAmbiguous, attempt(1, 1))
		require.Empty(t, s.out.Records, "known already")
	}
}

// TestNeverTwiceWhenACreateHasNoAnswer: the provider is asked only when its records
// must have caught up.
func TestNeverTwiceWhenACreateHasNoAnswer(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	out := s.say(campaign.ReportAmbiguous, attempt(1, 1), func(r *campaign.Report) { r.Detail = "timed out" })
	require.Equal(t, []machine.Record{{Kind: machine.RecordAmbiguous, Attempt: attempt(1, 1), Detail: "timed out"}}, out.Records)
	require.Equal(t, []machine.Ref{machine.Ref("ambiguous")}, s.answer(0).Acks)
	require.Empty(t, s.at(14*time.Second).Publish)
	require.Equal(t, campaign.JobSettle, s.at(15 * time.Second).Publish[0].Kind)
}

// TestNothingLostWhenNoCallbackComes: a placed call of which no end is told is
// settled, and a call that is still up is asked for again.
func TestNothingLostWhenNoCallbackComes(t *testing.T) {
	s := running(t, 5, 1).up(1)
	require.Empty(t, s.at(119*time.Second).Publish)
	out := s.at(120 * time.Second)
	require.Equal(t, campaign.JobSettle, out.Publish[0].Kind)
	require.Equal(t, "CA1048577", out.Publish[0].ProviderCallID)
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1048577"))
	require.Empty(t, s.out.Records)
	require.Empty(t, s.at(359*time.Second).Publish)
	require.Len(t, s.at(360*time.Second).Publish, 1)
}

// How long the end of a call is waited for goes by how long the campaign's calls last.
func TestALostCallbackIsMissedByTheLengthOfCalls(t *testing.T) {
	for _, c := range []struct{ length, configured, want time.Duration }{
		{0, 0, 2 * time.Minute}, {time.Second, 0, 15 * time.Second}, {10 * time.Second, 0, 40 * time.Second},
		{29 * time.Second, 0, 116 * time.Second}, {5 * time.Minute, 0, 2 * time.Minute},
		{10 * time.Second, time.Minute, time.Minute},
	} {
		s := begin(t, machine.Config{CallPatience: c.configured}, aCampaign(campaign.StatusInProgress, 5))
		s.do(machine.Page{Calls: waitings(1, 2), Last: true})
		s.dialling(2)
		if c.length > 0 {
			s.now = nine.Add(c.length)
			s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
			s.answer(0)
		} else {
			s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackUnsent))
			s.answer(0)
		}
		s.say(campaign.ReportPlaced, attempt(2, 1), as("CA2"))
		s.answer(0)
		placed := s.now.Sub(nine)
		for _, wait := range []time.Duration{c.want, 3 * c.want} { // the second time after twice as long
			require.Empty(t, s.at(placed+wait-time.Second).Publish, "%+v", c)
			require.Len(t, s.at(placed+wait).Publish, 1, "%+v", c)
			s.say(campaign.ReportPlaced, attempt(2, 1), as("CA2"))
		}
	}
}

// A provider that can't be asked is asked again soon, however long the call was left
// alone: its end may have been told long ago.
func TestAProviderThatCanNotBeAskedIsAskedAgainSoon(t *testing.T) {
	s := running(t, 5, 1).up(1)
	for _, at := range []time.Duration{120, 135, 150, 180, 240, 360, 480} {
		require.Empty(t, s.at(at*time.Second-time.Second).Publish, at)
		require.Len(t, s.at(at*time.Second).Publish, 1, at)
		s.say(campaign.ReportAmbiguous, attempt(1, 1))
	}
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1048577"))
	for _, at := range []time.Duration{720, 735} { // it is up: twice as long as at first
		require.Empty(t, s.at(at*time.Second-time.Second).Publish, at)
		require.Len(t, s.at(at*time.Second).Publish, 1, at)
	}
}

func TestTheWatchGoesInOrder(t *testing.T) {
	s := running(t, 50, 50).dialling(50)
	out := s.at(15 * time.Second)
	require.Len(t, out.Publish, 50)
	for i, j := range out.Publish {
		require.Equal(t, attempt(campaign.CallID(i+1), 1), j.Attempt)
	}
}

// TestHold: while calls come back undialled, nothing is dialled for a while, then
// one at a time until one gets through.
func TestHold(t *testing.T) {
	for _, reason := range []string{
		campaign.GivenBackProvider, campaign.GivenBackUnknown,
	} {
		t.Run(reason, func(t *testing.T) {
			s := running(t, 9, 9).dialling(3)
			out := s.say(campaign.ReportGivenBack, attempt(1, 1), because(reason))
			require.Equal(t, nine.Add(500*time.Millisecond), out.Records[0].NextAttemptAt)
			s.answer(0)
			require.Equal(t, nine.Add(500*time.Millisecond), s.m.NextTick(s.now))
			require.Zero(t, s.m.Demand(s.now).Fresh)
			require.Len(t, s.grant(1).Releases, 1)

			s.now = nine.Add(500 * time.Millisecond)
			s.do(machine.Tick{})
			require.Zero(t, s.m.Demand(s.now).Fresh, "two are under way, and may get through")
			for call := campaign.CallID(2); call <= 3; call++ {
				s.say(campaign.ReportGivenBack, attempt(call, 1), because(reason))
				s.answer(0)
			}
			require.Equal(t, nine.Add(1500*time.Millisecond), s.m.NextTick(s.now), "the hold doubles, once")
			s.now = nine.Add(1500 * time.Millisecond)
			require.Equal(t, 1, s.m.Demand(s.now).Fresh)
			out = s.grant(3)
			require.Len(t, out.Claims, 1)
			require.Len(t, out.Releases, 2)
			s.answer(0)
			require.Zero(t, s.m.Demand(s.now).Fresh)
			s.say(campaign.ReportPlaced, attempt(1, 2), as("CA1"))
			require.Equal(t, 8, s.m.Demand(s.now).Fresh, "one got through")
		})
	}
}

func TestHoldIsNotEndedByACallThatWasUpBefore(t *testing.T) {
	s := running(t, 9, 9).up(1)
	s.grant(1)
	s.answer(0)
	s.say(campaign.ReportGivenBack, attempt(2, 1), because(campaign.GivenBackProvider))
	s.answer(0)
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1048577"))
	require.Zero(t, s.m.Demand(s.now).Fresh)
}

// A provider that is not well, or has enough, holds up no campaign: the scheduler knows
// what to make of it.  The call itself does not stand in the way of the others.
func TestAProvidersTroubleIsNoHold(t *testing.T) {
	for _, reason := range []string{
		campaign.GivenBackThrottled, campaign.GivenBackFull, campaign.GivenBackUnreachable, campaign.GivenBackBarred,
	} {
		s := running(t, 9, 9).dialling(1)
		for claim, wait := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second} {
			s.now = s.now.Add(time.Minute)
			if claim > 0 {
				s.grant(1)
				s.answer(0)
			}
			s.say(campaign.ReportGivenBack, attempt(1, claim+1), because(reason), func(r *campaign.Report) { r.RetryAfter = time.Hour })
			require.Equal(t, s.now.Add(wait), s.out.Records[0].NextAttemptAt, "%s, time %d", reason, claim)
			s.answer(0)
			want := 9
			if wait > 0 {
				want = 8
			}
			require.Equal(t, want, s.m.Demand(s.now).Fresh)
		}
	}
}
