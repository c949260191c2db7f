package bus

import (
	"context"
	"sync"
	"time"
)

// repairer makes streams and consumers again when somebody suspects that they
// are gone.  One run serves everybody who asked.
type repairer struct {
	wake chan struct{}

	mu     sync.Mutex
	done   chan struct{} // closed at the end of the next run that succeeds
	remade chan struct{} // closed at the end of the next run that made anything
	err    error         // of the last run
	cancel context.CancelFunc
}

// repairPause is the least time between two runs.
const repairPause = 200 * time.Millisecond

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

// run is the one goroutine that repairs; it ends with ctx.
func (r *repairer) run(ctx context.Context, b *Bus) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		if !b.nc.IsConnected() {
			continue // the reconnection wakes us again
		}
		made, err := b.ensureUntil(r.begin(ctx), ensurePatience)
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
		b.log.Info("made streams and consumers that were gone", "count", made)
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
