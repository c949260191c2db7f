package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// The refusals of leases.
var (
	// ErrHeld: somebody else has it.
	ErrHeld = errors.New("bus: the lease is held by another node")
	// ErrLost: it was ours and is not any more; stop acting for it.
	ErrLost = errors.New("bus: the lease is lost")
)

// JetStream's codes for a write that expected another revision; the second is
// that of replicated streams.
const (
	codeWrongRevision           = 10071
	codeWrongRevisionReplicated = 10164
)

// leaseValue is what stands in the bucket.  The nonce names one acquisition, so
// that a value found there can be told to be ours.
type leaseValue struct {
	Holder string `json:"holder"`
	Nonce  string `json:"nonce"`
}

// Lease is the right to act for something, as long as it is renewed.
type Lease struct {
	bus    *Bus
	name   string
	holder string
	value  []byte
	nonce  string

	renewing sync.Mutex // one write at a time

	mu       sync.Mutex
	revision uint64
	until    time.Time // by the monotonic clock
	lost     bool
}

// Acquire takes a lease that is free, or that stands under the same holder from
// before a restart.  A holder's name must therefore be a node's alone, and not "".  Its
// error is ErrHeld, or says that NATS could not be asked.
func (b *Bus) Acquire(ctx context.Context, name, holder string) (*Lease, error) {
	l := &Lease{bus: b, name: name, holder: holder, nonce: nuid.Next()}
	l.value, _ = json.Marshal(leaseValue{holder, l.nonce}) // two strings
	revision, value, err := b.readLease(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("acquire lease %s: %w", name, err)
	}
	// A value without a holder is none of ours: nobody keeps it, and it never ends.
	if value != nil && value.Holder != "" && value.Holder != holder {
		return nil, ErrHeld
	}
	err = l.write(ctx, revision)
	if errors.Is(err, ErrLost) {
		return nil, ErrHeld // somebody was faster
	}
	if err != nil {
		return nil, fmt.Errorf("acquire lease %s: %w", name, err)
	}
	return l, nil
}

// Name is the lease's.
func (l *Lease) Name() string { return l.name }

// Valid reports whether the holder may act at a moment, by the monotonic clock:
// a time to live has not passed since the last renewal was sent, less a fifth
// as margin for what was begun just before, and for the clocks of servers.
func (l *Lease) Valid(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.lost && now.Before(l.until)
}

// Until is when the lease stops being Valid unless it is renewed.
func (l *Lease) Until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}

// Renew makes the lease live anew.  Renew about every third of the time to live.
// ErrLost is final; after any other error the lease is as Valid as it says, and
// renewing it may be tried again.
func (l *Lease) Renew(ctx context.Context) error {
	l.renewing.Lock()
	defer l.renewing.Unlock()
	l.mu.Lock()
	revision, lost := l.revision, l.lost
	l.mu.Unlock()
	if lost {
		return ErrLost
	}
	err := l.write(ctx, revision)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrLost):
		l.mu.Lock()
		l.lost = true
		l.mu.Unlock()
		return ErrLost
	}
	return fmt.Errorf("renew lease %s: %w", l.name, err)
}

// write publishes our value if the lease still stands at the revision.  An
// answer that was lost is made up for by reading: a value with our nonce is
// ours, whichever write it came from, and the next try starts from there.
func (l *Lease) write(ctx context.Context, revision uint64) error {
	const tries = 3
	for try := 1; ; try++ {
		err := l.writeOnce(ctx, revision)
		if err == nil {
			return nil
		}
		l.bus.suspectMissing(err)
		if !wrongRevision(err) && !errors.Is(err, context.DeadlineExceeded) || try == tries || ctx.Err() != nil {
			return err
		}
		found, value, readErr := l.bus.readLease(ctx, l.name)
		if readErr != nil {
			return errors.Join(err, readErr)
		}
		ours := value != nil && value.Nonce == l.nonce
		if !ours && (found != revision || wrongRevision(err)) {
			return ErrLost
		}
		revision = found
	}
}

// writeOnce leaves time for another try while the lease is still Valid.
func (l *Lease) writeOnce(ctx context.Context, revision uint64) error {
	ttl := l.bus.cfg.LeaseTTL
	ctx, cancel := context.WithTimeout(ctx, l.bus.leaseTry())
	defer cancel()
	sent := time.Now()
	ack, err := l.bus.js.Publish(ctx, subjectLease(l.name), l.value,
		jetstream.WithExpectLastSequencePerSubject(revision), jetstream.WithMsgTTL(ttl))
	if err == nil {
		l.hold(ack.Sequence, sent)
	}
	return err
}

func (b *Bus) leaseTry() time.Duration { return max(b.cfg.LeaseTTL/5, 500*time.Millisecond) }

func (l *Lease) hold(revision uint64, sent time.Time) {
	ttl := l.bus.cfg.LeaseTTL
	l.mu.Lock()
	defer l.mu.Unlock()
	l.revision, l.until = revision, sent.Add(ttl-ttl/5)
}

// Release frees the lease for others at once.  It is not an error if it was
// lost already.  Stop acting before, for Valid is false from here on.
func (l *Lease) Release(ctx context.Context) error {
	l.renewing.Lock()
	defer l.renewing.Unlock()
	l.mu.Lock()
	revision, lost := l.revision, l.lost
	l.lost = true
	l.mu.Unlock()
	if lost {
		return nil
	}
	err := l.bus.kv.Delete(ctx, l.name, jetstream.LastRevision(revision))
	if err != nil && !wrongRevision(err) {
		return fmt.Errorf("release lease %s: %w", l.name, err)
	}
	return nil
}

func wrongRevision(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeWrongRevision || api.ErrorCode == codeWrongRevisionReplicated) ||
		errors.Is(err, jetstream.ErrKeyExists)
}
