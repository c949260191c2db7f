package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/route"
)

// unlessUnavailable is why something waits for tokens, looked at once more: an owner
// does not know how the providers are, and the scheduler's leader does.  may are those
// by which it may go.  Where the leader says nothing the owner's word stands.
func (a *API) unlessUnavailable(ctx context.Context, e campaign.Explanation, may []string) campaign.Explanation {
	if e.Rule != campaign.RuleWaitingForToken || len(may) == 0 {
		return e
	}
	told, err := a.providerStates(ctx)
	if err != nil {
		return e
	}
	known := make(map[string]ProviderState, len(told))
	for _, s := range told {
		known[s.Provider] = s.ProviderState
	}
	out := make([]outage, 0, len(may))
	for _, name := range may {
		o, unavailable := known[name].outage(name)
		if !unavailable {
			return e
		}
		out = append(out, o)
	}
	return explainOutages(out)
}

// unlessGone says of a call without a route that it is the provider it names that is
// missing, which is the only reason that such a call can have.
func (a *API) unlessGone(e campaign.Explanation, c *campaign.Call) campaign.Explanation {
	if e.Rule == campaign.RuleNoRoute && c.Provider != "" && !slices.Contains(a.providerNames(), c.Provider) {
		e.Message = fmt.Sprintf("The call names its provider, %s, and there is no such provider any more; put it back into the providers file, or cancel the call with POST /v1/calls/%v/cancel.", c.Provider, c.ID)
	}
	return e
}

// outage is a provider that takes no calls at this moment.
type outage struct {
	provider, why string
	drained       bool
	// until is when time alone lets it take calls again; zero where it takes more.
	until time.Time
}

// outage is false for a provider that takes calls, or of which nothing is known.
func (s ProviderState) outage(name string) (o outage, unavailable bool) {
	o = outage{provider: name, until: latest(s.BreakerUntil, s.PausedUntil)}
	switch {
	case s.State == "drained":
		o.drained, o.until = true, time.Time{}
		o.why = name + " is drained"
	case s.State == "removed":
		o.until = time.Time{}
		o.why = name + " is not in the providers file of the process that leads"
	case s.Breaker == "open":
		o.why = fmt.Sprintf("the breaker of %s, which fails, is open%s", name, untilWhen(s.BreakerUntil))
	case s.Stalled:
		o.why = name + " answers none of its requests"
	}
	if !s.PausedUntil.IsZero() {
		patience := "asked for patience" + untilWhen(s.PausedUntil)
		if o.why == "" {
			o.why = name + " " + patience
		} else {
			o.why += ", and it " + patience
		}
	}
	return o, o.why != ""
}

func untilWhen(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " until " + rfc(t)
}

// explainOutages tells of every provider why it takes no calls, and what to do.
func explainOutages(out []outage) campaign.Explanation {
	whys := make([]string, len(out))
	var drained []string
	for i, o := range out {
		whys[i] = o.why
		if o.drained {
			drained = append(drained, o.provider)
		}
	}
	cure := "It goes on by itself once one of them takes calls again."
	switch len(drained) {
	case 0:
	case 1:
		cure = fmt.Sprintf("Enable %s again with PATCH %s%s {\"state\": \"enabled\"}.", drained[0], providersPath, drained[0])
	default:
		cure = fmt.Sprintf("Enable one of %s again with PATCH %s{name} {\"state\": \"enabled\"}.", strings.Join(drained, ", "), providersPath)
	}
	return campaign.Explanation{
		Rule: campaign.RuleProviderUnavailable, NextDialAt: soonestOf(out),
		Message: fmt.Sprintf("No provider by which it may go takes calls now: %s. %s", strings.Join(whys, "; "), cure),
	}
}

// soonestOf is the earliest time at which one of them takes calls again by time alone;
// zero for none.
func soonestOf(out []outage) (first time.Time) {
	for _, o := range out {
		if !o.until.IsZero() && (first.IsZero() || o.until.Before(first)) {
			first = o.until
		}
	}
	return first
}

// allowedBy are the providers that a campaign's calls may go by.  Those of the standing
// campaign may each name one of their own, whatever the campaign allows.
func (a *API) allowedBy(c *campaign.Campaign) (names []string) {
	for _, name := range a.providerNames() {
		if _, allowed := c.Routing.Choice(name); allowed || c.ID == campaign.Single {
			names = append(names, name)
		}
	}
	return names
}

// servedBy are the providers that a call may go by: its own, or those of its number's
// route.
func (a *API) servedBy(c *campaign.Call, of *campaign.Campaign) (names []string) {
	if c.Provider != "" {
		return []string{c.Provider}
	}
	var all []route.Provider
	for _, s := range a.providers.Specs() {
		s.Route.Name = s.Name
		all = append(all, s.Route)
	}
	tiers, _ := route.NewTable(all).Plan(of.Routing).Route(c.Phone).Tiers()
	for _, tier := range tiers {
		for _, choice := range tier {
			names = append(names, choice.Provider)
		}
	}
	return names
}
