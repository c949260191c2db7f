package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"dialtone/campaign"
	"dialtone/campaign/phone"
	"dialtone/provider"
	"dialtone/store"
)

// Store is what the API asks of the database; every store.Store fulfils it.
type Store interface {
	store.Campaigns
	CreateCall(ctx context.Context, n store.NewCall, once store.Once) (campaign.Call, error)
	Call(ctx context.Context, id campaign.CallID) (campaign.Call, error)
	ListCalls(ctx context.Context, q store.CallQuery) ([]campaign.Call, error)
	Zones(ctx context.Context, id campaign.ID) ([]store.Zone, error)
	Unfinished(ctx context.Context, id campaign.ID, zone campaign.ZoneID, underway bool) (bool, error)
	AttemptsKnown(ctx context.Context, refs []store.AttemptRef) ([]bool, error)
	ListKeys(ctx context.Context) ([]store.Key, error)
	KeyByHash(ctx context.Context, sha256 []byte) (store.Key, error)
	Recall(ctx context.Context, once store.Once) (resource string, ok bool, err error)
}

// Bus is how the API reaches the rest of the service.  Errors meant for people
// are *campaign.Error.
type Bus interface {
	// Command asks a campaign's owner for something and waits for its answer.
	Command(ctx context.Context, id campaign.ID, action string, body, reply any) error
	// Poke tells a campaign's owner something without waiting.
	Poke(id campaign.ID, action string)
	// Ask asks a role: "scheduler.stats".
	Ask(ctx context.Context, subject string, body, reply any) error
	// AskOnce is Ask for what takes long to work out: it waits as long as ctx lives
	// instead of asking again.
	AskOnce(ctx context.Context, subject string, body, reply any) error
	// PublishReport returns once the report is safe.
	PublishReport(ctx context.Context, r campaign.Report) error
	// WatchEvents hands on a campaign's events, oldest first, until ctx ends or fn
	// returns an error: those after the sequence number after that are still kept,
	// then new ones; 0 means new ones only.  placed is called once, when it is settled
	// from where on none is missed; it must not block.  fn is called by one goroutine at a time
	// and may keep event.
	WatchEvents(ctx context.Context, id campaign.ID, after uint64, placed func(), fn func(seq uint64, kind string, event []byte) error) error
}

// Providers are those that the service has.  They may be others at the next look.
type Providers interface {
	// Specs lists those in force.
	Specs() []provider.Spec
	// Lookup finds one by its name; nil if there never was one.  It finds those too that
	// were taken out: calls that are up with them call back.
	Lookup(name string) provider.Provider
	// CallbackBaseURLs are the addresses of this service over which providers make their
	// signatures, without a trailing slash: the present one first, then those that calls
	// of before may carry.
	CallbackBaseURLs() []string
}

// Missing is a part without which the service is not ready.
type Missing struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
}

// Config is what New needs; Store and Bus are required.
type Config struct {
	Store Store
	Bus   Bus
	// Providers may be nil for none.
	Providers Providers
	// DefaultRegion is for numbers of single calls without a country code, and
	// for campaigns that name no region; "" takes international numbers only.
	DefaultRegion string
	// Loopback says that only this machine can connect.  Then, and only then, is
	// anybody let in while there is no API key.
	Loopback bool
	// MaxUpload bounds a body of contacts in bytes; 256 MiB by default.
	MaxUpload int64
	// KeyTTL is how long a checked API key is believed; 5 s by default.
	KeyTTL time.Duration
	// Heartbeat is the silence after which an event stream shows that it lives;
	// 15 s by default.
	Heartbeat time.Duration
	// Bare serves health and metrics only: of a process that has not the role api.
	Bare bool
	// Ready lists what is missing; nil takes the service for ready.
	Ready    func(context.Context) []Missing
	Registry *prometheus.Registry // nil makes one of its own
	Version  string
	Logger   *slog.Logger

	now func() time.Time // time.Now, but in tests
}

func (c Config) withDefaults() Config {
	c.MaxUpload = cmp.Or(c.MaxUpload, 256<<20)
	c.KeyTTL = cmp.Or(c.KeyTTL, 5*time.Second)
	c.Heartbeat = cmp.Or(c.Heartbeat, 15*time.Second)
	c.Version = cmp.Or(c.Version, "dev")
	if c.Providers == nil {
		c.Providers = noProviders{}
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) []Missing { return nil }
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate returns every fault at once.
func (c Config) Validate() error {
	var faults []error
	if c.Store == nil || c.Bus == nil {
		faults = append(faults, errors.New("the API needs a store and a bus"))
	}
	if !phone.ValidRegion(c.DefaultRegion) {
		faults = append(faults, fmt.Errorf("the default region %q is not known: give two capital letters, like US or GB", c.DefaultRegion))
	}
	if c.MaxUpload < 0 || c.KeyTTL < 0 || c.Heartbeat < 0 {
		faults = append(faults, errors.New("sizes and times are not negative"))
	}
	return errors.Join(faults...)
}

// API answers HTTP requests.  Make it with New; Close it before the server shuts
// down, so that nothing outlasts it.
type API struct {
	cfg       Config
	log       *slog.Logger
	store     Store
	bus       Bus
	providers Providers
	keys      *keyring
	known     *knowledge
	seen      *seen
	metrics   *metrics
	huma      huma.API
	document  []byte // the OpenAPI document
	handler   http.Handler

	patience time.Duration // with a client that does not read its events
	now      func() time.Time

	closing context.Context // ends with Close
	close   context.CancelFunc
}

// New makes the API.  Its error is a fault of the Config.
func New(cfg Config) (*API, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure the API: %w", err)
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, fmt.Errorf("configure the API: %w", err)
	}
	a := &API{
		cfg: cfg, log: cfg.Logger, store: cfg.Store, bus: cfg.Bus, metrics: m,
		providers: cfg.Providers,
		keys:      newKeyring(cfg.Store, cfg.KeyTTL),
		known:     newKnowledge(cfg.Store.AttemptsKnown, cfg.Logger),
		seen:      newSeen(),
		patience:  slowClient,
		now:       cfg.now,
	}
	a.closing, a.close = context.WithCancel(context.Background())
	if a.handler, err = a.routes(); err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	return a, nil
}

// Handler serves everything.  It may be used by several servers.
func (a *API) Handler() http.Handler { return a.handler }

// Close ends the event streams, refuses new requests and gives those under way a
// moment.  Callbacks, health and the documents are still answered: they need none
// of the parts that stop meanwhile.  It may be called twice.
func (a *API) Close() { a.close() }
