package bus

import (
	"context"
	"fmt"
	"time"

	"dialtone/campaign"

	"github.com/nats-io/nats.go/jetstream"
)

// WatchEvents hands the events of a campaign to fn, in order, from the calling
// goroutine: those after afterSeq that are still kept, then new ones; 0 means
// new ones only.  placed is called once, when it is settled from where on no event
// is missed.  It blocks until ctx ends and then returns nil, or until fn
// returns an error and then returns that one.  When the stream was made again,
// its sequence starts anew, and so do the events.
func (b *Bus) WatchEvents(ctx context.Context, id campaign.ID, afterSeq uint64, placed func(), fn func(StoredEvent) error) error {
	w := eventWatch{bus: b, id: id, after: afterSeq, placed: placed, fn: fn}
	for {
		again := b.repair.madeAgain()
		err := w.once(ctx, again)
		switch {
		case w.failed != nil:
			return w.failed
		case ctx.Err() != nil:
			return nil
		case err != nil:
			b.log.Warn("watching events", "campaign", id, "error", err)
			b.suspectMissing(err)
		}
		select {
		case <-b.closed:
			return ErrClosed
		case <-ctx.Done():
			return nil
		case <-time.After(repairPause):
		}
	}
}

// watchLinger is how long the server keeps the consumer of a watch that has ended;
// it must outlast the pauses between two pulls.
const watchLinger = time.Minute

type eventWatch struct {
	bus    *Bus
	id     campaign.ID
	placed func()
	begun  bool
	after  uint64 // the last seen
	fn     func(StoredEvent) error
	failed error // of fn
}

// once lasts until ctx ends, fn fails, the consumer breaks, or the stream is
// made again.
func (w *eventWatch) once(ctx context.Context, again <-chan struct{}) error {
	cons, err := w.consumer(ctx)
	if err != nil {
		return err
	}
	msgs := make(chan jetstream.Msg, 64)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fault := make(chan error, 1)
	cc, err := cons.Consume(func(m jetstream.Msg) {
		select {
		case msgs <- m:
		case <-ctx.Done():
		}
	}, jetstream.PullMaxMessages(64), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		select {
		case fault <- err:
		default:
		}
	}))
	if err != nil {
		return err
	}
	closed := cc.Closed() // asked for once: each time costs a goroutine until the end
	defer func() { cancel(); cc.Stop(); <-closed }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
			return nil
		case <-closed:
			return fmt.Errorf("the consumer ended")
		case err := <-fault:
			w.bus.log.Debug("watching events", "campaign", w.id, "error", err)
			w.bus.suspectMissing(err)
		case m := <-msgs:
			if w.failed = w.take(m); w.failed != nil {
				return nil
			}
		}
	}
}

// consumer starts after the last event seen.
func (w *eventWatch) consumer(ctx context.Context) (jetstream.Consumer, error) {
	cfg := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filterEvents(w.id)}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		InactiveThreshold: watchLinger,
	}
	s, err := w.bus.js.Stream(ctx, streamEvent)
	if err != nil {
		return nil, err
	}
	last := s.CachedInfo().State.LastSeq
	if !w.begun && w.after == 0 {
		w.after = last // new ones only, and going on after a fault misses nothing
	}
	if !w.begun {
		w.begun = true
		w.placed()
	}
	if w.after > last { // the stream was made again since
		w.after = 0
	}
	cfg.OptStartSeq = w.after + 1
	return w.bus.js.OrderedConsumer(ctx, streamEvent, cfg)
}

func (w *eventWatch) take(m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read an event's metadata: %w", err)
	}
	w.after = meta.Sequence.Stream
	return w.fn(StoredEvent{
		Seq: meta.Sequence.Stream, Type: eventTypeOf(m.Subject()), Time: meta.Timestamp.UTC(), JSON: m.Data(),
	})
}
