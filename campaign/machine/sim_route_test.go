package machine_test

import (
	"fmt"
	"slices"

	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/route"
)

// simPrefixes are how the simulated numbers begin.
var simPrefixes = []string{"+4930", "+4940", "+4950"}

// simTables are the providers that there may be.  By the first all numbers can be
// called; by the others some wait.
var simTables = []*route.Table{
	route.NewTable([]route.Provider{
		{Name: "north", Prefixes: []string{"+4930", "+4940"}}, {Name: "south", Prefixes: []string{"+4950", "+4940"}},
		{Name: "spare", Prefixes: []string{"+49"}}, {Name: "exact", Prefixes: []string{"+4930"}, Priority: 2},
	}),
	route.NewTable([]route.Provider{{Name: "north", Prefixes: []string{"+4930", "+4940"}}}),
	route.NewTable([]route.Provider{{Name: "south", Prefixes: []string{"+4950"}}, {Name: "spare", Prefixes: []string{"+4930"}}}),
	route.NewTable([]route.Provider{{Name: "north"}, {Name: "south"}}),
}

var simProviders = []string{"north", "south", "spare", "exact", "nobody"}

// phone makes a number that nobody has.
func (w *world) phone(n int) string {
	return fmt.Sprintf("%s%06d", simPrefixes[w.pick.below(len(simPrefixes))], n)
}

// reroute is a user who changes by which providers a campaign goes, or an operator who
// changes which there are.
func (u *user) reroute() {
	w := u.w
	w.saw("user: routes changed")
	w.table = simTables[w.pick.below(len(simTables))]
	w.store.c.Routing.Providers = nil
	for _, name := range simProviders {
		if w.pick.below(4) == 0 {
			w.store.c.Routing.Providers = append(w.store.c.Routing.Providers, campaign.ProviderChoice{Name: name})
		}
	}
	u.tell()
}

// openRoutes lets every number be called.
func (w *world) openRoutes() {
	if w.table != nil {
		w.table, w.store.c.Routing = simTables[0], campaign.Routing{}
	}
}

// tokens are up to n, for those providers that the demand asks for, and now and then for
// another: what the scheduler knows is old.
func (k *desk) tokens(n int, d machine.Demand) (out []machine.Token) {
	for range n {
		k.next++
		t := machine.Token{ID: k.next, Provider: "mock"}
		switch {
		case k.w.table == nil:
		case len(d.Routes) == 0 || k.w.faults != calm && k.w.chance(100):
			t.Provider = simProviders[k.w.pick.below(len(simProviders))]
		default:
			t.Provider = k.w.someOf(d.Routes[k.w.pick.below(len(d.Routes))].Route)
		}
		out = append(out, t)
	}
	return out
}

// someOf is a provider to which a route leads.
func (w *world) someOf(r route.Route) string {
	tiers, err := r.Tiers()
	if err != nil || len(tiers) == 0 {
		panic(verdict(fmt.Sprintf("a demand names a route that leads nowhere: %q, %v", r, err)))
	}
	tier := tiers[w.pick.below(len(tiers))]
	return tier[w.pick.below(len(tier))].Provider
}

// judgeRoutes holds a demand against its routes.
func (w *world) judgeRoutes(d machine.Demand) {
	if w.table == nil {
		w.happy("without a table there are no routes", d.Routes == nil)
		return
	}
	total := 0
	for i, r := range d.Routes {
		w.happyf(r.Ready > 0 && r.Ready <= d.Retries+d.Fresh, "a route is asked for by those that could go: %+v", d)
		w.happyf(i == 0 || d.Routes[i-1].Route < r.Route, "routes are in order: %+v", d)
		total += r.Ready
	}
	w.happyf(total >= d.Retries+d.Fresh, "each that could go has a route: %+v", d)
}

// leads reports whether a call may go by a provider, by the plan of the owner's machine.
func (o *owner) leads(call *campaign.Call, provider string) bool {
	if o.plan == nil {
		return true
	}
	class := o.plan.Class(call.Phone)
	return o.plan.Routes()[class].Leads(provider)
}

// providers are those whose tokens the claims were made with.
func (o *owner) providers() map[campaign.AttemptID]string {
	out := map[campaign.AttemptID]string{}
	o.mind.Held(func(p machine.Progress) { out[p.Attempt] = p.Token.Provider })
	return out
}

// judgeOutcome holds what the scheduler is told of a provider against what that made of
// the request.
func (o *owner) judgeOutcome(t machine.Token, attempt campaign.AttemptID, told campaign.Outcome) {
	if told == "" {
		return
	}
	w := o.w
	w.saw("outcome " + string(told))
	w.happyf(!o.outcomes[t.ID], "an outcome is told once: %s of %v", told, attempt)
	o.outcomes[t.ID] = true
	f, asked := w.provider.fates[attempt]
	ok := map[fate][]campaign.Outcome{
		fateDialled: {campaign.OutcomeAnswered}, fateRefused: {campaign.OutcomeAnswered}, fateMisconfigured: {campaign.OutcomeAnswered},
		fateThrottled: {campaign.OutcomeThrottled}, fateFull: {campaign.OutcomeFull},
		fateUnreachable: {campaign.OutcomeUnreachable}, fateBarred: {campaign.OutcomeBarred},
		fateTimeoutBefore: {campaign.OutcomeBroken}, fateTimeoutAfter: {campaign.OutcomeBroken, campaign.OutcomeAnswered},
		fateTimeoutLate: {campaign.OutcomeBroken, campaign.OutcomeAnswered}, fateBroken: {campaign.OutcomeBroken, campaign.OutcomeAnswered},
	}[f]
	// That it could not be asked may be heard by an owner who takes it for the request.
	found := asked && slices.Contains(ok, told) || told == campaign.OutcomeBroken && w.provider.silent[attempt]
	w.happyf(found, "the outcome of %v is what the provider made of it: %s, not %s", attempt, f, told)
}
