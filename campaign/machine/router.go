package machine

import (
	"cmp"
	"slices"

	"dialtone/campaign"
	"dialtone/campaign/route"
)

// class is the number of a route: the calls of one class can go by the same providers.
type class int32

const (
	// stranded is the class of the numbers that no provider serves.  They wait: a
	// provider may be added, or the campaign may be let use another.
	stranded class = route.NoRoute
	// undivided is the class of all numbers where there is no table of providers.
	undivided class = 1
)

// leadsAnywhere is by which classes any provider is led to where there is no table.
var leadsAnywhere = []bool{stranded: false, undivided: true}

// router sorts a campaign's numbers into classes.
type router struct {
	plan *route.Plan // nil: any provider takes any number
	// forks: numbers may go by different providers, so that those of one route may be
	// stuck while others, behind them, could go.
	forks bool
	known map[string][]bool // whether a class leads to a provider
}

// newRouter is the routing of a campaign.  Single calls may each be bound to a provider
// of their own.
func newRouter(t *route.Table, c *campaign.Campaign) router {
	if t == nil {
		return router{}
	}
	plan := t.Plan(c.Routing)
	return router{plan: plan, forks: plan.Forks() || c.ID == campaign.Single, known: make(map[string][]bool)}
}

// class sorts a number in.  bound is the only provider that may take it, or "".
func (r *router) class(phone, bound string) class {
	switch {
	case r.plan == nil:
		return undivided
	case bound != "":
		return class(r.plan.Bound(phone, bound))
	}
	return class(r.plan.Class(phone))
}

// classes is one more than the largest class met so far.
func (r *router) classes() class {
	if r.plan == nil {
		return class(len(leadsAnywhere))
	}
	return class(len(r.plan.Routes()))
}

// leads tells by class which numbers a provider can take.
func (r *router) leads(provider string) []bool {
	if r.plan == nil {
		return leadsAnywhere
	}
	known := r.known[provider]
	if routes := r.plan.Routes(); len(known) < len(routes) {
		for _, rt := range routes[len(known):] {
			known = append(known, rt.Leads(provider))
		}
		r.known[provider] = known
	}
	return known
}

// providers are those that a class leads to; everyone where there is no table.
func (r *router) providers(c class) (names []string) {
	if r.plan == nil {
		return []string{everyone}
	}
	return r.plan.Routes()[c].Providers()
}

// demand says by which routes how many could go, in a stable order; nil where there is
// no table.
func (r *router) demand(ready []int) (out []RouteDemand) {
	if r.plan == nil {
		return nil
	}
	for c, n := range ready {
		if n > 0 {
			out = append(out, RouteDemand{Route: r.plan.Routes()[c], Ready: n})
		}
	}
	slices.SortFunc(out, func(a, b RouteDemand) int { return cmp.Compare(a.Route, b.Route) })
	return out
}

// sameRoutes reports whether two policies lead every number by the same route.
func sameRoutes(a, b campaign.Routing) bool {
	return a.LeastCost == b.LeastCost && slices.Equal(a.Providers, b.Providers)
}
