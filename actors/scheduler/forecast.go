package scheduler

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// Forecast is when a campaign may be expected to be done: what came of playing it, with
// all others that are awake, on the simulator from the present state, several times.
//
// It assumes that nothing changes but what is known: no campaign is begun, stopped or
// gets more numbers, and calls last and fail as those that each campaign had.  Retries
// are spread over the policy's delay.
type Forecast struct {
	Campaign   campaign.ID `json:"campaign"`
	ComputedAt time.Time   `json:"computed_at"`
	Runs       int         `json:"runs"`
	Strategy   string      `json:"strategy"`
	Remaining  int         `json:"remaining"` // calls that are not terminal
	// Finish is absent where it does not finish.
	Finish   *Finish   `json:"finish,omitempty"`
	Finishes bool      `json:"finishes"`
	Reason   string    `json:"reason,omitempty"` // why it does not
	Deadline time.Time `json:"deadline,omitzero"`
	// MeetsDeadline is in how many of the runs it was done by then.
	MeetsDeadline *float64 `json:"meets_deadline_probability,omitempty"`
	// Closing lists the numbers whose hours end, those that end first at first.
	Closing []Closing `json:"closing"`

	ends time.Time // of the schedule; zero is never
}

// Finish is the range of the runs: a tenth of them was earlier, half before Expected,
// and a tenth later.
type Finish struct {
	Earliest time.Time `json:"earliest"`
	Expected time.Time `json:"expected"`
	Latest   time.Time `json:"latest"`
}

// Closing is numbers whose hours end at the same time.
type Closing struct {
	TimeZone string    `json:"time_zone"`
	ClosesAt time.Time `json:"closes_at"`
	Numbers  int       `json:"numbers"`
	// ExpectedLeft is how many of them the runs had not dialled by then, on average.
	ExpectedLeft float64   `json:"expected_left"`
	Examples     []Example `json:"examples"`
}

// Example is one of the numbers.
type Example struct {
	Call campaign.CallID `json:"call"`
	To   string          `json:"to"`
}

// scene is what a forecast plays.
type scene struct {
	at         time.Time
	choice     Choice
	channels   int
	rate       float64
	contenders []contender
	target     int // among the contenders
}

// contender is a campaign in it.
type contender struct {
	id      campaign.ID
	spec    sim.Campaign // but for its calls
	calls   *likely
	numbers []int // never dialled, by lane
	retries int
	up      []time.Time // since when each call is
}

const (
	// horizon is how far ahead a forecast looks.
	horizon = 60 * 24 * time.Hour
	// mostRuns and callsInAll bound what a forecast costs: about a second.
	mostRuns, leastRuns = 20, 3
	callsInAll          = 600_000
	callsARun           = 200_000
	runPatience         = time.Second
	// finestGrain is how many channels are left at least where a run is scaled down.
	finestGrain = 10
)

// outcome is what came of a run.
type outcome struct {
	done  time.Time // zero: not within the horizon
	left  []int     // numbers by lane, at the lane's closing
	rest  int       // calls not placed when the run ended
	calls int
}

// play runs the scene until its target is done.  scale divides all that is large,
// numbers and capacity alike: the flow stays the same, in coarser grains.
//
// A run that takes too long, though it can't be scaled down any further, is cut off, and
// goes on in thought at the pace that it had.
func (s *scene) play(seed uint64, scale int, closings []time.Time) (o outcome, complete bool) {
	e := s.build(seed, scale)
	began := time.Now()
	first := e.Count(s.contenders[s.target].id)
	target := s.contenders[s.target].id
	o.left = make([]int, len(closings))
	step := s.step(scale)
	for at := s.at; at.Before(s.at.Add(horizon)); {
		next := at.Add(step)
		if event, ok := e.Next(); ok && event.After(next) {
			next = event // nothing happens before
		}
		for _, c := range closings {
			if c.After(at) && c.Before(next) {
				next = c
			}
		}
		e.Advance(next)
		at = next
		for lane, c := range closings {
			if c.Equal(at) {
				o.left[lane] = e.LaneNumbers(target, lane) * scale
			}
		}
		if o.done = e.Count(target).Done; !o.done.IsZero() {
			return o, true
		}
		o.calls = s.placed(e)
		if o.calls > callsARun && scale < s.mostScale() {
			return o, false
		}
		if time.Since(began) > runPatience {
			o.done = extrapolated(first, e.Count(target), s.at, at)
			return o, true
		}
		if _, ok := e.Next(); !ok {
			break // nothing will ever happen
		}
	}
	end := e.Count(target)
	o.rest = (end.Numbers + end.Due + end.Later) * scale
	return o, true
}

// extrapolated is when a campaign is done that goes on as it did between two times; zero
// for one that did not get on.
func extrapolated(was, is sim.Count, from, at time.Time) time.Time {
	left := func(c sim.Count) int { return c.Numbers + c.Due + c.Later + c.Up }
	got := left(was) - left(is)
	if got <= 0 {
		return time.Time{}
	}
	return at.Add(time.Duration(float64(at.Sub(from)) * float64(left(is)) / float64(got)))
}

// step is how long the pool takes for some thousands of calls.
func (s *scene) step(scale int) time.Duration {
	perSecond := float64(max(s.channels, 1)) / firstLength.Seconds()
	if s.channels == 0 {
		perSecond = 100
	}
	if s.rate > 0 {
		perSecond = min(perSecond, s.rate)
	}
	seconds := 5000 * float64(scale) / perSecond
	return time.Duration(min(max(seconds, 1), 6*3600) * float64(time.Second))
}

func (s *scene) placed(e *sim.Engine) (n int) {
	for i := range s.contenders {
		n += e.Count(s.contenders[i].id).Placed
	}
	return n
}

// mostScale keeps some channels, and every campaign's own limit in proportion: where
// limits bind, the flow is theirs.
func (s *scene) mostScale() int {
	most := 1 << 20
	if s.channels > 0 {
		most = s.channels / finestGrain
	}
	for i := range s.contenders {
		if l := s.contenders[i].spec.Limit; l > 0 {
			most = min(most, l)
		}
	}
	return max(1, most)
}

func (s *scene) build(seed uint64, scale int) *sim.Engine {
	st, err := strategy.New(s.choice.Strategy, s.choice.Parameters)
	if err != nil {
		st, _ = strategy.New(strategy.Default, nil)
	}
	channels := s.channels / scale
	if s.channels > 0 {
		channels = max(channels, 1)
	}
	e := sim.New(sim.Config{Strategy: st, Channels: channels, CallsPerSecond: s.rate / float64(scale), Start: s.at, Seed: seed})
	for i := range s.contenders {
		s.contenders[i].join(e, scale, rand.New(rand.NewPCG(seed, uint64(s.contenders[i].id))))
	}
	return e
}

// join puts a campaign into the engine as it stands.
func (c *contender) join(e *sim.Engine, scale int, r *rand.Rand) {
	spec := c.spec
	spec.Calls = c.calls.settle(r)
	if spec.Limit > 0 {
		spec.Limit = max(1, spec.Limit/scale)
	}
	e.Put(c.id, spec)
	for i := 0; i < len(c.up); i += scale {
		e.Begun(c.id, c.up[i], 1)
	}
	for lane, n := range c.numbers {
		if n > 0 {
			e.AddTo(c.id, lane, max(1, n/scale))
		}
	}
	retry := spec.Retry.WithDefaults()
	delay := retry.Wait(campaign.DispositionFailed, campaign.Effort{Attempts: 1}, 0.5)
	n := (c.retries + scale - 1) / scale
	for i := range n {
		e.Retry(c.id, e.Now().Add(delay*time.Duration(i+1)/time.Duration(n+1)), 1)
	}
}

// outlook plays the scene as often as the budget allows.
func (s *scene) outlook(closings []time.Time, enough func(runs int) bool) []outcome {
	scale := 1
	pilot, complete := s.play(0, scale, closings)
	for !complete {
		scale = min(4*scale, s.mostScale())
		pilot, complete = s.play(0, scale, closings)
	}
	out := []outcome{pilot}
	runs := min(max(callsInAll/max(pilot.calls, 1), leastRuns), mostRuns)
	for seed := uint64(1); len(out) < runs && !enough(len(out)); seed++ {
		o, _ := s.play(seed, scale, closings)
		out = append(out, o)
	}
	return out
}

// sum makes a forecast of the outcomes.
func (f *Forecast) sum(outcomes []outcome) {
	f.Runs = len(outcomes)
	slices.SortFunc(outcomes, func(a, b outcome) int {
		switch {
		case a.done.IsZero() == b.done.IsZero():
			return a.done.Compare(b.done)
		case a.done.IsZero():
			return 1
		}
		return -1
	})
	at := func(part float64) time.Time { return outcomes[int(part*float64(len(outcomes)-1)+0.5)].done }
	end := f.ComputedAt.Add(horizon)
	if expected := at(0.5); expected.IsZero() {
		f.Reason = unfinishedBecause(f.ends, outcomes[len(outcomes)/2].rest)
	} else {
		f.Finishes = true
		f.Finish = &Finish{Earliest: at(0.1).UTC(), Expected: expected.UTC(), Latest: at(0.9).UTC()}
		if f.Finish.Latest.IsZero() {
			f.Finish.Latest = end
		}
	}
	if !f.Deadline.IsZero() {
		met := 0.0
		for _, o := range outcomes {
			if !o.done.IsZero() && !o.done.After(f.Deadline) {
				met++
			}
		}
		met /= float64(len(outcomes))
		f.MeetsDeadline = &met
	}
}

func unfinishedBecause(ends time.Time, rest int) string {
	if !ends.IsZero() {
		return fmt.Sprintf("Its schedule ends at %s; about %d of its calls will not have been placed by then.", ends.UTC().Format(time.RFC3339), rest)
	}
	return "It is not done within sixty days: too little of its hours, or of the capacity, is left for it."
}

// leftover is how many numbers of a lane were left at its closing, on average.
func leftover(outcomes []outcome, lane int) (mean float64) {
	for _, o := range outcomes {
		mean += float64(o.left[lane]) / float64(len(outcomes))
	}
	return mean
}

// closes is when hours end that are open now, or next; zero is never.
func closes(c hours.Calendar, now time.Time) time.Time {
	opens, ok := c.NextOpen(now)
	if !ok {
		return time.Time{}
	}
	at, _ := c.Close(opens)
	return at
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
}

// settle draws what holds for a run.
func (l *likely) settle(r *rand.Rand) *likely {
	drawn := *l
	// Nothing is known: half as long, or twice, are as likely as not.
	drawn.stretch = math.Exp(r.NormFloat64() * 0.7 / math.Sqrt(float64(1+l.known)))
	// Three in ten weigh as much as one attempt.
	n := float64(l.ended) + 1
	mean := (float64(l.failed) + 0.3) / n
	drawn.failing = min(max(mean+r.NormFloat64()*math.Sqrt(mean*(1-mean)/(n+1)), 0), 1)
	return &drawn
}

func (l *likely) Next(r *rand.Rand) sim.Call {
	c := l.lengths.Next(r)
	c.Length = time.Duration(float64(c.Length) * l.stretch)
	c.Failed = r.Float64() < l.failing
	return c
}
