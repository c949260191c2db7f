package store

import (
	"context"
	"time"

	"dialtone/campaign"
)

// Store is what a driver provides.  All methods may be called concurrently.
// An unreachable or broken database is an error for which Transient is true; a
// fault of the request is a *campaign.Error; cancellation is ctx.Err(), wrapped.
type Store interface {
	Campaigns
	Calls
	Ownership
	Access

	// Apply performs a batch in one transaction.  A nil error means that it is
	// committed and every operation has its Outcome and results.  After an error
	// nothing is known; applying the same batch again is safe.
	// One goroutine at a time calls it: the journal.
	Apply(ctx context.Context, b *Batch) error

	// Ping reports whether the database answers.
	Ping(ctx context.Context) error
	// Transactions is the number of write transactions committed by this process.
	Transactions() int64
	// Driver is "sqlite" or "postgres".
	Driver() string
	// Close waits for what runs and releases everything.
	Close() error
}

// Campaigns are made and changed by the API.
type Campaigns interface {
	// CreateCampaign stores a pending campaign, with its first contacts if any
	// (duplicates counted once), all in one transaction.
	CreateCampaign(ctx context.Context, s campaign.Settings, contacts []campaign.Contact, once Once) (campaign.Campaign, error)
	// Campaign is not_found for an unknown or deleted one.
	Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error)
	// ListCampaigns pages, newest first; a zero Before starts at the newest.
	// The standing campaign of the single calls is not listed.
	ListCampaigns(ctx context.Context, q CampaignQuery) ([]campaign.Campaign, error)
	// UpdateSettings applies change to the campaign's settings under its row's
	// lock.  An error of change is returned as it is and nothing is written; a
	// campaign that has ended is a conflict.
	UpdateSettings(ctx context.Context, id campaign.ID, change func(*campaign.Settings) error) (campaign.Campaign, error)
	// DeleteCampaign removes a campaign that is pending and not armed, or ended and
	// without a call in progress, with all its calls; else it is a conflict that names
	// the status, or the start for which it is armed.
	// It is hidden at once; rows go in chunks, and if that is interrupted PurgeDeleted
	// goes on with it.
	DeleteCampaign(ctx context.Context, id campaign.ID) error
	// PurgeDeleted removes what an interrupted DeleteCampaign left.
	PurgeDeleted(ctx context.Context) error
	// AddContacts adds those of the contacts whose phone the campaign does not
	// have yet, and returns their number.  It commits; ids become visible in
	// ascending order within a campaign.  An ended campaign is a conflict.
	// Not for the standing campaign.
	AddContacts(ctx context.Context, id campaign.ID, contacts []campaign.Contact) (added int, err error)
}

// CampaignQuery selects a page of campaigns.
type CampaignQuery struct {
	Status campaign.Status // "" is any
	Before campaign.ID     // exclusive; 0 starts at the newest
	Limit  int
}

// Calls are read by the API and by the campaigns' owners.
type Calls interface {
	// CreateCall stores a single call, queued in the standing campaign.
	CreateCall(ctx context.Context, n NewCall, once Once) (campaign.Call, error)
	// Call is one call with its History; not_found if there is none.
	Call(ctx context.Context, id campaign.CallID) (campaign.Call, error)
	// ListCalls pages through a campaign's calls by ascending id, with History.
	ListCalls(ctx context.Context, q CallQuery) ([]campaign.Call, error)
	// Queued is the next page of a zone's queued calls by ascending id, after the
	// cursor; of all zones for campaign.AnyZone.  It costs the rows of that zone
	// only.
	Queued(ctx context.Context, id campaign.ID, zone campaign.ZoneID, after campaign.CallID, limit int) ([]Waiting, error)
	// Zones lists the zones in which a campaign has calls, by ascending id, whatever
	// has become of those calls.  It costs a look for each zone there is, not for each
	// call.
	Zones(ctx context.Context, id campaign.ID) ([]Zone, error)
	// Waiting counts a campaign's calls that are to be dialled, by zone; a zone without
	// any is not in it.  It walks all of the campaign's calls.
	Waiting(ctx context.Context, id campaign.ID) (map[campaign.ZoneID]Backlog, error)
	// Unfinished reports whether a zone, or for campaign.AnyZone any, has a call that
	// is queued or in retry_wait, which waits to be dialled; with underway also one in
	// progress, which is not terminal but need not be dialled any more.
	Unfinished(ctx context.Context, id campaign.ID, zone campaign.ZoneID, underway bool) (bool, error)
	// Open pages, by ascending id, through the calls that a waking owner must
	// know: in_progress and retry_wait, each with its newest attempt if that
	// belongs to the present claim, and queued ones that were claimed before.
	Open(ctx context.Context, id campaign.ID, after campaign.CallID, limit int) ([]OpenCall, error)
	// AttemptsKnown reports for each attempt whether its call was ever claimed under that
	// number, in the campaign named: what makes a callback's address genuine.
	AttemptsKnown(ctx context.Context, refs []AttemptRef) ([]bool, error)
	// AttemptsTo lists, of all campaigns, the attempts to a number that started
	// at or after since; those of other calls tell a settling caller
	// which of the provider's calls are already somebody's.
	AttemptsTo(ctx context.Context, phone string, since time.Time) ([]campaign.Attempt, error)
	// OpenAttempts counts, over all campaigns, the attempts that have not ended, by the
	// name of their provider; one without any is not in it.  It is asked for once, at
	// start-up: it walks the calls of the campaigns that have some in progress, as their
	// owners do when they wake, and no others.
	OpenAttempts(ctx context.Context) (map[string]int, error)
}

// NewCall is a single call to be made.
type NewCall struct {
	campaign.Contact
	From     string // its own caller id; "" is none
	Provider string // the only one that may place it; "" is any
}

// CallQuery selects a page of a campaign's calls.
type CallQuery struct {
	Campaign campaign.ID
	Status   campaign.CallStatus // "" is any
	After    campaign.CallID     // exclusive
	Limit    int
}

// AttemptRef is an attempt in the campaign that is said to hold it.
type AttemptRef struct {
	Campaign campaign.ID
	Attempt  campaign.AttemptID
}

// Waiting is a queued call: all that a campaign needs to know to claim it.
type Waiting struct {
	ID    campaign.CallID
	Claim int // claims so far
	Zone  campaign.ZoneID
	// Phone and Provider, the only one that may place the call or "", are what it is
	// routed by.
	Phone, Provider string
}

// Zone is what the store calls some Zones.
type Zone struct {
	ID campaign.ZoneID
	campaign.Zones
}

// Backlog is how many calls are to be dialled.
type Backlog struct{ Queued, RetryWait int }

// OpenCall is a call as a waking owner finds it.
type OpenCall struct {
	campaign.Call
	// Current is the attempt of the present claim, or nil if it has no row.
	Current *campaign.Attempt
}

// Ownership is for the nodes.
type Ownership interface {
	// Epochs is how often each partition has changed hands; one that never did is not in it.
	Epochs(ctx context.Context) (map[int]int64, error)
	// RaiseEpochs makes node the owner of partitions, in one transaction: of each that has
	// the epoch still from which it is to be raised, 0 for one that never changed hands.  It
	// returns their new epochs; one that has changed hands meanwhile is not in it.
	//
	// A node reads the epochs, takes the leases, and raises from what it read.  So an epoch
	// is never raised by who has lost the lease on the way to another that has raised it
	// already, and that would hold a lease then with which nothing can be written.
	RaiseEpochs(ctx context.Context, node string, from map[int]int64) (map[int]int64, error)
	// Active lists the campaigns that need an owner: in progress, or armed, or with
	// calls in progress, or canceled with calls left to cancel.
	Active(ctx context.Context) ([]campaign.ID, error)
}

// Access is API keys, settings and idempotency keys.
type Access interface {
	CreateKey(ctx context.Context, k Key) (Key, error)
	ListKeys(ctx context.Context) ([]Key, error)
	// RevokeKey is not_found for an unknown one.
	RevokeKey(ctx context.Context, id string) error
	// KeyByHash is not_found for an unknown one.
	KeyByHash(ctx context.Context, sha256 []byte) (Key, error)
	// Setting is nil, nil when there is none.
	Setting(ctx context.Context, name string) ([]byte, error)
	PutSetting(ctx context.Context, name string, value []byte) error
	// Recall looks up an idempotency key.  Found but with another fingerprint is a
	// conflict (the key was used for another request); not found is ok=false.
	Recall(ctx context.Context, once Once) (resource string, ok bool, err error)
	// ForgetOnces removes idempotency keys older than the time.
	ForgetOnces(ctx context.Context, before time.Time) error
}

// Once makes a creation idempotent: the key is saved in the transaction that
// creates the resource.  A creation whose key exists creates nothing: with the
// same fingerprint it returns the resource created then, as it is now; with another it
// is a conflict.  The zero Once does nothing.
type Once struct {
	Key         string // unique per resource kind and API key: the API composes it
	Fingerprint []byte // SHA-256 of the request
}

// Scope is what an API key allows.  Each includes those before it.
type Scope string

// The scopes.
const (
	ScopeRead  Scope = "read"
	ScopeWrite Scope = "write"
	ScopeAdmin Scope = "admin"
)

// Key is an API key; the secret itself is never stored.
type Key struct {
	ID        string // opaque, given by the caller of CreateKey
	Name      string
	Scope     Scope
	SHA256    []byte
	CreatedAt time.Time
}
