package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sethvargo/go-retry"
	"github.com/sourcegraph/conc/pool"

	"dialtone/api"
	"dialtone/bus"
	"dialtone/store"
)

// The parts that a process may have to wait for.
const (
	partStore  = "store"
	partNATS   = "nats"
	partLeases = "leases"
	// partCampaigns: what some campaigns have up is not known.
	partCampaigns = "campaigns"
	partService   = "service" // the process itself, at its beginning and end
)

// connect opens the database and the bus.  Both are waited for at the same time, so
// that it can be told of each what it lacks.
func (a *App) connect(ctx context.Context) error {
	a.awaited.add(partStore, "Connecting to the database, and bringing its schema up to date.")
	a.awaited.add(partNATS, "Connecting to NATS.")
	both := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	both.Go(func(ctx context.Context) error { return a.await(ctx, partStore, a.openStore) })
	both.Go(func(ctx context.Context) error { return a.await(ctx, partNATS, a.openBus) })
	err := both.Wait()
	if a.store != nil {
		a.onStop("store", func(context.Context) error { return a.store.Close() })
	}
	if a.bus != nil {
		a.onStop("bus", a.bus.Close)
	}
	if err != nil {
		return err
	}
	return a.await(ctx, partStore, a.checkKeys) // it may have gone again while NATS was waited for
}

func (a *App) openStore(ctx context.Context) error {
	db, err := OpenDatabase(ctx, a.cfg.Data, a.cfg.Database)
	if err != nil {
		return err
	}
	a.store = db
	return nil
}

func (a *App) openBus(ctx context.Context) error {
	cfg, err := a.busConfig()
	if err != nil {
		return err
	}
	if a.cfg.Wait {
		cfg.OpenPatience = openPatience
	}
	b, err := bus.Open(ctx, cfg)
	if err != nil {
		return err
	}
	a.bus = b
	return nil
}

// openPatience is short where there is another try: what is lacking can be told soon.
const openPatience = 3 * time.Second

// The pauses between two tries, and between two lines that say the same.
const (
	leastPause = 100 * time.Millisecond
	mostPause  = 2 * time.Second
	tellEvery  = 10 * time.Second
)

// await opens a part of the service, as often as it takes where that is worth while.
func (a *App) await(ctx context.Context, part string, open func(context.Context) error) error {
	pauses := retry.WithJitterPercent(20, retry.WithCappedDuration(mostPause, retry.NewExponential(leastPause)))
	w := watch{part: part, log: a.log, began: time.Now()}
	err := retry.Do(ctx, pauses, func(ctx context.Context) error {
		err := open(ctx)
		if err == nil || ctx.Err() != nil || !a.cfg.Wait || !late(err) {
			return err
		}
		a.awaited.add(part, err.Error())
		w.tell(err.Error(), time.Now())
		return retry.RetryableError(err)
	})
	if err != nil {
		return err
	}
	a.awaited.remove(part)
	w.done(time.Now())
	return nil
}

// late reports whether what is missing may come by itself.
func late(err error) bool { return store.Transient(err) || bus.Transient(err) }

// watch tells the log what is waited for: at once, when the reason changes, and now and
// then so that whoever looks later sees it too.
type watch struct {
	part   string
	log    *slog.Logger
	began  time.Time
	reason string
	told   time.Time // zero until something was
}

func (w *watch) tell(reason string, now time.Time) {
	if reason == w.reason && now.Sub(w.told) < tellEvery {
		return
	}
	w.reason, w.told = reason, now
	w.log.Warn("waiting for a part that is not there; trying again until it is", "part", w.part, "reason", reason, "since", now.Sub(w.began).Round(time.Second))
}

func (w *watch) done(now time.Time) {
	if !w.told.IsZero() {
		w.log.Info("the part that was waited for is there", "part", w.part, "after", now.Sub(w.began).Round(time.Millisecond))
	}
}

// awaited is what a start waits for.
type awaited struct {
	mu      sync.Mutex
	missing []api.Missing // in the order in which they were added
}

// add says why a part is waited for, in place of what was said before.
func (w *awaited) add(part, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.missing {
		if w.missing[i].Part == part {
			w.missing[i].Reason = reason
			return
		}
	}
	w.missing = append(w.missing, api.Missing{Part: part, Reason: reason})
}

func (w *awaited) remove(part string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.missing {
		if w.missing[i].Part == part {
			w.missing = append(w.missing[:i], w.missing[i+1:]...)
			return
		}
	}
}

func (w *awaited) list() []api.Missing {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]api.Missing(nil), w.missing...)
}
