package bus

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Consumption is a running delivery.
type Consumption interface {
	// Stop lets nothing more be delivered, and returns when handle is not running
	// any more.  What was fetched and not handed out yet goes back at once.  Not
	// to be called from within handle; may be called twice.
	Stop()
}

const (
	mostExpiry  = 60 * time.Second
	leastExpiry = time.Second
	// A lost pull is noticed after two heartbeats.  Pulls are lost whenever a cluster's
	// consumer changes its leader, and the connection need not notice.
	mostHeartbeat = 2 * time.Second
	leastBeat     = 500 * time.Millisecond
	restartPause  = 100 * time.Millisecond
	stopPatience  = 2 * time.Second
)

// pulling is how long the server may keep a pull, and how often it gives a sign of life; a
// lost pull is noticed after two.  A process that stands still goes on being sent what it
// asked for; by the time that others have taken over its leases, it is not any more, so
// that nothing of theirs lies with it until the ack wait is over.
func (b *Bus) pulling() (expiry, heartbeat time.Duration) {
	expiry = max(min(b.cfg.LeaseTTL*4/5, mostExpiry), leastExpiry)
	return expiry, max(min(expiry/4, mostHeartbeat), leastBeat)
}

// consumption keeps one consumer's delivery going over everything that ends it:
// a lost connection, a restarted server, a consumer or stream that was deleted.
type consumption struct {
	bus      *Bus
	stream   string
	durable  string
	prefetch int // messages
	handle   func(*consumption, jetstream.Msg)

	most int64         // items in flight from which on nothing is handed out
	out  atomic.Int64  // items in flight: handed out and not settled
	room chan struct{} // a hint that out fell below most

	handling sync.Mutex // held while handle runs
	stopping atomic.Bool
	stop     chan struct{}
	once     sync.Once
	ended    chan struct{} // run has returned
}

// consume returns when the first pull is on its way, or the first repair: a
// consumer that is not there is as one that went.
func (b *Bus) consume(stream, durable string, prefetch int, most int64, handle func(*consumption, jetstream.Msg)) (*consumption, error) {
	c := &consumption{
		bus: b, stream: stream, durable: durable, prefetch: prefetch, handle: handle,
		most: most, room: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	fault := make(chan struct{}, 1)
	cc, err := c.begin(fault)
	if err != nil {
		if !passing(err) || b.nc.IsClosed() {
			return nil, err
		}
		cc = nil
	}
	go c.run(cc, fault) // Stop waits for it
	return c, nil
}

func (c *consumption) Stop() {
	c.stopping.Store(true)
	c.once.Do(func() { close(c.stop) })
	<-c.ended
}

// begin asks for the consumer and starts pulling.  fault hears of what can only
// be helped by beginning again.
func (c *consumption) begin(fault chan<- struct{}) (jetstream.ConsumeContext, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookPatience)
	defer cancel()
	cons, err := c.bus.js.Consumer(ctx, c.stream, c.durable)
	if err != nil {
		return nil, err
	}
	expiry, heartbeat := c.bus.pulling()
	return cons.Consume(c.deliver,
		jetstream.PullMaxMessages(c.prefetch),
		jetstream.PullExpiry(expiry),
		jetstream.PullHeartbeat(heartbeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if c.stopping.Load() || !c.broken(err) {
				return
			}
			select {
			case fault <- struct{}{}:
			default:
			}
		}))
}

// broken sorts the errors of a running pull.
func (c *consumption) broken(err error) bool {
	c.bus.log.Debug("consuming", "stream", c.stream, "consumer", c.durable, "error", err)
	return errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrBadRequest)
}

// deliver waits for room, and gives back what arrives after Stop.
func (c *consumption) deliver(m jetstream.Msg) {
	for c.out.Load() >= c.most && !c.stopping.Load() {
		select {
		case <-c.room:
		case <-c.stop:
		case <-c.bus.closed:
			return
		}
	}
	c.handling.Lock()
	defer c.handling.Unlock()
	if c.stopping.Load() {
		_ = m.Nak() // at worst it comes back after the ack wait
		return
	}
	c.handle(c, m)
}

func (c *consumption) take(items int) { c.out.Add(int64(items)) }

func (c *consumption) give(items int64) {
	if left := c.out.Add(-items); left < c.most && left+items >= c.most {
		nudge(c.room)
	}
}

// run owns the pulling until Stop.
func (c *consumption) run(cc jetstream.ConsumeContext, fault chan struct{}) {
	defer close(c.ended)
	for {
		if cc == nil {
			if cc, fault = c.again(); cc == nil {
				return
			}
		}
		select {
		case <-c.stop:
			c.finish(cc)
			return
		case <-c.bus.closed:
			cc.Stop()
			return
		case <-fault:
		}
		cc.Stop()
		<-cc.Closed()
		cc = nil
		c.bus.count.consumerRestarts.Add(1)
	}
}

// again begins anew after a repair; nil when stopped before that succeeded.
func (c *consumption) again() (jetstream.ConsumeContext, chan struct{}) {
	told := false
	for {
		select {
		case <-c.bus.repair.suspect():
		case <-c.stop:
			return nil, nil
		case <-c.bus.closed:
			return nil, nil
		}
		fault := make(chan struct{}, 1)
		cc, err := c.begin(fault)
		if err == nil {
			return cc, fault
		}
		if !told {
			told = true
			c.bus.log.Warn("consuming can't go on yet; trying on", "stream", c.stream, "consumer", c.durable, "error", err)
		}
		select {
		case <-time.After(restartPause):
		case <-c.stop:
			return nil, nil
		}
	}
}

// finish drains: what the server had sent before it heard of the end runs
// through deliver, which gives it back.  Without a server there is nothing to
// drain, and one that goes away meanwhile is not waited for.
func (c *consumption) finish(cc jetstream.ConsumeContext) {
	if c.bus.nc.IsConnected() {
		cc.Drain()
	} else {
		cc.Stop()
	}
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-cc.Closed():
	case <-c.bus.closed:
	case <-timer.C:
	}
	c.handling.Lock() // the last handle has returned
	//lint:ignore SA2001 there is nothing to guard: it is a wait
	c.handling.Unlock()
}

// deliveries reads from a message's reply subject how often it was delivered:
// $JS.ACK.<stream>.<consumer>.<deliveries>… or, with domain and account in
// front, $JS.ACK.<domain>.<account>.<stream>.<consumer>.<deliveries>…
func deliveries(m jetstream.Msg) int { return deliveriesOf(m.Reply()) }

func deliveriesOf(reply string) int {
	at := 4
	if strings.Count(reply, ".") > 8 {
		at = 6
	}
	for range at {
		_, reply, _ = strings.Cut(reply, ".")
	}
	field, _, _ := strings.Cut(reply, ".")
	n, err := strconv.Atoi(field)
	if err != nil {
		return 1
	}
	return n
}
