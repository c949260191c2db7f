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
)

// Scheduler is what the leader tells of itself.
type Scheduler struct {
	Leader     string              `json:"leader" doc:"The node that grants."`
	Term       uint64              `json:"term"`
	Since      time.Time           `json:"since"`
	Strategy   string              `json:"strategy" example:"fair"`
	Strategies []string            `json:"strategies" doc:"Those to choose from."`
	Ready      bool                `json:"ready" doc:"Whether it knows all that is in flight, and grants."`
	Granted    uint64              `json:"granted" doc:"Dial tokens granted since it became the leader."`
	Providers  []SchedulerProvider `json:"providers"`
	Campaigns  []SchedulerCampaign `json:"campaigns"`
}

// SchedulerProvider is a provider's capacity and its use.
type SchedulerProvider struct {
	Provider       string  `json:"provider"`
	Channels       int     `json:"channels" doc:"Calls up at once; 0 is no limit."`
	CallsPerSecond float64 `json:"calls_per_second" doc:"0 is no limit."`
	Held           int     `json:"held" doc:"Slots in use."`
}

// SchedulerCampaign is what a campaign could use and what it holds.
type SchedulerCampaign struct {
	Campaign string  `json:"campaign" example:"cmp_42"`
	Held     int     `json:"held"`
	Limit    int     `json:"limit"`
	Waiting  int     `json:"waiting"`
	Weight   float64 `json:"weight"`
}

// Slots is who holds which slot.
type Slots struct {
	Total int    `json:"total" doc:"How many are in use; the list may be shorter."`
	Slots []Slot `json:"slots"`
}

// Slot is one dial token in use.
type Slot struct {
	Token    string    `json:"token"`
	Campaign string    `json:"campaign" example:"cmp_42"`
	Provider string    `json:"provider"`
	Node     string    `json:"node"`
	Since    time.Time `json:"since"`
}

// Strategy is the strategy in force and its parameters.
type Strategy struct {
	Strategy   string         `json:"strategy" example:"fair"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

type (
	schedulerOutput struct{ Body Scheduler }
	slotsOutput     struct{ Body Slots }
	strategyOutput  struct{ Body Strategy }
)

func (a *API) schedulerRoutes() {
	tags := []string{"Scheduler"}
	register(a, huma.Operation{
		OperationID: "get-scheduler", Method: http.MethodGet, Path: "/v1/scheduler", Tags: tags,
		Summary: "See the scheduler", Description: "Its strategy, the capacity of the providers, and what each campaign could use and holds.",
	}, func(ctx context.Context, _ *struct{}) (*schedulerOutput, error) {
		out := &schedulerOutput{}
		return out, a.ask(ctx, askStats, nil, &out.Body)
	})
	register(a, huma.Operation{
		OperationID: "get-scheduler-slots", Method: http.MethodGet, Path: "/v1/scheduler/slots", Tags: tags,
		Summary: "See who holds which slot, and since when",
	}, func(ctx context.Context, _ *struct{}) (*slotsOutput, error) {
		out := &slotsOutput{}
		return out, a.ask(ctx, askSlots, nil, &out.Body)
	})
	register(a, huma.Operation{
		OperationID: "set-scheduler", Method: http.MethodPut, Path: "/v1/scheduler", Tags: tags,
		Summary: "Choose the strategy", Description: "It takes effect with the next grant, for all campaigns. Needs the scope admin.",
		RequestBody: body[Strategy](a, map[string]any{"strategy": "round_robin"}), Errors: []int{400, 408, 413, 415, 422},
	}, a.setStrategy)
}

func (a *API) setStrategy(ctx context.Context, in *JSONBody) (*strategyOutput, error) {
	o, err := newObject(in.RawBody)
	if err != nil {
		return nil, err
	}
	var choice Strategy
	read(o, "strategy", &choice.Strategy, "", "Give a strategy in quotation marks, like \"fair\".")
	read(o, "parameters", &choice.Parameters, nil, "Give an object, or leave it out.")
	if choice.Strategy == "" && !o.faulty("strategy") {
		o.fault("strategy", "Name the strategy, like \"fair\"; GET /v1/scheduler lists them.")
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	out := &strategyOutput{}
	return out, a.ask(ctx, askStrategy, choice, &out.Body)
}

// ask asks the scheduler's leader.
func (a *API) ask(ctx context.Context, subject string, body, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, commandPatience)
	defer cancel()
	return a.bus.Ask(ctx, subject, body, reply)
}
