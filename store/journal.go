package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dialtone/campaign"
	"dialtone/internal/flow"
)

// ErrStopped is the answer to what was submitted to a journal that has ended, or
// was broken off.  Nothing is known of it, as after any lost answer.
var ErrStopped = errors.New("store: the journal has stopped")

// Applier performs batches: a Store.
type Applier interface {
	Apply(ctx context.Context, b *Batch) error
}

// Done hears what became of a submission, in the journal's goroutine: it must be
// quick and may not wait for the journal.
//
// A nil error means that the operations are committed and each has its Outcome;
// stats are the statistics of the campaigns that the commit concerned.  They are
// shared: read only.  Any other error means that none of the Outcomes is valid.
type Done func(stats map[campaign.ID]campaign.Stats, err error)

// JournalConfig tunes a Journal.  The zero value is right for production.
type JournalConfig struct {
	// Gather is how long a small batch waits for company while much is written.
	// Where little is, it waits a fraction of that.  Default 2 ms.
	Gather time.Duration
	// Linger is how long a batch waits for company in which there is only what nobody
	// waits for: what became of attempts.  Calls are held up by the journal where several
	// free their slots at the same time, and then each commit counts that can be left
	// out.  Default 5 ms.
	Linger time.Duration
	// Enough is the number of operations that waits for no more. Default 500.
	Enough int
	// MaxOps bounds a batch. Default 4,000.
	MaxOps int
	// RetryBase is the pause after the first transient error; it doubles up to
	// RetryMax. Default 20 ms and 1 s.
	RetryBase, RetryMax time.Duration
	Logger              *slog.Logger
}

func (c JournalConfig) withDefaults() JournalConfig {
	c.Gather = cmp.Or(c.Gather, 2*time.Millisecond)
	c.Linger = max(cmp.Or(c.Linger, 5*time.Millisecond), c.Gather)
	c.MaxOps = cmp.Or(c.MaxOps, 4000)
	c.Enough = min(cmp.Or(c.Enough, 500), c.MaxOps)
	c.RetryBase = cmp.Or(c.RetryBase, 20*time.Millisecond)
	c.RetryMax = cmp.Or(c.RetryMax, time.Second)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return c
}

// Journal gathers operations of all of a node's actors and callers into batches,
// so that a transaction serves hundreds of them.
//
// Whoever submits is not kept waiting: what is submitted waits in memory, and the
// answer comes as a call of Done.  What waits is bounded by what the submitters
// let be under way.
//
// Invariant: what is in the database after a commit is what would be there had
// the operations been applied one after the other, in the order in which they
// were submitted.  A batch sorts its operations by kind; where that order and the
// order of submission differ for one call, the journal cuts the batch there.
//
// On failures:
//
//	the database is away       the same batch is tried again until it answers;
//	                           submitters see a slow commit
//	an answer is lost          the same: every operation may be applied twice
//	the database can't take    every submission of the batch is applied by itself,
//	a batch at all             so that one that spoils it is refused alone
type Journal struct {
	applier Applier
	cfg     JournalConfig

	mu      sync.Mutex
	waiting []submission
	ops     int       // in waiting
	since   time.Time // when the oldest of waiting came
	urgent  time.Time // when the oldest came of those that somebody waits for, or zero
	stopped bool
	started bool
	abort   context.CancelFunc

	rate flow.Rate // of operations; run's

	// signal holds a token when waiting grew enough, or the journal is to stop.
	signal chan struct{}
	worker sync.WaitGroup

	batches, applied, retries, refused atomic.Int64
	lastApply, spent                   atomic.Int64 // nanoseconds
	applying                           atomic.Int64 // since when, in Unix nanoseconds; 0 for not
}

type submission struct {
	ops  []Op
	done Done
}

// JournalStats are a journal's counters since its start.
type JournalStats struct {
	Batches int64 // committed
	Ops     int64 // committed
	Retries int64 // batches tried again after a transient error
	Refused int64 // batches that the database refused for good
	Waiting int   // operations not yet in a batch
	// LastApply is how long the last commit took, Spent how long all of them.
	LastApply, Spent time.Duration
	// Stalled is how long the batch in hand has been tried; 0 without one.
	Stalled time.Duration
}

// NewJournal makes a journal; it keeps what is submitted until Start.
func NewJournal(a Applier, cfg JournalConfig) *Journal {
	return &Journal{applier: a, cfg: cfg.withDefaults(), signal: make(chan struct{}, 1)}
}

// Start begins to write.  It goes on after ctx has ended; Stop ends it.
func (j *Journal) Start(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return ErrStopped
	}
	if j.started {
		return errors.New("store: the journal has been started before")
	}
	ctx, j.abort = context.WithCancel(context.WithoutCancel(ctx))
	j.started = true
	j.worker.Go(func() { j.run(ctx) })
	return nil
}

// Stop takes no more, writes what was submitted, and ends.  If ctx ends before
// that, it breaks off and returns ctx's error: what is left is answered with
// ErrStopped.  It may be called twice, and before Start.
func (j *Journal) Stop(ctx context.Context) error {
	j.mu.Lock()
	j.stopped = true
	started, abort := j.started, j.abort
	j.mu.Unlock()
	if !started {
		j.refuse(j.take())
		return nil
	}
	j.wake()
	release := context.AfterFunc(ctx, abort)
	j.worker.Wait()
	j.refuse(j.take())
	if !release() {
		return fmt.Errorf("stop the journal: %w", ctx.Err())
	}
	abort()
	return nil
}

// Submit hands operations over to be applied in their order; done is called when
// they are committed.  Until then they belong to the journal.  After Stop, done is
// called at once, in the caller's goroutine, with ErrStopped.
func (j *Journal) Submit(ops []Op, done func(stats map[campaign.ID]campaign.Stats, err error)) {
	j.mu.Lock()
	if j.stopped {
		j.mu.Unlock()
		done(nil, ErrStopped)
		return
	}
	first := len(j.waiting) == 0
	if first {
		j.since = time.Now()
	}
	hurries := j.urgent.IsZero() && slices.ContainsFunc(ops, awaited)
	if hurries {
		j.urgent = time.Now()
	}
	before := j.ops
	j.waiting = append(j.waiting, submission{ops, done})
	j.ops += len(ops)
	full := before < j.cfg.Enough && j.ops >= j.cfg.Enough
	j.mu.Unlock()
	if first || hurries || full {
		j.wake()
	}
}

// Do submits operations and waits until they are committed.  The error is that of
// the commit, not of the operations; after ctx's error the operations still belong
// to the journal.
func (j *Journal) Do(ctx context.Context, ops ...Op) error {
	answer := make(chan error, 1)
	j.Submit(ops, func(_ map[campaign.ID]campaign.Stats, err error) { answer <- err })
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats are the counters as they stand.
func (j *Journal) Stats() JournalStats {
	j.mu.Lock()
	waiting := j.ops
	j.mu.Unlock()
	stalled := time.Duration(0)
	if since := j.applying.Load(); since != 0 {
		stalled = max(0, time.Since(time.Unix(0, since)))
	}
	return JournalStats{
		Batches: j.batches.Load(), Ops: j.applied.Load(), Retries: j.retries.Load(), Refused: j.refused.Load(),
		Waiting: waiting, LastApply: time.Duration(j.lastApply.Load()), Spent: time.Duration(j.spent.Load()), Stalled: stalled,
	}
}

func (j *Journal) wake() {
	select {
	case j.signal <- struct{}{}:
	default:
	}
}

// take empties waiting.
func (j *Journal) take() []submission {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := j.waiting
	j.waiting, j.ops, j.urgent = nil, 0, time.Time{}
	return out
}

func (j *Journal) refuse(left []submission) {
	for _, s := range left {
		s.done(nil, ErrStopped)
	}
}
