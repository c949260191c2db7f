package scheduler

import (
	"cmp"
	"slices"
	"time"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/provider/breaker"
)

// Report is what a node tells the leader: what its campaigns could use, what has
// become known of its tokens, which came back, and from time to time everything that
// it holds.  It is taken in in the order of Progress, Releases, Full, Demands.
type Report struct {
	Node     string     `json:"node"`
	Demands  []Demand   `json:"demands,omitempty"`
	Progress []Progress `json:"progress,omitempty"`
	Releases []Release  `json:"releases,omitempty"`
	Full     *Full      `json:"full,omitempty"`
	// Handover is what a leader tells its successor.
	Handover *Handover `json:"handover,omitempty"`
}

// Demand is what one campaign could use, counted after it had taken in the
// grants up to Seen.
type Demand struct {
	Campaign campaign.ID `json:"campaign"`
	Seen     Mark        `json:"seen"`
	Retries  int         `json:"retries"`
	Fresh    int         `json:"fresh"`
	// Routes say which providers could take how many of them.  Nil: any, all of them.
	Routes []RouteDemand `json:"routes,omitempty"`
	Limit  int           `json:"limit"`
	// Grown is how many tokens it may hold while it grows into its limit; 0: Limit.
	Grown int `json:"grown,omitempty"`
	// What counts for its share; see strategy.Terms.
	Weight    float64       `json:"weight"`
	Group     string        `json:"group,omitempty"`
	Priority  int           `json:"priority,omitempty"`
	Remaining int           `json:"remaining,omitempty"`
	Due       time.Time     `json:"due,omitzero"`
	Length    time.Duration `json:"length_ns,omitempty"`
	// Gone: the campaign has no actor any more.
	Gone bool `json:"gone,omitempty"`
}

// terms are the demand's part that counts for its share, defaults filled in.
func (d *Demand) terms() strategy.Terms {
	return strategy.Terms{
		Weight: cmp.Or(d.Weight, campaign.DefaultWeight), Group: d.Group,
		Priority:  cmp.Or(d.Priority, campaign.DefaultPriority),
		Remaining: max(d.Remaining, d.Retries+d.Fresh), Due: d.Due, Length: d.Length,
	}
}

// RouteDemand is how many of a campaign's calls could go by one route.
type RouteDemand struct {
	Route route.Route `json:"route"`
	Ready int         `json:"ready"`
}

// Equal reports whether two demands ask for the same.
func (d *Demand) Equal(o *Demand) bool {
	return d.Campaign == o.Campaign && d.Seen == o.Seen && d.Retries == o.Retries && d.Fresh == o.Fresh &&
		d.Limit == o.Limit && d.Grown == o.Grown && d.Weight == o.Weight && d.Group == o.Group && d.Priority == o.Priority &&
		d.Remaining == o.Remaining && d.Due.Equal(o.Due) && d.Length == o.Length && d.Gone == o.Gone &&
		slices.Equal(d.Routes, o.Routes)
}

// Mark is a place in the sequence of one leader's Grants to one node.
type Mark struct {
	Term uint64 `json:"term"`
	Seq  uint64 `json:"seq"`
}

// Progress is what has become known of the call for which a token is held.
type Progress struct {
	Token    uint64             `json:"token"`
	Evidence campaign.Evidence  `json:"evidence"`
	Attempt  campaign.AttemptID `json:"attempt,omitempty"`
	To       string             `json:"to,omitempty"`
	// Since is when the token was spent, told to a leader that did not grant it.
	Since time.Time `json:"since,omitzero"`
	// Outcome is what the provider made of the request, "" where that is not known
	// or was told already.
	Outcome campaign.Outcome `json:"outcome,omitempty"`
}

// Release gives a token back. Held is 0 for one that was not used.  Unsent: the
// provider was certainly never asked for a call with it.
type Release struct {
	Token    uint64        `json:"token"`
	Campaign campaign.ID   `json:"campaign"`
	Held     time.Duration `json:"held_ns"`
	Unsent   bool          `json:"unsent,omitempty"`
	// Outcome is what the provider made of the request, "" where that is not known
	// or was told already; RetryAfter is the patience that it asked for, or 0.
	Outcome    campaign.Outcome `json:"outcome,omitempty"`
	RetryAfter time.Duration    `json:"retry_after_ns,omitempty"`
}

// Full is everything that a node holds, as it stood when it had received the
// grants up to Seen.  What the leader believes beyond it is corrected.  Beside it,
// the Report's Demands name every campaign of the node's.
type Full struct {
	Seen       Mark        `json:"seen"`
	Partitions []Partition `json:"partitions"`
	Holdings   []Holding   `json:"holdings,omitempty"`
}

// Partition is one that a node owns, with all its campaigns awake.
type Partition struct {
	Number int   `json:"number"`
	Epoch  int64 `json:"epoch"`
}

// Holding is the tokens of one provider that a campaign holds, by what is known of
// them.
type Holding struct {
	Campaign  campaign.ID `json:"campaign"`
	Provider  string      `json:"provider"`
	Granted   []uint64    `json:"granted,omitempty"`
	Placing   []uint64    `json:"placing,omitempty"`
	Ambiguous []uint64    `json:"ambiguous,omitempty"`
	Placed    []uint64    `json:"placed,omitempty"`
}

// Add enters a token.
func (h *Holding) Add(token uint64, e campaign.Evidence) {
	list := &h.Granted
	switch e {
	case campaign.EvidencePlacing:
		list = &h.Placing
	case campaign.EvidenceAmbiguous:
		list = &h.Ambiguous
	case campaign.EvidencePlaced:
		list = &h.Placed
	}
	*list = append(*list, token)
}

// each visits the tokens.
func (h *Holding) each(visit func(token uint64, e campaign.Evidence)) {
	for _, of := range []struct {
		tokens   []uint64
		evidence campaign.Evidence
	}{
		{h.Granted, campaign.EvidenceGranted}, {h.Placing, campaign.EvidencePlacing},
		{h.Ambiguous, campaign.EvidenceAmbiguous}, {h.Placed, campaign.EvidencePlaced},
	} {
		for _, t := range of.tokens {
			visit(t, of.evidence)
		}
	}
}

// Grants is what the leader tells a node, numbered without gaps; an empty one is
// a sign of life.
type Grants struct {
	Mark
	// Retell: the leader lacks what is known of some tokens.
	Retell bool    `json:"retell,omitempty"`
	Grants []Grant `json:"grants,omitempty"`
}

// Grant is tokens for a campaign, each for one call on the provider.  They are for
// the owner with this epoch of the campaign's partition, and for no other, not even
// the same node at another time: what that one holds was counted without them.
type Grant struct {
	Campaign campaign.ID `json:"campaign"`
	Epoch    int64       `json:"epoch"`
	Provider string      `json:"provider"`
	Tokens   []uint64    `json:"tokens"`
}

// Stats is the leader's view, for people.
type Stats struct {
	Leader  string    `json:"leader"`
	Term    uint64    `json:"term"`
	Since   time.Time `json:"since"`
	Ready   bool      `json:"ready"`
	Granted uint64    `json:"granted"`
	// Strategy is the one in force, with the values of all its parameters.
	Strategy   string         `json:"strategy"`
	Parameters map[string]any `json:"parameters"`
	// Strategies are those to choose from.
	Strategies []strategy.Kind  `json:"strategies"`
	Nodes      []NodeStats      `json:"nodes"`
	Providers  []ProviderStatus `json:"providers"`
	Campaigns  []CampaignStats  `json:"campaigns"`
}

// NodeStats is one node that owns campaigns.
type NodeStats struct {
	Node string `json:"node"`
	// Partitions is how many of all it owns, with their campaigns awake; those of a node
	// that has died are its until another has them.
	Partitions int `json:"partitions"`
	// Held is how many tokens its campaigns hold.
	Held int `json:"held"`
}

// ProviderStatus is one provider's capacity, its use, and how the provider is.
type ProviderStatus struct {
	Provider string `json:"provider"`
	State    string `json:"state"` // enabled, drained or removed
	Held     int    `json:"held"`
	// Channels and CallsPerSecond are its limits, and what is given of them now; 0 is no
	// limit.
	Channels          int     `json:"channels"`
	ChannelsNow       int     `json:"channels_now"`
	CallsPerSecond    float64 `json:"calls_per_second"`
	CallsPerSecondNow float64 `json:"calls_per_second_now"`
	// Breaker is closed, open or half_open; BreakerUntil is when it lets a probe through.
	Breaker      breaker.State `json:"breaker"`
	BreakerUntil time.Time     `json:"breaker_until,omitzero"`
	// PausedUntil is until when it asked for patience.
	PausedUntil time.Time `json:"paused_until,omitzero"`
	// Stalled: requests are out, and it answers none of them.
	Stalled bool `json:"stalled"`
	// Failures counts since the leader came, FailureRatio in the latest seconds.
	Failures     uint64  `json:"failures"`
	FailureRatio float64 `json:"failure_ratio"`
	LastFailure  string  `json:"last_failure,omitempty"`
}

// CampaignStats is one campaign's demand, with what counts for its share (see
// strategy.Terms), and what it holds.
type CampaignStats struct {
	Campaign campaign.ID `json:"campaign"`
	Held     int         `json:"held"`
	Limit    int         `json:"limit"`
	Waiting  int         `json:"waiting"`
	Weight   float64     `json:"weight"`
	Group    string      `json:"group,omitempty"`
	Priority int         `json:"priority"`
	Due      time.Time   `json:"due,omitzero"`
	// Late: the strategy sees that it will miss its deadline.
	Late bool `json:"late"`
}

// Slots is who holds which slot.
type Slots struct {
	Total int    `json:"total"`
	Slots []Slot `json:"slots"` // the oldest first, not all of them
}

// Slot is one token in use.
type Slot struct {
	Token    string      `json:"token"`
	Campaign campaign.ID `json:"campaign"`
	Provider string      `json:"provider"`
	Node     string      `json:"node"` // the holder
	Since    time.Time   `json:"since"`
	Age      float64     `json:"age_seconds"`
	// Evidence is what is known of the call: with "granted", there is none yet.
	Evidence campaign.Evidence  `json:"evidence"`
	Call     campaign.CallID    `json:"call,omitempty"`
	Attempt  campaign.AttemptID `json:"attempt,omitempty"`
	To       string             `json:"to,omitempty"`
}

// Choice is the strategy in force and its parameters.
type Choice struct {
	Strategy   string         `json:"strategy"`
	Parameters map[string]any `json:"parameters,omitempty"`
}
