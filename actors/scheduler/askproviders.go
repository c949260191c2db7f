package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/provider/breaker"
)

// drainedName is where the names of the drained providers are kept.
const drainedName = "scheduler.drained"

// ProviderChange is the body of scheduler.providers that drains a provider or enables
// it; an empty body asks for the list.
type ProviderChange struct {
	Provider string `json:"provider"`
	State    string `json:"state"`
}

// ProviderList is how all providers are, by name.
type ProviderList struct {
	Providers []ProviderStatus `json:"providers"`
}

// Providers is how they are, by name.  Of those that were taken out it has the ones at
// which calls are up.
func (c *Core) Providers(now time.Time) []ProviderStatus {
	out := make([]ProviderStatus, 0, len(c.pools))
	for _, p := range c.pools {
		if !p.removed || p.held > 0 {
			out = append(out, p.status(now))
		}
	}
	slices.SortFunc(out, func(a, b ProviderStatus) int { return strings.Compare(a.Provider, b.Provider) })
	return out
}

// SetProviders puts other providers and limits in force, here and for the terms to
// come.  It may be called at any time.
func (c *Candidate) SetProviders(limits map[string]provider.Limits) {
	limits = maps.Clone(limits)
	c.limits.Store(&limits)
	select {
	case c.configured <- struct{}{}:
	default: // it is to look already
	}
}

// Health is how the providers are by the books of this candidate, if it leads, as of a
// moment ago.
func (c *Candidate) Health() []ProviderStatus {
	if h := c.health.Load(); h != nil {
		return *h
	}
	return nil
}

// askProviders lists the providers, or drains or enables one.
func (c *Candidate) askProviders(core *Core, body []byte) (any, error) {
	if asksOnly(body) {
		return ProviderList{core.Providers(time.Now())}, nil
	}
	var q ProviderChange
	if err := readAsk(body, &q); err != nil {
		return nil, err
	}
	p, err := q.of(core)
	if err != nil {
		return nil, err
	}
	if core.blind {
		return nil, campaign.Unavailable("Which providers are drained is not known yet, since the database does not answer; try again.")
	}
	drained := maps.Clone(core.drained)
	delete(drained, q.Provider)
	if q.State == ProviderDrained {
		if drained == nil {
			drained = make(map[string]bool)
		}
		drained[q.Provider] = true
	}
	raw, err := json.Marshal(slices.AppendSeq([]string{}, maps.Keys(drained)))
	if err != nil {
		return nil, fmt.Errorf("encode the drained providers: %w", err)
	}
	return &change{drainedName, raw, "The provider's state could not be saved and is unchanged; try again.", func(now time.Time) (any, error) {
		core.Drain(drained) // of which News tells
		return p.status(now), nil
	}}, nil
}

// of is the pool of the provider that is to change, or the error of a change that says
// too little, or of nobody.
func (q *ProviderChange) of(core *Core) (*pool, error) {
	p := core.known(q.Provider)
	switch {
	case q.Provider == "":
		return nil, campaign.Invalid("provider", "Name the provider and say what is to become of it, like {\"provider\": \"main\", \"state\": \"drained\"}; an empty request lists them.")
	case p == nil || p.removed:
		return nil, campaign.NotFound("There is no provider %q; GET /v1/providers lists those that there are.", q.Provider)
	case q.State == "":
		return nil, campaign.Invalid("state", "Say what is to become of it: enabled or drained.")
	case q.State != ProviderDrained && q.State != ProviderEnabled:
		return nil, campaign.Invalid("state", "There is no state %q; take one of %s, %s.", q.State, ProviderEnabled, ProviderDrained)
	}
	return p, nil
}

// resumeDrained drains what was drained when another led.  Until that is known nothing
// is granted: a provider may have been drained for a reason that can't wait.
func (c *Candidate) resumeDrained(ctx context.Context, core *Core) error {
	ctx, cancel := context.WithTimeout(ctx, settingPatience)
	defer cancel()
	drained, err := c.readDrained(ctx)
	if err != nil {
		core.blind = true
		return err
	}
	core.Drain(drained)
	return nil
}

// askDrained tries again beside the leading loop.
func (c *Candidate) askDrained(ctx context.Context, core *Core, k *keeper) {
	var drained map[string]bool
	k.begin(ctx, func(ctx context.Context) (err error) {
		drained, err = c.readDrained(ctx)
		return err
	}, func(err error) {
		switch {
		case k.over:
		case err != nil:
			c.log.Warn("which providers are drained is still not known, and nothing is granted", "error", err)
		default:
			core.Drain(drained)
		}
	})
}

func (c *Candidate) readDrained(ctx context.Context) (map[string]bool, error) {
	raw, err := c.cfg.Settings.Setting(ctx, drainedName)
	var names []string
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &names)
	}
	if err != nil {
		return nil, err
	}
	drained := make(map[string]bool, len(names))
	for _, name := range names {
		drained[name] = true
	}
	return drained, nil
}

// News are the events of providers since it was last asked.
func (c *Core) News(now time.Time) (out []campaign.Event) {
	for _, p := range c.pools {
		st := p.status(now)
		if st.State != p.toldState {
			if p.toldState != "" {
				out = append(out, st.event(stateEvents[st.State], now))
			}
			p.toldState = st.State
		}
		if st.Breaker != p.toldBreaker {
			if p.toldBreaker != "" {
				out = append(out, st.event(breakerEvents[st.Breaker], now))
			}
			p.toldBreaker = st.Breaker
		}
		if paused := !st.PausedUntil.IsZero(); paused != p.toldPaused {
			if paused {
				out = append(out, st.event(campaign.EventProviderThrottled, now))
			}
			p.toldPaused = paused
		}
	}
	return out
}

var (
	stateEvents = map[string]campaign.EventType{
		ProviderEnabled: campaign.EventProviderEnabled, ProviderDrained: campaign.EventProviderDrained,
		ProviderRemoved: campaign.EventProviderRemoved,
	}
	breakerEvents = map[breaker.State]campaign.EventType{
		breaker.Open: campaign.EventProviderOpened, breaker.HalfOpen: campaign.EventProviderProbed,
		breaker.Closed: campaign.EventProviderClosed,
	}
)

func (st *ProviderStatus) event(what campaign.EventType, now time.Time) campaign.Event {
	return campaign.Event{Type: what, Provider: st.Provider, Time: now, Data: *st}
}

// tell publishes what happened to providers, and says so in the log.
func (c *Candidate) tell(news []campaign.Event) {
	for _, e := range news {
		st := e.Data.(ProviderStatus)
		log := c.log.Info
		if e.Type == campaign.EventProviderOpened || e.Type == campaign.EventProviderThrottled {
			log = c.log.Warn
		}
		log(string(e.Type), st.attributes()...)
	}
	c.cfg.Bus.PublishEvents(news)
}

// attributes are what the log tells of a provider; what is nothing is left out.
func (st *ProviderStatus) attributes() []any {
	out := []any{"provider", st.Provider}
	if st.Failures > 0 {
		out = append(out, "failures", st.Failures, "last_failure", st.LastFailure)
	}
	if until := later(st.BreakerUntil, st.PausedUntil); !until.IsZero() {
		out = append(out, "until", until)
	}
	return out
}
