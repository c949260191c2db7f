package strategy

import (
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
)

// Kind is one strategy that there is.
type Kind struct {
	Name       string      `json:"name"`
	Summary    string      `json:"summary"`
	Parameters []Parameter `json:"parameters"`

	build func(parameters) Strategy
}

// Default is the strategy that is used unless another is chosen.
const Default = "fair"

// kinds is the table of strategies, by name.
var kinds = []Kind{
	{
		Name:       "deadline",
		Summary:    "A floor for each campaign with a deadline: what it needs to be done by then. The rest is shared fairly, by weight.",
		Parameters: append([]Parameter{reserve}, sharing...),
		build: func(p parameters) Strategy {
			return newDeadline(p.tuning(), p[reserve.Name].(float64))
		},
	},
	{
		Name:       "fair",
		Summary:    "The same share of what binds, channels or calls per second, for everybody, by weight.",
		Parameters: sharing,
		build:      func(p parameters) Strategy { return fair{newTree(p.tuning())} },
	},
	{
		Name:       "priority",
		Summary:    "The most urgent first; who is less urgent keeps a minimum. Inside one priority fairly, by weight.",
		Parameters: append([]Parameter{minimumShare}, sharing...),
		build: func(p parameters) Strategy {
			return newPriority(p.tuning(), p[minimumShare.Name].(float64))
		},
	},
	{
		Name:       "remaining",
		Summary:    "The campaign with the fewest calls left first, or with the most; waiting counts, so that nobody starves.",
		Parameters: []Parameter{direction, aging},
		build: func(p parameters) Strategy {
			return newRemaining(p[direction.Name] == "most", p[aging.Name].(time.Duration))
		},
	},
	{
		Name:       "round_robin",
		Summary:    "Each campaign in turn, whatever its calls cost: the plain baseline.",
		Parameters: []Parameter{},
		build:      func(parameters) Strategy { return newRoundRobin() },
	},
}

// Kinds lists what there is, by name.
func Kinds() []Kind { return slices.Clone(kinds) }

// Names lists the strategies, sorted.
func Names() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name
	}
	return names
}

// New makes the strategy of this name.  The error, a *campaign.Error or
// campaign.Errors, lists the names or parameters that there are.
func New(name string, given map[string]any) (Strategy, error) {
	k, p, err := choose(name, given)
	if err != nil {
		return nil, err
	}
	return k.build(p), nil
}

// Effective is all parameters of a strategy with the values in force, as JSON has
// them: those given, and the defaults of the others.  The errors are those of New.
func Effective(name string, given map[string]any) (map[string]any, error) {
	_, p, err := choose(name, given)
	if err != nil {
		return nil, err
	}
	out := make(map[string]any, len(p))
	for name, value := range p {
		if d, ok := value.(time.Duration); ok {
			value = campaign.Duration(d).String()
		}
		out[name] = value
	}
	return out, nil
}

// choose finds a strategy and checks parameters for it.
func choose(name string, given map[string]any) (*Kind, parameters, error) {
	for i := range kinds {
		if kinds[i].Name == name {
			p, err := kinds[i].check(given)
			return &kinds[i], p, err
		}
	}
	return nil, nil, campaign.Invalid("strategy", "There is no strategy %q; take one of %s.", name, strings.Join(Names(), ", "))
}
