package scheduler

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/store"
)

// Campaigns is what a forecast asks the store.
type Campaigns interface {
	Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error)
	Zones(ctx context.Context, id campaign.ID) ([]store.Zone, error)
	Waiting(ctx context.Context, id campaign.ID) (map[campaign.ZoneID]store.Backlog, error)
	Queued(ctx context.Context, id campaign.ID, zone campaign.ZoneID, after campaign.CallID, limit int) ([]store.Waiting, error)
	Call(ctx context.Context, id campaign.CallID) (campaign.Call, error)
}

const (
	// forecastPatience is how long the store may take, and then the runs; rivalPatience
	// how much of that is for the others.
	forecastPatience = 2 * time.Second
	rivalPatience    = time.Second
	// forecastAge is how long an answer is given again.
	forecastAge = 5 * time.Second
	// turnPatience is how long a forecast may wait for others, and mostInTurn how many
	// there may be.
	turnPatience = 5 * time.Second
	mostInTurn   = 8
	// mostKnown is how many competitors are looked up in the store, the largest; of the
	// others the leader knows enough.
	mostKnown = 200
	// rivalLanes is how many different hours a competitor's numbers have at most.
	rivalLanes = 8
	// examples are given of some numbers of the lanes that close first.
	examples       = 5
	exampleClosing = 8
)

// forecasts are reckoned one at a time, since each takes a core.  Who asks for one that
// is under way, or was given just now, gets that.
type forecasts struct {
	turn     chan struct{} // taken by who reckons
	most     int           // calls a run, before it is coarsened
	patience time.Duration // with a run, likewise
	inAll    time.Duration // with all runs, but the fewest that there are
	sure     bool          // what was seen is what comes

	mu     sync.Mutex
	ahead  map[campaign.ID]*reckoning // under way, or waiting for its turn
	recent map[campaign.ID]recent
}

// premise is what a forecast goes by: it is not given again when that has changed.
type premise struct {
	choice Choice
	terms  strategy.Terms
	limit  int
}

// premiseOf is that of a campaign; what changes with each call does not count.
func (c *Core) premiseOf(id campaign.ID) premise {
	p := premise{choice: c.choice}
	if cl := c.clients[id]; cl != nil {
		p.terms, p.limit = cl.terms(), cl.demand.Limit
		p.terms.Remaining, p.terms.Length = 0, 0
	}
	return p
}

// recent is an answer that was given.
type recent struct {
	Forecast
	by premise
}

// reckoning is a forecast that may be waited for.
type reckoning struct {
	by       premise
	done     chan struct{} // closed when the others are set
	forecast Forecast
	err      error
}

func newForecasts() *forecasts {
	return &forecasts{
		turn: make(chan struct{}, 1), most: callsARun, patience: runPatience, inAll: forecastPatience,
		ahead: make(map[campaign.ID]*reckoning), recent: make(map[campaign.ID]recent),
	}
}

// get finds an answer that was given just now.
func (f *forecasts) get(id campaign.ID, by premise, now time.Time) (Forecast, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for other, old := range f.recent {
		if now.Sub(old.ComputedAt) > forecastAge {
			delete(f.recent, other)
		}
	}
	got, ok := f.recent[id]
	return got.Forecast, ok && reflect.DeepEqual(got.by, by)
}

// join finds the reckoning for a campaign, or begins one, which is then the caller's to
// settle; nil where too many wait already.
func (f *forecasts) join(id campaign.ID, by premise) (r *reckoning, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.ahead[id]; r != nil && reflect.DeepEqual(r.by, by) {
		return r, false
	}
	if len(f.ahead) == mostInTurn {
		return nil, false
	}
	r = &reckoning{by: by, done: make(chan struct{})}
	f.ahead[id] = r
	return r, true
}

// settle tells all who wait.
func (f *forecasts) settle(id campaign.ID, r *reckoning, got Forecast, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ahead[id] == r {
		delete(f.ahead, id)
	}
	if err == nil {
		f.recent[id] = recent{got, r.by}
	}
	r.forecast, r.err = got, err
	close(r.done)
}

func (r *reckoning) wait(ctx context.Context) (any, error) {
	select {
	case <-r.done:
		return r.forecast, r.err
	case <-ctx.Done():
		return nil, bus.ErrNotMine
	}
}

func errCrowded() error {
	return campaign.Unavailable("Too many forecasts are asked for at once; ask again in a few seconds.")
}

// sighting is what the leader knows of a campaign.
type sighting struct {
	id    campaign.ID
	terms strategy.Terms
	limit int
	up    []time.Time
	calls sim.Observed
}

// sightings are all campaigns that are awake.
func (c *Core) sightings() []sighting {
	at := make(map[*client]int, len(c.clients))
	out := make([]sighting, 0, len(c.clients))
	for _, cl := range c.clients {
		at[cl] = len(out)
		out = append(out, sighting{id: cl.id, terms: cl.terms(), limit: cl.demand.Limit, calls: cl.calls})
	}
	for _, s := range c.slots {
		if i, ok := at[s.client]; ok {
			out[i].up = append(out[i].up, s.since)
		}
	}
	return out
}

// askForecast takes down what the leader knows; the rest is done where it keeps no
// grant waiting.
func (c *Candidate) askForecast(ctx context.Context, core *Core, body []byte, now time.Time) (any, error) {
	var q struct {
		Campaign campaign.ID `json:"campaign"`
	}
	if err := readAsk(body, &q); err != nil {
		return nil, err
	}
	if q.Campaign == 0 {
		return nil, campaign.Invalid("campaign", "Name the campaign, like {\"campaign\": \"cmp_2\"}.")
	}
	by := core.premiseOf(q.Campaign)
	if again, ok := c.forecasts.get(q.Campaign, by, now); ok {
		return again, nil
	}
	r, mine := c.forecasts.join(q.Campaign, by)
	switch {
	case r == nil:
		return nil, errCrowded()
	case !mine:
		return unfinished(func() (any, error) { return r.wait(ctx) }), nil
	}
	channels, rate := core.capacity()
	s := &scene{
		at: now.UTC().Truncate(time.Microsecond), choice: core.choice, channels: channels, rate: rate,
		most: c.forecasts.most, patience: c.forecasts.patience, inAll: c.forecasts.inAll, sure: c.forecasts.sure,
	}
	seen, ready := core.sightings(), core.Ready()
	return unfinished(func() (any, error) {
		f, err := c.forecastInTurn(ctx, s, q.Campaign, seen, ready)
		c.forecasts.settle(q.Campaign, r, f, err)
		return f, err
	}), nil
}

func (c *Candidate) forecastInTurn(ctx context.Context, s *scene, id campaign.ID, seen []sighting, ready bool) (Forecast, error) {
	patience := time.NewTimer(turnPatience)
	defer patience.Stop()
	select {
	case c.forecasts.turn <- struct{}{}:
		defer func() { <-c.forecasts.turn }()
	case <-patience.C:
		return Forecast{}, errCrowded()
	case <-ctx.Done():
		return Forecast{}, bus.ErrNotMine
	}
	f, err := c.forecast(ctx, s, id, seen, ready)
	return f, forecastFault(ctx, err)
}

// forecastFault tells a store that does not answer from a fault of ours.
func forecastFault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return bus.ErrNotMine // the end: who leads next answers
	}
	if errors.Is(err, context.DeadlineExceeded) || store.Transient(err) {
		return campaign.Unavailable("The database does not answer in time for a forecast; ask again in a few seconds.")
	}
	return err
}

func (c *Candidate) forecast(ctx context.Context, s *scene, id campaign.ID, seen []sighting, ready bool) (Forecast, error) {
	asking, cancel := context.WithTimeout(ctx, forecastPatience)
	defer cancel()
	target, err := c.cfg.Campaigns.Campaign(asking, id)
	if err != nil {
		return Forecast{}, err
	}
	f := Forecast{
		Campaign: id, ComputedAt: s.at, Strategy: s.choice.Strategy, Remaining: target.Stats.Open(),
		Deadline: deadlineOf(target.Settings), Closing: []Closing{},
	}
	switch {
	case target.Status.Ended():
		return f, campaign.Conflict("%v has ended (%s); there is nothing ahead of it.", id, target.Status)
	case target.Status == campaign.StatusPaused:
		f.Reason = "It is paused; resume it, and ask again."
		return f, nil
	case target.Status == campaign.StatusPending && !target.Armed:
		f.Reason = "It is not started; start it, and ask again."
		return f, nil
	case f.Remaining == 0:
		f.Reason = "Nothing is left to dial."
		return f, nil
	case !ready:
		return f, campaign.Unavailable("The scheduler has a new leader, who does not know yet what all campaigns want; ask again in a few seconds.")
	}
	lanes, err := c.cast(asking, s, target, seen)
	if err != nil {
		return f, err
	}
	closing, of := c.closing(asking, id, lanes)
	ends := make([]time.Time, len(lanes))
	for i := range lanes {
		ends[i] = lanes[i].closes
	}
	outcomes := s.outlook(ctx, ends)
	for i := range closing {
		closing[i].ExpectedLeft = min(leftover(outcomes, of[i]), float64(closing[i].Numbers))
	}
	f.Closing = closing
	f.sum(s, outcomes)
	return f, nil
}
