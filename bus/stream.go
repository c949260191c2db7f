package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sethvargo/go-retry"
	"github.com/sourcegraph/conc/pool"
)

// maxAckPending bounds what a consumer has handed out unacknowledged.  Callers
// and actors bound themselves; this is only so that a dead node's share does
// not stop the others.
const maxAckPending = 200_000

// consumerMakers is how many consumers are asked for at once.  In a cluster each is
// a vote of its own that takes some 70 ms.
const consumerMakers = 16

const (
	eventAge   = 24 * time.Hour
	eventBytes = 256 << 20
)

// streams are all that live in JetStream.  Retention can never be changed, and
// replicas better not: both are right from the first creation on.
func (b *Bus) streams() []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name: streamDial, Description: "Dial jobs for the callers.",
			Subjects: []string{subjectsDial}, Retention: jetstream.WorkQueuePolicy,
			Storage: jetstream.FileStorage, Replicas: b.cfg.Replicas, AllowDirect: true,
		}, {
			Name: streamCallback, Description: "Reports of callers and callbacks of providers, for the owners of campaigns.",
			Subjects: []string{subjectsCallback}, Retention: jetstream.WorkQueuePolicy,
			SubjectTransform: &jetstream.SubjectTransformConfig{Source: subjectsCallback, Destination: transformedCallback()},
			Storage:          jetstream.FileStorage, Replicas: b.cfg.Replicas, AllowDirect: true,
		}, {
			Name: streamEvent, Description: "What happened, as CloudEvents.",
			Subjects: []string{subjectsEvent}, Retention: jetstream.LimitsPolicy,
			MaxAge: eventAge, MaxBytes: eventBytes, Discard: jetstream.DiscardOld,
			Storage: jetstream.FileStorage, Replicas: b.cfg.Replicas, AllowDirect: true,
		}, {
			// A key-value bucket, made by hand for one field: a read of a lease
			// must go to the leader, so AllowDirect stays off.
			Name: streamLease, Description: "Who owns what, and until when.",
			Subjects: []string{subjectsLease}, MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew,
			AllowRollup: true, DenyDelete: true, AllowDirect: false,
			AllowMsgTTL: true, SubjectDeleteMarkerTTL: time.Minute,
			Storage: jetstream.FileStorage, Replicas: b.cfg.Replicas,
		},
	}
}

// Consumers keep their state in memory: written to files, that of 64 partitions
// costs a quarter of all that a report costs.  Nothing is lost by it.  What is in
// a work queue is not acknowledged, so a consumer made anew after a restart
// begins at the right place, and only counts deliveries from one again.  On a
// single server such a consumer does not outlive a restart; the repair that
// follows every reconnection makes it again.  In a cluster it has as many replicas
// as its stream, and outlives the death of its leader; when all servers restart at
// once, they make it again themselves.

func (b *Bus) callersConsumer() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: durableCallers, Description: "All callers share it.",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: b.cfg.AckWait,
		MaxDeliver: -1, MaxAckPending: maxAckPending, MemoryStorage: true,
	}
}

func (b *Bus) partitionConsumer(n int) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: durablePartition(n), FilterSubject: filterPartition(n),
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: b.cfg.AckWait,
		MaxDeliver: -1, MaxAckPending: maxAckPending, MemoryStorage: true,
	}
}

// restore sees to it that everything is there: by making it, or, without the right
// to, by waiting for those who have it.  It says how much was made since the last
// time, by whomever.
func (b *Bus) restore(ctx context.Context) (made int, err error) {
	defer func() { b.repair.trying(err) }()
	if !b.cfg.manages() {
		return b.await(ctx)
	}
	backoff := retry.WithMaxDuration(ensurePatience, retry.WithCappedDuration(time.Second, retry.NewExponential(50*time.Millisecond)))
	err = retry.Do(ctx, backoff, func(ctx context.Context) error {
		n, err := b.ensure(ctx)
		made += n
		if err != nil && passing(err) {
			b.repair.trying(err)
			return retry.RetryableError(err)
		}
		return err
	})
	return made, err
}

// ensure makes what is not there and says how many things that were, those counted
// that others were faster to make again.  Several nodes may do it at once: they all
// ask for the same.
func (b *Bus) ensure(ctx context.Context) (made int, err error) {
	for _, cfg := range b.streams() {
		n, e := b.ensureStream(ctx, cfg)
		made += n
		if e != nil && !errors.Is(e, errJustGone) {
			return made, fmt.Errorf("stream %s: %w", cfg.Name, e)
		}
		err = cmp.Or(err, e)
	}
	if err != nil {
		return made, err
	}
	n, err := b.ensureConsumers(ctx, streamDial, []jetstream.ConsumerConfig{b.callersConsumer()})
	if made += n; err != nil {
		return made, err
	}
	all := make([]jetstream.ConsumerConfig, Partitions)
	for i := range all {
		all[i] = b.partitionConsumer(i)
	}
	n, err = b.ensureConsumers(ctx, streamCallback, all)
	return made + n, err
}

// ensureStream leaves the replicas of an existing stream alone.
func (b *Bus) ensureStream(ctx context.Context, cfg jetstream.StreamConfig) (made int, err error) {
	s, err := b.stream(ctx, cfg.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if b.justGone(cfg.Name) {
			return 0, errJustGone
		}
		if s, err = b.js.CreateStream(ctx, cfg); err != nil {
			return 0, err
		}
		b.born(s)
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	if b.born(s) {
		made = 1
	}
	have := s.CachedInfo().Config
	if have.Replicas != cfg.Replicas {
		b.log.Warn("a stream has another number of replicas than configured; it is kept", "stream", cfg.Name, "has", have.Replicas, "configured", cfg.Replicas)
		cfg.Replicas = have.Replicas
	}
	if sameStream(&have, &cfg) {
		return made, nil
	}
	_, err = b.js.UpdateStream(ctx, cfg)
	return made, err
}

// A single server may make a stream while it is still deleting the one of that name.
// It then takes the old one's files for the new one's, deletes them, and never again
// acknowledges what is published.  So one that was there must have been gone for a
// while; a deletion took 0.1 s on a busy machine.
const goneFor = time.Second

var errJustGone = errors.New("it was deleted a moment ago")

// justGone notes when a stream was first missed.
func (b *Bus) justGone(name string) bool {
	if b.births[name].IsZero() {
		return false
	}
	since, known := b.missed[name]
	if !known {
		since = time.Now()
		b.missed[name] = since
	}
	return time.Since(since) < goneFor
}

// sameStream compares what a later version of Dialtone may come to change; the
// server fills in the rest.
func sameStream(a, b *jetstream.StreamConfig) bool {
	return a.Description == b.Description && slices.Equal(a.Subjects, b.Subjects) &&
		reflect.DeepEqual(a.SubjectTransform, b.SubjectTransform) && a.Retention == b.Retention &&
		a.MaxAge == b.MaxAge && a.AllowDirect == b.AllowDirect && a.AllowMsgTTL == b.AllowMsgTTL &&
		a.SubjectDeleteMarkerTTL == b.SubjectDeleteMarkerTTL && (b.MaxBytes == 0 || a.MaxBytes == b.MaxBytes)
}

func (b *Bus) ensureConsumers(ctx context.Context, stream string, want []jetstream.ConsumerConfig) (made int, err error) {
	s, have, err := b.consumers(ctx, stream)
	if err != nil {
		return 0, err
	}
	p := pool.NewWithResults[int]().WithErrors().WithMaxGoroutines(consumerMakers)
	for _, cfg := range want {
		if have[cfg.Durable] {
			continue
		}
		p.Go(func() (int, error) {
			if _, err := s.CreateOrUpdateConsumer(ctx, cfg); err != nil {
				return 0, fmt.Errorf("consumer %s of %s: %w", cfg.Durable, stream, err)
			}
			return 1, nil
		})
	}
	counts, err := p.Wait()
	return len(counts), err
}

// stream looks a stream up.
func (b *Bus) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	return b.js.Stream(ctx, name)
}

// consumers looks up which there are.
func (b *Bus) consumers(ctx context.Context, stream string) (_ jetstream.Stream, have map[string]bool, err error) {
	s, err := b.stream(ctx, stream)
	if err != nil {
		return nil, nil, fmt.Errorf("stream %s: %w", stream, err)
	}
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	have = map[string]bool{}
	names := s.ConsumerNames(ctx)
	for name := range names.Name() {
		have[name] = true
	}
	if err := names.Err(); err != nil {
		return nil, nil, fmt.Errorf("consumers of %s: %w", stream, err)
	}
	return s, have, nil
}

// errNoPeers is JetStream's code where there are too few servers for the replicas: one
// that is just starting counts as offline.
const errNoPeers jetstream.ErrorCode = 10005

// passing reports whether an error may go away by itself: a cluster electing, a
// server starting, a reply lost.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code >= 500 || api.Code == 408 || api.Code == 404 || api.ErrorCode == errNoPeers
	}
	return errors.Is(err, errJustGone) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) ||
		errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrDisconnected)
}
