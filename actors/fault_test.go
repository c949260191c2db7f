package actors

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dialtone/campaign"
	"dialtone/store"
)

var errAway = store.AsTransient(errors.New("the database is away"))

// flaky is a store that fails at what it is told to.
type flaky struct {
	Store
	mu     sync.Mutex
	faults map[string]int // how often each is yet to fail
	failed map[string]int
	reads  atomic.Int64                       // of campaigns
	before func(context.Context, campaign.ID) // a read of a campaign, or nil
	spoilt campaign.ID                        // can't be read, by any method named in spoils
	spoils []string
	stalls chan struct{} // RaiseEpochs waits for its end, if there is one
	waited atomic.Int64  // how often it did
}

// stall has RaiseEpochs hang until it is mended.
func (f *flaky) stall() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stalls = make(chan struct{})
}

func (f *flaky) wait(ctx context.Context) error {
	f.mu.Lock()
	stalls := f.stalls
	f.mu.Unlock()
	if stalls == nil {
		return nil
	}
	f.waited.Add(1)
	select {
	case <-stalls:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail has the next n calls of a method fail.
func (f *flaky) fail(method string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults == nil {
		f.faults, f.failed = map[string]int{}, map[string]int{}
	}
	f.faults[method] = n
}

// spoil has the methods fail for one campaign.
func (f *flaky) spoil(id campaign.ID, methods ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spoilt, f.spoils = id, methods
}

func (f *flaky) spoiled(id campaign.ID, method string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.spoilt == id && slices.Contains(f.spoils, method) {
		return errors.New("settings: unexpected end of JSON input")
	}
	return nil
}

func (f *flaky) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.faults)
	f.spoils = nil
	if f.stalls != nil {
		close(f.stalls)
		f.stalls = nil
	}
}

// happened is how often a method has failed.
func (f *flaky) happened(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed[method]
}

func (f *flaky) fault(method string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults[method] == 0 {
		return nil
	}
	f.faults[method]--
	f.failed[method]++
	return errAway
}

func (f *flaky) RaiseEpochs(ctx context.Context, node string, from map[int]int64) (map[int]int64, error) {
	if err := f.fault("RaiseEpochs"); err != nil {
		return nil, err
	}
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	return f.Store.RaiseEpochs(ctx, node, from)
}

func (f *flaky) Active(ctx context.Context) ([]campaign.ID, error) {
	if err := f.fault("Active"); err != nil {
		return nil, err
	}
	return f.Store.Active(ctx)
}

func (f *flaky) Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error) {
	f.reads.Add(1)
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before(ctx, id)
	}
	if err := cmp.Or(f.fault("Campaign"), f.spoiled(id, "Campaign")); err != nil {
		return campaign.Campaign{}, err
	}
	return f.Store.Campaign(ctx, id)
}

func (f *flaky) Zones(ctx context.Context, id campaign.ID) ([]store.Zone, error) {
	if err := cmp.Or(f.fault("Zones"), f.spoiled(id, "Zones")); err != nil {
		return nil, err
	}
	return f.Store.Zones(ctx, id)
}

func (f *flaky) Queued(ctx context.Context, id campaign.ID, zone campaign.ZoneID, after campaign.CallID, limit int) ([]store.Waiting, error) {
	if err := f.fault("Queued"); err != nil {
		return nil, err
	}
	return f.Store.Queued(ctx, id, zone, after, limit)
}

func (f *flaky) Open(ctx context.Context, id campaign.ID, after campaign.CallID, limit int) ([]store.OpenCall, error) {
	if err := cmp.Or(f.fault("Open"), f.spoiled(id, "Open")); err != nil {
		return nil, err
	}
	return f.Store.Open(ctx, id, after, limit)
}

// gate is a node's way to the journal, which can be held shut, and can spoil
// submissions.
type gate struct {
	journal *store.Journal
	mu      sync.Mutex
	shut    bool
	held    []func()
	since   time.Time // the first of them is held
	spoil   func([]store.Op) verdict
	spoiled int
	stale   int // operations that a newer owner's epoch refused
}

// verdict is what is to become of a submission.
type verdict int

const (
	pass     verdict = iota
	rejected         // it is not applied, and fails for good
	unheard          // it is applied, and is said to have failed
)

var errSpoiled = errors.New("the database can't take it")

func (g *gate) Submit(ops []store.Op, done func(map[campaign.ID]campaign.Stats, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := pass
	if g.spoil != nil {
		v = g.spoil(ops)
	}
	if v != pass {
		g.spoiled++
	}
	submit := func() {
		g.journal.Submit(ops, func(stats map[campaign.ID]campaign.Stats, err error) {
			g.note(ops)
			if v == unheard {
				stats, err = nil, errSpoiled
			}
			done(stats, err)
		})
	}
	switch {
	case v == rejected:
		go done(nil, errSpoiled)
	case g.shut:
		if len(g.held) == 0 {
			g.since = time.Now()
		}
		g.held = append(g.held, submit)
	default:
		submit()
	}
}

func (g *gate) note(ops []store.Op) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, op := range ops {
		if errors.Is(store.OutcomeOf(op).Err, store.ErrStaleEpoch) {
			g.stale++
		}
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// stalled is how long something has been held.
func (g *gate) stalled() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.held) == 0 {
		return 0
	}
	return time.Since(g.since)
}

// open lets everything through that was held, in its order.
func (g *gate) open() {
	g.mu.Lock()
	held := g.held
	g.shut, g.held = false, nil
	g.mu.Unlock()
	for _, submit := range held {
		submit()
	}
}

func (g *gate) spoilWhen(f func([]store.Op) verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spoil = f
}

// counts are the submissions held and spoiled, and the operations refused as stale.
func (g *gate) counts() (held, spoiled, stale int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.held), g.spoiled, g.stale
}

// has reports whether there is an operation of a kind.
func has[O store.Op](ops []store.Op) bool {
	for _, op := range ops {
		if _, ok := op.(O); ok {
			return true
		}
	}
	return false
}
