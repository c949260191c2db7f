package campaign

import (
	"maps"
	"slices"
	"strings"
)

// Routing is by which providers a campaign's numbers are called; the zero value takes
// all that the service has, in the order that their own priorities give.
type Routing struct {
	// Providers are those allowed; none allows all.
	Providers []ProviderChoice `json:"providers,omitempty"`
	// LeastCost: the cheapest first, where prices are known.
	LeastCost bool `json:"least_cost,omitempty"`
	// FromByPrefix is the caller id of numbers that begin with a prefix, of which the
	// longest counts; it goes before the campaign's From.
	FromByPrefix map[string]string `json:"from_by_prefix,omitempty"`
}

// ProviderChoice allows a provider, and may give it another rank than its own.
type ProviderChoice struct {
	Name     string  `json:"name"`
	Priority int     `json:"priority,omitempty"` // 0 is the provider's own
	Weight   float64 `json:"weight,omitempty"`   // 0 is the provider's own
}

// The bounds of Routing.
const (
	LimitProviders        = 100
	LimitProviderPriority = 1000
	LimitPrefixes         = 1000
)

// Choice is what the campaign says of a provider, and whether it allows it.
func (r Routing) Choice(provider string) (ProviderChoice, bool) {
	if len(r.Providers) == 0 {
		return ProviderChoice{Name: provider}, true
	}
	i := slices.IndexFunc(r.Providers, func(c ProviderChoice) bool { return c.Name == provider })
	if i < 0 {
		return ProviderChoice{}, false
	}
	return r.Providers[i], true
}

// From is the caller id of calls to a number, or "".
func (r Routing) From(to string) string { return LongestPrefix(r.FromByPrefix, to) }

// LongestPrefix is the value of the longest key with which a number begins, or "".
func LongestPrefix(byPrefix map[string]string, number string) (value string) {
	length := -1
	for prefix, v := range byPrefix {
		if len(prefix) > length && strings.HasPrefix(number, prefix) {
			value, length = v, len(prefix)
		}
	}
	return value
}

// ValidPrefix reports whether a text can be the beginning of numbers in E.164.
func ValidPrefix(p string) bool {
	if len(p) < 2 || len(p) > 16 || p[0] != '+' || p[1] == '0' {
		return false
	}
	return strings.Trim(p[1:], "0123456789") == ""
}

func (r Routing) faults() (out Errors) {
	if len(r.Providers) > LimitProviders {
		out = append(out, Invalid("providers", "Allow up to %d providers, not %d.", LimitProviders, len(r.Providers)))
	}
	seen := make(map[string]bool)
	for _, c := range r.Providers {
		switch {
		case c.Name == "":
			out = append(out, Invalid("providers", "Give each provider its name."))
		case seen[c.Name]:
			out = append(out, Invalid("providers", "Name %q once.", c.Name))
		case c.Priority < 0 || c.Priority > LimitProviderPriority:
			out = append(out, Invalid("providers", "Give %q a priority from 1, the first, to %d, not %d.", c.Name, LimitProviderPriority, c.Priority))
		case c.Weight != 0 && !(c.Weight >= LeastWeight && c.Weight <= LimitWeight):
			out = append(out, Invalid("providers", "Give %q a weight from %g to %.0f, not %g.", c.Name, LeastWeight, LimitWeight, c.Weight))
		}
		seen[c.Name] = true
	}
	if len(r.FromByPrefix) > LimitPrefixes {
		out = append(out, Invalid("from_by_prefix", "Give up to %d prefixes, not %d.", LimitPrefixes, len(r.FromByPrefix)))
	}
	for _, prefix := range slices.Sorted(maps.Keys(r.FromByPrefix)) {
		if !ValidPrefix(prefix) {
			out = append(out, Invalid("from_by_prefix", "Give the beginnings of numbers in E.164, like +44, not %q.", prefix))
		}
	}
	return out
}
