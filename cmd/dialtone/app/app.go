package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"dialtone/actors"
	"dialtone/actors/caller"
	"dialtone/actors/scheduler"
	"dialtone/api"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/mockdialer"
	"dialtone/provider/registry"
	"dialtone/store"
)

// App is a running process of Dialtone.
type App struct {
	cfg       Config
	log       *slog.Logger
	folder    *folder
	store     store.Store
	journal   *store.Journal
	ended     endings
	bus       *bus.Bus
	providers *registry.Registry
	mock      *mockdialer.Server // nil with a providers file
	awaited   awaited
	pinged    ping
	started   atomic.Bool // all of it
	stopping  atomic.Bool

	// Readiness and metrics may be asked for while we start.
	node      atomic.Pointer[actors.Node]
	caller    atomic.Pointer[caller.Caller]
	scheduler atomic.Pointer[scheduler.Candidate]
	api       *api.API // with the role api or without: then it is bare
	front     *api.Front
	listener  net.Listener // nil without --http
	server    *http.Server
	serving   sync.WaitGroup
	failed    chan error
	registry  *prometheus.Registry

	// stops undo what was started, the last first.
	stops []stop
	once  sync.Once
	err   error
}

type stop struct {
	what string
	do   func(context.Context) error
}

// Version is that of the program.  A build may have its own, by
// -ldflags "-X dialtone/cmd/dialtone/app.Version=…".
var Version = "0.1.0"

// Start starts everything the roles ask for, in the order in which the parts
// need each other.  After an error nothing runs any more.
func Start(ctx context.Context, cfg Config) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, log: cfg.Logger, failed: make(chan error, 1), registry: prometheus.NewRegistry()}
	for _, step := range []func(context.Context) error{
		a.openFolder, a.listen, a.openProviders, a.connect, a.warnOfStrangers,
		a.startJournal, a.startPurge, a.startAPI, a.startActors, a.startCaller, a.startScheduler, a.takeRequests,
	} {
		if err := step(ctx); err != nil {
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return nil, errors.Join(err, a.Stop(stopping))
		}
	}
	a.started.Store(true)
	return a, nil
}

// Stop ends everything in good order: no new dials; what is in hand is reported
// and committed; leases are handed over.  What is not done when ctx ends is
// broken off, which loses nothing: it is taken up after the next start.  It may
// be called twice.
func (a *App) Stop(ctx context.Context) error {
	a.once.Do(func() {
		a.stopping.Store(true)
		// When time is up, nobody waits for a database that does not answer.
		release := context.AfterFunc(ctx, func() {
			if a.journal != nil {
				_ = a.journal.Stop(ctx) // its own step tells
			}
		})
		defer release()
		for i := len(a.stops) - 1; i >= 0; i-- {
			if err := a.stops[i].do(ctx); err != nil {
				a.err = errors.Join(a.err, fmt.Errorf("stop %s: %w", a.stops[i].what, err))
			}
		}
	})
	return a.err
}

// Failed tells when the process can't go on.
func (a *App) Failed() <-chan error { return a.failed }

// NATS is where the nats CLI can connect.
func (a *App) NATS() string { return a.bus.ClientURL() }

// MockURL is where the mock provider in the process answers, "" without one.
func (a *App) MockURL() string {
	if a.mock == nil {
		return ""
	}
	return a.mock.URL()
}

// Store is the database, for commands that look into it.
func (a *App) Store() store.Store { return a.store }

func (a *App) onStop(what string, do func(context.Context) error) {
	a.stops = append(a.stops, stop{what, do})
}

func (a *App) openFolder(context.Context) (err error) {
	if a.folder, err = openFolder(a.cfg.Data); err != nil {
		return err
	}
	a.onStop("data folder", func(context.Context) error { return a.folder.close() })
	return nil
}

func (a *App) startJournal(ctx context.Context) error {
	a.journal = store.NewJournal(a.store, store.JournalConfig{Logger: a.log.With("part", "journal")})
	if err := a.journal.Start(ctx); err != nil {
		return fmt.Errorf("start the journal: %w", err)
	}
	a.onStop("journal", a.journal.Stop)
	a.registry.MustRegister(a.collector(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return nil
}

// rampUp is how long a campaign takes to grow into its limit: so that its calls do not
// all end together, and too short to be missed.
const rampUp = 500 * time.Millisecond

func (a *App) startActors(ctx context.Context) error {
	if !a.cfg.has(RoleActors) {
		return nil
	}
	minds := a.cfg.Machine
	minds.RampUp = cmp.Or(minds.RampUp, rampUp)
	node := actors.NewNode(actors.Config{
		Name: a.folder.node, Bus: a.bus, Store: a.store, Journal: counted{a.journal, &a.ended}, Stalled: a.stalled,
		Machine: minds, Table: a.providers.Table, Logger: a.log,
	})
	a.providers.OnChange(func(registry.Change) { node.Reroute() })
	a.onStop("actors", func(ctx context.Context) error { node.Stop(ctx); return nil })
	a.node.Store(node)
	return node.Start(ctx)
}

func (a *App) startScheduler(ctx context.Context) error {
	if !a.cfg.has(RoleActors) {
		return nil
	}
	candidate := scheduler.NewCandidate(scheduler.Config{
		Node: a.folder.node, Bus: a.bus, Settings: a.store, Campaigns: a.store, Limits: a.providers.Limits(), Logger: a.log,
	})
	if err := candidate.Start(ctx); err != nil {
		return err
	}
	a.providers.OnChange(func(registry.Change) { candidate.SetProviders(a.providers.Limits()) })
	a.scheduler.Store(candidate)
	a.onStop("scheduler", func(context.Context) error { candidate.Stop(); return nil })
	return nil
}

// callerPatience is how long a stop waits for requests to providers before it
// breaks them off; what it leaves of the time is for committing what came of
// them.
const callerPatience = 4 * time.Second

func (a *App) startCaller(ctx context.Context) error {
	if !a.cfg.has(RoleCaller) {
		return nil
	}
	caller := caller.New(caller.Config{
		Bus: a.bus, Journal: a.journal, Attempts: a.store,
		Provider: a.providers.Lookup, CallbackURL: a.providers.CallbackBaseURL, Logger: a.log,
	})
	a.onStop("caller", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, callerPatience)
		defer cancel()
		caller.Stop(ctx)
		return nil
	})
	a.caller.Store(caller)
	return caller.Start(ctx)
}

// eventBus is the bus as the API wants it.
type eventBus struct{ *bus.Bus }

func (b eventBus) WatchEvents(ctx context.Context, id campaign.ID, after uint64, placed func(), fn func(uint64, string, []byte) error) error {
	return b.Bus.WatchEvents(ctx, id, after, placed, func(e bus.StoredEvent) error { return fn(e.Seq, string(e.Type), e.JSON) })
}
