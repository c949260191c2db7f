package strategy

import (
	"fmt"
	"slices"
	"strings"

	"dialtone/campaign"
)

// Kind is one strategy that there is.
type Kind struct {
	Name       string      `json:"name"`
	Summary    string      `json:"summary"`
	Parameters []Parameter `json:"parameters"`

	build func(parameters) Strategy
}

// Parameter is what can be tuned about a strategy.
type Parameter struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	// Takes says which values are taken, in words.
	Takes   string `json:"takes"`
	Default any    `json:"default"`

	// check turns a value, as JSON gives it, into what the strategy uses; ok is
	// false for one that is not taken.
	check func(value any) (checked any, ok bool)
}

// parameters are checked values, defaults included.
type parameters map[string]any

// Default is the strategy that is used unless another is chosen.
const Default = "fair"

// kinds is the table of strategies.
var kinds = []Kind{
	{Name: "fair", Summary: "Everybody gets the same share of what binds, channels or calls per second, by weight.",
		build: func(parameters) Strategy { return newFair() }},
	{Name: "round_robin", Summary: "Each campaign in turn, whatever its calls cost.",
		build: func(parameters) Strategy { return newRoundRobin() }},
}

// Kinds lists what there is, by name.
func Kinds() []Kind { return slices.Clone(kinds) }

// Names lists the strategies, sorted.
func Names() []string {
	names := make([]string, 0, len(kinds))
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	return names
}

// New makes the strategy of this name.  The error, a *campaign.Error or
// campaign.Errors, lists the names or parameters that there are.
func New(name string, given map[string]any) (Strategy, error) {
	k, err := kind(name)
	if err != nil {
		return nil, err
	}
	p, err := k.parameters(given)
	if err != nil {
		return nil, err
	}
	return k.build(p), nil
}

// Effective is all parameters of a strategy with the values in force: those given,
// and the defaults of the others.  The errors are those of New.
func Effective(name string, given map[string]any) (map[string]any, error) {
	k, err := kind(name)
	if err != nil {
		return nil, err
	}
	p, err := k.parameters(given)
	return p, err
}

func kind(name string) (*Kind, error) {
	for i := range kinds {
		if kinds[i].Name == name {
			return &kinds[i], nil
		}
	}
	return nil, campaign.Invalid("strategy", "There is no strategy %q; take one of %s.", name, strings.Join(Names(), ", "))
}

func (k *Kind) parameters(given map[string]any) (parameters, error) {
	out := make(parameters, len(k.Parameters))
	for _, p := range k.Parameters {
		out[p.Name] = p.Default
	}
	for name := range given {
		return nil, campaign.Invalid(fmt.Sprintf("parameters.%s", name), "The strategy %s takes no parameters; leave them out.", k.Name)
	}
	return out, nil
}
