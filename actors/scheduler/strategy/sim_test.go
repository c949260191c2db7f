package strategy_test

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// sim plays a pool of channels under a strategy in virtual time.
type sim struct {
	t        require.TestingT
	s        strategy.Strategy
	channels int
	rate     float64 // calls per second; 0 is no limit

	now      time.Duration
	nextCall time.Duration
	flights  flights
	dialers  []*dialer // dialers[i] is campaign i+1
	busy     time.Duration
	onStep   func() // after each grant and release
}

// dialer is a campaign of the simulation.
type dialer struct {
	id     campaign.ID
	weight float64
	terms  strategy.Terms // Weight and Remaining are filled in
	limit  int            // 0 is none
	length func() time.Duration
	want   int // calls still to make

	held, peak, calls int
	settled           float64       // cost of the calls that ended
	began             time.Duration // sum of the starts of those in flight
	firstCall         time.Duration
}

type flight struct {
	d          *dialer
	charge     strategy.Charge
	begin, end time.Duration
	adopted    time.Duration // since when the charge counts, where that is not begin
}

type flights []flight

func (h flights) Len() int           { return len(h) }
func (h flights) Less(i, j int) bool { return h[i].end < h[j].end }
func (h flights) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *flights) Push(x any)        { *h = append(*h, x.(flight)) }
func (h *flights) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

const endless = 1 << 30

func newSim(t require.TestingT, name string, channels int, rate float64) *sim {
	s, err := strategy.New(name, nil)
	require.NoError(t, err)
	s.SetCapacity(channels, rate)
	return &sim{t: t, s: s, channels: channels, rate: rate}
}

// add lets a campaign in, at the present virtual time.
func (m *sim) add(weight float64, limit int, length func() time.Duration) *dialer {
	d := &dialer{weight: weight, limit: limit, length: length, want: endless, firstCall: -1}
	m.enlist(d)
	return d
}

// enlist lets a campaign in.
func (m *sim) enlist(d *dialer) {
	d.id = campaign.ID(len(m.dialers) + 1)
	m.dialers = append(m.dialers, d)
	m.tell(d)
	m.consider(d)
}

// tell lets the strategy know a campaign's terms.
func (m *sim) tell(d *dialer) {
	t := d.terms
	t.Weight, t.Remaining = d.weight, d.want
	m.s.Set(d.id, t)
}

func (m *sim) at() time.Time { return start.Add(m.now) }

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// lead lets a new leader take over, who knows what is up and nothing else.
func (m *sim) lead(name string, parameters map[string]any) {
	s, err := strategy.New(name, parameters)
	require.NoError(m.t, err)
	s.SetCapacity(m.channels, m.rate)
	m.s = s
	for _, d := range m.dialers {
		m.tell(d)
	}
	for i := range m.flights {
		f := &m.flights[i]
		f.charge, f.adopted = s.Adopt(f.d.id, m.at()), m.now
	}
	for _, d := range m.dialers {
		m.consider(d)
	}
}

func (m *sim) consider(d *dialer) {
	if d.want > 0 && (d.limit == 0 || d.held < d.limit) {
		m.s.Enter(d.id)
	} else {
		m.s.Leave(d.id)
	}
}

// run plays until a time.
func (m *sim) run(until time.Duration) {
	for m.now < until {
		m.grant()
		next := until
		if len(m.flights) > 0 {
			next = min(next, m.flights[0].end)
		}
		if len(m.flights) < m.channels && m.nextCall > m.now {
			next = min(next, m.nextCall)
		}
		m.busy += time.Duration(len(m.flights)) * (next - m.now)
		m.now = next
		for len(m.flights) > 0 && m.flights[0].end <= m.now {
			m.release(heap.Pop(&m.flights).(flight))
		}
	}
}

func (m *sim) grant() {
	for len(m.flights) < m.channels && m.nextCall <= m.now {
		id, ok := m.s.Next(m.at())
		if !ok {
			return
		}
		d := m.dialers[id-1]
		f := flight{d: d, charge: m.s.Grant(id, m.at()), begin: m.now, end: m.now + d.length()}
		heap.Push(&m.flights, f)
		d.held++
		d.peak = max(d.peak, d.held)
		d.calls++
		d.want--
		d.began += m.now
		if d.firstCall < 0 {
			d.firstCall = m.now
		}
		if m.rate > 0 {
			m.nextCall = m.now + time.Duration(float64(time.Second)/m.rate)
		}
		m.consider(d)
		m.step()
	}
}

func (m *sim) release(f flight) {
	f.d.held--
	f.d.began -= f.begin
	f.d.settled += m.cost(f.end - f.begin)
	m.s.Release(f.d.id, f.charge, f.end-max(f.begin, f.adopted))
	m.consider(f.d)
	m.step()
}

func (m *sim) step() {
	if m.onStep != nil {
		m.onStep()
	}
}

// cost is the binding resource's share of a call: fair-share.md.
func (m *sim) cost(d time.Duration) float64 {
	c := d.Seconds() / float64(m.channels)
	if m.rate > 0 {
		c = max(c, 1/m.rate)
	}
	return c
}

// used is what a campaign has used so far, its calls that are up included.
func (m *sim) used(d *dialer) float64 {
	up := (time.Duration(d.held)*m.now - d.began).Seconds() / float64(m.channels)
	if m.rate > 0 {
		up = max(up, float64(d.held)/m.rate)
	}
	return d.settled + up
}

func (m *sim) allUsed() []float64 {
	out := make([]float64, len(m.dialers))
	for i, d := range m.dialers {
		out[i] = m.used(d)
	}
	return out
}

// windows plays on in windows and returns the least Jain index of what was used
// in any of them.
func (m *sim) windows(n int, length time.Duration) (least float64) {
	least = 1
	for range n {
		before := m.allUsed()
		m.run(m.now + length)
		used := m.allUsed()
		for i := range used {
			used[i] = (used[i] - before[i]) / m.dialers[i].weight
		}
		least = min(least, jain(used))
	}
	return least
}

// utilisation is the part of the channels that was in use so far.
func (m *sim) utilisation() float64 {
	return m.busy.Seconds() / (m.now.Seconds() * float64(m.channels))
}

// jain is Jain's fairness index: 1 when all have the same, 1/n when one has all.
func jain(xs []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range xs {
		sum += x
		squares += x * x
	}
	if squares == 0 {
		return 1
	}
	return sum * sum / (float64(len(xs)) * squares)
}

// around makes lengths that vary by a quarter, the same in every run.
func around(mean time.Duration, seed uint64) func() time.Duration {
	r := rand.New(rand.NewPCG(seed, 1))
	return func() time.Duration { return time.Duration(float64(mean) * (0.75 + 0.5*r.Float64())) }
}

func exactly(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func TestJain(t *testing.T) {
	require.InDelta(t, 1.0, jain([]float64{2, 2, 2}), 1e-12)
	require.InDelta(t, 0.25, jain([]float64{0, 0, 0, 7}), 1e-12)
}
