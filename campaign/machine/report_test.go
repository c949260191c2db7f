package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// The stages that a flight can be brought to.
var stages = []string{"claiming", "claimed", "placing", "ambiguous", "placed", "closing"}

// inStage is a machine whose call 1 is in a stage, with nothing of it unwritten
// but what makes it claiming or closing.
func inStage(t *testing.T, stage string) *script {
	s := running(t, 5, 1)
	s.grant(1)
	if stage == "claiming" {
		return s
	}
	s.answer(0)
	id := attempt(1, 1)
	switch stage {
	case "placing":
		s.say(campaign.ReportTaken, id)
	case "ambiguous":
		s.say(campaign.ReportAmbiguous, id)
		s.answer(0)
	case "placed":
		s.say(campaign.ReportPlaced, id, as("CA1"))
		s.answer(0)
	case "closing":
		s.say(campaign.ReportEnded, id, with(campaign.DispositionCompleted))
	}
	return s
}

// TestEachReportInEachStage: what is written, and whether the report is
// acknowledged at once (because it needs no writing) or with the commit.
func TestEachReportInEachStage(t *testing.T) {
	const (
		ack      = "ack"       // acknowledged at once, nothing written
		wait     = "wait"      // nothing written by it, acknowledged with what is
		placed   = "placed"    // written, then acknowledged
		unclear  = "ambiguous" // and so on
		finish   = "finish"
		giveBack = "give back"
		undo     = "undo" // give back if unplaced
	)
	kinds := map[machine.RecordKind]string{
		machine.RecordPlaced: placed, machine.RecordAmbiguous: unclear, machine.RecordFinish: finish, machine.RecordGiveBack: giveBack,
	}
	for _, c := range []struct {
		kind   campaign.ReportKind
		reason string
		want   [6]string // by stage
	}{
		{campaign.ReportPlaced, "", [6]string{ack, placed, placed, placed, ack, wait}},
		{campaign.ReportEnded, "", [6]string{ack, finish, finish, finish, finish, wait}},
		{campaign.ReportRefused, "", [6]string{ack, finish, finish, finish, finish, wait}},
		{campaign.ReportAmbiguous, "", [6]string{ack, unclear, unclear, ack, ack, wait}},
		{campaign.ReportTaken, "", [6]string{ack, ack, ack, ack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackThrottled, [6]string{ack, giveBack, giveBack, giveBack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackFull, [6]string{ack, giveBack, giveBack, giveBack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackBarred, [6]string{ack, giveBack, giveBack, giveBack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackUnreachable, [6]string{ack, giveBack, giveBack, giveBack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackProvider, [6]string{ack, giveBack, giveBack, giveBack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackNotDialled, [6]string{ack, unclear, unclear, giveBack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackUnsent, [6]string{ack, giveBack, giveBack, giveBack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackStopped, [6]string{ack, undo, ack, ack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackExpired, [6]string{ack, undo, ack, ack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackDrained, [6]string{ack, undo, ack, ack, ack, wait}},
		{campaign.ReportGivenBack, campaign.GivenBackUnknown, [6]string{ack, undo, ack, ack, ack, wait}},
		{campaign.ReportGivenBack, "a reason of tomorrow", [6]string{ack, undo, ack, ack, ack, wait}},
		{"a kind of tomorrow", "", [6]string{ack, ack, ack, ack, ack, wait}},
	} {
		for i, stage := range stages {
			t.Run(string(c.kind)+" "+c.reason+" while "+stage, func(t *testing.T) {
				s := inStage(t, stage)
				records := s.out.Records // of closing
				out := s.do(reported(c.kind, attempt(1, 1), "it", because(c.reason), as("CA1"), with(campaign.DispositionBusy)))
				got := wait
				switch {
				case len(out.Records) > 0:
					got = kinds[out.Records[0].Kind]
					if out.Records[0].Unplaced {
						got = undo
					}
					records = out.Records
				case len(out.Acks) > 0:
					got = ack
				}
				require.Equal(t, c.want[i], got)
				if got == ack {
					require.Equal(t, []machine.Ref{machine.Ref("it")}, out.Acks)
					return
				}
				require.Empty(t, out.Acks, "not before the commit")
				s.out.Records = records
				require.Contains(t, s.answer(0).Acks, machine.Ref("it"))
			})
		}
	}
}

func TestLateAndRepeatedReportsAreAcknowledgedWithoutEffect(t *testing.T) {
	s := running(t, 5, 2).up(1)
	ended := reported(campaign.ReportEnded, attempt(1, 1), "first", with(campaign.DispositionBusy))
	s.do(ended)
	records := s.out.Records
	ended.Ref = "second"
	out := s.do(ended)
	require.Empty(t, out.Records)
	require.Empty(t, out.Acks)
	s.out.Records = records
	require.ElementsMatch(t, []machine.Ref{"first", "second"}, s.answer(0).Acks)
	ended.Ref = "third"
	out = s.do(ended)
	require.Equal(t, []machine.Ref{"third"}, out.Acks)
	require.Empty(t, out.Records)
	out = s.say(campaign.ReportPlaced, attempt(99, 1))
	require.Len(t, out.Acks, 1, "of a call never heard of")
}

func TestPlacedAndEndedInOneBatchAreOneRecord(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	out := s.do(
		reported(campaign.ReportPlaced, attempt(1, 1), "placed", as("CA1")),
		reported(campaign.ReportEnded, attempt(1, 1), "ended", with(campaign.DispositionCompleted)),
	)
	require.Len(t, out.Records, 1)
	require.Equal(t, machine.RecordFinish, out.Records[0].Kind)
	require.Equal(t, "CA1", out.Records[0].ProviderCallID)
	require.Empty(t, out.Acks)
	require.Equal(t, []machine.Ref{"placed", "ended"}, s.answer(0).Acks)
}

// TestNothingIsAcknowledgedBeforeItsCommit: of several reports that say the same,
// each waits for the one record; and a record that is older answers for none.
func TestNothingIsAcknowledgedBeforeItsCommit(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	out := s.do(
		reported(campaign.ReportPlaced, attempt(1, 1), "callback", as("CA1")),
		reported(campaign.ReportPlaced, attempt(1, 1), "report", as("CA1")),
	)
	require.Len(t, out.Records, 1)
	require.Empty(t, out.Acks)
	require.Len(t, s.answer(0).Acks, 2)

	s = running(t, 5, 1).dialling(1)
	s.say(campaign.ReportAmbiguous, attempt(1, 1))
	doubt := machine.Recorded{Results: []machine.RecordResult{{Record: s.out.Records[0], Changed: true}}}
	out = s.do(reported(campaign.ReportPlaced, attempt(1, 1), "placed", as("CA1")), doubt)
	require.Empty(t, out.Acks, "the doubt is written, the placing is not")
	require.Len(t, s.answer(0).Acks, 2)

	s = running(t, 5, 1).dialling(1)
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	placed := machine.Recorded{Results: []machine.RecordResult{{Record: s.out.Records[0], Changed: true}}}
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
	records := s.out.Records
	require.Empty(t, s.do(placed).Acks)
	s.out.Records = records
	require.Len(t, s.answer(0).Acks, 2)
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		disposition campaign.Disposition
		attempts    int // before this one, of three
		canceled    bool
		next        campaign.CallStatus
		reason      string
	}{
		{campaign.DispositionCompleted, 0, false, campaign.CallCompleted, ""},
		{campaign.DispositionCompleted, 2, true, campaign.CallCompleted, ""},
		{campaign.DispositionBusy, 0, false, campaign.CallRetryWait, ""},
		{campaign.DispositionNoAnswer, 1, false, campaign.CallRetryWait, ""},
		{campaign.DispositionFailed, 1, false, campaign.CallRetryWait, ""},
		{campaign.DispositionLost, 1, false, campaign.CallRetryWait, ""},
		{campaign.DispositionBusy, 2, false, campaign.CallFailed, "busy"},
		{campaign.DispositionLost, 2, false, campaign.CallFailed, "lost"},
		{campaign.DispositionRejected, 0, false, campaign.CallFailed, "rejected"},
		{campaign.DispositionCanceled, 0, false, campaign.CallCanceled, "canceled"},
		{campaign.DispositionBusy, 0, true, campaign.CallCanceled, "campaign_canceled"},
		{campaign.DispositionBusy, 2, true, campaign.CallFailed, "busy"},
	} {
		s := running(t, 5, 1)
		s.grant(1)
		s.answer(c.attempts)
		if c.canceled {
			s.do(machine.Command{Verb: machine.Cancel, Ref: "cancel"})
			s.answer(0)
		}
		s.now = s.now.Add(time.Minute)
		ended := s.now.Add(-10 * time.Second)
		out := s.say(campaign.ReportEnded, attempt(1, 1), with(c.disposition), as("CA9"), func(r *campaign.Report) {
			r.At, r.Duration, r.Detail = ended, 42*time.Second, "word"
		})
		want := machine.Record{
			Kind: machine.RecordFinish, Attempt: attempt(1, 1), ProviderCallID: "CA9", Disposition: c.disposition,
			EndedAt: ended, Duration: 42 * time.Second, Detail: "word", Next: c.next, Reason: c.reason, Day: aMonday,
		}
		event := campaign.EventCallEnded
		if c.next == campaign.CallRetryWait {
			want.NextAttemptAt = ended.Add(time.Minute)
			event = campaign.EventCallRetry
		}
		require.Equal(t, []machine.Record{want}, out.Records, "%+v", c)
		require.Empty(t, s.events(), "not before the commit")
		require.Equal(t, []machine.Release{{Token: tokenOf(1), Held: time.Minute, Outcome: outcomeOf(c.disposition)}}, out.Releases, "the slot is free when the call is over")
		out = s.answer(0)
		require.Equal(t, event, s.events()[0])
		data := out.Events[0].Data.(campaign.EventCall)
		require.Equal(t, campaign.EventCall{
			CampaignID: 7, CallID: 1, Attempt: c.attempts + 1, Status: c.next, Disposition: c.disposition, Detail: "word", NextAttemptAt: want.NextAttemptAt,
		}, data)
		require.Empty(t, out.Releases, "and it is given back once")
	}
}

// outcomeOf is what a call that ended so says of its provider.
func outcomeOf(d campaign.Disposition) campaign.Outcome {
	if d == campaign.DispositionLost {
		return ""
	}
	return campaign.OutcomeAnswered
}

func TestARefusedNumberIsRejected(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.now = s.now.Add(time.Second)
	out := s.say(campaign.ReportRefused, attempt(1, 1), func(r *campaign.Report) {
		r.Detail, r.At = "21211: invalid", s.now.Add(time.Hour)
	})
	require.Equal(t, []machine.Record{{
		Kind: machine.RecordFinish, Attempt: attempt(1, 1), Disposition: campaign.DispositionRejected, Detail: "21211: invalid",
		EndedAt: s.now, Next: campaign.CallFailed, Reason: "rejected", Day: aMonday,
	}}, out.Records, "an end that lies ahead is now")
}

func TestAnEndWrittenBeforeIsNotToldAgain(t *testing.T) {
	s := running(t, 5, 2).up(1)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	rec := s.out.Records[0]
	s.do(machine.Recorded{Results: []machine.RecordResult{{Record: rec}}})
	require.Empty(t, s.events())
	require.Len(t, s.out.Acks, 1)
	s.pass(2 * time.Minute)
	require.Equal(t, 1, s.m.Demand(s.now).Retries, "the retry is due all the same")
}

func TestACallGivenBackKeepsItsPlace(t *testing.T) {
	for _, c := range []struct {
		attempts int
		next     campaign.CallStatus
	}{{0, campaign.CallQueued}, {1, campaign.CallRetryWait}} {
		s := running(t, 5, 2)
		s.grant(1)
		s.answer(c.attempts)
		out := s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackDrained))
		require.Equal(t, c.next, out.Records[0].Next)
		require.Len(t, s.answer(0).Releases, 1)
		require.Empty(t, s.events(), "it cost nothing")
		require.Equal(t, attempt(1, 2), s.grant(1).Claims[0].Attempt, "under a new claim")
	}
}

// A job that a caller finds expired by a clock ahead of ours does not come back to it
// at once.
func TestAnExpiredJobComesBackAfterAMoment(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackExpired))
	s.answer(0)
	require.Zero(t, s.m.Demand(s.now).Fresh)
	s.pass(time.Second)
	require.Equal(t, 1, s.m.Demand(s.now).Fresh)
}

// A call that got through begins anew.
func TestMisfitsAreForgottenOnceItGotThrough(t *testing.T) {
	s := running(t, 5, 1)
	refused := func(claim int) *machine.Effects {
		s.pass(time.Hour)
		s.grant(1)
		s.answer(0)
		return s.say(campaign.ReportGivenBack, attempt(1, claim), because(campaign.GivenBackProvider))
	}
	for claim := 1; claim <= 6; claim++ {
		refused(claim)
		s.answer(0)
	}
	s.pass(time.Hour)
	s.grant(1)
	s.answer(0)
	s.say(campaign.ReportPlaced, attempt(1, 7), as("CA7"))
	s.answer(0)
	s.say(campaign.ReportEnded, attempt(1, 7), with(campaign.DispositionBusy))
	s.answer(0)
	for claim := 8; claim <= 13; claim++ {
		require.NotEqual(t, campaign.CallFailed, refused(claim).Records[0].Next)
		s.answer(0)
	}
}

// However often a call came back for reasons that are not its own, only what the
// provider says against our settings makes it rejected.
func TestFreeClaimsAreNoMisfits(t *testing.T) {
	s := running(t, 5, 1)
	for claim := range 30 {
		s.grant(1)
		s.answer(0)
		s.say(campaign.ReportGivenBack, attempt(1, claim+1), because(campaign.GivenBackDrained))
		s.answer(0)
	}
	s.grant(1)
	s.answer(0)
	out := s.say(campaign.ReportGivenBack, attempt(1, 31), because(campaign.GivenBackProvider))
	require.Equal(t, campaign.CallQueued, out.Records[0].Next)
}

// TestNeverTwiceWhenPlacedMeanwhile: the store refuses to undo a claim that was
// placed, and what was reported in between is not lost.
func TestNeverTwiceWhenPlacedMeanwhile(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackExpired))
	undo := s.out.Records
	require.Empty(t, s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1")).Records)
	require.Empty(t, s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted)).Records)
	s.out.Records = undo
	out := s.refuse()
	require.False(t, out.Rebuild)
	require.Len(t, out.Releases, 1, "the call that was placed has ended")
	require.Equal(t, []machine.Ref{machine.Ref("given_back")}, out.Acks)
	require.Len(t, out.Records, 1)
	require.Equal(t, campaign.CallCompleted, out.Records[0].Next)
	require.Equal(t, []machine.Ref{"placed", "ended"}, s.answer(0).Acks)

	s = running(t, 5, 1).dialling(1)
	s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackExpired))
	s.refuse()
	require.Empty(t, s.pass(14*time.Second).Records, "it is placing, and has all the time of one")
	require.Len(t, s.pass(time.Second).Records, 1)
	require.Equal(t, machine.RecordAmbiguous, s.out.Records[0].Kind)
}

func TestWhatTheStoreRefusesIsAWrongView(t *testing.T) {
	for _, say := range []machine.Reported{
		reported(campaign.ReportPlaced, attempt(1, 1), "it", as("CA1")),
		reported(campaign.ReportAmbiguous, attempt(1, 1), "it"),
		reported(campaign.ReportEnded, attempt(1, 1), "it", with(campaign.DispositionBusy)),
		reported(campaign.ReportGivenBack, attempt(1, 1), "it", because(campaign.GivenBackThrottled)),
	} {
		s := running(t, 5, 1).dialling(1)
		s.do(say)
		out := s.refuse()
		require.True(t, out.Rebuild, say.Report.Kind)
		require.Empty(t, out.Acks, "it comes again to the next machine")
	}
}

// TestABatchAppliedTwiceIsNoWrongView: the first time it gave the call back, so the
// second time there is no row to doubt.
func TestABatchAppliedTwiceIsNoWrongView(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.say(campaign.ReportAmbiguous, attempt(1, 1))
	doubt := s.out.Records[0]
	s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackNotDialled))
	giveBack := s.out.Records[0]
	out := s.do(machine.Recorded{Results: []machine.RecordResult{{Record: doubt, Refused: true}, {Record: giveBack}}})
	require.False(t, out.Rebuild)
	require.Len(t, out.Acks, 2)
	require.Len(t, out.Releases, 1)
	require.Equal(t, attempt(1, 2), s.grant(1).Claims[0].Attempt)
}

// TestNothingLostBehindACallThatAlwaysComesBack: whose own settings the provider
// refuses lets the others go first, and is rejected in the end.
func TestNothingLostBehindACallThatAlwaysComesBack(t *testing.T) {
	s := running(t, 5, 3)
	sticky, others, rejected := 0, 0, false
	for range 2000 {
		if rejected && others == 2 {
			break
		}
		s.pass(500 * time.Millisecond)
		out := s.grant(1)
		if len(out.Claims) == 0 {
			continue
		}
		id := out.Claims[0].Attempt
		s.answer(0)
		if id.Call() != 1 {
			s.say(campaign.ReportEnded, id, with(campaign.DispositionCompleted))
			s.answer(0)
			others++
			require.Less(t, sticky, 4, "the others do not wait for it")
			continue
		}
		sticky++
		out = s.say(campaign.ReportGivenBack, id, because(campaign.GivenBackProvider))
		require.Len(t, out.Records, 1)
		if rejected = out.Records[0].Kind == machine.RecordFinish; rejected {
			require.Equal(t, campaign.DispositionRejected, out.Records[0].Disposition)
			require.Equal(t, campaign.CallFailed, out.Records[0].Next)
		}
		s.answer(0)
	}
	require.True(t, rejected)
	require.Equal(t, 2, others)
	require.Equal(t, 11, sticky)
}
