package scheduler

import (
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
	spec    sim.Campaign
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
	callsARun           = 60_000
	// finestGrain is how many channels are left at least where a run is scaled down.
	finestGrain = 10
)

// outcome is what came of a run.
type outcome struct {
	done  time.Time // zero: not within the horizon
	left  []int     // numbers by lane, at the lane's closing
	calls int
}

// play runs the scene until its target is done.  scale divides all that is large,
// numbers and capacity alike: the flow stays the same, in coarser grains.
func (s *scene) play(seed uint64, scale int, closings []time.Time) (o outcome, complete bool) {
	e := s.build(seed, scale)
	target := s.contenders[s.target].id
	o.left = make([]int, len(closings))
	step := s.step(scale)
	for at := s.at; at.Before(s.at.Add(horizon)); {
		next := at.Add(step)
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
		if o.calls = s.placed(e); o.calls > callsARun && scale < s.mostScale() {
			return o, false
		}
	}
	return o, true
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

// mostScale keeps some channels.
func (s *scene) mostScale() int {
	if s.channels == 0 {
		return 1 << 20
	}
	return max(1, s.channels/finestGrain)
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
		s.contenders[i].join(e, scale)
	}
	return e
}

// join puts a campaign into the engine as it stands.
func (c *contender) join(e *sim.Engine, scale int) {
	spec := c.spec
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
		f.Reason = "It is not done within sixty days: too little of its hours, or of the capacity, is left for it."
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
// often as all so far.
type likely struct {
	lengths sim.Observed
	failing float64
}

func (l *likely) Next(r *rand.Rand) sim.Call {
	c := l.lengths.Next(r)
	c.Failed = r.Float64() < l.failing
	return c
}

// failing is the part of a campaign's attempts that failed; while there were few, three
// in ten weigh as much as ten attempts.
func failing(s campaign.Stats) float64 {
	return (float64(max(0, s.Attempts-s.Completed)) + 3) / (float64(s.Attempts) + 10)
}
