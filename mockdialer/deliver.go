package mockdialer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// delivery hands callbacks to a fixed number of workers.  The queue is not
// bounded: it holds at most the callbacks of calls that the book holds anyway,
// and neither the clock nor a create request may wait for a slow receiver.
type delivery struct {
	book        *book
	config      *Config
	faults      *faults
	connections *connections
	counts      deliveryCounts

	mu      sync.Mutex
	some    sync.Cond // with mu: there is a job, or closed
	jobs    []job     // from head on
	head    int
	waiting int // idle workers
	closed  bool
}

// deliveryCounts are of this process; a ledger file does not keep them.
type deliveryCounts struct {
	sent, delivered, failed, retried, dropped, pending atomic.Int64
}

func newDelivery(b *book, c *Config, f *faults) *delivery {
	d := &delivery{book: b, config: c, faults: f, connections: newConnections(c.TLS)}
	d.some.L = &d.mu
	return d
}

// push queues callbacks.  New ones count as pending until they are delivered,
// failed or dropped.
func (d *delivery) push(jobs []job) {
	if len(jobs) == 0 {
		return
	}
	for i := range jobs {
		if jobs[i].attempt == 0 && !jobs[i].placed {
			d.counts.pending.Add(1)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.jobs = append(d.jobs, jobs...)
	for range min(len(jobs), d.waiting) {
		d.some.Signal()
	}
}

// pull waits for a callback; false once the queue is closed and empty.
func (d *delivery) pull() (job, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.head == len(d.jobs) {
		if d.closed {
			return job{}, false
		}
		d.waiting++
		d.some.Wait()
		d.waiting--
	}
	j := d.jobs[d.head]
	d.jobs[d.head] = job{}
	d.head++
	if d.head == len(d.jobs) {
		d.jobs, d.head = d.jobs[:0], 0
	} else if d.head >= 1024 && d.head*2 >= len(d.jobs) {
		d.jobs, d.head = append(d.jobs[:0], d.jobs[d.head:]...), 0
	}
	return j, true
}

// close lets the workers go once the queue is empty.
func (d *delivery) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.some.Broadcast()
}

// work delivers until the queue is closed and empty, or ctx is done.
func (d *delivery) work(ctx context.Context) {
	w := &writer{
		key: d.book.key, account: d.config.Account,
		signer: newSigner(d.config.Token), forger: newSigner("not " + d.config.Token),
	}
	for ctx.Err() == nil {
		j, ok := d.pull()
		if !ok {
			return
		}
		if !d.void(&j) && d.place(&j) {
			d.deliver(ctx, w, &j)
			j.call.fate.told()
		}
	}
}

// place asks the faults when a callback is to be sent; true is now.
func (d *delivery) place(j *job) bool {
	run := d.faults.run.Load()
	if run == nil || j.placed {
		return true
	}
	set, delays := run.callback(j)
	if set == 0 {
		return true
	}
	d.book.strike(set, int64(j.index))
	j.placed, j.forged = true, set.has(FaultCallbackForged)
	d.counts.pending.Add(int64(len(delays)) - 1)
	if len(delays) == 0 {
		d.counts.dropped.Add(1)
		d.settle(j)
		j.call.fate.told()
	}
	now := false
	for _, delay := range delays {
		if delay <= 0 && !now {
			now = true
			continue
		}
		d.book.later(d.book.now()+int64(delay), *j)
	}
	return now
}

// void drops a callback of a call that is forgotten.
func (d *delivery) void(j *job) bool {
	if j.index >= d.book.forgotten.Load() {
		return false
	}
	d.counts.dropped.Add(1)
	d.counts.pending.Add(-1)
	return true
}

// deliver makes one attempt.
func (d *delivery) deliver(ctx context.Context, w *writer, j *job) {
	t := cutTarget(j.call.callback)
	d.counts.sent.Add(1)
	err := d.connections.post(ctx, t, w.render(j, t))
	switch {
	case err == nil:
		d.counts.delivered.Add(1)
		d.counts.pending.Add(-1)
		d.settle(j)
	case ctx.Err() != nil:
		// The server stops.  A ledger file sees to it that this is told again.
	case int(j.attempt) < d.config.CallbackRetries:
		d.counts.retried.Add(1)
		j.attempt++
		j.placed = true
		d.book.later(d.book.now()+int64(d.config.CallbackRetryDelay), *j)
	default:
		d.counts.failed.Add(1)
		d.counts.pending.Add(-1)
		d.config.Logger.Warn("a callback was given up", "url", j.call.callback, "event", eventNames[j.event], "attempts", j.attempt+1, "error", err)
	}
}

// settle notes that nobody need be told of a call's end any more.
func (d *delivery) settle(j *job) {
	if j.event == eventCompleted {
		d.book.settled(j.index)
	}
}

// tick is how exactly the clock keeps time: what is due within one is done at
// once, so that a busy server wakes a thousand times a second and not for every
// call.
const tick = time.Millisecond

// clock lets things happen when they are due, until ctx is done.
func (d *delivery) clock(ctx context.Context) {
	var fired []job
	var wait time.Duration
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.book.wake:
		}
		fired, wait = d.book.due(fired[:0])
		d.push(fired)
		clear(fired)
		timer.Reset(wait)
	}
}
