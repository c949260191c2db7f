package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/campaign/hours"
	"dialtone/store"
)

// Campaigns is what a forecast asks the store.
type Campaigns interface {
	Campaign(ctx context.Context, id campaign.ID) (campaign.Campaign, error)
	Zones(ctx context.Context, id campaign.ID) ([]store.Zone, error)
	Waiting(ctx context.Context, id campaign.ID) (map[campaign.ZoneID]int, error)
	Queued(ctx context.Context, id campaign.ID, zone campaign.ZoneID, after campaign.CallID, limit int) ([]store.Waiting, error)
	Call(ctx context.Context, id campaign.CallID) (campaign.Call, error)
}

const (
	// forecastPatience is how long the store may take, and then the runs.
	forecastPatience = 2 * time.Second
	// forecastAge is how long an answer is given again.
	forecastAge = 5 * time.Second
	// mostKnown is how many competitors are looked up in the store, the largest; of the
	// others the leader knows enough.
	mostKnown = 200
	examples  = 5
)

// forecasts are the latest answers.
type forecasts struct {
	mu     sync.Mutex
	recent map[campaign.ID]recent
}

// recent is an answer, and by what it went: it is not given again when that has changed.
type recent struct {
	Forecast
	choice Choice
	terms  strategy.Terms
	limit  int
}

func (f *forecasts) get(id campaign.ID, by recent, now time.Time) (Forecast, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for other, old := range f.recent {
		if now.Sub(old.ComputedAt) > forecastAge {
			delete(f.recent, other)
		}
	}
	got, ok := f.recent[id]
	same := got.limit == by.limit && got.terms == by.terms && reflect.DeepEqual(got.choice, by.choice)
	return got.Forecast, ok && same
}

func (f *forecasts) put(got recent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.recent == nil {
		f.recent = make(map[campaign.ID]recent)
	}
	f.recent[got.Campaign] = got
}

// sighting is what the leader knows of a campaign.
type sighting struct {
	id    campaign.ID
	terms strategy.Terms
	limit int
	up    []time.Time
	calls sim.Observed
}

// askForecast takes down what the leader knows; the rest is done where it keeps no
// grant waiting.
func (c *Candidate) askForecast(ctx context.Context, core *Core, body []byte) (any, error) {
	var q struct {
		Campaign campaign.ID `json:"campaign"`
	}
	if err := readAsk(body, &q); err != nil {
		return nil, err
	}
	if q.Campaign == 0 {
		return nil, campaign.Invalid("campaign", "Name the campaign, like {\"campaign\": \"cmp_2\"}.")
	}
	now := time.Now()
	by := recent{choice: core.choice}
	if cl := core.clients[q.Campaign]; cl != nil {
		by.terms, by.limit = cl.terms(), cl.demand.Limit
		by.terms.Remaining, by.terms.Length = 0, 0
	}
	if again, ok := c.forecasts.get(q.Campaign, by, now); ok {
		return again, nil
	}
	channels, rate := core.capacity()
	s := &scene{at: now.UTC().Truncate(time.Microsecond), choice: core.choice, channels: channels, rate: rate}
	seen := core.sightings()
	return unfinished(func() (any, error) {
		f, err := c.forecast(ctx, s, q.Campaign, seen)
		if err == nil {
			by.Forecast = f
			c.forecasts.put(by)
		}
		return f, err
	}), nil
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
	slices.SortFunc(out, func(a, b sighting) int {
		return cmp.Or(cmp.Compare(b.terms.Remaining, a.terms.Remaining), cmp.Compare(a.id, b.id))
	})
	return out
}

func (c *Candidate) forecast(ctx context.Context, s *scene, id campaign.ID, seen []sighting) (Forecast, error) {
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
	}
	f.ends = target.Schedule.EndAt
	zones, err := c.cast(asking, s, target, seen)
	if err != nil {
		return f, err
	}
	mine := &s.contenders[s.target]
	ends := make([]time.Time, len(mine.spec.Lanes))
	for i, l := range mine.spec.Lanes {
		ends[i] = closes(l, s.at)
	}
	began := time.Now()
	outcomes := s.outlook(ends, func(runs int) bool {
		return ctx.Err() != nil || runs >= leastRuns && time.Since(began) > forecastPatience
	})
	asking, cancel = context.WithTimeout(ctx, forecastPatience)
	defer cancel()
	f.Closing = c.closing(asking, id, mine, ends, zones, outcomes)
	f.sum(outcomes)
	return f, nil
}

// deadlineOf is a campaign's, or its schedule's end: the earlier.
func deadlineOf(s campaign.Settings) time.Time {
	end := s.Schedule.EndAt
	if s.Deadline.IsZero() || !end.IsZero() && end.Before(s.Deadline) {
		return end.UTC()
	}
	return s.Deadline.UTC()
}

// cast puts the campaigns on the scene, and returns the zones of the target's lanes.
func (c *Candidate) cast(ctx context.Context, s *scene, target campaign.Campaign, seen []sighting) ([]store.Zone, error) {
	waiting, err := c.cfg.Campaigns.Waiting(ctx, target.ID)
	if err != nil {
		return nil, fmt.Errorf("count what waits: %w", err)
	}
	zones, err := c.lanes(ctx, target, waiting)
	if err != nil {
		return nil, err
	}
	var own sighting
	for i, o := range seen {
		switch {
		case o.id == target.ID:
			own = o
		case i < mostKnown && ctx.Err() == nil:
			s.contenders = append(s.contenders, c.competitor(ctx, o))
		default:
			s.contenders = append(s.contenders, stranger(o))
		}
	}
	own.id = target.ID
	mine := known(target, own)
	if mine.spec.Lanes, mine.numbers, err = calendars(target, zones, waiting); err != nil {
		return nil, err
	}
	s.target = len(s.contenders)
	s.contenders = append(s.contenders, mine)
	return zones, nil
}

// lanes are the zones in which a campaign has numbers that wait, or any where waiting is
// nil; one of AnyZone where
// all go by the same clock.
func (c *Candidate) lanes(ctx context.Context, target campaign.Campaign, waiting map[campaign.ZoneID]int) ([]store.Zone, error) {
	if !target.Schedule.PerContact() {
		return []store.Zone{{ID: campaign.AnyZone, Zones: campaign.Zones(target.Schedule.TimeZone)}}, nil
	}
	zones, err := c.cfg.Campaigns.Zones(ctx, target.ID)
	if err != nil {
		return nil, fmt.Errorf("list the zones: %w", err)
	}
	return slices.DeleteFunc(zones, func(z store.Zone) bool { return waiting != nil && waiting[z.ID] == 0 }), nil
}

// calendars are the hours of the lanes and the numbers in each, without those that wait
// for a retry: of those only the sum is known.
func calendars(c campaign.Campaign, zones []store.Zone, waiting map[campaign.ZoneID]int) (out []hours.Calendar, numbers []int, err error) {
	all := 0
	for _, n := range waiting {
		all += n
	}
	for _, z := range zones {
		n, names := waiting[z.ID], z.Zones
		if z.ID == campaign.AnyZone {
			n, names = all, ""
		}
		calendar, err := hours.Of(c.Settings, names)
		if err != nil {
			return nil, nil, fmt.Errorf("read the schedule: %w", err)
		}
		out = append(out, calendar)
		numbers = append(numbers, n*c.Stats.Queued/max(1, c.Stats.Queued+c.Stats.RetryWait))
	}
	return out, numbers, nil
}

// known is a campaign of which the store was asked.
func known(c campaign.Campaign, seen sighting) contender {
	calls := &likely{lengths: seen.calls, known: seen.calls.Seen(), failed: max(0, c.Stats.Attempts-c.Stats.Completed), ended: c.Stats.Attempts}
	if calls.lengths.Guess = seen.terms.Length; calls.lengths.Guess > 0 {
		calls.known = max(calls.known, 10) // the mean of about so many
	} else {
		calls.lengths.Guess = firstLength
	}
	return contender{
		id: c.ID, calls: calls, up: seen.up, retries: c.Stats.RetryWait, numbers: []int{c.Stats.Queued},
		spec: sim.Campaign{
			Terms: strategy.Terms{Weight: c.Weight, Group: c.Group, Priority: c.Priority, Length: seen.terms.Length},
			Limit: c.MaxConcurrentCalls, Retry: c.Retry, Deadline: deadlineOf(c.Settings),
		},
	}
}

// stranger is a campaign as the leader alone knows it, always open.
func stranger(o sighting) contender {
	c := known(campaign.Campaign{ID: o.id}, o)
	c.spec.Terms, c.spec.Limit = o.terms, o.limit
	c.numbers = []int{o.terms.Remaining}
	return c
}

// competitor is a campaign that shares the capacity.  Where its numbers go by their own
// clocks, its zones are taken to have as many each.
func (c *Candidate) competitor(ctx context.Context, o sighting) contender {
	other, err := c.cfg.Campaigns.Campaign(ctx, o.id)
	if err != nil || other.Status != campaign.StatusInProgress && !other.Armed {
		lone := stranger(o)
		if err == nil {
			lone.numbers = []int{0} // it dials nobody; what is up is up
		}
		return lone
	}
	out := known(other, o)
	waiting := map[campaign.ZoneID]int{}
	zones, err := c.lanes(ctx, other, nil)
	for _, z := range zones {
		waiting[z.ID] = (other.Stats.Queued + other.Stats.RetryWait) / len(zones)
	}
	if err == nil {
		if lanes, numbers, err := calendars(other, zones, waiting); err == nil {
			out.spec.Lanes, out.numbers = lanes, numbers
		}
	}
	return out
}

// closing lists the lanes that close, with examples; that these can't be read spoils
// nothing else.
func (c *Candidate) closing(ctx context.Context, id campaign.ID, mine *contender, ends []time.Time, zones []store.Zone, outcomes []outcome) []Closing {
	out := []Closing{}
	for lane, at := range ends {
		if at.IsZero() || mine.numbers[lane] == 0 {
			continue
		}
		cl := Closing{
			TimeZone: string(zones[lane].Zones), ClosesAt: at.UTC(), Numbers: mine.numbers[lane],
			ExpectedLeft: min(leftover(outcomes, lane), float64(mine.numbers[lane])), Examples: []Example{},
		}
		queued, _ := c.cfg.Campaigns.Queued(ctx, id, zones[lane].ID, 0, examples)
		for _, w := range queued {
			if call, err := c.cfg.Campaigns.Call(ctx, w.ID); err == nil {
				cl.Examples = append(cl.Examples, Example{Call: w.ID, To: call.Phone})
			}
		}
		out = append(out, cl)
	}
	slices.SortStableFunc(out, func(a, b Closing) int { return a.ClosesAt.Compare(b.ClosesAt) })
	return out
}
