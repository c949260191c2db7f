package bus

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sourcegraph/conc/pool"
)

// leaseWriters is how many leases are asked for at once.  Round trips are what
// takes time, and they overlap.
const leaseWriters = 16

// AcquireMany acquires many leases at once.  leases[i] is nil where errs[i] is
// not.
func (b *Bus) AcquireMany(ctx context.Context, names []string, holder string) (leases []*Lease, errs []error) {
	leases, errs = make([]*Lease, len(names)), make([]error, len(names))
	p := pool.New().WithMaxGoroutines(leaseWriters)
	for i, name := range names {
		p.Go(func() { leases[i], errs[i] = b.Acquire(ctx, name, holder) })
	}
	p.Wait()
	return leases, errs
}

// RenewMany renews many leases at once; errs[i] is the result of leases[i].
func (b *Bus) RenewMany(ctx context.Context, leases []*Lease) (errs []error) {
	return many(leases, func(l *Lease) error { return l.Renew(ctx) })
}

// ReleaseMany releases many leases at once; errs[i] is the result of leases[i].
func (b *Bus) ReleaseMany(ctx context.Context, leases []*Lease) (errs []error) {
	return many(leases, func(l *Lease) error { return l.Release(ctx) })
}

func many(leases []*Lease, do func(*Lease) error) []error {
	errs := make([]error, len(leases))
	p := pool.New().WithMaxGoroutines(leaseWriters)
	for i, l := range leases {
		p.Go(func() { errs[i] = do(l) })
	}
	p.Wait()
	return errs
}

// errNoLeases is a fault of the program.
var errNoLeases = errors.New("bus: leases are kept by the role actors alone")

func (b *Bus) openLeases(ctx context.Context) (err error) {
	if b.kv, err = b.js.KeyValue(ctx, bucketLease); err != nil {
		return err
	}
	b.leases, err = b.js.Stream(ctx, streamLease)
	return err
}

// readLease reads from the stream's leader.  A free lease has a nil value, and
// the revision of its end, or 0.
func (b *Bus) readLease(ctx context.Context, name string) (revision uint64, value *leaseValue, err error) {
	if b.leases == nil {
		return 0, nil, errNoLeases
	}
	ctx, cancel := context.WithTimeout(ctx, b.leaseTry())
	defer cancel()
	m, err := b.leases.GetLastMsgForSubject(ctx, subjectLease(name))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil, nil
	}
	if err != nil {
		b.suspectMissing(err)
		return 0, nil, err
	}
	if m.Header.Get("KV-Operation") != "" || m.Header.Get(jetstream.MarkerReasonHeader) != "" {
		return m.Sequence, nil, nil
	}
	value = &leaseValue{}
	if err := json.Unmarshal(m.Data, value); err != nil {
		b.log.Warn("a lease holds what nobody understands; it counts as free", "lease", name, "error", err, "value", excerpt(m.Data))
		return m.Sequence, &leaseValue{}, nil
	}
	return m.Sequence, value, nil
}

// suspectMissing has the streams looked after when an error says that they are
// gone.
func (b *Bus) suspectMissing(err error) {
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) ||
		errors.Is(err, jetstream.ErrConsumerNotFound) {
		b.repair.suspect()
	}
}

// leaseResync is how often a watch begins anew: it then tells what it has missed, should
// it ever miss anything.
const leaseResync = time.Minute

// WatchLeases tells fn, from its own goroutine, who holds what: first everything
// that is held, then "" and "" once, then every change; holder is "" for what became
// free.  Only leases of these names are told, which may be subjects ("node.*"); none is
// all.  It blocks until ctx ends and returns nil then.  Have few: each is a consumer on
// the server.
func (b *Bus) WatchLeases(ctx context.Context, fn func(name, holder string), names ...string) error {
	if b.kv == nil {
		return errNoLeases
	}
	if len(names) == 0 {
		names = []string{jetstream.AllKeys}
	}
	w := leaseWatch{fn: fn, names: names, holders: map[string]string{}}
	for ctx.Err() == nil {
		again := b.repair.madeAgain()
		if err := b.watchOnce(ctx, &w, again); err != nil && ctx.Err() == nil {
			b.log.Warn("watching leases", "error", err)
			b.repair.suspect()
			select {
			case <-time.After(repairPause):
			case <-ctx.Done():
			}
		}
		select {
		case <-b.closed:
			return ErrClosed
		default:
		}
	}
	return nil
}

// watchOnce lasts until ctx ends, the watcher breaks, the bucket is made again, or it is
// time to look at everything anew.
func (b *Bus) watchOnce(ctx context.Context, w *leaseWatch, again <-chan struct{}) error {
	watcher, err := b.kv.WatchFiltered(ctx, slices.Clone(w.names)) // it writes into them
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Stop() }()
	w.begin()
	resync := time.NewTimer(leaseResync)
	defer resync.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
			return nil
		case <-resync.C:
			return nil
		case <-b.closed:
			return ErrClosed
		case entry, ok := <-watcher.Updates():
			if !ok {
				return errors.New("the watcher was closed")
			}
			w.take(entry)
		}
	}
}

// leaseWatch remembers what was told, so that a watcher that starts over tells
// only what is different.
type leaseWatch struct {
	fn      func(name, holder string)
	names   []string
	through bool // all that was held has been told
	holders map[string]string
	seen    map[string]bool // of the initial values; nil when they are through
}

func (w *leaseWatch) begin() { w.seen = map[string]bool{} }

func (w *leaseWatch) take(entry jetstream.KeyValueEntry) {
	if entry == nil { // the initial values are through
		for name := range w.holders {
			if !w.seen[name] {
				w.set(name, "")
			}
		}
		w.seen = nil
		if !w.through {
			w.through = true
			w.fn("", "")
		}
		return
	}
	if w.seen != nil {
		w.seen[entry.Key()] = true
	}
	var value leaseValue
	if entry.Operation() == jetstream.KeyValuePut {
		_ = json.Unmarshal(entry.Value(), &value) // a foreign value is held by nobody
	}
	w.set(entry.Key(), value.Holder)
}

func (w *leaseWatch) set(name, holder string) {
	if w.holders[name] == holder {
		return
	}
	if holder == "" {
		delete(w.holders, name)
	} else {
		w.holders[name] = holder
	}
	w.fn(name, holder)
}
