package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	maxPayload      = 8 << 20
	connectPatience = 5 * time.Second
	ensurePatience  = 20 * time.Second
	drainTimeout    = 5 * time.Second
)

// ErrClosed is what comes of using a Bus after Close.
var ErrClosed = errors.New("bus: closed")

// Bus is one node's connection to NATS, with everything Dialtone keeps there.
type Bus struct {
	cfg    Config
	log    *slog.Logger
	server *Server // nil with an external server
	nc     *nats.Conn
	js     jetstream.JetStream
	pub    *publisher
	events *eventSink
	repair *repairer
	count  counters
	// births are when the streams were made, by name, and missed since when one is
	// gone; of restore and repair.run, which follow each other.
	births, missed map[string]time.Time

	// The bucket of leases and its stream, nil without the right to them.  Handles go
	// by name, and survive that what they name is made again.
	kv     jetstream.KeyValue
	leases jetstream.Stream

	stop   context.CancelFunc // ends what runs in wg
	wg     sync.WaitGroup     // publisher's sweeper, event sink, repairer
	once   sync.Once
	closed chan struct{} // of the connection
	err    error         // of Close, after once
}

// Open starts the embedded server if the Config names no other, connects, and
// makes the streams, consumers and the bucket that are not there yet; without the
// right to, it waits for them as long as ctx lives, or OpenPatience says.  Its error is
// one line and names the cause; Transient tells whether to try again.
func Open(ctx context.Context, cfg Config) (*Bus, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure the bus: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	b := &Bus{cfg: cfg, log: cfg.Logger, closed: make(chan struct{}), repair: newRepairer(), births: map[string]time.Time{}, missed: map[string]time.Time{}}
	b.pub = newPublisher(b)
	if cfg.URL == "" {
		srv, err := StartServer(ctx, cfg)
		if err != nil {
			return nil, err
		}
		b.server = srv
	}
	if err := b.connect(ctx); err != nil {
		if b.server != nil {
			b.server.Stop()
		}
		return nil, err
	}
	if err := b.start(ctx); err != nil {
		// ctx may have ended, which must not keep the connection from being closed well.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		_ = b.Close(closing)
		return nil, err
	}
	return b, nil
}

// start makes what must exist and runs what runs in the background.
func (b *Bus) start(ctx context.Context) (err error) {
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	if b.js, err = jetstream.New(b.nc, jetstream.WithDefaultTimeout(b.cfg.PublishTimeout)); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if b.cfg.manages() {
		if err := b.openLeases(ctx); err != nil {
			return maybeTransient(ctx, fmt.Errorf("open bucket %s: %w", bucketLease, err))
		}
	}
	if err = b.pub.open(b.nc); err != nil {
		return maybeTransient(ctx, fmt.Errorf("prepare publishing: %w", err))
	}
	b.events = newEventSink(b)
	b.wg.Go(func() { b.pub.sweep(run) })
	b.wg.Go(func() { b.pub.pace(run) })
	b.wg.Go(func() { b.events.run(run) })
	b.wg.Go(func() { b.repair.run(run, b) })
	if b.server != nil {
		b.server.onMended(func() { b.repair.suspect() }) // its consumers are gone
	}
	return nil
}

// prepare makes what must exist, or waits for it.
func (b *Bus) prepare(ctx context.Context) error {
	preparing := ctx
	if b.cfg.OpenPatience > 0 {
		var cancel context.CancelFunc
		preparing, cancel = context.WithTimeout(ctx, b.cfg.OpenPatience)
		defer cancel()
	}
	_, err := b.restore(preparing)
	if err == nil {
		return nil
	}
	at := fmt.Errorf("prepare streams at %s: %w", b.ClientURL(), err)
	if ctx.Err() == nil && preparing.Err() != nil {
		return asTransient(at)
	}
	return maybeTransient(ctx, at)
}

// maybeTransient marks an error that may pass by itself, unless who opens has given up.
func maybeTransient(ctx context.Context, err error) error {
	if ctx.Err() == nil && passing(err) {
		return asTransient(err)
	}
	return err
}

// onError hears what has no call to return from: permission violations and
// consumers that are too slow.
func (b *Bus) onError(_ *nats.Conn, sub *nats.Subscription, err error) {
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	if errors.Is(err, nats.ErrSlowConsumer) {
		b.count.slowConsumers.Add(1)
	}
	b.log.Warn("nats", "subject", subject, "error", err)
}

func (b *Bus) onDisconnect(_ *nats.Conn, err error) {
	if err != nil { // nil when we close it ourselves
		b.log.Warn("lost the connection to NATS", "error", err)
	}
	b.pub.disconnected()
	b.repair.disconnected()
}

// onReconnect can't know whether it is the same server: look after the streams.
func (b *Bus) onReconnect(nc *nats.Conn) {
	b.count.reconnects.Add(1)
	b.log.Info("connected to NATS again", "url", nc.ConnectedUrlRedacted())
	b.repair.suspect()
}

// Close sends what is buffered, closes the connection and then the embedded
// server.  Stop consumptions and services first and release the leases; what is
// still delivered during Close is delivered again elsewhere.  It may be called
// twice.  A ctx that ends cuts the draining short, not the shutting down.
func (b *Bus) Close(ctx context.Context) error {
	b.once.Do(func() { b.err = b.close(ctx) })
	return b.err
}

func (b *Bus) close(ctx context.Context) (err error) {
	b.pub.refuse(ctx)
	if b.stop != nil {
		b.stop()
	}
	b.wg.Wait() // the event sink hands over what it holds
	if e := b.nc.Drain(); e != nil {
		b.nc.Close()
	}
	select {
	case <-b.closed:
	case <-ctx.Done():
		err = fmt.Errorf("drain the connection to NATS: %w", ctx.Err())
		b.nc.Close()
		<-b.closed
	}
	b.pub.close()
	if b.server != nil {
		b.server.Stop()
	}
	return err
}

// ClientURL is where others find the same server.
func (b *Bus) ClientURL() string {
	if b.server != nil {
		return b.server.URL()
	}
	return b.nc.ConnectedUrlRedacted()
}

// LeaseTTL is how long a lease lives unrenewed; it may depend on the server.
func (b *Bus) LeaseTTL() time.Duration { return b.cfg.LeaseTTL }

// Healthy is nil while the connection stands and the streams are there.
func (b *Bus) Healthy() error {
	if !b.nc.IsConnected() {
		return fmt.Errorf("bus: the connection to NATS is %s", strings.ToLower(b.nc.Status().String()))
	}
	if b.server != nil {
		if err := b.server.failed(); err != nil {
			return fmt.Errorf("bus: %w", err)
		}
	}
	if err := b.repair.failing(); err != nil {
		return fmt.Errorf("bus: streams are being repaired: %w", err)
	}
	return nil
}
