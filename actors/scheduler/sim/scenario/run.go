package scenario

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/actors/scheduler/strategy"
	"dialtone/campaign"
	"dialtone/campaign/hours"
)

// Choice is a strategy with its parameters.
type Choice struct {
	Strategy   string         `json:"strategy"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

// Run plays the scenario under a strategy and divides it into so many windows for
// plots.  The error is that of strategy.New.
func (s *Scenario) Run(c Choice, windows int) (*Result, error) {
	chosen, err := strategy.New(c.Strategy, c.Parameters)
	if err != nil {
		return nil, err
	}
	r := &run{scenario: s, meter: sim.NewMeter(s.Start)}
	r.engine = sim.New(sim.Config{
		Strategy: chosen, Channels: s.Channels, CallsPerSecond: s.CallsPerSecond,
		Start: s.Start, Seed: s.Seed, Observer: r.observer(c),
	})
	if err := r.plan(); err != nil {
		return nil, err
	}
	return r.play(c, max(windows, 1)), nil
}

// run is one run of a scenario.
type run struct {
	scenario *Scenario
	engine   *sim.Engine
	meter    *sim.Meter
	groups   *sim.Meter // nil where there are none
	players  []player   // players[i] is campaign i+1
	acts     []act      // by time
}

// player is one campaign: a line's replicate.
type player struct {
	line int // in Scenario.Campaigns
	name string
	spec sim.Campaign
}

// act is something that is done to a campaign at a time.
type act struct {
	at time.Time
	do func(*sim.Engine)
}

// observer is the meter, and one for groups where there are some.
func (r *run) observer(c Choice) sim.Observer {
	names := map[string]campaign.ID{}
	for i := range r.scenario.Campaigns {
		if g := r.scenario.Campaigns[i].Group; g != "" && names[g] == 0 {
			names[g] = campaign.ID(LimitCampaigns + len(names) + 1)
		}
	}
	if len(names) == 0 {
		return r.meter
	}
	weights, _ := c.Parameters["group_weights"].(map[string]any)
	r.groups = sim.NewMeter(r.scenario.Start)
	return sim.Both{First: r.meter, Second: sim.NewGroups(r.groups, func(id campaign.ID) (campaign.ID, float64) {
		terms := &r.players[id-1].spec.Terms
		if terms.Group == "" {
			return id, terms.Weight
		}
		weight, _ := weights[terms.Group].(float64)
		return names[terms.Group], cmp.Or(weight, 1)
	})}
}

// plan lays out who starts when, and what changes.
func (r *run) plan() error {
	for line := range r.scenario.Campaigns {
		c := &r.scenario.Campaigns[line]
		spec, err := c.spec()
		if err != nil {
			return fmt.Errorf("campaign %s: %w", c.Name, err)
		}
		for i := range c.Count {
			p := player{line: line, name: c.Name, spec: spec}
			if c.Count > 1 {
				p.name = fmt.Sprintf("%s %d", c.Name, i+1)
			}
			r.players = append(r.players, p)
			r.planOne(c, campaign.ID(len(r.players)), c.StartAfter+c.Spread*time.Duration(i)/time.Duration(c.Count))
		}
	}
	slices.SortStableFunc(r.acts, func(a, b act) int { return a.at.Compare(b.at) })
	return nil
}

func (r *run) planOne(c *Campaign, id campaign.ID, after time.Duration) {
	at := func(after time.Duration, do func(*sim.Engine)) {
		r.acts = append(r.acts, act{at: r.scenario.Start.Add(after), do: do})
	}
	at(after, func(e *sim.Engine) {
		e.Put(id, r.players[id-1].spec)
		e.Add(id, c.Numbers)
	})
	for _, ch := range c.Changes {
		at(max(ch.After, after), func(e *sim.Engine) {
			spec := &r.players[id-1].spec
			spec.Terms.Weight = cmp.Or(ch.Weight, spec.Terms.Weight)
			spec.Limit = cmp.Or(ch.MaxConcurrentCalls, spec.Limit)
			e.Put(id, *spec)
			e.Add(id, ch.Numbers)
			if ch.Paused != nil {
				e.Pause(id, *ch.Paused)
			}
		})
	}
}

func (c *Campaign) spec() (sim.Campaign, error) {
	out := sim.Campaign{
		Terms: strategy.Terms{Weight: c.Weight, Group: c.Group, Priority: c.Priority},
		Limit: c.MaxConcurrentCalls, Calls: c.Calls, Retry: c.Retry, Deadline: c.Deadline,
	}
	s := c.Schedule
	if end := s.EndAt; !end.IsZero() && (out.Deadline.IsZero() || end.Before(out.Deadline)) {
		out.Deadline = end
	}
	if s.TimeZone == "" && s.StartAt.IsZero() && s.EndAt.IsZero() {
		return out, nil
	}
	calendar, err := hours.New(s)
	out.Hours = &calendar
	return out, err
}

// play goes from act to act, and reads the meter at the end of each window.
func (r *run) play(c Choice, windows int) *Result {
	out := &Result{Choice: c}
	start, acts := r.scenario.Start, r.acts
	for w := range windows {
		end := start.Add(r.scenario.Duration * time.Duration(w+1) / time.Duration(windows))
		for len(acts) > 0 && acts[0].at.Before(end) {
			r.engine.Advance(acts[0].at)
			acts[0].do(r.engine)
			acts = acts[1:]
		}
		r.engine.Advance(end)
		out.Windows = append(out.Windows, r.window(r.meter.Window(end)))
	}
	r.tally(out)
	return out
}

// Label is the strategy with the parameters it was given, for people.
func (c Choice) Label() string {
	if len(c.Parameters) == 0 {
		return c.Strategy
	}
	var given []string
	for _, key := range slices.Sorted(maps.Keys(c.Parameters)) {
		value, ok := c.Parameters[key].(string)
		if text, err := json.Marshal(c.Parameters[key]); !ok && err == nil {
			value = string(text)
		}
		given = append(given, key+"="+value)
	}
	return c.Strategy + " " + strings.Join(given, " ")
}
