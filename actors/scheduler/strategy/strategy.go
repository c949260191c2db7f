// Package strategy holds the policies by which dial tokens are handed out.
//
// A strategy is one file of pure code: no clock, no lock, no I/O.  It hears which
// campaigns could use a token, what each grant cost in the end, and says who is
// next.  Adding one needs its file and its line in the table below.
package strategy

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"dialtone/campaign"
)

// Strategy orders the campaigns that could use a token.  It is used by one
// goroutine.
type Strategy interface {
	// Enter makes a campaign eligible: it has something to dial and room for it.
	// Entering again changes nothing.
	Enter(id campaign.ID)
	// Leave makes it ineligible; what it has used is remembered.
	Leave(id campaign.ID)
	// Next is the eligible campaign whose turn it is, if there is any.
	Next() (campaign.ID, bool)
	// Grant charges a token to a campaign and returns the guess that was charged.
	Grant(id campaign.ID) (guess float64)
	// Release settles a token: its guess, and how long it was held; a held of 0 is a
	// token that was not used.  It is called once a token.
	Release(id campaign.ID, guess float64, held time.Duration)
	// SetWeight is the campaign's part relative to the others, above 0.
	SetWeight(id campaign.ID, weight float64)
	// SetCapacity is what is shared: channels, and calls per second; 0 is no limit.
	SetCapacity(channels int, callsPerSecond float64)
	// Forget drops what is remembered of a campaign.
	Forget(id campaign.ID)
}

// Default is the strategy that is used unless another is chosen.
const Default = "fair"

// table lists the strategies by name.
var table = map[string]func() Strategy{
	"fair":        func() Strategy { return newFair() },
	"round_robin": func() Strategy { return newRoundRobin() },
}

// New makes the strategy of this name.  The error, a *campaign.Error, lists the names
// that there are.  No strategy of the table takes parameters yet, so any is refused.
func New(name string, parameters map[string]any) (Strategy, error) {
	make, ok := table[name]
	if !ok {
		return nil, campaign.Invalid("strategy", "There is no strategy %q; take one of %s.", name, strings.Join(Names(), ", "))
	}
	for p := range parameters {
		return nil, campaign.Invalid(fmt.Sprintf("parameters.%s", p), "The strategy %s takes no parameters; leave them out.", name)
	}
	return make(), nil
}

// Names lists the strategies, sorted.
func Names() []string {
	names := make([]string, 0, len(table))
	for n := range table {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
