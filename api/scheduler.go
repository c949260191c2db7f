package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// The scheduler's endpoints on the bus.
const (
	askStats    = "scheduler.stats"
	askSlots    = "scheduler.slots"
	askStrategy = "scheduler.strategy"
	askShadow   = "scheduler.shadow"
	askForecast = "scheduler.forecast"
)

// Scheduler is what the leader tells of itself.
type Scheduler struct {
	Leader     string              `json:"leader" doc:"The node that grants."`
	Term       uint64              `json:"term" doc:"Names its time as the leader; terms ascend."`
	Since      time.Time           `json:"since" doc:"Since when it leads."`
	Ready      bool                `json:"ready" doc:"Whether it knows all that is in flight, and grants."`
	Granted    uint64              `json:"granted" doc:"Dial tokens granted since it became the leader."`
	Strategy   string              `json:"strategy" example:"fair" doc:"The strategy in force."`
	Parameters map[string]any      `json:"parameters" doc:"The values of all its parameters, those that nobody gave included."`
	Strategies []StrategyKind      `json:"strategies" doc:"Those to choose from."`
	Nodes      []SchedulerNode     `json:"nodes" doc:"The nodes with the role actors that own campaigns."`
	Providers  []SchedulerProvider `json:"providers"`
	Campaigns  []SchedulerCampaign `json:"campaigns"`
}

// StrategyKind is a strategy that there is.
type StrategyKind struct {
	Name       string              `json:"name" example:"fair" doc:"What it is chosen by."`
	Summary    string              `json:"summary" doc:"How it shares, in a sentence."`
	Parameters []StrategyParameter `json:"parameters" doc:"What can be tuned about it."`
}

// StrategyParameter is what can be tuned about a strategy.
type StrategyParameter struct {
	Name    string `json:"name"`
	Summary string `json:"summary" doc:"What it does."`
	Takes   string `json:"takes" doc:"Which values it takes, in words."`
	Default any    `json:"default" doc:"Its value if nobody gives one."`
}

// SchedulerNode is a node that owns campaigns.
type SchedulerNode struct {
	Node       string `json:"node"`
	Partitions int    `json:"partitions" doc:"How many of the 64 partitions, to which campaigns belong by their ids, it owns. Nodes share them evenly; those of one that has died are its until another has taken them over."`
	Held       int    `json:"held" doc:"Slots in use by its campaigns."`
}

// SchedulerProvider is a provider's capacity and its use.
type SchedulerProvider struct {
	Provider       string  `json:"provider"`
	Channels       int     `json:"channels" doc:"Calls up at once; 0 is no limit."`
	CallsPerSecond float64 `json:"calls_per_second" doc:"0 is no limit."`
	Held           int     `json:"held" doc:"Slots in use."`
}

// SchedulerCampaign is what a campaign could use, what counts for its share, and what it
// holds.
type SchedulerCampaign struct {
	Campaign string    `json:"campaign" example:"cmp_42"`
	Held     int       `json:"held" doc:"Slots in use."`
	Limit    int       `json:"limit" doc:"How many it may use, by its max_concurrent_calls."`
	Waiting  int       `json:"waiting" doc:"How many more it could use now."`
	Weight   float64   `json:"weight" example:"1"`
	Group    string    `json:"group,omitempty" example:"team-a"`
	Priority int       `json:"priority" example:"5"`
	Due      time.Time `json:"due,omitzero" doc:"Its deadline, or the end of its schedule, with the time outside its hours taken out: from now until then is the open time that is left. Absent where there is none."`
	Late     bool      `json:"late" doc:"Whether the strategy sees that the campaign can't be done in time; only one that goes by deadlines does."`
}

// Strategy is how a strategy is chosen.
type Strategy struct {
	Strategy   string         `json:"strategy" example:"fair" doc:"Its name; GET /v1/scheduler lists the strategies."`
	Parameters map[string]any `json:"parameters,omitempty" doc:"Its parameters; those that are absent take their defaults, whatever they were before. GET /v1/scheduler lists what each strategy takes."`
}

// StrategyChoice is the strategy in force.
type StrategyChoice struct {
	Strategy   string         `json:"strategy" example:"fair"`
	Parameters map[string]any `json:"parameters" doc:"The values of all its parameters, those that nobody gave included."`
}

type (
	schedulerOutput struct{ Body Scheduler }
	strategyOutput  struct{ Body StrategyChoice }
)

func (a *API) schedulerRoutes() {
	tags := []string{"Scheduler"}
	register(a, huma.Operation{
		OperationID: "get-scheduler", Method: http.MethodGet, Path: "/v1/scheduler", Tags: tags,
		Summary: "See the scheduler", Description: "Its strategy and those to choose from, the nodes, the capacity of the providers, and what each campaign could use and holds.",
	}, a.getScheduler)
	register(a, huma.Operation{
		OperationID: "set-scheduler", Method: http.MethodPut, Path: "/v1/scheduler", Tags: tags,
		Summary: "Choose the strategy",
		Description: "It takes effect with the next grant, for all campaigns, and is kept. The parameters are replaced as a whole. " +
			"The answer has all of them. Needs the scope admin. On NATS: scheduler.strategy, with the same body; without one it answers what is in force.",
		RequestBody: body[Strategy](a, map[string]any{"strategy": "round_robin"}), Errors: []int{400, 408, 413, 415, 422},
	}, a.setStrategy)
	a.slotRoute()
	a.shadowRoutes()
	a.forecastRoute()
}

func (a *API) getScheduler(ctx context.Context, _ *struct{}) (*schedulerOutput, error) {
	out := &schedulerOutput{}
	if err := a.ask(ctx, askStats, nil, &out.Body); err != nil {
		return nil, err
	}
	b := &out.Body
	b.Parameters, b.Providers, b.Campaigns = table(b.Parameters), list(b.Providers), list(b.Campaigns)
	b.Strategies, b.Nodes = list(b.Strategies), list(b.Nodes)
	for i := range b.Strategies {
		b.Strategies[i].Parameters = list(b.Strategies[i].Parameters)
	}
	return out, nil
}

func (a *API) setStrategy(ctx context.Context, in *JSONBody) (*strategyOutput, error) {
	choice, err := readStrategy(in.RawBody)
	if err != nil {
		return nil, err
	}
	out := &strategyOutput{}
	if err := a.ask(ctx, askStrategy, choice, &out.Body); err != nil {
		return nil, err
	}
	out.Body.Parameters = table(out.Body.Parameters)
	return out, nil
}

// readStrategy reads a choice.  Whether there is such a strategy is for the leader to
// say.
func readStrategy(body []byte) (s Strategy, err error) {
	o, err := newObject(body)
	if err != nil {
		return s, err
	}
	read(o, "strategy", &s.Strategy, "", "Give a strategy in quotation marks, like \"fair\".")
	read(o, "parameters", &s.Parameters, nil, "Give the parameters as an object, like {}, or leave them out.")
	if s.Strategy == "" && !o.faulty("strategy") {
		o.fault("strategy", "Name the strategy, like \"fair\"; GET /v1/scheduler lists them.")
	}
	return s, o.done()
}

// ask asks the scheduler's leader.
func (a *API) ask(ctx context.Context, subject string, body, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, commandPatience)
	defer cancel()
	return a.bus.Ask(ctx, subject, body, reply)
}

// list and table are empty instead of null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func table(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
