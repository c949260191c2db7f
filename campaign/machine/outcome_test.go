package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"

	"github.com/stretchr/testify/require"
)

// outcomes are those that the last effects tell, of progress and of releases.
func (s *script) outcomes() (out []campaign.Outcome) {
	for _, p := range s.out.Progress {
		if p.Outcome != "" {
			out = append(out, p.Outcome)
		}
	}
	for _, r := range s.out.Releases {
		if r.Outcome != "" {
			out = append(out, r.Outcome)
		}
	}
	return out
}

// What a provider made of a request is told once, with what is first known of it.
func TestOutcomes(t *testing.T) {
	type step struct {
		kind   campaign.ReportKind
		reason string
		want   campaign.Outcome
	}
	const (
		placed, ended, refused = campaign.ReportPlaced, campaign.ReportEnded, campaign.ReportRefused
		given, unclear         = campaign.ReportGivenBack, campaign.ReportAmbiguous
		answered               = campaign.OutcomeAnswered
	)
	for _, steps := range [][]step{
		{{placed, "", answered}, {placed, "", ""}, {ended, "", ""}},
		{{ended, "", answered}},
		{{refused, "", answered}},
		{{campaign.ReportTaken, "", ""}, {placed, "", answered}},
		{{given, campaign.GivenBackProvider, answered}},
		{{given, campaign.GivenBackThrottled, campaign.OutcomeThrottled}},
		{{given, campaign.GivenBackFull, campaign.OutcomeFull}},
		{{given, campaign.GivenBackUnreachable, campaign.OutcomeUnreachable}},
		{{given, campaign.GivenBackBarred, campaign.OutcomeBarred}},
		{{given, campaign.GivenBackExpired, ""}},
		{{given, campaign.GivenBackUnsent, ""}},
		{{given, campaign.GivenBackUnknown, ""}},
		{{unclear, "", campaign.OutcomeBroken}, {unclear, "", ""}, {placed, "", ""}, {ended, "", ""}},
		{{unclear, "", campaign.OutcomeBroken}, {given, campaign.GivenBackNotDialled, ""}},
		{{unclear, "", campaign.OutcomeBroken}, {given, campaign.GivenBackThrottled, ""}},
	} {
		s := running(t, 5, 1).dialling(1)
		for _, st := range steps {
			s.say(st.kind, attempt(1, 1), because(st.reason), as("CA1"), with(campaign.DispositionBusy), func(r *campaign.Report) { r.RetryAfter = 3 * time.Second })
			got := s.outcomes()
			records := s.out.Records
			for _, r := range s.out.Releases {
				require.Zero(t, r.RetryAfter, "of a call that was over before its commit")
			}
			s.out.Records = records
			s.answer(0)
			if got = append(got, s.outcomes()...); st.want == "" {
				require.Empty(t, got, "%+v", steps)
				continue
			}
			require.Equal(t, []campaign.Outcome{st.want}, got, "%+v", steps)
			if st.kind == given && st.reason != campaign.GivenBackProvider {
				require.Equal(t, 3*time.Second, s.out.Releases[0].RetryAfter)
			}
		}
	}
}

// Where no report came, nobody knows whether the provider was asked.
func TestAMissingReportIsNoOutcome(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.say(campaign.ReportTaken, attempt(1, 1))
	s.at(15 * time.Second)
	require.Empty(t, s.outcomes())
	s.answer(0)
	require.Equal(t, []campaign.Evidence{campaign.EvidenceAmbiguous}, s.evidence())
	require.Empty(t, s.outcomes())
	s.say(campaign.ReportPlaced, attempt(1, 1), as("CA1"))
	require.Equal(t, []campaign.Outcome{campaign.OutcomeAnswered}, s.outcomes())
}

// What an earlier owner heard, it told.
func TestOutcomesAreNotToldAgainByTheNextOwner(t *testing.T) {
	s := begin(t, machine.Config{}, aCampaign(campaign.StatusInProgress, 9),
		inFlight(1, 1, campaign.AttemptPlaced, nine), inFlight(2, 1, campaign.AttemptPlacing, nine))
	require.Empty(t, s.outcomes())
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionBusy))
	require.Empty(t, s.outcomes())
	s.say(campaign.ReportEnded, attempt(2, 1), with(campaign.DispositionBusy))
	require.Equal(t, []campaign.Outcome{campaign.OutcomeAnswered}, s.outcomes())
}

// Of what comes to be known in one batch the first counts.
func TestTheFirstOutcomeCounts(t *testing.T) {
	s := running(t, 5, 1).dialling(1)
	s.do(reported(campaign.ReportAmbiguous, attempt(1, 1), "caller"), reported(campaign.ReportPlaced, attempt(1, 1), "callback", as("CA1")))
	require.Equal(t, []campaign.Outcome{campaign.OutcomeBroken}, s.outcomes())
}
