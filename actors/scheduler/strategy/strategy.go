// Package strategy holds the policies by which dial tokens are handed out.
//
// A strategy is one file of pure code: no clock, no lock, no I/O.  It hears which
// campaigns could use a token, what each grant cost in the end, and says who is
// next.  Adding one needs its file and its line in the table of kind.go.
package strategy

import (
	"time"

	"dialtone/campaign"
)

// Strategy orders the campaigns that could use a token.  It is used by one
// goroutine.
type Strategy interface {
	// Set tells what a campaign brings to the distribution. It is in force from the
	// next grant on; what was charged before stays as it was.  A campaign of which
	// it was never told has the DefaultTerms.
	Set(id campaign.ID, t Terms)
	// Enter makes a campaign eligible: it has something to dial and room for it.
	// Entering again changes nothing.
	Enter(id campaign.ID)
	// Leave makes it ineligible; what it has used is remembered.
	Leave(id campaign.ID)
	// Next is the eligible campaign whose turn it is, if there is any.  Asking again
	// without anything else in between gives the same answer.  Times never go back.
	Next(now time.Time) (campaign.ID, bool)
	// Grant charges a token to the campaign that Next named.
	Grant(id campaign.ID, now time.Time) Charge
	// Adopt charges a call that is up already, granted by an earlier leader or under
	// another strategy: with what is still to come of it, and without a turn taken.
	// Set goes before it: a campaign that was not told of is charged by the
	// DefaultTerms, and brings nothing of that to the group or band where it belongs.
	Adopt(id campaign.ID, now time.Time) Charge
	// Release settles a token: its charge, and how long it was held since that was
	// made; a held of 0 is a token that was not used. It is called once a token.
	Release(id campaign.ID, c Charge, held time.Duration)
	// SetCapacity is what is shared: channels, and calls per second; 0 is no limit.
	SetCapacity(channels int, callsPerSecond float64)
	// Forget drops what is remembered of a campaign.
	Forget(id campaign.ID)
}

// Judge is a Strategy that can tell which campaigns will miss their deadline.
type Judge interface {
	// Late lists, by ascending id, the campaigns that can't be done in time with
	// what they may count on.
	Late(now time.Time) []campaign.ID
}

// Terms are what a campaign brings to the distribution.
type Terms struct {
	// Weight is its part relative to the others, above 0.
	Weight float64
	// Group shares as one, first between groups and then within them; "" is a
	// campaign that stands for itself.
	Group string
	// Priority is 1 for the most urgent to campaign.LimitPriority.
	Priority int
	// Remaining is how many calls it has still to place, retries that are known
	// included.
	Remaining int
	// Due is by when they should be placed, the time outside its hours taken out:
	// Due - now is the open time that is left.  Zero is no deadline.
	Due time.Time
	// Length is how long its calls last on average, as its owner knows: what a
	// strategy goes by until it has seen calls of its own.  0 is not known.
	Length time.Duration
}

// DefaultTerms are those of a campaign that wishes for nothing in particular.
func DefaultTerms() Terms {
	return Terms{Weight: campaign.DefaultWeight, Priority: campaign.DefaultPriority}
}

// Charge is what a token was charged with, as its strategy noted it.  The zero
// Charge is none.
type Charge struct {
	cost  float64
	kind  kind
	blind bool    // nothing was known of how long the campaign's calls last
	under *node   // whose child was charged; the campaign may be elsewhere when it is settled
	stay  uint64  // of the campaign there
	at    float64 // when, by the tree's clock
}

// kind is by which rule of the strategy a token was charged.
type kind uint8

const (
	plain      kind = iota
	adopted         // a call that was up already
	ofFloor         // of deadline: of the campaign's floor
	guaranteed      // of priority: of the band's minimum
)
