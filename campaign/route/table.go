package route

import (
	"cmp"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"dialtone/campaign"
)

// Provider is what routing knows of one.
type Provider struct {
	Name string
	// Priority is 1 for the provider to be preferred; 0 is DefaultPriority.
	Priority int
	// Weight is its part among providers of one priority; 0 is DefaultWeight.
	Weight float64
	// Prefixes are the destinations it serves, in E.164; none is all.
	Prefixes []string
	// Prices are what a minute costs, by the destination's prefix, of which the
	// longest counts; "" is any.  All providers' are in one currency.
	Prices map[string]float64
}

// What a provider has that names none.
const (
	DefaultPriority = 1
	DefaultWeight   = 1.0
)

// WithDefaults fills in what the provider does not name.
func (p Provider) WithDefaults() Provider {
	p.Priority = cmp.Or(p.Priority, DefaultPriority)
	p.Weight = cmp.Or(p.Weight, DefaultWeight)
	return p
}

// Table is the providers that there are.
type Table struct{ providers []Provider }

// NewTable makes a table of providers, which it keeps.
func NewTable(providers []Provider) *Table {
	sorted := slices.Clone(providers)
	slices.SortFunc(sorted, func(a, b Provider) int { return strings.Compare(a.Name, b.Name) })
	for i, p := range sorted {
		sorted[i] = p.WithDefaults()
	}
	return &Table{providers: sorted}
}

// Equal reports whether two tables route alike.
func (t *Table) Equal(o *Table) bool {
	if t == nil || o == nil {
		return t == o
	}
	return reflect.DeepEqual(t.providers, o.providers)
}

// Names lists the providers, sorted.
func (t *Table) Names() []string {
	names := make([]string, len(t.providers))
	for i := range t.providers {
		names[i] = t.providers[i].Name
	}
	return names
}

// Plan is the routes of one campaign's numbers.  It is used by one goroutine.
//
// Of the providers that the campaign allows, a number's are those with the longest
// prefix that it begins with; one without prefixes serves every number, and counts as
// the shortest.  They are ranked by priority, or, where the campaign goes by cost,
// by price and then by priority.
type Plan struct {
	table     []Provider // all that there are, which is not to be changed
	allowed   []Provider
	leastCost bool
	prefixes  []string // at which routes may differ, the longest first
	routes    []Route
	byPrefix  map[string]int
}

// NoRoute is the class of a number that no provider serves.
const NoRoute = 0

// Plan is how a campaign's numbers are routed.
func (t *Table) Plan(s campaign.Routing) *Plan {
	p := &Plan{table: t.providers, leastCost: s.LeastCost, routes: []Route{""}, byPrefix: make(map[string]int)}
	different := make(map[string]bool)
	for _, provider := range t.providers {
		choice, allowed := s.Choice(provider.Name)
		if !allowed {
			continue
		}
		if choice.Priority > 0 {
			provider.Priority = choice.Priority
		}
		if choice.Weight > 0 {
			provider.Weight = choice.Weight
		}
		p.allowed = append(p.allowed, provider)
		for _, prefix := range provider.Prefixes {
			different[prefix] = true
		}
		if p.leastCost {
			for prefix := range provider.Prices {
				different[prefix] = true
			}
		}
	}
	delete(different, "")
	p.prefixes = slices.SortedFunc(maps.Keys(different), func(a, b string) int { return len(b) - len(a) })
	return p
}

// Class is the number of the route of a phone number; NoRoute if there is none.
func (p *Plan) Class(phone string) int {
	prefix := longest(phone, p.prefixes)
	class, known := p.byPrefix[prefix]
	if !known {
		class = p.class(p.reckon(prefix).Route())
		p.byPrefix[prefix] = class
	}
	return class
}

// Route is that of a phone number; empty if no provider serves it.
func (p *Plan) Route(phone string) Route {
	class := p.Class(phone)
	return p.routes[class]
}

// Bound is the class of the route of a number that may be placed by one provider only:
// NoRoute if there is no such provider.  Whoever asks for it by name means it, so that
// neither prefixes count nor what the campaign allows.
func (p *Plan) Bound(_, provider string) int {
	for _, known := range [][]Provider{p.allowed, p.table} { // the campaign's weight first, to share its classes
		if i := slices.IndexFunc(known, func(pr Provider) bool { return pr.Name == provider }); i >= 0 {
			return p.class(Tiers{{{Provider: provider, Weight: known[i].Weight}}}.Route())
		}
	}
	return NoRoute
}

// Forks reports whether numbers may have different routes, beside having none.
func (p *Plan) Forks() bool { return len(p.allowed) > 1 && len(p.prefixes) > 0 }

// Routes lists the routes met so far, by class.  Callers must not change it.
func (p *Plan) Routes() []Route { return p.routes }

func (p *Plan) class(r Route) int {
	if i := slices.Index(p.routes, r); i >= 0 {
		return i
	}
	p.routes = append(p.routes, r)
	return len(p.routes) - 1
}

// reckon ranks the providers of the numbers that begin with a prefix, and with no
// longer one of the plan's.
func (p *Plan) reckon(prefix string) Tiers {
	most := -1
	var served []rankedChoice
	for i := range p.allowed {
		pr := &p.allowed[i]
		length := -1
		if len(pr.Prefixes) == 0 {
			length = 0
		} else if l := longest(prefix, pr.Prefixes); l != "" {
			length = len(l)
		}
		if length < 0 || length < most {
			continue
		}
		if length > most {
			most, served = length, nil
		}
		served = append(served, rankedChoice{
			Choice: Choice{Provider: pr.Name, Weight: pr.Weight}, priority: pr.Priority, price: p.price(pr, prefix),
		})
	}
	return sortTiers(served)
}

// price is what a minute costs, or more than anything where that is not known.
func (p *Plan) price(pr *Provider, prefix string) float64 {
	if !p.leastCost {
		return 0
	}
	best, length := math.Inf(1), -1
	for pre, price := range pr.Prices {
		if strings.HasPrefix(prefix, pre) && len(pre) > length {
			best, length = price, len(pre)
		}
	}
	return best
}

// longest is the longest of some prefixes with which a text begins, or "".
func longest(text string, prefixes []string) (found string) {
	for _, p := range prefixes {
		if len(p) > len(found) && strings.HasPrefix(text, p) {
			found = p
		}
	}
	return found
}
