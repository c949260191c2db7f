package bus

import (
	"context"
	"sync"
	"time"
)

// repairer makes streams and consumers again when somebody suspects that they
// are gone, or waits until who has the right to has done so.  One run serves
// everybody who asked.
type repairer struct {
	wake chan struct{}

	mu     sync.Mutex
	done   chan struct{} // closed at the end of the next run that succeeds
	remade chan struct{} // closed at the end of the next run that made anything
	err    error         // of the last run, or of the last try in the one under way
	cancel context.CancelFunc
}

const (
	// repairPause is the least time between two runs.
	repairPause = 200 * time.Millisecond
	// lookEvery is how soon one who makes streams misses them without using any.
	// Others may use them, who can't make them.
	lookEvery = time.Second
)

func newRepairer() *repairer {
	return &repairer{wake: make(chan struct{}, 1), done: make(chan struct{}), remade: make(chan struct{})}
}

// suspect asks for a run; the channel is closed when one has succeeded.  That may
// be one that was under way and looked too early: who still finds something
// missing then asks again.
func (r *repairer) suspect() <-chan struct{} {
	r.mu.Lock()
	done := r.done
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return done
}

// madeAgain is closed when something had to be made again after this call.
func (r *repairer) madeAgain() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.remade
}

func (r *repairer) failing() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// trying tells what came of a try, of which there may be more in a run.
func (r *repairer) trying(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// run is the one goroutine that repairs; it ends with ctx.
func (r *repairer) run(ctx context.Context, b *Bus) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	if !b.cfg.manages() {
		look.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			if !b.nc.IsConnected() || b.complete(ctx) {
				continue
			}
		case <-r.wake:
		}
		if !b.nc.IsConnected() {
			continue // the reconnection wakes us again
		}
		made, err := b.restore(r.begin(ctx))
		r.finish(b, made, err)
		if err != nil && ctx.Err() == nil && b.nc.IsConnected() {
			b.log.Error("streams can't be repaired; trying again", "error", err)
			r.suspect()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(repairPause):
		}
	}
}

func (r *repairer) begin(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel = cancel
	return ctx
}

// disconnected ends a run whose answers will never come.
func (r *repairer) disconnected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel()
	}
}

func (r *repairer) finish(b *Bus, made int, err error) {
	if made > 0 {
		b.count.repairs.Add(1)
		b.log.Info("streams and consumers that were gone are there again", "count", made)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel()
	r.err = err
	if err == nil {
		close(r.done)
		r.done = make(chan struct{})
	}
	if made > 0 {
		close(r.remade)
		r.remade = make(chan struct{})
	}
}
