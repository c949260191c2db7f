package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sethvargo/go-retry"
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

	// The bucket of leases and its stream.  Handles go by name, and survive that
	// what they name is made again.
	kv     jetstream.KeyValue
	leases jetstream.Stream

	stop   context.CancelFunc // ends what runs in wg
	wg     sync.WaitGroup     // publisher's sweeper, event sink, repairer
	once   sync.Once
	closed chan struct{} // of the connection
	err    error         // of Close, after once
}

// Open starts the embedded server if the Config names no other, connects, and
// makes the streams, consumers and the bucket that are not there yet.  Its
// error is one line and names the cause; Transient tells whether to try again.
func Open(ctx context.Context, cfg Config) (*Bus, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure the bus: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	b := &Bus{cfg: cfg, log: cfg.Logger, closed: make(chan struct{}), repair: newRepairer()}
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
		return nil, errors.Join(err, b.Close(ctx))
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
	if _, err := b.ensureUntil(ctx, cmp.Or(b.cfg.OpenPatience, ensurePatience)); err != nil {
		at := fmt.Errorf("prepare streams at %s: %w", b.ClientURL(), err)
		if ctx.Err() == nil && passing(err) {
			return asTransient(at)
		}
		return at
	}
	if b.kv, err = b.js.KeyValue(ctx, bucketLease); err != nil {
		return fmt.Errorf("open bucket %s: %w", bucketLease, err)
	}
	if b.leases, err = b.js.Stream(ctx, streamLease); err != nil {
		return fmt.Errorf("open bucket %s: %w", bucketLease, err)
	}
	if err = b.pub.open(b.nc); err != nil {
		return fmt.Errorf("prepare publishing: %w", err)
	}
	b.events = newEventSink(b)
	b.wg.Go(func() { b.pub.sweep(run) })
	b.wg.Go(func() { b.pub.pace(run) })
	b.wg.Go(func() { b.events.run(run) })
	b.wg.Go(func() { b.repair.run(run, b) })
	return nil
}

// connect tries for connectPatience, if the Config does not say how long.
func (b *Bus) connect(ctx context.Context) error {
	opts := b.connectOptions()
	at := b.cfg.URL
	if b.server != nil {
		at = b.server.URL()
		opts = append(opts, nats.InProcessServer(b.server.srv))
	}
	backoff := retry.WithMaxDuration(cmp.Or(b.cfg.OpenPatience, connectPatience), retry.WithCappedDuration(time.Second, retry.NewExponential(50*time.Millisecond)))
	err := retry.Do(ctx, backoff, func(context.Context) (err error) {
		if b.nc, err = nats.Connect(at, opts...); err == nil {
			return nil
		}
		if turnedAway(err) {
			return err
		}
		return retry.RetryableError(err)
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && !turnedAway(err):
		return asTransient(fmt.Errorf("connect to NATS at %s: %w", redacted(at), err))
	}
	return fmt.Errorf("connect to NATS at %s: %w", redacted(at), err)
}

// redacted hides the passwords in a list of URLs.
func redacted(list string) string {
	urls := strings.Split(list, ",")
	for i, s := range urls {
		if u, err := url.Parse(strings.TrimSpace(s)); err == nil {
			urls[i] = u.Redacted()
		}
	}
	return strings.Join(urls, ",")
}

func (b *Bus) connectOptions() []nats.Option {
	return []nats.Option{
		nats.Name(b.cfg.Name),
		nats.Timeout(2 * time.Second),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		nats.DrainTimeout(drainTimeout),
		nats.ErrorHandler(b.onError),
		nats.DisconnectErrHandler(b.onDisconnect),
		nats.ReconnectHandler(b.onReconnect),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
	}
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

// LeaseTTL is how long a lease lives unrenewed.
func (b *Bus) LeaseTTL() time.Duration { return b.cfg.LeaseTTL }

// Healthy is nil while the connection stands and the streams are there.
func (b *Bus) Healthy() error {
	if !b.nc.IsConnected() {
		return fmt.Errorf("bus: the connection to NATS is %s", strings.ToLower(b.nc.Status().String()))
	}
	if err := b.repair.failing(); err != nil {
		return fmt.Errorf("bus: streams are being repaired: %w", err)
	}
	return nil
}
