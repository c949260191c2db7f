package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// upload is one call of Read under way.  All of it belongs to the goroutine of
// that call.
type upload struct {
	opts    Options
	src     source
	sink    Sink
	meter   *meter
	workers *workers
	queue   []*chunk // handed to the workers, in the order of the file

	rows    int       // collected
	pending []Contact // collected and not yet stored
	storing bool      // the stage is behind us
	result  Result
}

// run reads to the end or to the first fault.  Chunks that were read before a
// fault and not collected are dropped: they come again with the mended file.
func (u *upload) run(ctx context.Context) error {
	for {
		c, err := u.fill()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		u.queue = append(u.queue, c)
		u.workers.give(c)
		if err != nil {
			return u.finish(ctx)
		}
		if len(u.queue) == chunksAhead {
			if err := u.collect(ctx); err != nil {
				return err
			}
		}
	}
}

// fill reads one chunk; the last comes with io.EOF and may be empty.
func (u *upload) fill() (*chunk, error) {
	c := &chunk{records: make([]record, 0, chunkRows), done: make(chan struct{})}
	for len(c.records) < chunkRows {
		r, err := u.src.next()
		if err != nil {
			return c, err
		}
		c.records = append(c.records, r)
	}
	return c, nil
}

// finish collects and stores all that is left.
func (u *upload) finish(ctx context.Context) error {
	for len(u.queue) > 0 {
		if err := u.collect(ctx); err != nil {
			return err
		}
	}
	if u.rows == 0 {
		return empty()
	}
	return u.store(ctx, 1)
}

// collect takes in the oldest chunk, and stores what makes full batches once
// the stage is behind.
func (u *upload) collect(ctx context.Context) error {
	c := u.queue[0]
	u.queue = u.queue[:copy(u.queue, u.queue[1:])]
	<-c.done
	u.rows += len(c.contacts) + len(c.refused)
	u.pending = append(u.pending, c.contacts...)
	u.result.Rejected += len(c.refused)
	room := u.opts.LimitErrors - len(u.result.Errors)
	u.result.Errors = append(u.result.Errors, c.refused[:min(room, len(c.refused))]...)

	u.storing = u.storing || u.rows > u.opts.StageRows || u.meter.n > u.opts.StageBytes
	if !u.storing {
		return nil
	}
	return u.store(ctx, u.opts.BatchSize)
}

// store hands batches to the sink while there are at least so many contacts.
func (u *upload) store(ctx context.Context, atLeast int) error {
	left := u.pending
	for len(left) >= atLeast {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		batch := left[:min(len(left), u.opts.BatchSize)]
		added, err := u.sink(ctx, batch)
		if err != nil {
			return fmt.Errorf("store contacts: %w", err)
		}
		u.result.Accepted += added
		u.result.Duplicates += len(batch) - added
		left = left[len(batch):]
	}
	n := copy(u.pending, left)
	clear(u.pending[n:])
	u.pending = u.pending[:n]
	return nil
}
