package mockdialer

import (
	"context"
	"sync/atomic"
	"time"
)

// agenda does what a plan wants at certain times: it cuts the line and mends it, and
// lets calls be forgotten.
type agenda struct {
	line    *line
	book    *book
	run     atomic.Pointer[faultRun] // nil without a plan
	changed chan struct{}
}

// doing is how far the agenda is with a plan.  It belongs to the agenda's loop.
type doing struct {
	run            *faultRun
	downs, forgets int // begun so far
}

func newAgenda(l *line, b *book) *agenda {
	return &agenda{line: l, book: b, changed: make(chan struct{}, 1)}
}

// follow takes up a plan, or none.
func (a *agenda) follow(run *faultRun) {
	a.run.Store(run)
	select {
	case a.changed <- struct{}{}:
	default: // it is being told
	}
}

// mendAgain is how soon a line is tried again whose address was taken by another.
const mendAgain = 100 * time.Millisecond

// work follows the plans until ctx is done.
func (a *agenda) work(ctx context.Context) {
	var d doing
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-a.changed:
		}
		if run := a.run.Load(); run != d.run {
			d = doing{run: run}
		}
		timer.Reset(a.step(ctx, &d))
	}
}

// step does what is due, and returns when to come again.
func (a *agenda) step(ctx context.Context, d *doing) time.Duration {
	if d.run == nil {
		return a.cut(ctx, false, never)
	}
	wait := time.Duration(never)
	elapsed := time.Since(d.run.began)
	if forget := d.run.plan.Forget; forget != nil {
		if n := forget.begun(elapsed); n > d.forgets {
			d.forgets = n
			a.book.forget()
		}
		wait = forget.next(elapsed)
	}
	down := d.run.plan.Down
	if down == nil {
		return a.cut(ctx, false, wait)
	}
	wait = a.cut(ctx, down.holds(elapsed), min(wait, down.next(elapsed)))
	if n := down.begun(elapsed); n > d.downs {
		d.downs = n
		if down.Forget {
			a.book.forget()
		}
	}
	return wait
}

// cut cuts the line or mends it.
func (a *agenda) cut(ctx context.Context, down bool, wait time.Duration) time.Duration {
	if err := a.line.plan(ctx, down); err != nil {
		a.line.log.Warn("the mock dialer can't come back yet", "error", err)
		return min(wait, mendAgain)
	}
	return wait
}

// Forget makes the API forget the calls so far: they can't be fetched, listed or hung
// up any more, and nobody is called back for them.  In the ledger they stay, and they
// go on to their ends there.
func (s *Server) Forget() { s.book.forget() }

// GoDown closes the listener and cuts every connection, until GoUp.  When it returns,
// connections are refused.
func (s *Server) GoDown(ctx context.Context) error { return s.line.force(ctx, true) }

// GoUp ends what GoDown began; an outage of the plan goes on.  The error is that of
// listening on the same address again.
func (s *Server) GoUp(ctx context.Context) error { return s.line.force(ctx, false) }
