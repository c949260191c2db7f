// Package route says by which providers a number may be called, and which of them
// are to be preferred: the policy of the service's providers and of the campaign,
// as a pure function of the number.  Which of them takes the call is for the
// scheduler to say, who knows whether they have room and are well.
package route

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Choice is a provider and its part in what its tier takes.
type Choice struct {
	Provider string
	Weight   float64
}

// Tier is providers that are equally good.
type Tier []Choice

// Tiers are providers in the order of preference: those of the first tier take the
// calls; of each next one only while none before it has room or is well.
type Tiers []Tier

// Route is Tiers written down, to be sent and compared: "a:1,b:3;c:1".  Two routes
// are the same where their texts are.  The empty route leads nowhere.
type Route string

// Route writes the tiers down.
func (ts Tiers) Route() Route {
	var b strings.Builder
	for i, t := range ts {
		if i > 0 {
			b.WriteByte(';')
		}
		for j, c := range t {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(c.Provider)
			b.WriteByte(':')
			b.WriteString(strconv.FormatFloat(c.Weight, 'g', -1, 64))
		}
	}
	return Route(b.String())
}

// Tiers reads a route.  The error names what can't be read.
func (r Route) Tiers() (Tiers, error) {
	if r == "" {
		return nil, nil
	}
	var out Tiers
	for tier := range strings.SplitSeq(string(r), ";") {
		var t Tier
		for choice := range strings.SplitSeq(tier, ",") {
			name, weight, ok := strings.Cut(choice, ":")
			w, err := strconv.ParseFloat(weight, 64)
			if !ok || name == "" || err != nil || !(w > 0) {
				return nil, fmt.Errorf("route %q: %q is not provider:weight", r, choice)
			}
			t = append(t, Choice{Provider: name, Weight: w})
		}
		out = append(out, t)
	}
	return out, nil
}

// Leads reports whether a route has a provider in it.
func (r Route) Leads(to string) bool {
	for rest := string(r); rest != ""; {
		name, after, _ := strings.Cut(rest, ":")
		if name == to {
			return true
		}
		at := strings.IndexAny(after, ",;")
		if at < 0 {
			return false
		}
		rest = after[at+1:]
	}
	return false
}

// Without is a route with a provider taken out of it, and tiers in which nobody is left;
// empty where it led to nobody else.  The text of what stays is as it was, so that
// routes can still be compared.
func (r Route) Without(provider string) Route {
	if !r.Leads(provider) {
		return r
	}
	var tiers []string
	for tier := range strings.SplitSeq(string(r), ";") {
		choices := slices.DeleteFunc(strings.Split(tier, ","), func(choice string) bool {
			name, _, _ := strings.Cut(choice, ":")
			return name == provider
		})
		if len(choices) > 0 {
			tiers = append(tiers, strings.Join(choices, ","))
		}
	}
	return Route(strings.Join(tiers, ";"))
}

// Rank is how many tiers go before a provider's; -1 where the route does not lead to it.
func (r Route) Rank(provider string) int {
	rank := 0
	for tier := range strings.SplitSeq(string(r), ";") {
		if Route(tier).Leads(provider) {
			return rank
		}
		rank++
	}
	return -1
}

// Providers are those that a route leads to, in its order.
func (r Route) Providers() (names []string) {
	for choice := range strings.FieldsFuncSeq(string(r), func(c rune) bool { return c == ',' || c == ';' }) {
		name, _, _ := strings.Cut(choice, ":")
		names = append(names, name)
	}
	return names
}

// sortTiers groups choices that rank alike, the best first.
func sortTiers(ranked []rankedChoice) Tiers {
	slices.SortFunc(ranked, func(a, b rankedChoice) int {
		return cmp.Or(a.compare(&b), cmp.Compare(a.Provider, b.Provider))
	})
	var out Tiers
	for i := range ranked {
		if i == 0 || ranked[i].compare(&ranked[i-1]) != 0 {
			out = append(out, nil)
		}
		last := len(out) - 1
		out[last] = append(out[last], ranked[i].Choice)
	}
	return out
}

// rankedChoice is a choice and what it is ranked by.
type rankedChoice struct {
	Choice
	price    float64 // only where cost counts; an unknown one is after all others
	priority int
}

func (r *rankedChoice) compare(o *rankedChoice) int {
	return cmp.Or(cmp.Compare(r.price, o.price), cmp.Compare(r.priority, o.priority))
}
