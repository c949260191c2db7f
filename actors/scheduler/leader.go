package scheduler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"dialtone/actors/scheduler/strategy"
	"dialtone/bus"
	"dialtone/campaign"
	"dialtone/provider"
)

func tokenName(t uint64) string { return strconv.FormatUint(t, 10) }

// Settings keep the chosen strategy; the store has them.
type Settings interface {
	Setting(ctx context.Context, name string) ([]byte, error)
	PutSetting(ctx context.Context, name string, value []byte) error
}

// settingName is where the Choice is kept.
const settingName = "scheduler"

// Config is what a Candidate needs.
type Config struct {
	Node     string
	Bus      *bus.Bus
	Settings Settings
	// Limits are those of the providers at the start; SetProviders changes them.
	Limits map[string]provider.Limits
	// Campaigns is what forecasts ask.
	Campaigns Campaigns
	Logger    *slog.Logger
}

// Candidate stands for leader, and leads while it holds the lease.  One
// goroutine, run, owns all of its state.
type Candidate struct {
	cfg    Config
	log    *slog.Logger
	inbox  chan any // Report, or an ask
	cancel context.CancelFunc
	run    sync.WaitGroup
	once   sync.Once

	forecasts *forecasts
	vacant    chan struct{} // holds one: nobody leads
	estate    estate        // of the goroutine run
	headless  atomic.Bool   // nobody leads, as far as is seen
	leads     atomic.Bool   // this one leads, or did to its end
	nodes     roster

	limits     atomic.Pointer[map[string]provider.Limits]
	configured chan struct{} // the limits have changed
	health     atomic.Pointer[[]ProviderStatus]
}

// ask is a question of a person, answered by whoever leads.
type ask struct {
	question string
	body     []byte
	answer   chan<- answer
}

type answer struct {
	value any
	err   error
}

// unfinished is an answer whose rest is worked out by who asked, and not in the
// leading loop.
type unfinished func() (any, error)

// readAsk reads the body of a question, which may be empty.
func readAsk(body []byte, into any) error {
	if len(body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return campaign.Invalid("", "The request can't be read as JSON: %v.", err)
	}
	return nil
}

// NewCandidate makes a candidate that does not stand yet.
func NewCandidate(cfg Config) *Candidate {
	c := &Candidate{
		cfg: cfg, log: cfg.Logger.With("part", "scheduler"), inbox: make(chan any, 4096), forecasts: newForecasts(),
		configured: make(chan struct{}, 1), vacant: make(chan struct{}, 1),
	}
	c.limits.Store(&cfg.Limits)
	return c
}

// Start lets the candidate stand.  It returns once questions can be asked.
func (c *Candidate) Start(ctx context.Context) error {
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	demands, err := bus.Subscribe(c.cfg.Bus, bus.SubjectDemand(), func(r Report) { c.deliver(ctx, &r) })
	if err != nil {
		c.cancel()
		return fmt.Errorf("listen for demands: %w", err)
	}
	service, err := c.cfg.Bus.ServeRole("scheduler", "Grants dial tokens to campaigns by a strategy", map[string]func([]byte) (any, error){
		"stats": func(b []byte) (any, error) { return c.ask(ctx, "stats", b) },
		"slots": func(b []byte) (any, error) { return c.ask(ctx, "slots", b) },
		// These may wait for the store, or reckon for a while.
		"providers": c.later(ctx, "providers"),
		"strategy":  c.later(ctx, "strategy"),
		"shadow":    c.later(ctx, "shadow"),
		"forecast":  c.later(ctx, "forecast"),
	}, false)
	if err != nil {
		c.cancel()
		demands.Stop()
		return fmt.Errorf("serve the scheduler's subjects: %w", err)
	}
	c.run.Go(func() {
		defer service.Stop()
		defer demands.Stop()
		c.stand(ctx)
	})
	c.run.Go(func() { c.watch(ctx) })
	return nil
}

// Stop hands the lease over and waits. It may be called twice, and before Start.
func (c *Candidate) Stop() {
	c.once.Do(func() {
		if c.cancel != nil {
			c.cancel()
		}
	})
	c.run.Wait()
}

// deliver waits for room: the leader's inbox holds up the demands, never the
// reverse.
func (c *Candidate) deliver(ctx context.Context, m any) {
	select {
	case c.inbox <- m:
	case <-ctx.Done():
	}
}

// later is an endpoint that does not hold up those who ask after.
func (c *Candidate) later(ctx context.Context, question string) func([]byte) (any, error) {
	return func(b []byte) (any, error) {
		return bus.Later(func() (any, error) { return c.ask(ctx, question, b) }), nil
	}
}

// ask passes a question on to the leading loop. A candidate that does not lead
// stays silent: the leader answers.  Where there is none just now, who asks is to ask
// again.
func (c *Candidate) ask(ctx context.Context, question string, body []byte) (any, error) {
	got := make(chan answer, 1)
	c.deliver(ctx, ask{question, body, got})
	select {
	case a := <-got:
		if rest, ok := a.value.(unfinished); ok {
			return rest()
		}
		if errors.Is(a.err, bus.ErrNotMine) && c.headless.Load() {
			return nil, bus.ErrAgain
		}
		return a.value, a.err
	case <-ctx.Done():
		if c.leads.Load() || c.headless.Load() {
			return nil, bus.ErrAgain
		}
		return nil, bus.ErrNotMine
	}
}

// How often a candidate tries for the lease, whether or not it has seen that it is free.
const (
	leastRetry = 100 * time.Millisecond
	mostRetry  = 500 * time.Millisecond
)

// stand tries for the lease until the end, and leads whenever it has it.
func (c *Candidate) stand(ctx context.Context) {
	retry := time.NewTicker(max(min(c.cfg.Bus.LeaseTTL()/5, mostRetry), leastRetry))
	defer retry.Stop()
	for {
		lease, err := c.cfg.Bus.Acquire(ctx, bus.LeaseScheduler, c.cfg.Node)
		switch {
		case err == nil:
			c.leads.Store(true)
			c.lead(ctx, lease)
			c.leads.Store(ctx.Err() != nil)
		case !errors.Is(err, bus.ErrHeld) && ctx.Err() == nil:
			c.log.Warn("could not try for the scheduler's lease", "error", err)
		}
		if !c.idle(ctx, retry.C) {
			return
		}
	}
}

// idle drops what comes in until the next try.  It is false at the end.
func (c *Candidate) idle(ctx context.Context, next <-chan time.Time) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-next:
			return true
		case <-c.vacant:
			return true
		case m := <-c.inbox:
			switch m := m.(type) {
			case ask:
				m.answer <- answer{err: bus.ErrNotMine}
			case *Report:
				if m.Handover != nil {
					c.estate = estate{m.Handover, time.Now(), c.cfg.Bus.Counters().Reconnects}
				}
			}
		}
	}
}

// estate is the Handover that was heard last, and when.
type estate struct {
	handover   *Handover
	at         time.Time
	reconnects uint64 // how often the connection had been lost by then
}

// valid reports whether nobody can have led since: whoever did and ended in good order
// would have been heard, and the lease of who did not would not be free so soon.
func (e *estate) valid(c *Candidate, now time.Time) bool {
	return e.handover != nil && now.Sub(e.at) < c.cfg.Bus.LeaseTTL()*4/5 && c.cfg.Bus.Counters().Reconnects == e.reconnects
}

// choice reads the strategy in force. One that is not known any more falls back to the
// default, since campaigns must go on.
func (c *Candidate) choice(ctx context.Context) (Choice, Build) {
	var ch Choice
	ctx, cancel := context.WithTimeout(ctx, settingPatience)
	defer cancel()
	raw, err := c.cfg.Settings.Setting(ctx, settingName)
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &ch)
	}
	if err != nil {
		c.log.Warn("could not read the scheduler's strategy", "error", err, "taken", strategy.Default)
	}
	if err == nil && raw != nil {
		build, err := ch.Builder()
		if err == nil {
			return ch, build
		}
		c.log.Warn("the scheduler's strategy is not known any more", "error", err, "taken", strategy.Default)
	}
	ch = Choice{Strategy: strategy.Default}
	build, _ := ch.Builder() // there is always a default
	return ch, build
}

// choose changes the strategy.
func (c *Candidate) choose(core *Core, body []byte) (any, error) {
	if asksOnly(body) {
		return core.choice.effective(), nil
	}
	ch, err := readChoice(body)
	if err != nil {
		return nil, err
	}
	build, err := ch.Builder()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(ch)
	if err != nil {
		return nil, fmt.Errorf("encode strategy: %w", err)
	}
	return &change{settingName, raw, "The strategy could not be saved and is unchanged; try again.", func(now time.Time) (any, error) {
		core.Use(ch, build, now)
		c.log.Info("strategy changed", "strategy", ch.Strategy)
		return ch.effective(), nil
	}}, nil
}
