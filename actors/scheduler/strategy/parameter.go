package strategy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
)

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

// The parameters of the strategies that share fairly.
var (
	gain = Parameter{
		Name:    "gain",
		Summary: "The part of the newest call in the running mean of a campaign's call lengths, by which a call's cost is guessed.",
		Takes:   "a number above 0 and up to 1", Default: 0.1,
		check: number(func(x float64) bool { return x > 0 && x <= 1 }),
	}
	firstGuess = Parameter{
		Name:    "first_guess",
		Summary: "How long calls are taken to last until one has ended, of the campaign or of any other.",
		Takes:   "a duration from \"100ms\" to \"1h\"", Default: "10s",
		check: duration(100*time.Millisecond, time.Hour),
	}
	groupWeights = Parameter{
		Name:    "group_weights",
		Summary: "The weights of groups relative to one another, and to campaigns without a group; 1 for a group that is not named.",
		Takes:   "an object of group names and numbers from 0.001 to 1e+06, like {\"team-a\": 2}", Default: map[string]float64{},
		check: weights,
	}
	sharing = []Parameter{gain, firstGuess, groupWeights}
)

// The parameters of one strategy each.
var (
	minimumShare = Parameter{
		Name:    "minimum_share",
		Summary: "The part of the capacity that each priority below the most urgent one keeps while it wants it.",
		Takes:   "a number from 0 to 0.1", Default: 0.05,
		check: number(func(x float64) bool { return x >= 0 && x <= 0.1 }),
	}
	reserve = Parameter{
		Name:    "reserve",
		Summary: "The part of the capacity that deadlines never take, and that is shared by weight.",
		Takes:   "a number from 0 to 1", Default: 0.1,
		check: number(func(x float64) bool { return x >= 0 && x <= 1 }),
	}
	direction = Parameter{
		Name:    "direction",
		Summary: "Whether the campaign with the fewest calls left goes first, or the one with the most.",
		Takes:   "\"fewest\" or \"most\"", Default: "fewest",
		check: func(v any) (any, bool) { return v, v == "fewest" || v == "most" },
	}
	aging = Parameter{
		Name:    "aging",
		Summary: "For how long a campaign waits to count as having half as many calls left, or, if the most go first, twice as many.",
		Takes:   "a duration from \"1s\" to \"24h\"", Default: "30s",
		check: duration(time.Second, 24*time.Hour),
	}
)

func number(takes func(float64) bool) func(any) (any, bool) {
	return func(v any) (any, bool) {
		x, ok := v.(float64)
		return x, ok && takes(x)
	}
}

// A duration is written as in Go, "90s".
func duration(least, most time.Duration) func(any) (any, bool) {
	return func(v any) (any, bool) {
		text, ok := v.(string)
		d, err := time.ParseDuration(text)
		return d, ok && err == nil && d >= least && d <= most
	}
}

// limitWeights bounds the groups that are named.
const limitWeights = 10_000

func weights(v any) (any, bool) {
	out := make(map[string]float64)
	switch given := v.(type) {
	case map[string]float64:
		maps.Copy(out, given)
	case map[string]any:
		for name, w := range given {
			x, ok := w.(float64)
			if !ok {
				return nil, false
			}
			out[name] = x
		}
	default:
		return nil, false
	}
	for name, x := range out {
		if !campaign.ValidGroup(name) || !(x >= campaign.LeastWeight && x <= campaign.LimitWeight) {
			return nil, false
		}
	}
	return out, len(out) <= limitWeights
}

// check fills in the defaults and tells all faults at once, by the parameters' names.
func (k *Kind) check(given map[string]any) (parameters, error) {
	out := make(parameters, len(k.Parameters))
	var faults campaign.Errors
	for _, p := range k.Parameters {
		out[p.Name], _ = p.check(p.Default)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if fault := k.take(out, name, given[name]); fault != nil {
			faults = append(faults, fault)
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return out, nil
}

func (k *Kind) take(out parameters, name string, value any) *campaign.Error {
	field := fmt.Sprintf("parameters.%s", name)
	at := slices.IndexFunc(k.Parameters, func(p Parameter) bool { return p.Name == name })
	if at < 0 && len(k.Parameters) == 0 {
		return campaign.Invalid(field, "The strategy %s takes no parameters; leave them out.", k.Name)
	}
	if at < 0 {
		return campaign.Invalid(field, "The strategy %s has no parameter %q; it takes %s.", k.Name, name, strings.Join(k.names(), ", "))
	}
	checked, ok := k.Parameters[at].check(value)
	if !ok {
		return campaign.Invalid(field, "Give %s.", k.Parameters[at].Takes)
	}
	out[name] = checked
	return nil
}

// names lists the strategy's parameters, sorted.
func (k *Kind) names() (names []string) {
	for _, p := range k.Parameters {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

// tuning is the parameters of a tree.
func (p parameters) tuning() tuning {
	return tuning{
		gain: p[gain.Name].(float64), firstGuess: p[firstGuess.Name].(time.Duration).Seconds(),
		groupWeights: p[groupWeights.Name].(map[string]float64),
	}
}
