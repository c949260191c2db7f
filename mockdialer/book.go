package mockdialer

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// book holds every call and everything that is counted about them.  All its
// fields are guarded by mu, except those that never change.
type book struct {
	config *Config
	key    uint64    // of the calls' ids
	began  time.Time // the base of now, which so never goes back
	wake   chan struct{}

	mu      sync.Mutex
	pages   []*[pageCalls]call // calls never move, so that jobs can point to them
	count   int
	numbers map[string]trail  // by To
	callers map[string]string // the From of all calls, each kept once
	timers  timers
	// armed is when the clock wakes by itself.
	armed   int64
	journal *journal // nil without a file

	active, peakActive int
	ended              [statusCount]int
	// recent is the index of the oldest call of the last second.
	recent, peakSecond int
	refused            map[int]int // create requests that became no call, by error code
	struck             [faultCount]int64

	// forgotten is the count of calls that the API has forgotten: those before it.  It
	// is set with mu, and read without.
	forgotten atomic.Uint32
}

const pageCalls = 1024

// trail leads to the calls to one number.
type trail struct {
	count uint32
	last  uint32 // 1 + the index of the newest
}

func newBook(c *Config, key uint64) *book {
	return &book{
		config:  c,
		key:     key,
		began:   time.Now(),
		wake:    make(chan struct{}, 1),
		numbers: map[string]trail{},
		callers: map[string]string{},
		armed:   math.MaxInt64,
		refused: map[int]int{},
	}
}

// now is the time as Unix nanoseconds, on the monotonic clock.
func (b *book) now() int64 { return b.began.UnixNano() + int64(time.Since(b.began)) }

// at is the call with an index below count.
func (b *book) at(index uint32) *call { return &b.pages[index/pageCalls][index%pageCalls] }

// create receives a call.  What happens to it at once is appended to fired.
// The error is errBusy or the journal's; then there is no call.
func (b *book) create(to, from []byte, c call, fired []job) (uint32, call, []job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if limit := b.config.Channels; limit > 0 && b.active >= limit {
		return 0, call{}, fired, errBusy
	}
	c.received = b.now()
	if b.count > 0 {
		// A journal may come from a clock that was ahead.
		c.received = max(c.received, b.at(uint32(b.count-1)).received)
	}
	c.from = b.caller(from)
	n := b.numbers[string(to)]
	if n.count > 0 {
		c.to = b.at(n.last - 1).to
	} else {
		c.to = string(to)
	}
	length := time.Duration(0)
	c.outcome, length = b.config.plan(c.to, n.count)
	c.talk = int64(length)
	if err := b.journal.created(uint32(b.count), &c); err != nil {
		return 0, call{}, fired, err
	}
	index := b.insert(c)
	b.tally(c.faults)
	fired = b.advance(index, c.received, fired)
	b.journal.flush()
	return index, *b.at(index), fired, nil
}

// insert adds a planned call as the newest.
func (b *book) insert(c call) uint32 {
	index := uint32(b.count)
	if b.count%pageCalls == 0 {
		b.pages = append(b.pages, new([pageCalls]call))
	}
	n := b.numbers[c.to]
	c.previous, c.ring = n.last, setup(c.talk)
	b.numbers[c.to] = trail{count: n.count + 1, last: index + 1}
	*b.at(index) = c
	b.count++

	b.active++
	b.peakActive = max(b.peakActive, b.active)
	for b.at(uint32(b.recent)).received <= c.received-int64(time.Second) {
		b.recent++
	}
	b.peakSecond = max(b.peakSecond, b.count-b.recent)
	return index
}

// caller keeps one copy of each From: there are few.
func (b *book) caller(from []byte) string {
	if s, ok := b.callers[string(from)]; ok {
		return s
	}
	s := string(from)
	b.callers[s] = s
	return s
}

// advance lets everything happen to a call that is due, and sets the timer of
// what comes next.  A call that is up has one timer, always.
func (b *book) advance(index uint32, now int64, fired []job) []job {
	fired = b.catchUp(index, now, fired)
	if c := b.at(index); c.ended == 0 {
		_, at := c.moment()
		b.schedule(timer{at: at, index: index})
	}
	return fired
}

// catchUp lets everything happen to a call that is due.
func (b *book) catchUp(index uint32, now int64, fired []job) []job {
	c := b.at(index)
	for c.ended == 0 {
		event, at := c.moment()
		if at > now {
			break
		}
		if event == eventCompleted {
			b.end(index, now, c.outcome, c.talk)
		}
		fired = b.fire(index, event, at, fired)
	}
	return fired
}

// end is the end of a call that is up.
func (b *book) end(index uint32, at int64, s Status, talk int64) {
	c := b.at(index)
	c.ended, c.final, c.talk = at, s, talk
	b.active--
	b.ended[s]++
	b.journal.ended(index, c)
}

// fire notes that an event has happened, and appends its callback if it is
// wanted.
func (b *book) fire(index uint32, e events, at int64, fired []job) []job {
	c := b.at(index)
	sequence := (c.wanted & c.fired).count()
	c.fired |= e
	if !c.wanted.has(e) || index < b.forgotten.Load() {
		return fired
	}
	if e == eventCompleted {
		at = c.ended
	}
	return append(fired, job{
		call: c, index: index, event: e, status: c.statusAt(e),
		sequence: uint8(sequence), at: at, seconds: c.seconds(),
	})
}

// schedule sets a timer, and wakes the clock if it would sleep too long.
func (b *book) schedule(t timer) {
	b.timers.push(t)
	if t.at >= b.armed-int64(tick) {
		return
	}
	b.armed = t.at
	select {
	case b.wake <- struct{}{}:
	default: // it is being woken
	}
}

// later keeps a callback until a time.
func (b *book) later(at int64, j job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.schedule(timer{at: at, index: j.index, later: &j})
}

// due lets everything happen whose time has come.  It appends the callbacks of it
// to fired, and returns when to ask again.
func (b *book) due(fired []job) ([]job, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for len(b.timers) > 0 && b.timers[0].at <= now {
		t := b.timers.pop()
		if t.later != nil {
			fired = append(fired, *t.later)
			continue
		}
		fired = b.advance(t.index, now, fired)
	}
	b.journal.flush()
	b.armed = math.MaxInt64
	if len(b.timers) > 0 {
		b.armed = max(b.timers[0].at, now+int64(tick))
	}
	return fired, time.Duration(b.armed - now)
}

// hangUp ends a call that is up: one that is not yet answered is canceled, one
// that is completes.  With onlyWaiting an answered call is left as it is.
// It is false if the call has ended before.
func (b *book) hangUp(index uint32, onlyWaiting bool, fired []job) (call, []job, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.journal.flush()
	now := b.now()
	// What was due comes first, whether or not the clock has got to it.
	fired = b.catchUp(index, now, fired)
	c := b.at(index)
	if c.ended != 0 {
		return *c, fired, false
	}
	if c.status(now) != InProgress {
		b.end(index, now, Canceled, 0)
	} else if onlyWaiting {
		return *c, fired, true
	} else {
		b.end(index, now, Completed, now-c.answers())
	}
	// The call's timer stays, and finds nothing left to do.
	fired = b.fire(index, eventCompleted, now, fired)
	return *c, fired, true
}

// settled notes that a call's last callback is done with.
func (b *book) settled(index uint32) {
	if b.journal == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at(index).told = true
	b.journal.told(index)
	b.journal.flush()
}

// refuse counts a create request that became no call.
func (b *book) refuse(code int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused[code]++
}

// strike counts faults, and notes them with a call unless its index is noCall.
func (b *book) strike(s faultSet, index int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tally(s)
	if index != noCall {
		b.at(uint32(index)).faults |= s
	}
}

// tally counts faults.
func (b *book) tally(s faultSet) {
	for ; s != 0; s &= s - 1 {
		b.struck[bits.TrailingZeros32(uint32(s))]++
	}
}

// forget makes the API forget the calls so far.
func (b *book) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgotten.Store(uint32(b.count))
	b.journal.forgot(uint32(b.count))
	b.journal.flush()
}
