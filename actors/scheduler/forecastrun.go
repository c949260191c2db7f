package scheduler

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
)

// scene is what a forecast plays.
type scene struct {
	at         time.Time
	choice     Choice
	channels   int
	rate       float64
	contenders []contender
	target     int           // among the contenders
	most       int           // calls a run, before it is coarsened
	patience   time.Duration // likewise
	inAll      time.Duration // for all runs, but leastRuns of them
	sure       bool          // what was seen is what comes
}

// contender is a campaign in it.
type contender struct {
	id      campaign.ID
	spec    sim.Campaign // without Calls
	calls   likely
	numbers []int // never dialled, by lane; without lanes, one
	retries int
	up      []time.Time // since when each call is
	ends    time.Time   // its schedule; zero is never
}

const (
	// horizon is how far ahead a forecast looks.
	horizon = 60 * 24 * time.Hour
	// What a forecast costs: a run that would have more calls is coarsened, and there are
	// as many runs as the events allow.  That is half a second in all.
	callsARun           = 60_000
	eventsInAll         = 800_000
	mostRuns, leastRuns = 20, 3
)

// grain is how coarse a run is.  One call of it stands for some that are up beside one
// another, and for each of those some that follow one after the other.
//
// It is a fluid approximation: numbers and calls per second are divided by both,
// channels and limits by beside, and calls last after times as long.  The flow of each
// campaign stays the same, and so does the time that it takes.  What is lost is detail
// in time: a call that begins before the hours end lasts on after them, on average for
// half of its length, as if they ended later by that.
type grain struct{ beside, after int }

func (g grain) size() int { return g.beside * g.after }

const (
	// fewest channels are left beside one another.
	fewest = 10
	// tolerance is the part of the capacity, or of the target's limit, by which rounding
	// may change them: one in so many.
	tolerance = 20
)

// grain divides a run by so much: into calls beside one another as far as channels and
// limits can be divided so, and after one another for the rest.
func (s *scene) grain(size int) grain {
	g := grain{beside: size, after: 1}
	for g.beside > 1 && !s.divides(g.beside) {
		g.beside /= 2
		g.after *= 2
	}
	return g
}

func (s *scene) divides(by int) bool {
	if s.channels > 0 && (s.channels/by < fewest || rounding(s.channels, by)*tolerance > s.channels) {
		return false
	}
	capacity, off := s.channels, 0
	for i := range s.contenders {
		limit := s.contenders[i].spec.Limit
		if limit == 0 || s.channels > 0 && limit >= s.channels {
			continue
		}
		if s.channels == 0 {
			capacity += limit
		}
		r := rounding(limit, by)
		if i == s.target && r*tolerance > limit {
			return false
		}
		off += r
	}
	return off*tolerance <= capacity
}

// divided is a limit in a run; it stays one.
func divided(n, by int) int { return max(1, (n+by/2)/by) }

func rounding(n, by int) int { return max(n-divided(n, by)*by, divided(n, by)*by-n) }

// outcome is what came of a run.
type outcome struct {
	done   time.Time // zero: not within the horizon
	left   []float64 // numbers by lane, at the lane's closing
	rest   float64   // calls not placed when the run ended
	events int
}

// outlook plays the scene as often as the budget allows, in runs so coarse that one is
// not too long.  closings are when the target's lanes close; zero is never.
func (s *scene) outlook(ctx context.Context, closings []time.Time) []outcome {
	began := time.Now()
	size := 1
	pilot, whole := s.play(0, s.grain(size), closings, s.tooLong(size))
	for !whole {
		size *= 2
		pilot, whole = s.play(0, s.grain(size), closings, s.tooLong(size))
	}
	out := []outcome{pilot}
	runs := min(max(eventsInAll/max(pilot.events, 1), leastRuns), mostRuns)
	for seed := uint64(1); len(out) < runs && ctx.Err() == nil && (len(out) < leastRuns || time.Since(began) < s.inAll); seed++ {
		o, _ := s.play(seed, s.grain(size), closings, func(int) bool { return false })
		out = append(out, o)
	}
	return out
}

const (
	// runPatience is how long a run may take that could still be coarsened, and fewCalls
	// what it has in any case: where so few take so long, they are not what takes it.
	runPatience = 300 * time.Millisecond
	fewCalls    = 2000
	coarsest    = 1 << 24
)

// tooLong says of a run of this size that has had so many calls whether a coarser one
// should be played instead.
func (s *scene) tooLong(size int) func(calls int) bool {
	began := time.Now()
	return func(calls int) bool {
		return size < coarsest && (calls > s.most || calls > fewCalls && time.Since(began) > s.patience)
	}
}

// play runs the scene until its target is done; whole is false for a run that was broken
// off.
func (s *scene) play(seed uint64, g grain, closings []time.Time, tooLong func(calls int) bool) (o outcome, whole bool) {
	e := s.build(seed, g)
	e.Advance(s.at) // which grants what it can
	mine := &s.contenders[s.target]
	per := mine.perNumber(g)
	left := func(lane int) float64 { return float64(e.LaneNumbers(mine.id, lane)) * per[lane] }
	o.left = make([]float64, len(closings))
	at, end, step := s.at, s.at.Add(horizon), s.step(g)
	for ; ; at = e.Now() {
		c := e.Count(mine.id)
		over := !mine.ends.IsZero() && !at.Before(mine.ends) && c.Up == 0
		if c.Numbers+c.Due+c.Later+c.Up == 0 {
			o.done = c.Done
			if c.Done.IsZero() {
				o.done = s.at // there was nothing to do
			}
		}
		if !o.done.IsZero() || over || !at.Before(end) {
			break
		}
		if tooLong(e.Placed()) {
			return o, false
		}
		next, ok := e.Next()
		if !ok {
			break // nothing will ever happen
		}
		if next.Before(at.Add(step)) {
			next = at.Add(step)
		}
		e.Advance(soonestOf(at, soonestOf(at, next, []time.Time{end}), closings))
		for lane, c := range closings {
			if c.Equal(e.Now()) {
				o.left[lane] = left(lane)
			}
		}
	}
	for lane, c := range closings {
		if c.After(at) {
			o.left[lane] = left(lane) // not seen any more
		}
	}
	last := e.Count(mine.id)
	o.rest = float64(last.Numbers+last.Due+last.Later) * mine.perCall(g)
	o.events = e.Events()
	return o, true
}

// soonestOf is the first of some times after another, or next if that is earlier.
func soonestOf(after, next time.Time, times []time.Time) time.Time {
	for _, t := range times {
		if t.After(after) && t.Before(next) {
			next = t
		}
	}
	return next
}

// step is how long the scene takes for some thousands of calls, so that a run is looked
// at often enough to be ended in time.
func (s *scene) step(g grain) time.Duration {
	up, quickest := s.channels, time.Hour
	for i := range s.contenders {
		c := &s.contenders[i]
		if s.channels == 0 {
			up += cmp.Or(c.spec.Limit, campaign.DefaultMaxConcurrentCalls)
		}
		quickest = min(quickest, c.calls.lengths.Guess)
	}
	perSecond := float64(up) / max(quickest, time.Second).Seconds()
	if s.rate > 0 {
		perSecond = min(perSecond, s.rate)
	}
	seconds := 5000 * float64(g.size()) / perSecond
	return time.Duration(min(max(seconds, 1), 6*3600) * float64(time.Second))
}

func (s *scene) build(seed uint64, g grain) *sim.Engine {
	st, err := strategy.New(s.choice.Strategy, s.choice.Parameters)
	if err != nil {
		st, _ = strategy.New(strategy.Default, nil)
	}
	channels := 0
	if s.channels > 0 {
		channels = divided(s.channels, g.beside)
	}
	e := sim.New(sim.Config{Strategy: st, Channels: channels, CallsPerSecond: s.rate / float64(g.size()), Start: s.at, Seed: seed})
	for i := range s.contenders {
		c := &s.contenders[i]
		r := rand.New(rand.NewPCG(^seed, uint64(c.id)))
		calls := c.calls.settle(r, s.sure)
		c.join(e, g, r, calls, i == s.target)
	}
	return e
}

// join puts a campaign into the engine as it stands.  Of what a coarse run can't divide
// a rest is kept by chance, so that many small campaigns are right together; of the
// target itself something is always kept, and its calls are shortened to match.
func (c *contender) join(e *sim.Engine, g grain, r *rand.Rand, calls *likely, target bool) {
	part := func(n int) int {
		if target {
			return c.whole(n, g)
		}
		return (n + r.IntN(g.size())) / g.size()
	}
	retries, numbers, lanes := part(c.retries), 0, make([]int, len(c.numbers))
	for lane, n := range c.numbers {
		lanes[lane] = part(n)
		numbers += lanes[lane]
	}
	calls.times, calls.drawn = float64(g.after), min(g.size(), mostDrawn)
	if target {
		calls.times *= c.perCall(g) / float64(g.size())
	}
	spec := c.spec
	spec.Calls = calls
	spec.Terms.Length *= time.Duration(g.after)
	if spec.Limit > 0 {
		spec.Limit = divided(spec.Limit, g.beside)
	}
	e.Put(c.id, spec)
	for _, since := range c.up {
		if r.IntN(g.size()) == 0 {
			e.Begun(c.id, since, 1)
		}
	}
	for lane, n := range lanes {
		if n > 0 {
			e.AddTo(c.id, lane, n)
		}
	}
	delay := spec.Retry.WithDefaults().Wait(campaign.DispositionFailed, campaign.Effort{Attempts: 1}, 0.5)
	for i := range retries {
		e.Retry(c.id, e.Now().Add(delay*time.Duration(i+1)/time.Duration(retries+1)), 1)
	}
}

// perCall is how many calls of the target one stands for.
func (c *contender) perCall(g grain) float64 {
	n := c.whole(c.retries, g)
	for _, numbers := range c.numbers {
		n += c.whole(numbers, g)
	}
	if n == 0 {
		return float64(g.size())
	}
	return float64(c.retries+total(c.numbers)) / float64(n)
}

// whole divides, but keeps one of what there is.
func (c *contender) whole(n int, g grain) int {
	if n == 0 {
		return 0
	}
	return divided(n, g.size())
}

// perNumber is how many numbers of each lane one stands for.
func (c *contender) perNumber(g grain) []float64 {
	out := make([]float64, len(c.numbers))
	for lane, n := range c.numbers {
		out[lane] = float64(n) / float64(max(1, c.whole(n, g)))
	}
	return out
}

func total(numbers []int) (sum int) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

// likely is how a campaign's calls go: as long as the latest ones, and failing as
// often as all so far.  How far these may be from what comes is drawn once for each
// run, so that runs differ as much as little is known.
type likely struct {
	lengths sim.Observed
	known   int // calls that the lengths are known by
	failed  int // attempts
	ended   int

	stretch, failing float64
	// times is how many lengths a call of a coarse run lasts.  It is drawn from the mean
	// of several, so that what many calls take together varies no more than it does.
	times float64
	drawn int
}

// settle draws what holds for a run.
func (l *likely) settle(r *rand.Rand, sure bool) *likely {
	drawn := *l
	// Three in ten weigh as much as one attempt.
	n := float64(l.ended) + 1
	mean := (float64(l.failed) + 0.3) / n
	if sure {
		drawn.stretch, drawn.failing = 1, mean
		return &drawn
	}
	// Nothing is known: half as long, or twice, are as likely as not.
	drawn.stretch = math.Exp(r.NormFloat64() * 0.7 / math.Sqrt(float64(1+l.known)))
	drawn.failing = min(max(mean+r.NormFloat64()*math.Sqrt(mean*(1-mean)/(n+1)), 0), 1)
	return &drawn
}

// mostDrawn keeps the draws from costing more than the rest of a call.
const mostDrawn = 16

func (l *likely) Next(r *rand.Rand) sim.Call {
	sum := time.Duration(0)
	for range l.drawn {
		sum += l.lengths.Next(r).Length
	}
	return sim.Call{
		Length: time.Duration(float64(sum) * l.stretch * l.times / float64(l.drawn)),
		Failed: r.Float64() < l.failing,
	}
}
