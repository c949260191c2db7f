package sim

import (
	"cmp"
	"slices"
	"time"

	"dialtone/campaign"
)

// Meter is an Observer that measures who has what.  It takes the events of an Engine
// or of the live leader alike: each costs a look-up and a few additions, and the
// memory is constant for each campaign until it is Forgotten.  It is used by one
// goroutine.
//
// What it measures is defined at Usage and Reading.
type Meter struct {
	start    time.Time
	now      time.Duration // since start
	accounts map[campaign.ID]*account

	channels  int
	rate      float64
	perSecond float64 // cost of a second of a channel
	perCall   float64 // cost of a call

	held    int
	waiting int     // campaigns that are Waiting
	wanting int     // campaigns that are Waiting or Limited
	weights float64 // sum over those that are wanting
	virtual float64 // integral of dt/weights

	pool, poolMark Pool
	windowFrom     time.Duration
}

// account is what one campaign has used.
type account struct {
	id       campaign.ID
	weight   float64
	want     Want
	held     int
	began    float64 // sum of the starts of what is held, seconds
	ended    float64 // seconds held by what came back
	settled  float64 // cost of the calls that ended
	waitFrom time.Duration

	total, mark Usage // Longest of mark is that of the window
	// Up to when total's Served, Entitled and Waited are right.
	accrued time.Duration
	cost    float64
	virtual float64
}

// NewMeter makes a meter that begins at a time.
func NewMeter(start time.Time) *Meter {
	m := &Meter{start: start, accounts: make(map[campaign.ID]*account)}
	m.Capacity(0, 0, start)
	return m
}

// Capacity is what is shared from now on.  It should not change while calls are up,
// or those are charged by the new one.
func (m *Meter) Capacity(channels int, callsPerSecond float64, now time.Time) {
	m.advance(now)
	m.channels, m.rate = channels, callsPerSecond
	m.perSecond, m.perCall = 0, 0
	if channels > 0 {
		m.perSecond = 1 / float64(channels)
	}
	if callsPerSecond > 0 {
		m.perCall = 1 / callsPerSecond
	}
	if channels <= 0 && callsPerSecond <= 0 {
		m.perSecond = 1 // nothing is scarce: time on the line is as good as any
	}
}

// Weighs tells a campaign's weight.
func (m *Meter) Weighs(id campaign.ID, weight float64, now time.Time) {
	a := m.account(id, now)
	if a.want != Idle {
		m.weights += weight - a.weight
	}
	a.weight = weight
}

// Wants tells what stands between a campaign and its next call.
func (m *Meter) Wants(id campaign.ID, w Want, now time.Time) {
	a := m.account(id, now)
	switch {
	case w == Waiting && a.want != Waiting:
		m.waiting++
		a.waitFrom = m.now
	case w != Waiting && a.want == Waiting:
		m.waiting--
		a.waited(m.now - a.waitFrom)
	}
	switch {
	case w != Idle && a.want == Idle:
		m.wanting++
		m.weights += a.weight
	case w == Idle && a.want != Idle:
		if m.wanting--; m.wanting == 0 {
			m.weights = 0 // no rest of rounding is left
		} else {
			m.weights -= a.weight
		}
	}
	a.want = w
}

// Granted takes in a token that was handed out.
func (m *Meter) Granted(id campaign.ID, now time.Time) {
	a := m.account(id, now)
	if a.want == Waiting {
		a.waited(m.now - a.waitFrom)
	}
	if a.total.Calls == 0 {
		a.total.First = m.now - a.waitFrom
	}
	a.waitFrom = m.now
	a.total.Calls++
	m.pool.Calls++
	m.hold(a)
}

// Adopted takes in a call that was up already.
func (m *Meter) Adopted(id campaign.ID, now time.Time) { m.hold(m.account(id, now)) }

func (m *Meter) hold(a *account) {
	a.held++
	a.began += m.now.Seconds()
	m.held++
}

// Released takes in a token that came back.
func (m *Meter) Released(id campaign.ID, since, now time.Time, held time.Duration) {
	a := m.account(id, now)
	m.held--
	begin := since.Sub(m.start).Seconds()
	a.ended += m.now.Seconds() - begin
	if a.held--; a.held == 0 {
		a.began = 0
	} else {
		a.began -= begin
	}
	if held == 0 {
		a.total.Calls--
		m.pool.Calls--
		return
	}
	a.settled += m.costOf(1, held.Seconds())
}

// Forgotten drops a campaign.
func (m *Meter) Forgotten(id campaign.ID, now time.Time) {
	m.Wants(id, Idle, now)
	m.held -= m.accounts[id].held
	delete(m.accounts, id)
}

// account is a campaign's, with all that depends on time brought up to now.
func (m *Meter) account(id campaign.ID, now time.Time) *account {
	m.advance(now)
	a := m.accounts[id]
	if a == nil {
		a = &account{id: id, weight: campaign.DefaultWeight, accrued: m.now, virtual: m.virtual}
		m.accounts[id] = a
		return a
	}
	m.accrue(a)
	return a
}

// advance brings the pool up to now.
func (m *Meter) advance(now time.Time) {
	at := now.Sub(m.start)
	if at <= m.now {
		return
	}
	dt := (at - m.now).Seconds()
	m.now = at
	m.pool.Busy += dt * float64(m.held)
	if m.waiting > 0 {
		m.pool.Contended += dt
		m.pool.ContendedBusy += dt * float64(m.held)
		m.pool.ContendedCalls += m.pool.Calls - m.pool.counted
	}
	m.pool.counted = m.pool.Calls
	if m.wanting > 0 {
		m.virtual += dt / m.weights
	}
}

// accrue brings a campaign up to now, in the state that it was in.
func (m *Meter) accrue(a *account) {
	cost := a.settled + m.costOf(a.held, a.up(m.now))
	if a.want != Idle {
		a.total.Served += cost - a.cost
		a.total.Entitled += a.weight * (m.virtual - a.virtual)
	}
	if a.want == Waiting {
		a.total.Waited += m.now - a.accrued
	}
	a.total.Cost, a.total.Slots = cost, a.ended+a.up(m.now)
	a.accrued, a.cost, a.virtual = m.now, cost, m.virtual
}

// up is for how long, in all, the calls have been up that still are, in seconds.
func (a *account) up(now time.Duration) float64 { return float64(a.held)*now.Seconds() - a.began }

// waited takes in a wait for a token.
func (a *account) waited(d time.Duration) {
	a.total.Longest = max(a.total.Longest, d)
	a.mark.Longest = max(a.mark.Longest, d)
}

// costOf is the dominant cost of so many calls that lasted so long together: the
// part that they took of whichever binds, in seconds of the whole capacity.
func (m *Meter) costOf(calls int, seconds float64) float64 {
	return max(m.perCall*float64(calls), m.perSecond*seconds)
}

// Read is what there was from the start until now.
func (m *Meter) Read(now time.Time) Reading {
	return m.read(now, func(a *account) Usage {
		u := a.total
		u.Longest = max(u.Longest, a.waiting(m.now))
		return u
	}, Pool{}, 0)
}

// Window is what there was since the Window before, or the start.  A reader has the
// windows for itself: there is one series.
func (m *Meter) Window(now time.Time) Reading {
	r := m.read(now, func(a *account) Usage {
		u := a.total.since(a.mark)
		u.Longest = max(a.mark.Longest, a.waiting(m.now))
		a.mark = a.total
		a.mark.Longest = 0
		return u
	}, m.poolMark, m.windowFrom)
	m.poolMark, m.windowFrom = m.pool, m.now
	return r
}

// waiting is how long the wait has lasted that is not over.
func (a *account) waiting(now time.Duration) time.Duration {
	if a.want != Waiting {
		return 0
	}
	return now - a.waitFrom
}

func (m *Meter) read(now time.Time, usage func(*account) Usage, before Pool, from time.Duration) Reading {
	m.advance(now)
	r := Reading{
		From: m.start.Add(from), Until: m.start.Add(m.now), Pool: m.pool.since(before),
		Channels: m.channels, CallsPerSecond: m.rate,
		Campaigns: make([]Usage, 0, len(m.accounts)),
	}
	for _, a := range m.accounts {
		m.accrue(a)
		u := usage(a)
		u.Open = a.want == Waiting
		u.Campaign, u.Weight, u.Held = a.id, a.weight, a.held
		r.Campaigns = append(r.Campaigns, u)
	}
	slices.SortFunc(r.Campaigns, func(a, b Usage) int { return cmp.Compare(a.Campaign, b.Campaign) })
	return r
}
