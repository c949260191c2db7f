package store

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/sethvargo/go-retry"

	"dialtone/campaign"
)

// run is the journal's goroutine: gather, write, answer, until it is stopped and
// nothing is left, or broken off.
func (j *Journal) run(ctx context.Context) {
	p := NewPage(j.cfg.MaxOps)
	for j.gather(ctx) {
		ops := 0
		for _, s := range j.take() {
			ops += len(s.ops)
			j.enter(ctx, p, s)
		}
		j.rate.Add(ops, time.Now())
		j.commit(ctx, p)
	}
}

// A batch waits the whole of Gather where so many operations are to be expected in
// it.  Where fewer come, nobody is kept waiting for company that does not come: a call
// follows the sooner on the one before it.
const (
	gatherEnough = 20
	leastGather  = 200 * time.Microsecond
)

// awaited reports whether somebody waits for an operation: a call is to be placed, or a
// person has asked.  What became of an attempt only has to be written.
func awaited(op Op) bool {
	switch op.(type) {
	case *Placed, *Ambiguous, *Finish:
		return false
	}
	return true
}

// gather returns when there is something to write and no sense in waiting for
// more.  It is false when the journal is to end.
func (j *Journal) gather(ctx context.Context) bool {
	for {
		j.mu.Lock()
		ops, some, stopped, due := j.ops, len(j.waiting) > 0, j.stopped, j.due()
		j.mu.Unlock()
		rest := time.Until(due)
		switch {
		case ctx.Err() != nil || stopped && !some:
			return false
		case some && (stopped || ops >= j.cfg.Enough || rest <= 0):
			return true
		case some:
			j.pause(ctx, time.After(rest))
		default:
			j.pause(ctx, nil)
		}
	}
}

// due is when what waits is to be written.
func (j *Journal) due() time.Time {
	if j.urgent.IsZero() {
		return j.since.Add(j.cfg.Linger)
	}
	patience := j.rate.Patience(j.cfg.Gather, gatherEnough, j.urgent)
	return j.urgent.Add(max(patience, min(leastGather, j.cfg.Gather)))
}

func (j *Journal) pause(ctx context.Context, until <-chan time.Time) {
	select {
	case <-j.signal:
	case <-until:
	case <-ctx.Done():
	}
}

// entry is a submission as the journal's goroutine sees it.  A batch may end in
// the middle of one.
type entry struct {
	submission
	err   error
	stats map[campaign.ID]campaign.Stats // of earlier batches, or nil
}

// part is the operations of one entry that stand in one batch.
type part struct {
	*entry
	from, to int
}

// enter writes a submission on the page; whenever the page can't take the next
// operation, it is committed first.
func (j *Journal) enter(ctx context.Context, p *Page, s submission) {
	e := &entry{submission: s}
	from := 0
	for i, op := range s.ops {
		if !p.Takes(op) {
			p.close(e, from, i)
			from = i
			j.commit(ctx, p)
		}
		if e.err != nil {
			return // an earlier part of it failed
		}
		p.Add(op)
	}
	p.close(e, from, len(s.ops))
}

// commit applies what is on the page and answers the submissions that end on it.
func (j *Journal) commit(ctx context.Context, p *Page) {
	if len(p.parts) == 0 {
		return
	}
	stats, err := j.apply(ctx, &p.batch, p.parts)
	if err != nil && ctx.Err() == nil && len(p.parts) > 1 {
		j.oneByOne(ctx, p.parts)
	} else {
		for _, x := range p.parts {
			x.settle(stats, err)
		}
	}
	p.reset()
}

// oneByOne finds out which submissions spoil the batch.
func (j *Journal) oneByOne(ctx context.Context, parts []part) {
	for i := range parts {
		b := &Batch{}
		for _, op := range parts[i].ops[parts[i].from:parts[i].to] {
			b.Add(op)
		}
		parts[i].settle(j.apply(ctx, b, parts[i:i+1]))
	}
}

// settle answers the submission, if this part is its last or it failed.
func (x part) settle(stats map[campaign.ID]campaign.Stats, err error) {
	e := x.entry
	last := x.to == len(e.ops)
	switch {
	case e.err != nil: // answered before
	case err != nil:
		e.err = err
		e.done(nil, err)
	case !last:
		if e.stats == nil {
			e.stats = map[campaign.ID]campaign.Stats{}
		}
		maps.Copy(e.stats, stats)
	case e.stats != nil:
		maps.Copy(e.stats, stats)
		e.done(e.stats, nil)
	default:
		e.done(stats, nil)
	}
}

// apply has the batch applied, however long the database is away.
func (j *Journal) apply(ctx context.Context, b *Batch, parts []part) (map[campaign.ID]campaign.Stats, error) {
	if b.Len() == 0 {
		return nil, nil
	}
	pauses := retry.WithJitterPercent(25, retry.WithCappedDuration(j.cfg.RetryMax, retry.NewExponential(j.cfg.RetryBase)))
	away := false
	j.applying.Store(time.Now().UnixNano())
	defer j.applying.Store(0)
	err := retry.Do(ctx, pauses, func(ctx context.Context) error {
		began := time.Now()
		err := j.applier.Apply(ctx, b)
		if Transient(err) && ctx.Err() == nil {
			j.retries.Add(1)
			if !away {
				away = true
				j.cfg.Logger.Warn("the database can't be written to; trying again until it can", "error", err, "operations", b.Len())
			}
			return retry.RetryableError(err)
		}
		took := int64(time.Since(began))
		j.lastApply.Store(took)
		j.spent.Add(took)
		return err
	})
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, fmt.Errorf("%w: %w", ErrStopped, err)
	case err != nil:
		j.refused.Add(1)
		j.cfg.Logger.Error("the database refuses a batch", "error", err, "operations", b.Len(), "submissions", len(parts))
		return nil, err
	case away:
		j.cfg.Logger.Info("the database can be written to again")
	}
	j.batches.Add(1)
	j.applied.Add(int64(b.Len()))
	return b.Stats, nil
}
