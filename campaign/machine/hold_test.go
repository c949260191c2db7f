package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"

	"github.com/stretchr/testify/require"
)

// refused says that a provider refused what was asked for with a call's attempt.
func (s *script) refused(id campaign.AttemptID, detail string) *machine.Effects {
	s.Helper()
	return s.say(campaign.ReportGivenBack, id, because(campaign.GivenBackProvider), func(r *campaign.Report) { r.Detail = detail })
}

// mixed is a machine with British and American numbers, four of each; see carriers.
func mixed(t *testing.T) *script {
	var calls []machine.Waiting
	for id := range campaign.CallID(8) {
		calls = append(calls, number(id+1, []string{"+44", "+1"}[id%2]))
	}
	return routed(t, 99, calls...)
}

// TestARefusalHoldsOneProvider: the campaign goes on over the others, at once and with
// the very number; the one that refused is left alone, then probed with one call.
func TestARefusalHoldsOneProvider(t *testing.T) {
	s := mixed(t)
	require.Equal(t, []campaign.CallID{1}, s.give("uk"))
	out := s.refused(attempt(1, 1), "21210: From not verified")
	require.Equal(t, s.now, out.Records[0].NextAttemptAt, "another may take it")
	s.answer(0)
	require.Equal(t, nine.Add(500*time.Millisecond), s.m.NextTick(s.now))
	require.Equal(t, []machine.RouteDemand{{Route: "both:1", Ready: 4}, {Route: toUS, Ready: 4}}, s.routes())
	require.Equal(t, 8, s.m.Demand(s.now).Fresh)
	require.Equal(t, campaign.RuleWaitingForToken, s.m.Explain(s.now, nil).Rule)
	require.Equal(t, []campaign.CallID{0, 1, 2}, s.give("uk", "both", "us"))
	s.say(campaign.ReportPlaced, attempt(1, 2), as("CA1"))
	s.answer(0)

	s.pass(500 * time.Millisecond)
	require.Equal(t, []machine.RouteDemand{{Route: "both:1", Ready: 2}, {Route: toUK, Ready: 1}, {Route: toUS, Ready: 3}}, s.routes(),
		"what another took tells nothing of this one")
	require.Equal(t, []campaign.CallID{3, 0}, s.give("uk", "uk"), "one at a time")
	require.Equal(t, []machine.RouteDemand{{Route: "both:1", Ready: 2}, {Route: toUS, Ready: 3}}, s.routes())
	s.refused(attempt(3, 1), "")
	s.answer(0)
	s.pass(999 * time.Millisecond)
	require.Equal(t, []campaign.CallID{0}, s.give("uk"), "for twice as long")
	s.pass(time.Millisecond)
	require.Equal(t, []campaign.CallID{3}, s.give("uk"))
	s.say(campaign.ReportPlaced, attempt(3, 2), as("CA3"))
	s.answer(0)
	require.Equal(t, []machine.RouteDemand{{Route: toUK, Ready: 2}, {Route: toUS, Ready: 3}}, s.routes(), "one got through")
	require.Equal(t, []campaign.CallID{5, 7}, s.give("uk", "uk"))
}

// Numbers that only such providers serve are not told; with all of them the campaign is
// held up, and explain says by whom and why.
func TestExplainWhereAllProvidersRefuse(t *testing.T) {
	s := routed(t, 99, number(1, "+44"), number(2, "+44"))
	s.give("uk")
	s.refused(attempt(1, 1), "21210: From not verified")
	s.answer(0)
	require.Equal(t, campaign.RuleWaitingForToken, s.m.Explain(s.now, nil).Rule)
	s.now = s.now.Add(100 * time.Millisecond)
	require.Equal(t, []campaign.CallID{1}, s.give("both"))
	s.say(campaign.ReportGivenBack, attempt(1, 2), because(campaign.GivenBackUnknown))
	s.answer(0)
	require.Empty(t, s.routes())
	require.Zero(t, s.m.Demand(s.now).Fresh+s.m.Demand(s.now).Retries)
	require.Equal(t, 2, s.m.Demand(s.now).Remaining)
	e := s.m.Explain(s.now, nil)
	require.Equal(t, campaign.RuleProviderTrouble, e.Rule)
	require.Equal(t, nine.Add(500*time.Millisecond), e.NextDialAt)
	const by = "What the campaign asks for is refused by both (no provider of this name is configured), uk (21210: From not verified); "
	require.Equal(t, by+"the next call is tried at 2026-03-02T09:00:00Z.", e.Message)

	s.pass(time.Second)
	require.Equal(t, []machine.RouteDemand{{Route: "both:1", Ready: 1}, {Route: "uk:1", Ready: 1}}, s.routes(), "a probe for each")
	require.Equal(t, campaign.RuleWaitingForToken, s.m.Explain(s.now, nil).Rule)
	s.give("uk", "both")
	s.say(campaign.ReportPlaced, attempt(1, 3), as("CA1"))
	s.answer(0)
	require.Equal(t, campaign.RuleNoContactsLeft, s.m.Explain(s.now, nil).Rule)
}

func TestExplainWhileTheProbeIsUnderway(t *testing.T) {
	c := aCampaign(campaign.StatusInProgress, 9)
	c.Routing.Providers = []campaign.ProviderChoice{{Name: "both"}}
	s := begin(t, machine.Config{Table: carriers()}, c)
	s.do(machine.Page{Calls: []machine.Waiting{number(1, "+44"), number(2, "+1")}, Last: true})
	s.give("both")
	s.refused(attempt(1, 1), "not yours")
	s.answer(0)
	s.pass(time.Second)
	s.give("both")
	require.Empty(t, s.routes())
	e := s.m.Explain(s.now, nil)
	require.Equal(t, campaign.Explanation{
		Rule:    campaign.RuleProviderTrouble,
		Message: "What the campaign asks for is refused by both (not yours); one call at a time is tried until one gets through.",
	}, e.Explanation)
}

// A provider is probed with a number that goes by nobody else, or that it is preferred
// for, since others would take the call before it.
func TestTheProbeGoesWhereTheProviderIsAsked(t *testing.T) {
	table := route.NewTable([]route.Provider{
		{Name: "p", Prefixes: []string{"+1", "+33", "+44"}}, {Name: "q", Prefixes: []string{"+33"}, Priority: 2},
		{Name: "r", Prefixes: []string{"+44"}, Priority: 1},
	})
	c := aCampaign(campaign.StatusInProgress, 9)
	c.Routing.Providers = []campaign.ProviderChoice{{Name: "p", Priority: 2}, {Name: "q", Priority: 3}, {Name: "r"}}
	for _, x := range []struct {
		prefixes []string
		want     []machine.RouteDemand
	}{
		{[]string{"+44", "+33", "+1"}, []machine.RouteDemand{{Route: "p:1", Ready: 1}, {Route: "q:1", Ready: 1}, {Route: "r:1", Ready: 1}}},
		{[]string{"+44", "+33"}, []machine.RouteDemand{{Route: "p:1;q:1", Ready: 1}, {Route: "r:1", Ready: 1}}},
		{[]string{"+44", "+44"}, []machine.RouteDemand{{Route: "r:1", Ready: 1}, {Route: "r:1;p:1", Ready: 1}}},
	} {
		s := begin(t, machine.Config{Table: table}, c)
		var calls []machine.Waiting
		for i, prefix := range x.prefixes {
			calls = append(calls, number(campaign.CallID(i+1), prefix))
		}
		s.do(machine.Page{Calls: calls, Last: true})
		s.give("p")
		s.refused(attempt(1, 1), "")
		s.answer(0)
		s.pass(time.Second)
		require.Equal(t, x.want, s.routes(), "%v", x.prefixes)
	}
}

// Routes that are alike without a provider are told as one, up to the room.
func TestRoutesThatBecomeOneAreMerged(t *testing.T) {
	table := route.NewTable([]route.Provider{
		{Name: "a", Prices: map[string]float64{"": 0.05}}, {Name: "b", Prices: map[string]float64{"+1": 0.01, "+44": 0.09}},
	})
	for limit, want := range map[int]int{99: 5, 3: 3} {
		c := aCampaign(campaign.StatusInProgress, limit)
		c.Routing.LeastCost = true
		s := begin(t, machine.Config{Table: table}, c)
		s.do(machine.Page{Calls: []machine.Waiting{number(1, "+1"), number(2, "+44"), number(3, "+1"), number(4, "+44"), number(5, "+1")}, Last: true})
		require.Len(t, s.routes(), 2)
		s.give("b")
		s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackUnknown))
		s.answer(0)
		require.Equal(t, []machine.RouteDemand{{Route: "a:1", Ready: want}}, s.routes())
	}
}

// A number pays for a refusal only where the request had a caller id of its campaign's or
// its own: what else is refused the operator has configured.
func TestTheProvidersOwnSettingsAreNoMisfit(t *testing.T) {
	for _, from := range []string{"", "+4930123456"} {
		c := aCampaign(campaign.StatusInProgress, 5)
		c.From = from
		s := begin(t, machine.Config{}, c)
		s.do(machine.Page{Calls: waitings(1, 1), Last: true})
		rejected := false
		for claim := 1; claim <= 30 && !rejected; claim++ {
			s.pass(time.Hour)
			s.grant(1)
			s.answer(0)
			out := s.refused(attempt(1, claim), "21212: Invalid 'From'")
			require.Len(t, out.Records, 1)
			rejected = out.Records[0].Kind == machine.RecordFinish
			if !rejected && claim == 30 {
				require.Equal(t, s.now.Add(holdMost+5*time.Minute), out.Records[0].NextAttemptAt, "others go first")
			}
			s.answer(0)
		}
		require.Equal(t, from != "", rejected, "from %q", from)
	}
}

const holdMost = 30 * time.Second

// The end of a call that was up before says nothing of whether the provider takes the
// next one.
func TestHoldIsNotEndedByTheEndOfACallThatWasUpBefore(t *testing.T) {
	s := running(t, 9, 9).up(1)
	s.grant(1)
	s.answer(0)
	s.refused(attempt(2, 1), "")
	s.answer(0)
	s.say(campaign.ReportEnded, attempt(1, 1), with(campaign.DispositionCompleted))
	s.answer(0)
	require.Zero(t, s.m.Demand(s.now).Fresh)
}
