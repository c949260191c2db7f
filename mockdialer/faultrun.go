package mockdialer

import (
	"sync"
	"time"
)

// faultRun is a plan in force.  It decides; others do.
type faultRun struct {
	plan    FaultPlan
	began   time.Time
	lifted  chan struct{} // closed when another plan takes its place
	base    [faultCount]float64
	periods [][faultCount]float64 // unnamed where a period does not name a fault

	mu     sync.Mutex
	counts map[asked]uint32 // requests so far
}

// asked is what requests are counted by.
type asked struct {
	of     operation
	number string
}

// unnamed is no rate.
const unnamed = -1

func newFaultRun(p FaultPlan) *faultRun {
	run := &faultRun{plan: p.withDefaults(), began: time.Now(), lifted: make(chan struct{}), counts: map[asked]uint32{}}
	for f, rate := range p.Rates {
		run.base[f] = rate
	}
	for _, period := range p.Periods {
		var rates [faultCount]float64
		for f := range rates {
			rates[f] = unnamed
		}
		for f, rate := range period.Rates {
			rates[f] = rate
		}
		run.periods = append(run.periods, rates)
	}
	return run
}

// rates are those in force at a time.
func (run *faultRun) rates(elapsed time.Duration) *[faultCount]float64 {
	out := &run.base
	for i := range run.periods {
		if !run.plan.Periods[i].holds(elapsed) {
			continue
		}
		mixed := *out
		for f, rate := range run.periods[i] {
			if rate != unnamed {
				mixed[f] = rate
			}
		}
		out = &mixed
	}
	return out
}

// fate is what a plan holds for one request and, if it is a create, for the
// callbacks of its call.
type fate struct {
	run    *faultRun
	number string
	n      uint32    // which request of its kind to the number it is
	step   FaultStep // nil where rates decide
	faults faultSet

	// first is closed when the call's first callback is done with; nil if nobody waits
	// for that.
	first chan struct{}
	once  sync.Once
}

// request decides on the next request of a kind to a number.
func (run *faultRun) request(of operation, number string) *fate {
	a := &fate{run: run, number: number, n: run.count(asked{of, number})}
	if script := run.plan.Script[number]; of == ofCreate && int(a.n) < len(script) {
		a.step = script[a.n]
		a.faults = faultsOf(a.step[stepOfCreate]...)
	} else {
		a.faults = run.draw(of, a.random(uint64(of)))
	}
	if a.faults.has(FaultCallbackFirst) {
		a.first = make(chan struct{})
	}
	return a
}

func (run *faultRun) count(a asked) uint32 {
	run.mu.Lock()
	defer run.mu.Unlock()
	n := run.counts[a]
	run.counts[a] = n + 1
	return n
}

// random is a number for each purpose.
func (a *fate) random(purpose uint64) uint64 {
	return mix(mix(mix(a.run.plan.Seed^hashText(a.number))+uint64(a.n)) + purpose<<32)
}

// draw takes faults of an operation by a random number: of those that settle the
// answer one at most, of the others each by itself.
func (run *faultRun) draw(of operation, random uint64) (s faultSet) {
	rates := run.rates(time.Since(run.began))
	left := share(random)
	for f := range faultCount {
		switch {
		case faultTable[f].of != of:
		case !f.ends():
			if share(mix(random+uint64(f))) < rates[f] {
				s |= faultsOf(f)
			}
		case left >= 0 && left < rates[f]:
			s |= faultsOf(f)
			left = -1
		default:
			left -= rates[f]
		}
	}
	return s
}

// share is a random number as one from 0 to below 1.
func share(random uint64) float64 { return float64(random>>11) / (1 << 53) }

// told notes that a callback of the call is done with.
func (a *fate) told() {
	if a != nil && a.first != nil {
		a.once.Do(func() { close(a.first) })
	}
}

// callback decides on one callback of a call.  delays are when it is sent, from now:
// once for each.
func (run *faultRun) callback(j *job) (s faultSet, delays []time.Duration) {
	a := j.call.fate
	if a == nil || a.run != run {
		// A call from before the plan: its place in the ledger stands for the count.
		a = &fate{run: run, number: j.call.to, n: ^j.index}
	}
	random := a.random(uint64(ofCallback)<<8 + uint64(j.event))
	if a.step != nil {
		s = faultsOf(a.step[eventNames[j.event]]...)
	} else {
		s = run.draw(ofCallback, random)
	}
	if s.has(FaultCallbackDropped) {
		return faultsOf(FaultCallbackDropped), nil // then nothing else happens to it
	}
	times := 1
	if s.has(FaultCallbackRepeated) {
		times += run.plan.Repeats
	}
	for range times {
		delay := time.Duration(0)
		if s.has(FaultCallbackDelayed) {
			random = mix(random)
			delay += run.plan.DelayBy.pick(random)
		}
		if s.has(FaultCallbackShuffled) {
			random = mix(random)
			delay += run.plan.ShuffleBy.pick(random)
		}
		delays = append(delays, delay)
	}
	return s, delays
}
