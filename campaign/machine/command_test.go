package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// canceling is what a canceled campaign asks for until nothing waits.
var canceling = machine.EndWaiting{Status: campaign.StatusCanceled, Limit: 2000}

func (s *script) command(verbs ...machine.Verb) *machine.Effects {
	s.Helper()
	var in []machine.Input
	for _, v := range verbs {
		in = append(in, machine.Command{Verb: v, Ref: string(v)})
	}
	return s.do(in...)
}

// replies are the answers in words: the verb, and the error if any.
func (s *script) replies() (out []string) {
	for _, r := range s.out.Replies {
		word := r.Ref.(string)
		if r.Err != nil {
			word += ": " + r.Err.Message
		}
		out = append(out, word)
	}
	return out
}

func TestCommands(t *testing.T) {
	from := func(s ...campaign.Status) []campaign.Status { return s }
	for verb, want := range map[machine.Verb]struct {
		change machine.ChangeStatus
		event  campaign.EventType
	}{
		machine.Start:  {machine.ChangeStatus{From: from("pending"), To: "in_progress"}, campaign.EventCampaignStarted},
		machine.Pause:  {machine.ChangeStatus{From: from("in_progress"), To: "paused"}, campaign.EventCampaignPaused},
		machine.Resume: {machine.ChangeStatus{From: from("paused"), To: "in_progress"}, campaign.EventCampaignResumed},
		machine.Cancel: {machine.ChangeStatus{From: from("pending", "in_progress", "paused"), To: "canceled"}, campaign.EventCampaignCanceled},
	} {
		s := begin(t, machine.Config{}, aCampaign(want.change.From[0], 5))
		out := s.command(verb)
		require.Equal(t, []machine.ChangeStatus{want.change}, out.Status)
		require.Empty(t, out.Replies, "not before the commit")
		require.Empty(t, s.events())
		out = s.answer(0)
		require.Equal(t, []campaign.EventType{want.event}, s.events())
		if verb == machine.Cancel {
			require.Equal(t, &canceling, out.EndWaiting)
			s.answer(0)
		}
		require.Equal(t, []string{string(verb)}, s.replies())
		require.Equal(t, want.change.To, s.out.Replies[0].Campaign.Status)
	}
}

func TestACommandThatChangedNothingIsNoNews(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusPaused, 5))
	s.command(machine.Pause)
	s.do(machine.StatusChanged{Campaign: s.c})
	require.Equal(t, []string{"pause"}, s.replies())
	require.Empty(t, s.events())
}

func TestRefusedCommandsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		verb   machine.Verb
		status campaign.Status
		want   string
	}{
		{machine.Start, campaign.StatusPaused, "start: The campaign is paused; resume it instead."},
		{machine.Start, campaign.StatusCompleted, "start: The campaign has ended (completed), so it can't start; create a new one."},
		{machine.Pause, campaign.StatusPending, "pause: The campaign is pending, so it can't pause."},
		{machine.Pause, campaign.StatusFailed, "pause: The campaign has ended (failed), so it can't pause; create a new one."},
		{machine.Resume, campaign.StatusPending, "resume: The campaign is pending, so it can't resume."},
		{machine.Cancel, campaign.StatusCompleted, "cancel: The campaign has ended (completed), so it can't cancel; create a new one."},
	} {
		s := begin(t, machine.Config{}, aCampaign(c.status, 5))
		s.command(c.verb)
		s.do(machine.StatusChanged{Refused: true, Campaign: s.c})
		require.Equal(t, []string{c.want}, s.replies())
		require.Equal(t, campaign.CodeConflict, s.out.Replies[0].Err.Code)
		require.Empty(t, s.out.Status)
		require.Nil(t, s.out.EndWaiting)
	}
}

// TestCommandsAreObeyedInTurn: each decides on the status that the one before it
// leaves.
func TestCommandsAreObeyedInTurn(t *testing.T) {
	s := running(t, 5, 3)
	out := s.command(machine.Pause, machine.Resume, machine.Pause)
	for _, to := range []campaign.Status{campaign.StatusPaused, campaign.StatusInProgress, campaign.StatusPaused} {
		require.Len(t, out.Status, 1)
		require.Equal(t, to, out.Status[0].To)
		out = s.answer(0)
		require.Len(t, out.Replies, 1)
		require.Equal(t, to, out.Replies[0].Campaign.Status)
	}
	require.Empty(t, out.Status)
	s.command(machine.Resume)
	s.answer(0)
	require.Equal(t, 3, s.m.Demand(s.now).Fresh, "the page is kept")
}

func TestARefusedCommandDoesNotHoldUpTheNext(t *testing.T) {
	s := running(t, 5, 3)
	s.command(machine.Resume, machine.Pause)
	out := s.do(machine.StatusChanged{Refused: true, Campaign: s.c})
	require.Len(t, out.Replies, 1)
	require.Equal(t, campaign.StatusPaused, out.Status[0].To)
}

// TestStopMeansStop: the answer waits for what is just being placed, but not for
// ever.
func TestStopMeansStop(t *testing.T) {
	for _, verb := range []machine.Verb{machine.Pause, machine.Cancel} {
		for _, stage := range []string{"claiming", "claimed", "placing"} {
			t.Run(string(verb)+" while "+stage, func(t *testing.T) {
				s := inStage(t, stage)
				s.command(verb)
				s.answer(0)
				if verb == machine.Cancel {
					s.answer(0)
				}
				require.Empty(t, s.replies())
				require.Equal(t, time.Second, s.m.NextTick(s.now).Sub(s.now), "it looks at the clock")
				require.Empty(t, s.at(4999*time.Millisecond).Replies)
				require.Len(t, s.at(5*time.Second).Replies, 1, "StopPatience is over")
			})
		}
		for _, stage := range []string{"ambiguous", "placed", "closing"} {
			t.Run(string(verb)+" while "+stage, func(t *testing.T) {
				s := inStage(t, stage)
				s.command(verb)
				s.answer(0)
				if verb == machine.Cancel {
					s.answer(0)
				}
				require.Len(t, s.replies(), 1, "nothing is just being placed")
			})
		}
	}
}

// TestStopMeansStopForWhoAsksAgain: the answer is bounded for whoever waits, also
// when the question is repeated meanwhile.
func TestStopMeansStopForWhoAsksAgain(t *testing.T) {
	s := inStage(t, "placing")
	s.command(machine.Pause)
	s.answer(0)
	s.at(2 * time.Second)
	s.command(machine.Pause)
	s.at(4 * time.Second)
	s.command(machine.Pause)
	require.Len(t, s.at(5*time.Second).Replies, 1)
	for range 2 { // each of the others asks the store for itself, and has waited enough
		require.Len(t, s.do(machine.StatusChanged{Campaign: s.m.Campaign()}).Replies, 1)
	}
	s.at(8 * time.Second)
	require.Empty(t, s.out.Replies)
}

// TestStopMeansStopAfterAnOlderStop: the commit's answer was lost, and to the one that came
// it was done already.  The waiting of a stop from before is not taken for this one's.
func TestStopMeansStopAfterAnOlderStop(t *testing.T) {
	for _, verb := range []machine.Verb{machine.Pause, machine.Cancel} {
		s := running(t, 5, 5)
		s.command(machine.Pause)
		s.answer(0)
		s.command(machine.Resume)
		s.answer(0)
		s.at(10 * time.Second)
		s.dialling(1)
		s.command(verb)
		c := s.m.Campaign()
		c.Status = campaign.StatusPaused
		if verb == machine.Cancel {
			c.Status = campaign.StatusCanceled
		}
		s.do(machine.StatusChanged{Campaign: c})
		if verb == machine.Cancel {
			s.answer(0)
		}
		require.Empty(t, s.replies(), "%s: a call is being placed", verb)
		require.Len(t, s.at(15*time.Second).Replies, 1)
	}
}

func TestStopMeansStopIsAnsweredAsSoonAsNothingIsBeingPlaced(t *testing.T) {
	s := running(t, 5, 5).dialling(2)
	s.command(machine.Pause)
	s.answer(0)
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	require.Empty(t, s.out.Replies)
	s.answer(0)
	s.say(campaign.ReportGivenBack, attempt(2, 1), because(campaign.GivenBackStopped))
	require.Empty(t, s.out.Replies, "it may have been placed in the meantime")
	require.Len(t, s.answer(0).Replies, 1)
	require.Zero(t, s.m.Demand(s.now).Fresh)
	require.Len(t, s.grant(1).Releases, 1)
	require.False(t, s.out.Retire, "one call is up")
}

func TestCancelGoesOnChunkByChunk(t *testing.T) {
	s := running(t, 5, 5)
	s.command(machine.Cancel, machine.Pause)
	out := s.answer(0)
	require.Equal(t, &canceling, out.EndWaiting)
	require.Nil(t, s.do(machine.Tick{}).EndWaiting, "one chunk at a time")
	out = s.do(machine.WaitingEnded{EndWaiting: canceling, Count: 2000, Stats: campaign.Stats{Total: 4500, Queued: 2500, Canceled: 2000}})
	require.Equal(t, &canceling, out.EndWaiting)
	require.Empty(t, out.Replies)
	require.False(t, out.Retire)
	require.Equal(t, 2000, s.m.Campaign().Stats.Canceled)
	s.do(machine.WaitingEnded{EndWaiting: canceling, Count: 2000})
	out = s.do(machine.WaitingEnded{EndWaiting: canceling, Count: 500})
	require.Equal(t, []string{"cancel"}, s.replies())
	require.Nil(t, out.EndWaiting)
	require.Len(t, out.Status, 1, "the pause has its turn")
	s.c.Status = campaign.StatusCanceled
	s.do(machine.StatusChanged{Refused: true, Campaign: s.c})
	require.Equal(t, []string{"pause: The campaign has ended (canceled), so it can't pause; create a new one."}, s.replies())
	require.True(t, s.out.Retire)
}

func TestACommandWaitsForTheEndOfTheCampaign(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5))
	s.do(machine.Page{Last: true})
	drained := s.out.Status
	require.Empty(t, s.command(machine.Pause).Status, "one change at a time")
	s.out.Status = drained
	out := s.answer(0)
	require.Equal(t, []campaign.EventType{campaign.EventCampaignCompleted}, s.events())
	require.Equal(t, campaign.StatusPaused, out.Status[0].To)
	s.do(machine.StatusChanged{Refused: true, Campaign: s.c})
	require.Equal(t, []string{"pause: The campaign has ended (completed), so it can't pause; create a new one."}, s.replies())
}

func TestResumeLooksForContactsAddedInTheMeantime(t *testing.T) {
	s := running(t, 5, 1)
	s.command(machine.Pause)
	s.answer(0)
	require.Empty(t, s.out.Load)
	s.command(machine.Resume)
	require.Equal(t, &machine.Load{Zone: campaign.AnyZone, After: 1, Limit: 2000}, s.answer(0).Load)
}
