package sim

import (
	"cmp"
	"math/rand/v2"
	"time"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// Campaign is what an engine knows of one besides its work.
type Campaign struct {
	// Terms are told to the strategy, except that Remaining is counted, and that Due
	// is reckoned where there is a Deadline.
	Terms strategy.Terms
	// Limit bounds its calls that are up; 0 is no limit.
	Limit int
	Calls Calls
	// Retry says how often and how soon a call that failed is tried again; the zero
	// value is its defaults.  MaxAttemptsPerDay and rules by disposition don't
	// count.
	Retry campaign.RetryPolicy
	// Hours is when it may dial; nil is always.
	Hours *hours.Calendar
	// Lanes are the hours of parts of its numbers, each of its own; nil is one part,
	// by Hours.  The part that closes first goes first.  Retries go when any part may.
	// A campaign that is there keeps its lanes.
	Lanes []hours.Calendar
	// Deadline is by when its calls should be placed; zero is none.
	Deadline time.Time
}

// Work is what a campaign has to dial.
type Work struct {
	Numbers int // never dialled
	Retries int // due
	Later   int // retries that are not due; counted in Terms.Remaining, and no more
}

// Count is where a campaign stands.
type Count struct {
	Numbers int // never dialled
	Due     int // retries that may go now
	Later   int // retries that may not
	Up      int
	// Placed, Completed and Failed are what it did.  Completed and Failed are of
	// numbers: one whose call is tried again is neither.
	Placed, Completed, Failed int
	// First and Last are when its first and its latest call went out.
	First, Last time.Time
	// Done is when its last call ended with nothing left to dial; zero is not yet.
	Done time.Time
}

// dialer is a campaign at play.
type dialer struct {
	id        campaign.ID
	spec      Campaign
	random    *rand.Rand
	delays    []time.Duration // delays[n-1] is the wait after n attempts
	edition   int32           // of spec, so that events of an earlier one are known
	open      bool            // in its hours, or one of its lanes in theirs
	paused    bool
	gone      bool
	want      Want
	told      strategy.Terms
	dueBy     time.Time     // Terms.Due, constant while open
	measured  bool          // left is known
	left      time.Duration // open time until the deadline, as of turned
	turned    time.Time
	numbers   int
	lanes     []lane  // none is one, of all numbers
	opened    []*lane // that are open, by when they close; some of the first may be left out, that are empty
	ready     int     // numbers in lanes that are open
	due       attempts
	later     int // retries with an event to come
	elsewhere int // retries that somebody else knows of
	held      int
	count     Count
}

// Put adds a campaign, without work, or changes one that is there.  Calls that are up
// and retries that wait keep what they have.
func (e *Engine) Put(id campaign.ID, c Campaign) {
	d := e.dialers[id]
	if d == nil {
		d = &dialer{id: id, random: rand.New(rand.NewPCG(e.seed, uint64(id)))}
		e.dialers[id] = d
	}
	before := d.spec
	c.Terms.Weight = cmp.Or(c.Terms.Weight, campaign.DefaultWeight)
	c.Terms.Priority = cmp.Or(c.Terms.Priority, campaign.DefaultPriority)
	d.spec, d.gone = c, false
	if before.Terms.Weight != c.Terms.Weight {
		e.observer.Weighs(id, c.Terms.Weight, e.Now())
	}
	if d.edition == 0 {
		for _, h := range c.Lanes {
			d.lanes = append(d.lanes, lane{hours: h})
		}
	}
	if d.edition == 0 || !sameRetry(before.Retry, c.Retry) {
		d.delays = delays(c.Retry)
	}
	d.edition++
	d.measured = false
	e.turn(d)
}

// Add gives a campaign more numbers; of one with lanes, to the first.
func (e *Engine) Add(id campaign.ID, numbers int) { e.AddTo(id, 0, numbers) }

// AddTo gives a lane of a campaign more numbers.
func (e *Engine) AddTo(id campaign.ID, lane, numbers int) {
	e.work(id, func(d *dialer) {
		d.numbers += numbers
		if len(d.lanes) > 0 {
			d.lanes[lane].numbers += numbers
			d.line()
		}
		d.reckonReady()
	})
}

// Want replaces what a campaign has to dial, except for the retries of its own that
// are not due.
func (e *Engine) Want(id campaign.ID, w Work) {
	e.work(id, func(d *dialer) {
		d.numbers, d.elsewhere = w.Numbers, w.Later
		d.due.resize(w.Retries)
		d.reckonReady()
	})
}

// Retry adds a number that was dialled so often and may be again from a time on.
func (e *Engine) Retry(id campaign.ID, at time.Time, attempts int) {
	e.work(id, func(d *dialer) {
		d.later++
		e.schedule(event{at: max(at.Sub(e.start), e.now), of: d, kind: retryDue, attempt: uint8(attempts)})
	})
}

// Begun adds a call that is up already, since a time: the attempts-th of its number.
// Its length is drawn from among those that are longer than it has lasted.
func (e *Engine) Begun(id campaign.ID, since time.Time, attempts int) {
	e.work(id, func(d *dialer) {
		lasted := e.Now().Sub(since)
		call := d.draw()
		for range longerTries {
			if call.Length > lasted {
				break
			}
			call = d.draw()
		}
		left := call.Length - lasted
		if left <= 0 { // longer than any that was drawn: it lasts for another one
			left = call.Length
		}
		e.observer.Adopted(id, e.Now())
		e.begin(d, flight{charge: e.strategy.Adopt(id, e.Now()), since: e.now, attempt: uint8(attempts), failed: call.Failed}, left)
	})
}

// longerTries is how often a length is drawn for a call that has lasted long.
const longerTries = 32

// Pause stops a campaign from dialling, or lets it go on.
func (e *Engine) Pause(id campaign.ID, paused bool) {
	e.work(id, func(d *dialer) { d.paused = paused })
}

// Remove drops a campaign; its calls that are up last on.
func (e *Engine) Remove(id campaign.ID) {
	e.work(id, func(d *dialer) {
		d.gone, d.numbers, d.elsewhere, d.due = true, 0, 0, attempts{}
		d.lanes, d.ready = nil, 0
		d.edition++
	})
	if d := e.dialers[id]; d != nil {
		e.forget(d)
	}
}

// Count is where a campaign stands; zero for one that is not there.
func (e *Engine) Count(id campaign.ID) Count {
	d := e.dialers[id]
	if d == nil {
		return Count{}
	}
	c := d.count
	c.Numbers, c.Due, c.Later, c.Up = d.numbers, d.due.len(), d.later+d.elsewhere, d.held
	return c
}

// work changes what a campaign has, if it is there.
func (e *Engine) work(id campaign.ID, change func(*dialer)) {
	d := e.dialers[id]
	if d == nil {
		return
	}
	change(d)
	if d.remaining() > 0 || d.held > 0 {
		d.count.Done = time.Time{}
	}
	e.tell(d)
	e.consider(d)
}

func (e *Engine) forget(d *dialer) {
	if d.gone && d.held == 0 && e.dialers[d.id] == d {
		e.strategy.Forget(d.id)
		e.observer.Forgotten(d.id, e.Now())
		delete(e.dialers, d.id)
	}
}

// turn looks at a campaign's hours, and comes back when they change.
func (e *Engine) turn(d *dialer) {
	now := e.Now()
	was := d.open
	d.turnLanes(now)
	d.reckonDue(now, was)
	if next, ok := d.nextTurn(now); ok {
		e.schedule(event{at: next.Sub(e.start), of: d, kind: hoursTurn, ref: d.edition})
	}
	e.tell(d)
	e.consider(d)
}

func (d *dialer) nextTurn(now time.Time) (next time.Time, ok bool) {
	for i := range d.lanes {
		if at := d.lanes[i].turns; !at.IsZero() && (!ok || at.Before(next)) {
			next, ok = at, true
		}
	}
	if len(d.lanes) > 0 {
		return next, ok
	}
	switch {
	case d.spec.Hours == nil:
		return time.Time{}, false
	case d.open:
		return d.spec.Hours.Close(now)
	}
	return d.spec.Hours.NextOpen(now)
}

// reckonDue is now and the open time that is left until the deadline.  That is measured
// once and then counted down, so that a turn costs no more where the deadline is far.
func (d *dialer) reckonDue(now time.Time, wasOpen bool) {
	switch {
	case d.spec.Deadline.IsZero():
		d.dueBy = d.spec.Terms.Due
		return
	case d.spec.Hours == nil && len(d.lanes) == 0:
		d.dueBy = d.spec.Deadline
		return
	case !d.measured:
		d.left = d.openUntil(now, d.spec.Deadline)
	case wasOpen:
		d.left = max(0, d.left-now.Sub(d.turned))
	}
	d.measured, d.turned, d.dueBy = true, now, now.Add(d.left)
}

// farthest is up to when hours are reckoned exactly; beyond it they are taken to be as
// dense as up to there.
const farthest = 30 * 24 * time.Hour

// openUntil is how long the campaign is open between two times.
func (d *dialer) openUntil(now, until time.Time) time.Duration {
	if far := now.Add(farthest); far.Before(until) {
		return time.Duration(float64(d.openUntil(now, far)) * (float64(until.Sub(now)) / float64(farthest)))
	}
	if len(d.lanes) > 0 {
		return hours.AnyOpenBetween(d.spec.Lanes, now, until)
	}
	return d.spec.Hours.OpenBetween(now, until)
}

// tell lets the strategy know the terms, where they changed.
func (e *Engine) tell(d *dialer) {
	t := d.spec.Terms
	t.Remaining, t.Due = d.remaining(), d.dueBy
	if t != d.told {
		d.told = t
		e.strategy.Set(d.id, t)
	}
}

func (d *dialer) remaining() int { return d.numbers + d.due.len() + d.later + d.elsewhere }

// consider tells the strategy whether the campaign could use a token.
func (e *Engine) consider(d *dialer) {
	want := d.wants()
	if want == d.want {
		return
	}
	switch {
	case want == Waiting:
		e.waiting++
		e.strategy.Enter(d.id)
	case d.want == Waiting:
		e.waiting--
		e.strategy.Leave(d.id)
	}
	d.want = want
	e.observer.Wants(d.id, want, e.Now())
}

func (d *dialer) wants() Want {
	switch {
	case d.gone || d.paused || !d.open || d.ready+d.due.len() == 0:
		return Idle
	case d.spec.Limit > 0 && d.held >= d.spec.Limit:
		return Limited
	}
	return Waiting
}

// take picks the number to dial, a due retry first, and says which attempt it is.
func (d *dialer) take(now time.Time) (attempt uint8) {
	if d.count.Placed == 0 {
		d.count.First = now
	}
	d.count.Placed++
	d.count.Last = now
	if d.due.len() > 0 {
		return d.due.shift() + 1
	}
	d.numbers--
	d.ready--
	if len(d.lanes) > 0 {
		d.first().numbers--
	}
	return 1
}

func (d *dialer) draw() Call { return d.spec.Calls.Next(d.random) }

// delays are the waits after each attempt that is not the last.
func delays(p campaign.RetryPolicy) []time.Duration {
	p.ByDisposition = nil
	p = p.WithDefaults()
	out := make([]time.Duration, p.MaxAttempts-1)
	for i := range out {
		out[i] = p.Wait(campaign.DispositionFailed, campaign.Effort{Attempts: i + 1}, 0.5)
	}
	return out
}

func sameRetry(a, b campaign.RetryPolicy) bool {
	return a.MaxAttempts == b.MaxAttempts && a.Delay == b.Delay && a.Backoff == b.Backoff && a.MaxDelay == b.MaxDelay
}

// attempts is a queue of numbers to dial again, each with how often it was dialled.
type attempts struct {
	made []uint8
	head int
}

func (q *attempts) len() int        { return len(q.made) - q.head }
func (q *attempts) push(made uint8) { q.made = append(q.made, made) }

func (q *attempts) shift() uint8 {
	made := q.made[q.head]
	if q.head++; q.head == len(q.made) {
		q.made, q.head = q.made[:0], 0
	} else if q.head > 1024 && q.head > len(q.made)/2 {
		q.made, q.head = append(q.made[:0], q.made[q.head:]...), 0
	}
	return made
}

// resize makes it n long; what is added was dialled once.
func (q *attempts) resize(n int) {
	for q.len() < n {
		q.push(1)
	}
	q.made = q.made[:q.head+n]
}
