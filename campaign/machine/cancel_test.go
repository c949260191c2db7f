package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// cancelCall asks for a call to be canceled.
func (s *script) cancelCall(call campaign.CallID) *machine.Effects {
	s.Helper()
	return s.do(machine.Command{Verb: machine.CancelCall, Call: call, Ref: "cancel"})
}

// answered reports who was answered by the last effects; none may have been refused.
func (s *script) answered() (refs []machine.Ref) {
	s.Helper()
	for _, r := range s.out.Replies {
		require.Nil(s, r.Err)
		refs = append(refs, r.Ref)
	}
	return refs
}

func (s *script) hangUps() (ids []campaign.AttemptID) {
	for _, j := range s.out.Publish {
		if j.Kind == campaign.JobHangUp {
			ids = append(ids, j.Attempt)
		}
	}
	return ids
}

func cancellation(call campaign.CallID) []machine.Record {
	return []machine.Record{{Kind: machine.RecordCancel, Attempt: attempt(call, 0)}}
}

// mark answers the cancellation of a call in flight.
func (s *script) mark(call campaign.CallID) *machine.Effects {
	s.Helper()
	return s.do(machine.Recorded{Results: []machine.RecordResult{{Record: cancellation(call)[0], Marked: true, Changed: true}}})
}

// TestACallThatWaitsIsCanceledInTheStore: it is not dialled from the moment on that it
// is asked for, and the answer waits for the commit.
func TestACallThatWaitsIsCanceledInTheStore(t *testing.T) {
	s := running(t, 5, 3)
	out := s.cancelCall(2)
	require.Equal(t, cancellation(2), out.Records)
	require.Empty(t, out.Replies)
	require.Equal(t, 2, s.m.Demand(s.now).Fresh)
	s.out.Records = cancellation(2)
	require.Equal(t, []machine.Ref{"cancel"}, func() []machine.Ref { s.answer(0); return s.answered() }())
	require.Equal(t, []machine.Claim{{Attempt: attempt(1, 1)}, {Attempt: attempt(3, 1)}}, s.grant(3).Claims)
}

func TestARetryThatWaitsIsCanceled(t *testing.T) {
	s := running(t, 5, 2).up(1)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	s.answer(0)
	require.Equal(t, cancellation(1), s.cancelCall(1).Records)
	s.answer(0)
	s.pass(time.Hour)
	require.Zero(t, s.m.Demand(s.now).Retries)
}

// Two who ask for the same are answered by one record.
func TestACallIsCanceledOnceForAllWhoAsk(t *testing.T) {
	s := running(t, 5, 3)
	first := s.cancelCall(2).Records
	require.Empty(t, s.do(machine.Command{Verb: machine.CancelCall, Call: 2, Ref: "again"}).Records)
	s.out.Records = first
	s.answer(0)
	require.Equal(t, []machine.Ref{"cancel", "again"}, s.answered())
	require.Equal(t, cancellation(2), s.cancelCall(2).Records, "later the store is asked anew")
}

func TestACallThatIsNone(t *testing.T) {
	s := running(t, 5, 1)
	rec := s.cancelCall(9).Records[0]
	out := s.do(machine.Recorded{Results: []machine.RecordResult{{Record: rec, Refused: true, Missing: true}}})
	require.Len(t, out.Replies, 1)
	require.Equal(t, campaign.CodeNotFound, out.Replies[0].Err.Code)
	require.Contains(t, out.Replies[0].Err.Message, "call_9")
	require.False(t, out.Rebuild)

	s.cancelCall(9)
	out = s.mark(9)
	require.True(t, out.Rebuild, "it is in progress, and nobody here knows")
	require.Empty(t, out.Replies, "the next machine is asked again")
}

// TestACanceledCallIsNotReadAgain: a page that was on its way when it was canceled may
// have it.
func TestACanceledCallIsNotReadAgain(t *testing.T) {
	for _, before := range []bool{true, false} {
		s := begin(t, machine.Config{PageSize: 4}, aCampaign(campaign.StatusInProgress, 9))
		rec := s.cancelCall(2).Records
		confirm := func() { s.out.Records = rec; s.answer(0) }
		if before {
			confirm()
			require.Equal(t, []machine.Ref{"cancel"}, s.answered())
		}
		s.do(machine.Page{Calls: waitings(1, 3)})
		if !before {
			confirm()
		}
		require.Equal(t, 2, s.m.Demand(s.now).Fresh)
		s.do(machine.Page{Calls: waitings(4, 1), Last: true})
		require.Equal(t, 3, s.m.Demand(s.now).Fresh)
	}
}

// TestACampaignEndsAfterItsLastCallIsCanceled: not before the store has it.
func TestACampaignEndsAfterItsLastCallIsCanceled(t *testing.T) {
	s := running(t, 5, 1)
	rec := s.cancelCall(1)
	require.Empty(t, rec.Status)
	require.True(t, s.answer(0).Status[0].Drained)
}

// TestACallInFlightIsCanceled in each stage: what is done at once; that the answer waits
// until it is on record; and what becomes of it if its attempt ends busy, or was not
// dialled.
func TestACallInFlightIsCanceled(t *testing.T) {
	for _, c := range []struct {
		stage  string
		hangUp bool
		undone bool
		marked bool // it is in progress when the record comes to the store
	}{
		{"claiming", false, true, false},
		{"claimed", false, true, false},
		{"placing", false, false, true},
		{"ambiguous", false, false, true},
		{"placed", true, false, true},
		{"closing", false, false, false},
	} {
		t.Run(c.stage, func(t *testing.T) {
			s := inStage(t, c.stage)
			closing, claims := s.out.Records, s.out.Claims
			s.cancelCall(1)
			require.Empty(t, s.answered())
			require.Equal(t, c.hangUp, len(s.hangUps()) == 1)
			if c.stage == "claiming" {
				require.Empty(t, s.out.Records, "it would overtake the claim")
				s.out.Claims = claims
				s.answer(0)
				require.Empty(t, s.out.Publish)
			}
			want := cancellation(1)
			if c.undone {
				want = append([]machine.Record{{
					Kind: machine.RecordGiveBack, Attempt: attempt(1, 1), Unplaced: true, Next: campaign.CallCanceled, Reason: "canceled",
				}}, want...)
			}
			require.Equal(t, want, s.out.Records)
			if c.marked {
				s.mark(1)
			} else {
				if c.stage == "closing" {
					s.out.Records = append(closing, s.out.Records...)
				}
				s.answer(0)
			}
			require.Equal(t, []machine.Ref{"cancel"}, s.answered())
			require.False(t, s.out.Rebuild)
			if c.marked {
				s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
				require.Equal(t, campaign.CallCanceled, s.out.Records[0].Next)
				require.Equal(t, "canceled", s.out.Records[0].Reason)
			}
		})
	}
}

func TestACallThatCompletesAfterItsCancellationIsCompleted(t *testing.T) {
	s := running(t, 5, 1).up(1)
	s.cancelCall(1)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
	require.Equal(t, campaign.CallCompleted, s.out.Records[0].Next)
}

// TestACallCanceledWhileItComesBack: the record on its way leads it to wait again; the
// one of its cancellation comes after that, and cancels it as one that waits.
func TestACallCanceledWhileItComesBack(t *testing.T) {
	s := running(t, 5, 2).up(1)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	rec := s.out.Records
	require.Equal(t, campaign.CallRetryWait, rec[0].Next)
	out := s.cancelCall(1)
	require.Empty(t, out.Replies)
	require.Equal(t, cancellation(1), out.Records)
	s.out.Records = rec
	require.Empty(t, s.answer(0).Records)
	require.Empty(t, s.out.Replies)
	s.out.Records = cancellation(1)
	s.answer(0)
	require.Equal(t, []machine.Ref{"cancel"}, s.answered())
	s.pass(time.Hour)
	require.Zero(t, s.m.Demand(s.now).Retries)
}

// TestAClaimThatCanNotBeUndoneIsHungUp: a caller had placed it meanwhile.
func TestAClaimThatCanNotBeUndoneIsHungUp(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.out.Records = s.cancelCall(1).Records[:1]
	require.Empty(t, s.refuse().Replies)
	s.mark(1)
	require.Equal(t, []machine.Ref{"cancel"}, s.answered(), "it will be")
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	require.Equal(t, []campaign.AttemptID{attempt(1, 1)}, s.hangUps())
	require.Equal(t, "CA1", s.out.Publish[0].ProviderCallID)
}

// TestACancellationOutlivesItsOwner: whoever finds the mark hangs up what is up, undoes
// the claim of which nothing is on record, and has no attempt follow.
func TestACancellationOutlivesItsOwner(t *testing.T) {
	open := []machine.Open{
		inFlight(1, 1, campaign.AttemptPlaced, nine),
		inFlight(2, 1, campaign.AttemptPlacing, nine),
		inFlight(3, 1, "", nine),
	}
	for i := range open {
		open[i].Call.Reason = campaign.ReasonCanceled
	}
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 9), open...)
	require.Equal(t, []campaign.AttemptID{attempt(1, 1)}, s.hangUps())
	require.Equal(t, []machine.Record{{
		Kind: machine.RecordGiveBack, Attempt: attempt(3, 1), Unplaced: true, Next: campaign.CallCanceled, Reason: "canceled",
	}}, s.out.Records)
	s.answer(0)
	s.say(campaign.ReportPlaced, attempt(2, 1), as("CA2"))
	require.Equal(t, []campaign.AttemptID{attempt(2, 1)}, s.hangUps())
	s.answer(0)
	for call := campaign.CallID(1); call <= 2; call++ {
		s.say(campaign.ReportEnded, attempt(call, 1), with(campaign.DispositionNoAnswer))
		require.Equal(t, campaign.CallCanceled, s.out.Records[0].Next)
		require.Equal(t, "canceled", s.out.Records[0].Reason)
	}
}

// TestCancelWithHangUp: what is up ends at once, what turns out to be up later; and it
// may be asked for when the campaign is canceled already.
func TestCancelWithHangUp(t *testing.T) {
	s := running(t, 9, 4).up(2)
	s.grant(2)
	s.answer(0)
	s.say(campaign.ReportTaken, attempt(3, 1))
	s.say(campaign.ReportAmbiguous, attempt(4, 1))
	s.answer(0)
	s.do(machine.Command{Verb: machine.Cancel, HangUp: true, Ref: "cancel"})
	require.Empty(t, s.hangUps(), "not before the campaign is canceled")
	s.answer(0)
	require.Equal(t, []campaign.AttemptID{attempt(1, 1), attempt(2, 1)}, s.hangUps())
	s.say(campaign.ReportPlaced, attempt(3, 1), as("CA3"))
	require.Equal(t, []campaign.AttemptID{attempt(3, 1)}, s.hangUps())
	s.answer(0)
	s.say(campaign.ReportPlaced, attempt(4, 1), as("CA4"))
	require.Equal(t, []campaign.AttemptID{attempt(4, 1)}, s.hangUps(), "found by settling")
	require.Empty(t, s.say(campaign.ReportPlaced, attempt(4, 1), as("CA4")).Publish, "once")

	s = running(t, 9, 1).up(1)
	s.do(machine.Command{Verb: machine.Cancel, Ref: "cancel"})
	s.answer(0)
	s.answer(0)
	s.do(machine.Command{Verb: machine.Cancel, HangUp: true, Ref: "and hang up"})
	require.Len(t, s.answer(0).Publish, 1)
	require.Len(t, s.hangUps(), 1)
}

// TestAHangUpIsRepeated until the end of the call is told, which is asked for as well.
func TestAHangUpIsRepeated(t *testing.T) {
	s := running(t, 9, 1).up(1)
	require.Len(t, s.cancelCall(1).Publish, 1)
	for _, at := range []time.Duration{15, 30, 45, 75, 135} {
		require.Empty(t, s.at(at*time.Second-time.Second).Publish, at)
		s.at(at * time.Second)
		require.Len(t, s.hangUps(), 1, at)
		require.Len(t, s.out.Publish, 2)
		require.Equal(t, campaign.JobSettle, s.out.Publish[1].Kind)
	}
	s.do(machine.Published{Failed: []campaign.AttemptID{attempt(1, 1)}})
	s.pass(time.Second)
	require.Len(t, s.hangUps(), 1, "it did not reach the queue")
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
	s.answer(0)
	require.Empty(t, s.pass(time.Hour).Publish)
}

// What is asked of a machine that is being renewed is for the next one.
func TestACancellationIsLeftToTheNextMachine(t *testing.T) {
	s := running(t, 5, 2)
	rec := s.cancelCall(1).Records
	c := s.c
	c.Schedule.TimeZone = campaign.ZoneOfContact
	out := s.do(machine.Refreshed{Campaign: c})
	require.False(t, out.Renew, "a record is on its way")
	require.Empty(t, s.do(machine.Command{Verb: machine.CancelCall, Call: 2, Ref: "later"}).Records)
	s.out.Records = rec
	require.True(t, s.answer(0).Renew)
	require.Equal(t, []machine.Ref{"cancel"}, s.answered())
}

// TestWishesOutliveAMachine: that calls in flight are to be hung up, though not canceled
// by themselves, is handed on to the machine that is built anew, wherever they stand by
// then.
func TestWishesOutliveAMachine(t *testing.T) {
	s := running(t, 5, 3).up(3)
	s.do(machine.Command{Verb: machine.Cancel, HangUp: true, Ref: "cancel"})
	s.answer(0)
	wishes := map[campaign.CallID]machine.Wish{}
	s.m.Wishes(func(id campaign.CallID, w machine.Wish) { wishes[id] = w })
	require.Len(t, wishes, 3)
	open := []machine.Open{
		inFlight(1, 1, campaign.AttemptPlaced, nine),
		inFlight(2, 1, campaign.AttemptAmbiguous, nine),
		inFlight(4, 1, campaign.AttemptPlaced, nine),
	}
	for i := range open {
		open[i].Wish = wishes[open[i].Call.ID]
	}
	s = begin(t, machine.Config{}, aCampaign(campaign.StatusCanceled, 9), open...)
	require.Equal(t, []campaign.AttemptID{attempt(1, 1)}, s.hangUps())
	s.say(campaign.ReportPlaced, attempt(2, 1), as("CA2"))
	require.Equal(t, []campaign.AttemptID{attempt(2, 1)}, s.hangUps())
}
