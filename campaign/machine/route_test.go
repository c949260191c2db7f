package machine_test

import (
	"testing"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"

	"github.com/stretchr/testify/require"
)

// carriers are a provider of British numbers, one of American ones, and one of both
// that is not to be preferred.
func carriers() *route.Table {
	return route.NewTable([]route.Provider{
		{Name: "uk", Prefixes: []string{"+44"}}, {Name: "us", Prefixes: []string{"+1"}},
		{Name: "both", Prefixes: []string{"+1", "+44"}, Priority: 2},
	})
}

const (
	toUK = route.Route("uk:1;both:1")
	toUS = route.Route("us:1;both:1")
)

// number is a queued call by how its phone number begins.
func number(id campaign.CallID, prefix string) machine.Waiting {
	return machine.Waiting{ID: id, Phone: prefix + "5550000"}
}

// routed is a machine with these carriers, in progress with these numbers at hand.
func routed(t *testing.T, limit int, calls ...machine.Waiting) *script {
	s := begin(t, machine.Config{Table: carriers()}, aCampaign(campaign.StatusInProgress, limit))
	s.c.Stats = campaign.Stats{Total: len(calls), Queued: len(calls)}
	s.do(machine.Page{Calls: calls, Last: true})
	return s
}

// give hands out a token of each of some providers, and tells which calls they took; 0
// is none.
func (s *script) give(providers ...string) (calls []campaign.CallID) {
	s.Helper()
	for _, p := range providers {
		s.token++
		out := s.do(machine.Granted{Tokens: []machine.Token{{ID: s.token, Provider: p}}})
		if len(out.Claims) == 0 {
			require.Equal(s, []machine.Release{{Token: machine.Token{ID: s.token, Provider: p}, Unsent: true}}, out.Releases)
			calls = append(calls, 0)
			continue
		}
		calls = append(calls, out.Claims[0].Attempt.Call())
		s.answer(0)
	}
	return calls
}

func (s *script) routes() []machine.RouteDemand { return s.m.Demand(s.now).Routes }

// TestATokenTakesWhatItsProviderServes: of several routes, each provider takes the first
// number that leads to it, and a token that finds none goes back.
func TestATokenTakesWhatItsProviderServes(t *testing.T) {
	s := routed(t, 99, number(1, "+1"), number(2, "+1"), number(3, "+44"), number(4, "+49"), number(5, "+44"), number(6, "+1"))
	require.Equal(t, []machine.RouteDemand{{Route: toUK, Ready: 2}, {Route: toUS, Ready: 3}}, s.routes())
	require.Equal(t, 5, s.m.Demand(s.now).Fresh, "no one serves +49")
	require.Equal(t, 5, s.m.Demand(s.now).Remaining)
	require.Equal(t, []campaign.CallID{3, 1, 2, 5, 0, 6, 0, 0}, s.give("uk", "both", "both", "both", "uk", "us", "us", "nobody"))
	require.Empty(t, s.routes())
	require.Empty(t, s.out.Status, "number 4 waits")
}

// Demand is capped by what may be dialled at all, route by route.
func TestRoutesAreCappedByTheRoom(t *testing.T) {
	s := routed(t, 2, number(1, "+1"), number(2, "+1"), number(3, "+1"), number(4, "+44"))
	require.Equal(t, []machine.RouteDemand{{Route: toUK, Ready: 1}, {Route: toUS, Ready: 2}}, s.routes())
	require.Equal(t, 2, s.m.Demand(s.now).Fresh)
	require.Nil(t, running(t, 5, 5).routes(), "without a table")
}

// TestRetriesFirstOfThoseThatAProviderCanTake: a due retry goes before new numbers, but
// one that leads elsewhere does not hold them up; of two the earlier goes.
func TestRetriesFirstOfThoseThatAProviderCanTake(t *testing.T) {
	s := routed(t, 99, number(1, "+44"), number(2, "+1"), number(3, "+44"), number(4, "+1"), number(5, "+44"))
	require.Equal(t, []campaign.CallID{1, 3, 2}, s.give("uk", "uk", "us"))
	for _, call := range []campaign.CallID{3, 1, 2} {
		s.say(campaign.ReportEnded, attempt(call, 1), with(campaign.DispositionBusy))
		s.answer(0)
		s.now = s.now.Add(time.Second)
	}
	s.pass(2 * time.Minute)
	require.Equal(t, []machine.RouteDemand{{Route: toUK, Ready: 3}, {Route: toUS, Ready: 2}}, s.routes())
	require.Equal(t, []campaign.CallID{2, 4, 3, 1, 5}, s.give("us", "us", "both", "uk", "uk"))
}

// A number that was given back waits before those of the page, for those who serve it.
func TestANumberGivenBackKeepsItsRoute(t *testing.T) {
	s := routed(t, 99, number(1, "+44"), number(2, "+1"), number(3, "+44"))
	require.Equal(t, []campaign.CallID{1}, s.give("uk"))
	s.say(campaign.ReportGivenBack, attempt(1, 1), because(campaign.GivenBackUnreachable))
	s.answer(0)
	require.Equal(t, []campaign.CallID{2, 1, 3}, s.give("us", "both", "both"))
}

// What is taken over is sorted in like what is read.
func TestRoutesOfWhatIsTakenOver(t *testing.T) {
	waits := func(id campaign.CallID, phone, provider string) machine.Open {
		return machine.Open{Call: campaign.Call{
			ID: id, Status: campaign.CallRetryWait, Claim: 1, Provider: provider, NextAttemptAt: nine.Add(-time.Duration(id) * time.Second),
			Contact: campaign.Contact{Phone: phone}, Effort: campaign.Effort{Attempts: 1},
		}}
	}
	up := inFlight(5, 1, campaign.AttemptPlaced, nine)
	up.Call.Phone = "+1212"
	s := begin(t, machine.Config{Table: carriers()}, aCampaign(campaign.StatusInProgress, 99),
		waits(1, "+4420", ""), waits(2, "+1212", ""), waits(3, "+1213", "both"), waits(4, "+4930", ""), up)
	require.Equal(t, []machine.RouteDemand{{Route: "both:1", Ready: 1}, {Route: toUK, Ready: 1}, {Route: toUS, Ready: 1}}, s.routes())
	require.Equal(t, []campaign.CallID{2, 3, 1, 0}, s.give("us", "both", "both", "both"))
	s.say(campaign.ReportEnded, attempt(5, 1), with(campaign.DispositionBusy))
	s.answer(0)
	s.pass(time.Minute)
	require.Equal(t, []campaign.CallID{0, 5}, s.give("uk", "us"))
}

// A call may be bound to a provider, and is left to it.
func TestABoundCallWaitsForItsProvider(t *testing.T) {
	bound := number(1, "+1")
	bound.Provider = "both"
	s := routed(t, 99, bound, number(2, "+1"))
	require.Equal(t, []campaign.CallID{2, 0, 1}, s.give("us", "us", "both"))
}

// A campaign whose numbers no provider serves waits, and says so.
func TestNoRoute(t *testing.T) {
	s := routed(t, 99, number(1, "+49"), number(2, "+1"))
	require.Equal(t, []campaign.CallID{2}, s.give("us"))
	s.say(campaign.ReportEnded, attempt(2, 1), with(campaign.DispositionCompleted))
	s.answer(0)
	require.Empty(t, s.out.Status)
	e := s.m.Explain(s.now, nil)
	require.Equal(t, campaign.RuleNoRoute, e.Rule)
	require.Equal(t, "No provider serves the numbers that are left, 1: look at the campaign's providers, and at the providers' prefixes.", e.Message)
	require.Nil(t, s.do(machine.Tick{}).Load)
}

func TestNoRouteOfACall(t *testing.T) {
	s := routed(t, 99, number(1, "+1"))
	for _, c := range []struct{ phone, bound, want string }{
		{"+1212", "", ""}, {"+1212", "both", ""},
		{"+4930", "", "No provider serves +4930: look at the campaign's providers, and at the providers' prefixes."},
		{"+1212", "uk", ""}, // named for it, whatever its prefixes
		{"+1212", "gone", "The call may go by the provider gone only, and there is none of that name: put it back, or cancel the call."},
	} {
		e := s.m.ExplainCall(s.now, c.phone, c.bound, nil)
		if c.want == "" {
			require.Equal(t, s.m.Explain(s.now, nil), e)
			continue
		}
		require.Equal(t, campaign.Explanation{Rule: campaign.RuleNoRoute, Message: c.want}, e.Explanation)
	}
	s = running(t, 1, 1)
	require.Equal(t, campaign.RuleWaitingForToken, s.m.ExplainCall(s.now, "+4930", "nobody", nil).Rule, "without a table anybody may")
}

// TestNumbersThatCanGoAreNotHiddenByOthers: where routes differ the queue is read on,
// whatever is at hand.
func TestNumbersThatCanGoAreNotHiddenByOthers(t *testing.T) {
	read := func(cfg machine.Config, id campaign.ID) (pages int) {
		c := aCampaign(campaign.StatusInProgress, 9)
		c.ID = id
		cfg.PageSize = 2000
		s := begin(t, cfg, c)
		for next := campaign.CallID(1); s.out.Load != nil && pages < 100; pages++ {
			var p machine.Page
			for range s.out.Load.Limit {
				p.Calls = append(p.Calls, number(next, "+1"))
				next++
			}
			s.do(p)
		}
		return pages
	}
	require.Equal(t, 50, read(machine.Config{Table: carriers()}, 7), "up to 100,000 numbers")
	same := route.NewTable([]route.Provider{{Name: "a"}, {Name: "b"}})
	require.Equal(t, 1, read(machine.Config{Table: same}, 7), "all have one route")
	require.Equal(t, 50, read(machine.Config{Table: same}, campaign.Single), "single calls may be bound")
	require.Equal(t, 1, read(machine.Config{}, campaign.Single))
	none := route.NewTable([]route.Provider{{Name: "uk", Prefixes: []string{"+44"}}})
	require.Equal(t, 100, read(machine.Config{Table: none}, 7), "those that nobody serves are passed by")
}

// TestACallerIDByDestination: a call's own goes first, then the one of the longest
// prefix, then the campaign's.
func TestACallerIDByDestination(t *testing.T) {
	c := aCampaign(campaign.StatusInProgress, 9)
	c.Routing.FromByPrefix = map[string]string{"+1": "+1000", "+1212": "+1212000"}
	for _, x := range []struct{ own, to, want string }{
		{"", "+12125", "+1212000"}, {"", "+13125", "+1000"}, {"", "+4930", "+4930123456"}, {"+99", "+12125", "+99"},
	} {
		s := begin(t, machine.Config{}, c)
		s.do(machine.Page{Calls: waitings(1, 1), Last: true})
		s.grant(1)
		out := s.do(machine.Claimed{Results: []machine.ClaimResult{{Attempt: attempt(1, 1), To: x.to, From: x.own}}})
		require.Equal(t, x.want, out.Publish[0].From)
	}
}

// Where numbers may go by other providers from now on, the machine is built anew.
func TestOtherRoutesRenewTheMachine(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*machine.Refreshed)
		renew  bool
	}{
		"nothing":          {func(*machine.Refreshed) {}, false},
		"the same table":   {func(r *machine.Refreshed) { r.Table = carriers() }, false},
		"another table":    {func(r *machine.Refreshed) { r.Table = route.NewTable([]route.Provider{{Name: "us"}}) }, true},
		"least cost":       {func(r *machine.Refreshed) { r.Campaign.Routing.LeastCost = true }, true},
		"other caller ids": {func(r *machine.Refreshed) { r.Campaign.Routing.FromByPrefix = map[string]string{"+1": "+1"} }, false},
		"fewer providers": {func(r *machine.Refreshed) {
			r.Campaign.Routing.Providers = []campaign.ProviderChoice{{Name: "us"}}
		}, true},
	} {
		s := routed(t, 9, number(1, "+1"))
		s.give("us")
		in := machine.Refreshed{Campaign: s.c}
		x.change(&in)
		out := s.do(in)
		require.Equal(t, x.renew, len(out.Records) > 0, "%s: what is with the callers is taken back", name)
		require.Equal(t, x.renew, s.answer(0).Renew, name)
	}
	s := running(t, 1, 1)
	c := s.c
	c.Routing.Providers = []campaign.ProviderChoice{{Name: "us"}}
	require.False(t, s.do(machine.Refreshed{Campaign: c}).Renew, "without a table there are no routes")
}
