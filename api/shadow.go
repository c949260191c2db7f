package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const shadowPath = "/v1/scheduler/shadow"

// Shadow is how a strategy that grants nothing would have shared what is granted by the
// one in force.
type Shadow struct {
	Strategy   string           `json:"strategy" example:"deadline" doc:"The strategy that is tried out."`
	Parameters map[string]any   `json:"parameters" doc:"The values of its parameters."`
	Since      time.Time        `json:"since" doc:"Since when both are measured."`
	Live       ShadowSide       `json:"live" doc:"The strategy in force."`
	Shadow     ShadowSide       `json:"shadow" doc:"The one that is tried out."`
	Campaigns  []ShadowCampaign `json:"campaigns"`
}

// ShadowSide is how one of the two did.
type ShadowSide struct {
	Strategy        string  `json:"strategy" example:"fair"`
	Jain            float64 `json:"jain" example:"0.98" doc:"Jain's index of the campaigns' shares by weight: 1 is even."`
	Utilisation     float64 `json:"utilisation" example:"0.93" doc:"The share of the capacity that was used, from 0 to 1."`
	MeanWaitSeconds float64 `json:"mean_wait_seconds" example:"1.5" doc:"How long a campaign that could use a slot waited for it."`
	MaxWaitSeconds  float64 `json:"max_wait_seconds" example:"12" doc:"The longest of these waits."`
}

// ShadowCampaign is how a campaign fared with both.
type ShadowCampaign struct {
	Campaign string      `json:"campaign" example:"cmp_42"`
	Live     ShadowShare `json:"live"`
	Shadow   ShadowShare `json:"shadow"`
}

// ShadowShare is what a campaign got.
type ShadowShare struct {
	Share           float64 `json:"share" example:"0.25" doc:"Its part of what was used, from 0 to 1."`
	Calls           int     `json:"calls" example:"310" doc:"Calls granted."`
	SlotSeconds     float64 `json:"slot_seconds" example:"9300" doc:"How long they held their slots, all together."`
	MeanWaitSeconds float64 `json:"mean_wait_seconds" example:"1.5"`
	MaxWaitSeconds  float64 `json:"max_wait_seconds" example:"12"`
}

// shadowQuery is what the leader is asked.
type shadowQuery struct {
	Action string `json:"action"` // start, read or stop
	Strategy
}

type shadowOutput struct{ Body Shadow }

func (a *API) shadowRoutes() {
	tags := []string{"Scheduler"}
	register(a, huma.Operation{
		OperationID: "start-shadow", Method: http.MethodPut, Path: shadowPath, Tags: tags,
		Summary: "Try out a strategy beside the one in force",
		Description: "It sees the same campaigns and calls and grants nothing. A shadow that runs already is replaced, and its measures with it. " +
			"It lasts until it is stopped; where another leader takes over or the strategy in force changes, it is begun anew, and its measures with it. Needs the scope admin. On NATS: scheduler.shadow, with the same body to begin it, none to read, and {\"action\": \"stop\"} to end it.",
		RequestBody: body[Strategy](a, map[string]any{"strategy": "round_robin"}), Errors: []int{400, 408, 413, 415, 422},
	}, a.startShadow)
	register(a, huma.Operation{
		OperationID: "get-shadow", Method: http.MethodGet, Path: shadowPath, Tags: tags,
		Summary: "See how the shadow does", Description: "The shadow's strategy and the one in force, measured over the same time.", Errors: []int{404},
	}, a.getShadow)
	register(a, huma.Operation{
		OperationID: "stop-shadow", Method: http.MethodDelete, Path: shadowPath, Tags: tags,
		Summary: "Stop the shadow", Description: "Needs the scope admin.", Errors: []int{404},
	}, a.stopShadow)
}

func (a *API) startShadow(ctx context.Context, in *JSONBody) (*shadowOutput, error) {
	choice, err := readStrategy(in.RawBody)
	if err != nil {
		return nil, err
	}
	return a.askShadow(ctx, shadowQuery{Action: "start", Strategy: choice})
}

func (a *API) getShadow(ctx context.Context, _ *struct{}) (*shadowOutput, error) {
	return a.askShadow(ctx, map[string]string{"action": "read"})
}

func (a *API) stopShadow(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, a.ask(ctx, askShadow, map[string]string{"action": "stop"}, nil)
}

func (a *API) askShadow(ctx context.Context, query any) (*shadowOutput, error) {
	out := &shadowOutput{}
	if err := a.ask(ctx, askShadow, query, &out.Body); err != nil {
		return nil, err
	}
	out.Body.Parameters, out.Body.Campaigns = table(out.Body.Parameters), list(out.Body.Campaigns)
	return out, nil
}
