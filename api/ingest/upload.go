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
	workers *workers
	queue   []*chunk // handed to the workers, in the order of the file

	rows   int   // collected
	stage  stage // collected and not yet stored
	result Result
}

// run reads to the end or to the first fault, and stores only after the end: a file
// that is broken changes nothing.
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
			if err := u.collect(); err != nil {
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
		if err := u.collect(); err != nil {
			return err
		}
	}
	if u.rows == 0 {
		return empty()
	}
	return u.store(ctx)
}

// collect takes in the oldest chunk.
func (u *upload) collect() error {
	c := u.queue[0]
	u.queue = u.queue[:copy(u.queue, u.queue[1:])]
	<-c.done
	u.rows += len(c.contacts) + len(c.refused)
	u.result.Rejected += len(c.refused)
	room := u.opts.LimitErrors - len(u.result.Errors)
	u.result.Errors = append(u.result.Errors, c.refused[:min(room, len(c.refused))]...)
	return u.stage.add(c.contacts)
}

// store hands what is staged to the sink.
func (u *upload) store(ctx context.Context) error {
	return u.stage.each(u.opts.BatchSize, func(batch []Contact) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		added, err := u.sink(ctx, batch)
		if err != nil {
			return fmt.Errorf("store contacts: %w", err)
		}
		u.result.Accepted += added
		u.result.Duplicates += len(batch) - added
		return nil
	})
}
