package machine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/campaign/machine"
)

// evidence is what the last effects tell of tokens.
func (s *script) evidence() (out []campaign.Evidence) {
	for _, p := range s.out.Progress {
		require.Equal(s, tokenOf(p.Token.ID), p.Token)
		require.Equal(s, "+4930555", p.To)
		require.Equal(s, campaign.CallID(p.Token.ID), p.Attempt.Call())
		out = append(out, p.Evidence)
	}
	return out
}

func TestEvidenceOfACall(t *testing.T) {
	s := running(t, 5, 2)
	require.Empty(t, s.grant(2).Progress, "a token is granted until its claim is committed")
	s.answer(0)
	require.Equal(t, []campaign.Evidence{campaign.EvidencePlacing, campaign.EvidencePlacing}, s.evidence())
	s.say(campaign.ReportTaken, attempt(1, 1))
	require.Empty(t, s.out.Progress, "nothing new")
	s.say(campaign.ReportAmbiguous, attempt(1, 1))
	require.Equal(t, []campaign.Evidence{campaign.EvidenceAmbiguous}, s.evidence())
	s.answer(0)
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	require.Equal(t, []campaign.Evidence{campaign.EvidencePlaced}, s.evidence())
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	require.Empty(t, s.out.Progress)
}

// Whoever takes a campaign over says of each token that it makes up how far its call is.
func TestEvidenceOfWhatIsTakenOver(t *testing.T) {
	open := func(id campaign.CallID, s campaign.AttemptState) machine.Open {
		o := machine.Open{Call: campaign.Call{ID: id, CampaignID: 7, Status: campaign.CallInProgress, Claim: 1, Contact: campaign.Contact{Phone: "+4930555"}}}
		if s != "" {
			o.Current = &campaign.Attempt{ID: attempt(id, 1), State: s, Provider: "mock", StartedAt: nine}
		}
		return o
	}
	var out machine.Effects
	retry := machine.Open{Call: campaign.Call{ID: 5, CampaignID: 7, Status: campaign.CallRetryWait, Claim: 1, NextAttemptAt: nine}}
	all := []machine.Open{
		open(1, ""), open(2, campaign.AttemptPlacing), open(3, campaign.AttemptAmbiguous), open(4, campaign.AttemptPlaced), retry,
	}
	m := machine.New(machine.Config{}, campaign.Campaign{ID: 7, Status: campaign.StatusInProgress}, nil, all, nine, &out)
	got := map[campaign.CallID]campaign.Evidence{}
	var held []machine.Progress
	m.Held(func(p machine.Progress) {
		got[p.Attempt.Call()] = p.Evidence
		held = append(held, p)
	})
	require.ElementsMatch(t, held, machine.Holds(all, nine), "and so says who can build no machine")
	require.Equal(t, map[campaign.CallID]campaign.Evidence{
		1: campaign.EvidencePlacing, 2: campaign.EvidencePlacing, 3: campaign.EvidenceAmbiguous, 4: campaign.EvidencePlaced,
	}, got)
}

// Unsent is said of tokens only with which nobody can have been asked.
func TestUnsentTokens(t *testing.T) {
	s := running(t, 5, 1)
	s.grant(2)
	require.True(t, s.out.Releases[0].Unsent, "there was nothing to dial")
	s.answer(0)
	s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackThrottled))
	require.False(t, s.answer(0).Releases[0].Unsent, "the provider saw it, and said no")
}
