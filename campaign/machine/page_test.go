package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

func TestThePageIsFilledUpWhenHalfOfItIsUsed(t *testing.T) {
	s := begin(t, machine.Config{PageSize: 4}, aCampaign(campaign.StatusInProgress, 99))
	require.Equal(t, &machine.Load{Zone: campaign.AnyZone, After: 0, Limit: 4}, s.out.Load)
	require.Nil(t, s.do(machine.Tick{}).Load, "one page at a time")
	require.Nil(t, s.do(machine.Page{Calls: waitings(1, 4)}).Load)
	require.Nil(t, s.grant(1).Load, "three of four are left")
	require.Equal(t, &machine.Load{Zone: campaign.AnyZone, After: 4, Limit: 4}, s.grant(1).Load)
	require.Nil(t, s.do(machine.Page{Calls: waitings(11, 2), Last: true}).Load)
	require.Equal(t, 4, s.m.Demand(s.now).Fresh)
	require.Nil(t, s.grant(4).Load, "the store had no more")
	require.Empty(t, s.out.Releases)
	require.Equal(t, attempt(12, 1), s.out.Claims[3].Attempt)
}

func TestAPageCarriesEarlierClaims(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 9))
	s.do(machine.Page{Calls: []machine.Waiting{{ID: 5, Claim: 3}}, Last: true})
	require.Equal(t, attempt(5, 4), s.grant(1).Claims[0].Attempt)
}

// TestContactsAddedWhileAPageIsOnItsWay: the page may have been read before, so
// that it is not the last.
func TestContactsAddedWhileAPageIsOnItsWay(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 9))
	c := s.c
	c.Stats = campaign.Stats{Total: 2, Queued: 2}
	require.Nil(t, s.do(machine.Refreshed{Campaign: c}).Load)
	require.Equal(t, &machine.Load{Zone: campaign.AnyZone, After: 1, Limit: 2000}, s.do(machine.Page{Calls: waitings(1, 1), Last: true}).Load)
	require.Nil(t, s.do(machine.Page{Calls: waitings(2, 1), Last: true}).Load)
	require.Equal(t, 2, s.m.Demand(s.now).Fresh)
}

// takenUp is a machine that found call 5 placing, and asked for its first page.
func takenUp(t *testing.T) *script {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 9), inFlight(5, 1, campaign.AttemptPlacing, nine))
	require.NotNil(t, s.out.Load)
	return s
}

// TestNothingLostWhenGivenBackAroundAPage: a call that the cursor had not come to
// is given back as queued while a page is read; whether the page has it or not,
// it is dialled once.
func TestNothingLostWhenGivenBackAroundAPage(t *testing.T) {
	with, without := []machine.Waiting{{ID: 4}, {ID: 5, Claim: 1}, {ID: 6}}, []machine.Waiting{{ID: 4}, {ID: 6}}
	giveBack := func(s *script) { s.say(campaign.ReportGivenBack, attempt(5, 1), because(campaign.GivenBackUnsent)) }
	for name, play := range map[string]func(s *script){
		"read before, told after": func(s *script) {
			giveBack(s)
			s.answer(0)
			s.do(machine.Page{Calls: without, Last: true})
		},
		"read after, told after": func(s *script) {
			giveBack(s)
			s.answer(0)
			s.do(machine.Page{Calls: with, Last: true})
		},
		"read after, told before the give-back": func(s *script) {
			giveBack(s)
			records := s.out.Records
			s.do(machine.Page{Calls: with, Last: true})
			s.out.Records = records
			s.answer(0)
		},
		"read before, told before the give-back": func(s *script) {
			giveBack(s)
			records := s.out.Records
			s.do(machine.Page{Calls: without, Last: true})
			s.out.Records = records
			s.answer(0)
		},
		"beyond the end": func(s *script) {
			s.do(machine.Page{Calls: waitings(4, 1), Last: true})
			giveBack(s)
			require.Equal(s, &machine.Load{Zone: campaign.AnyZone, After: 4, Limit: 2000}, s.answer(0).Load)
			s.do(machine.Page{Calls: with[1:], Last: true})
		},
		"the page ends before it": func(s *script) {
			giveBack(s)
			s.answer(0)
			require.NotNil(s, s.do(machine.Page{Calls: waitings(4, 1), Last: true}).Load)
			s.do(machine.Page{Calls: with[1:], Last: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := takenUp(t)
			play(s)
			require.Equal(t, 3, s.m.Demand(s.now).Fresh)
			var got []campaign.AttemptID
			for _, c := range s.grant(9).Claims {
				got = append(got, c.Attempt)
			}
			require.ElementsMatch(t, []campaign.AttemptID{attempt(4, 1), attempt(5, 2), attempt(6, 1)}, got)
		})
	}
}

func TestTheCampaignEndsWhenNothingIsLeft(t *testing.T) {
	s := running(t, 5, 1).up(1)
	require.Empty(t, s.out.Status)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
	require.Empty(t, s.out.Status, "not before it is written")
	out := s.answer(0)
	require.Equal(t, []machine.ChangeStatus{{From: []campaign.Status{campaign.StatusInProgress}, Drained: true}}, out.Status)
	require.False(t, out.Retire)
	require.Empty(t, s.do(machine.Tick{}).Status, "once")
	s.out.Status = []machine.ChangeStatus{{Drained: true}}
	out = s.answer(0)
	require.Equal(t, []campaign.EventType{campaign.EventCampaignCompleted}, s.events())
	require.True(t, out.Retire)
	require.Zero(t, s.m.NextTick(s.now))
}

func TestACampaignOfFailuresFails(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5))
	require.True(t, s.do(machine.Page{Last: true}).Status[0].Drained)
	s.c.Status = campaign.StatusFailed
	s.do(machine.StatusChanged{Changed: true, Campaign: s.c})
	require.Equal(t, []campaign.EventType{campaign.EventCampaignFailed}, s.events())
}

// TestContactsAddedAtTheLastMoment: the store refuses to end the campaign, and the
// new contacts are dialled.
func TestContactsAddedAtTheLastMoment(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5))
	s.do(machine.Page{Last: true})
	s.c.Stats = campaign.Stats{Total: 1, Queued: 1}
	out := s.do(machine.StatusChanged{Refused: true, Campaign: s.c})
	require.True(t, out.Refresh, "they may be of zones not heard of")
	require.Empty(t, s.do(machine.Tick{}).Status, "it does not ask again before it has looked")
	out = s.do(machine.Refreshed{Campaign: s.c})
	require.Equal(t, &machine.Load{Zone: campaign.AnyZone, Limit: 2000}, out.Load)
	require.False(t, out.Rebuild)
	require.Empty(t, s.events())
	out = s.do(machine.Page{Calls: waitings(1, 1), Last: true})
	require.False(t, out.Rebuild)
	require.Equal(t, 1, s.m.Demand(s.now).Fresh)
}

// TestAMachineThatLostSightIsRebuilt: the store has open calls of which the
// machine can't know; asking again for ever would not help.
func TestAMachineThatLostSightIsRebuilt(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5))
	s.do(machine.Page{Last: true})
	s.c.Stats = campaign.Stats{Total: 1, Queued: 1}
	require.False(t, s.do(machine.StatusChanged{Refused: true, Campaign: s.c}).Rebuild)
	require.False(t, s.do(machine.Refreshed{Campaign: s.c}).Rebuild)
	require.True(t, s.do(machine.Page{Last: true}).Rebuild, "there is a queued call, and none ahead")

	s = begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5))
	s.do(machine.Page{Last: true})
	s.c.Stats = campaign.Stats{Total: 1, InProgress: 1}
	require.True(t, s.do(machine.StatusChanged{Refused: true, Campaign: s.c}).Rebuild)

	s = begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5))
	s.do(machine.Page{Last: true})
	s.c.Stats = campaign.Stats{Total: 1, Queued: 1}
	require.NotNil(t, s.do(machine.Refreshed{Campaign: s.c}).Load)
	s.do(machine.StatusChanged{Refused: true, Campaign: s.c})
	require.False(t, s.do(machine.Page{Last: true}).Rebuild, "that page may be older")
}

// TestContactsFoundBeforeTheEndIsRefused: what the machine learnt while the end was
// being committed explains why it is refused.
func TestContactsFoundBeforeTheEndIsRefused(t *testing.T) {
	for _, claim := range []bool{false, true} {
		s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 5))
		s.do(machine.Page{Last: true})
		s.c.Stats = campaign.Stats{Total: 1, Queued: 1}
		s.do(machine.Refreshed{Campaign: s.c})
		s.do(machine.Page{Calls: waitings(1, 1), Last: true})
		if claim {
			s.grant(1)
			s.c.Stats = campaign.Stats{Total: 1, InProgress: 1}
		}
		require.False(t, s.do(machine.StatusChanged{Refused: true, Campaign: s.c}).Rebuild)
		require.False(t, s.do(machine.Page{Last: true}).Rebuild)
	}
}

func TestTheStandingCampaignNeverEnds(t *testing.T) {
	c := aCampaign(campaign.StatusInProgress, 5)
	c.ID = campaign.Single
	s := begin(t, machine.Config{}, c)
	out := s.do(machine.Page{Last: true})
	require.Empty(t, out.Status)
	require.False(t, out.Retire)
	for _, v := range []machine.Verb{machine.Pause, machine.Cancel} {
		out = s.do(machine.Command{Verb: v, Ref: v})
		require.Equal(t, campaign.CodeConflict, out.Replies[0].Err.Code)
		require.Empty(t, out.Status)
	}
}

func TestTheMachineAsksForTheTimeOnlyWhenItNeedsIt(t *testing.T) {
	s := running(t, 5, 3)
	require.Equal(t, nine.Add(10*time.Second), s.m.NextTick(s.now), "the refresh")
	s.now = nine.Add(9900 * time.Millisecond)
	s.do(machine.Tick{})
	require.Equal(t, nine.Add(10*time.Second), s.m.NextTick(s.now))
	require.True(t, s.pass(100*time.Millisecond).Refresh, "on its time, whatever else was looked after")
	require.Equal(t, nine.Add(20*time.Second), s.m.NextTick(s.now))

	s.dialling(1)
	require.Equal(t, nine.Add(10900*time.Millisecond), s.m.NextTick(s.now), "the watch")
	late := s.now.Add(5 * time.Second)
	require.Equal(t, late, s.m.NextTick(late), "what came due since is due now")

	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy), func(r *campaign.Report) { r.At = s.now.Add(-58 * time.Second) })
	s.answer(0)
	require.Equal(t, s.now.Add(2*time.Second), s.m.NextTick(s.now), "the retry")
	s.pass(2 * time.Second)
	require.Equal(t, 1, s.m.Demand(s.now).Retries)
	require.Equal(t, nine.Add(20*time.Second), s.m.NextTick(s.now), "what is due waits for a token")
}

func TestProgressIsToldOnceASecond(t *testing.T) {
	s := running(t, 5, 3)
	progress := func(n int) int {
		s.do(machine.Claimed{Stats: campaign.Stats{Total: 3, Queued: 3 - n, InProgress: n}})
		return len(s.out.Events)
	}
	require.Equal(t, 1, progress(1))
	require.Equal(t, 0, progress(2), "within the second")
	require.Equal(t, s.now.Add(time.Second), s.m.NextTick(s.now))
	require.Len(t, s.pass(time.Second).Events, 1)
	require.Empty(t, s.pass(time.Second).Events, "nothing moved")
}

// A refresh that tells of nothing new does not have the queue read again.
func TestARefreshReadsOnOnlyForMore(t *testing.T) {
	s := scheduled(t, nine, campaign.Schedule{}, 1)
	require.Nil(t, s.do(machine.Refreshed{Campaign: s.c}).Load, "as many as there were")
	s.c.Stats.Total = 3
	require.NotNil(t, s.do(machine.Refreshed{Campaign: s.c}).Load)
	s.do(machine.Page{Calls: waitings(2, 2), Last: true})
	require.Nil(t, s.do(machine.Refreshed{Campaign: s.c}).Load)
}

// Contacts of which a commit's statistics told first are read as well.
func TestContactsCountedByACommitAreRead(t *testing.T) {
	s := scheduled(t, nine, campaign.Schedule{}, 2).up(1)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
	s.c.Stats = campaign.Stats{Total: 5, Queued: 4, Completed: 1, Attempts: 1}
	s.answer(0)
	require.NotNil(t, s.do(machine.Refreshed{Campaign: s.c}).Load)
}
