package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"dialtone/internal/flow"
)

const (
	// publishWindow bounds the messages sent and not yet acknowledged.  A stream
	// refuses more than 10,000 waiting ones.
	publishWindow = 4096
	// mostLinger is how long an item waits for company while many are sent, unless
	// nothing was sent for as long already.  What costs is not bytes but messages and
	// wake-ups: a dozen of each, in client, server and back.  It is waited where
	// lingerEnough items are to be expected in it; where fewer come, none should wait
	// for company that does not come.
	mostLinger   = 5 * time.Millisecond
	lingerEnough = 40
	leastLinger  = 500 * time.Microsecond
	// hurry is what part of that time an item waits for which somebody waits.
	hurry = 3
	// publishBurst is how many items are company enough.
	publishBurst = 512
	// parcelBytes is where a message is closed, whatever its number of items.
	parcelBytes = 256 << 10
)

// The ways in which JetStream's word stays out.
var (
	errAckTimeout   = errors.New("JetStream did not acknowledge in time")
	errDisconnected = errors.New("the connection to NATS is down")
	errNoStream     = errors.New("no stream listens")
)

// publisher sends items to work queues, those of one group together as a JSON
// array, and waits for the acknowledgements of all of them at once.  It does by
// hand what jetstream.PublishMsgAsync does, because that takes a timer, a random
// token and a future for each message; here one ticker looks after all, and the
// token is a counter.
//
// A batch is done when each of its items is accounted for.  Everything in flight
// fails when the connection is lost: the answers are lost with it, and
// publishing again is harmless.
type publisher struct {
	bus     *Bus
	nc      *nats.Conn
	inbox   string // ends with a dot
	timeout time.Duration
	wake    chan struct{} // for sweep: there are finished batches
	kick    chan struct{} // for pace: there are items that linger

	mu       sync.Mutex
	packer   packer
	token    uint64
	flying   map[uint64]flight
	queue    []letter // oldest first
	head     int      // of queue
	flushed  time.Time
	linger   time.Duration // of the next items
	pause    time.Duration // until what lingers is flushed, while armed
	rate     flow.Rate     // of items
	armed    bool          // pace was kicked and has not flushed yet
	finished []*batch      // to be told, by whoever unlocks or by sweep
	closed   bool          // nothing more is taken
	over     bool          // nobody is left to tell batches
	idle     chan struct{} // closed when closed is set and nothing is in flight
}

// letter is one item on its way in.
type letter struct {
	group   string // what may travel in one message
	subject string // of a message that it is the first item of
	data    []byte // a JSON object
	most    int    // items in one message
	batch   *batch
}

// flight is a message that was sent: the batches of its items.
type flight struct {
	batches []*batch
	sent    time.Time
}

// batch is what one call published; its fields are guarded by publisher.mu
// until it is finished.
type batch struct {
	left int
	err  error // the first
	done func(error)
}

func newPublisher(b *Bus) *publisher {
	return &publisher{
		bus: b, timeout: b.cfg.PublishTimeout,
		wake: make(chan struct{}, 1), kick: make(chan struct{}, 1),
		idle: make(chan struct{}), flying: map[uint64]flight{},
	}
}

// open comes before the first publish.
func (p *publisher) open(nc *nats.Conn) error {
	p.nc, p.inbox = nc, nc.NewInbox()+"."
	sub, err := nc.Subscribe(p.inbox+"*", p.acked)
	if err != nil {
		return err
	}
	return sub.SetPendingLimits(-1, -1) // bounded by the window
}

// publish never blocks on JetStream.  It never calls done itself, but for a
// publisher that is over and has nobody left to do it.  Urgent: somebody waits for it.
func (p *publisher) publish(letters []letter, urgent bool, done func(error)) {
	bt := &batch{left: len(letters), done: done}
	for i := range letters {
		letters[i].batch = bt
	}
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		done(ErrClosed)
		return
	}
	defer p.mu.Unlock()
	if p.closed || !p.nc.IsConnected() || len(letters) == 0 {
		if len(letters) > 0 {
			bt.err = errDisconnected
		}
		p.finished = append(p.finished, bt)
		nudge(p.wake)
		return
	}
	p.queue = append(p.queue, letters...)
	now, linger := time.Now(), p.linger
	if urgent {
		linger = max(linger/hurry, leastLinger)
	}
	if now.Sub(p.flushed) >= linger || len(p.queue)-p.head >= publishBurst {
		p.flush(now)
	} else if !p.armed || linger < p.pause {
		p.armed, p.pause = true, linger
		nudge(p.kick)
	}
}

// flush sends what the window allows. Lock held.
func (p *publisher) flush(now time.Time) {
	p.flushed = now
	p.rate.Add(len(p.queue)-p.head, now)
	p.linger = max(p.rate.Patience(mostLinger, lingerEnough, now), leastLinger)
	for p.head < len(p.queue) && len(p.flying) < publishWindow {
		n := min(publishBurst, len(p.queue)-p.head)
		chunk := p.queue[p.head : p.head+n]
		for i := range p.packer.pack(chunk) {
			p.send(&p.packer.parcels[i], now)
		}
		clear(chunk)
		p.head += n
	}
	if p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
	}
	if len(p.finished) > 0 {
		nudge(p.wake)
	}
}

func (p *publisher) send(out *outgoing, now time.Time) {
	p.token++
	p.flying[p.token] = flight{out.batches, now}
	reply := p.inbox + strconv.FormatUint(p.token, 36)
	if err := p.nc.PublishRequest(out.subject, reply, out.body()); err != nil {
		p.land(p.token, err)
	}
}

// land accounts for one message. Lock held; the caller tells the batches that
// this finished, or nudges sweep to.
func (p *publisher) land(token uint64, err error) {
	f, ok := p.flying[token]
	if !ok {
		return
	}
	delete(p.flying, token)
	for _, bt := range f.batches {
		p.account(bt, err)
	}
	p.checkIdle()
}

func (p *publisher) account(bt *batch, err error) {
	if bt.err == nil {
		bt.err = err
	}
	if bt.left--; bt.left == 0 {
		p.finished = append(p.finished, bt)
	}
}

// checkIdle lets refuse go on. Lock held.
func (p *publisher) checkIdle() {
	if p.closed && len(p.flying) == 0 && p.head == len(p.queue) {
		select {
		case <-p.idle:
		default:
			close(p.idle)
		}
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// acked is called by the goroutine of the inbox's subscription, message by
// message.
func (p *publisher) acked(m *nats.Msg) {
	token, err := strconv.ParseUint(m.Subject[len(p.inbox):], 36, 64)
	if err != nil {
		return
	}
	result := ackResult(m)
	if errors.Is(result, errNoStream) {
		p.bus.repair.suspect()
	}
	p.mu.Lock()
	full := len(p.flying) >= publishWindow
	p.land(token, result)
	if full && p.head < len(p.queue) {
		p.flush(time.Now())
	}
	p.tellAndUnlock()
}

// tellAndUnlock calls what was waiting for the finished batches.
func (p *publisher) tellAndUnlock() {
	done := p.finished
	if len(done) > 0 {
		p.finished = nil
	}
	p.mu.Unlock()
	for _, bt := range done {
		bt.done(bt.err)
	}
}

// ackResult reads JetStream's answer.  A good one begins with the stream's name,
// a bad one with the error; only the bad one is worth a real decoding.
func ackResult(m *nats.Msg) error {
	if bytes.HasPrefix(m.Data, []byte(`{"stream":`)) && !bytes.Contains(m.Data, []byte(`"error":`)) {
		return nil
	}
	if len(m.Data) == 0 {
		return errNoStream
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	return nil
}

// pace flushes what lingers, and ends with ctx.  A kick while it waits has it wait for
// less.
func (p *publisher) pace(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.kick:
			p.mu.Lock()
			pause := p.pause
			p.mu.Unlock()
			timer.Reset(pause)
		case now := <-timer.C:
			p.mu.Lock()
			p.armed = false
			p.flush(now)
			p.mu.Unlock()
		}
	}
}

// sweep fails what waited too long, and tells the batches that nobody else could
// tell.  It ends with ctx.
func (p *publisher) sweep(ctx context.Context) {
	tick := time.NewTicker(p.timeout / 8)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
			p.mu.Lock()
		case now := <-tick.C:
			p.mu.Lock()
			p.expire(now.Add(-p.timeout))
		}
		p.tellAndUnlock()
	}
}

// expire fails what was sent before. Lock held.
func (p *publisher) expire(before time.Time) {
	for token, f := range p.flying {
		if f.sent.Before(before) {
			p.land(token, errAckTimeout)
		}
	}
	if p.head < len(p.queue) {
		p.flush(time.Now())
	}
}

// disconnected fails everything on its way.
func (p *publisher) disconnected() {
	p.failAll(errDisconnected)
	nudge(p.wake)
}

func (p *publisher) failAll(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for token := range p.flying {
		p.land(token, err)
	}
	for _, l := range p.queue[p.head:] {
		p.account(l.batch, err)
	}
	p.queue, p.head = nil, 0
	p.checkIdle()
}

// refuse takes nothing more and waits for what is in flight, until ctx ends.
func (p *publisher) refuse(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	if p.head < len(p.queue) {
		p.flush(time.Now())
	}
	p.checkIdle()
	p.mu.Unlock()
	select {
	case <-p.idle:
	case <-ctx.Done():
	}
}

// close fails what is left, after sweep and the connection have ended.
func (p *publisher) close() {
	p.failAll(ErrClosed)
	p.mu.Lock()
	p.over = true
	p.tellAndUnlock()
}
