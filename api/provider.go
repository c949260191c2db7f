package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/campaign"
	"dialtone/provider"
)

// askProviders is the scheduler's endpoint on the bus.
const askProviders = "scheduler.providers"

// statusPatience is how long the scheduler may take to say how the providers are: what
// is configured is known without it.
const statusPatience = time.Second

const providersPath = "/v1/providers/"

// noProviders is the service without any.
type noProviders struct{}

func (noProviders) Specs() []provider.Spec          { return nil }
func (noProviders) Lookup(string) provider.Provider { return nil }
func (noProviders) CallbackBaseURLs() []string      { return nil }

// ProviderInfo is a provider as the API shows it: as it is configured, and how it is.
type ProviderInfo struct {
	Name     string             `json:"name" example:"mock"`
	Dialect  string             `json:"dialect,omitempty" example:"twilio" doc:"Absent for one that is not configured any more."`
	Priority int                `json:"priority,omitempty" example:"1" doc:"Its rank; 1 is preferred."`
	Weight   float64            `json:"weight,omitempty" example:"1" doc:"Its part among the providers of one rank."`
	Prefixes []string           `json:"prefixes,omitempty" example:"[\"+44\"]" doc:"The destinations that it serves; all, if absent."`
	Prices   map[string]float64 `json:"prices,omitempty" doc:"What a minute costs, by the destination's prefix; under \"default\", any other's."`

	Channels       int     `json:"channels" doc:"Calls up at once; 0 is no limit."`
	CallsPerSecond float64 `json:"calls_per_second" doc:"0 is no limit."`
	ProviderState
}

// ProviderState is how a provider is, by the scheduler's books.  What is not known is
// absent: a 0 would pass for no limit, or for no failure.
type ProviderState struct {
	State             string    `json:"state" enum:"enabled,drained,removed,unknown" doc:"drained: it gets no calls, by people's wish. removed: it is not configured any more, and calls are up there still. unknown: the scheduler does not answer, and all that follows is absent."`
	Breaker           string    `json:"breaker,omitempty" enum:"closed,open,half_open" doc:"open: it fails, and gets no calls; half_open: it gets a few, to see how it goes."`
	BreakerUntil      time.Time `json:"breaker_until,omitzero" doc:"When an open breaker lets the next call through."`
	PausedUntil       time.Time `json:"paused_until,omitzero" doc:"Until when it asked for patience."`
	Stalled           bool      `json:"stalled,omitempty" doc:"Whether requests are out and it answers none."`
	Held              *int      `json:"held,omitempty" nullable:"false" doc:"Calls that are up, or being placed."`
	ChannelsNow       *int      `json:"channels_now,omitempty" nullable:"false" doc:"What it is given of its channels now; 0 is no limit."`
	CallsPerSecondNow *float64  `json:"calls_per_second_now,omitempty" nullable:"false" doc:"What it is given of its calls per second now; 0 is no limit."`
	Failures          *uint64   `json:"failures,omitempty" nullable:"false" doc:"Requests that it failed, since the scheduler's leader came."`
	FailureRatio      *float64  `json:"failure_ratio,omitempty" nullable:"false" doc:"The share of the requests of the last seconds that it failed."`
	LastFailure       string    `json:"last_failure,omitempty" enum:"unreachable,broken,barred" doc:"unreachable: no connection. broken: no answer in time, or one of its own trouble. barred: it refuses the account."`
}

// ProviderList is all providers.
type ProviderList struct {
	Providers []ProviderInfo `json:"providers"`
}

// ProviderPatch describes the body of PATCH /v1/providers/{name}.
type ProviderPatch struct {
	State string `json:"state" enum:"enabled,drained" example:"drained" doc:"drained: no further call is placed there; those that are up go on."`
}

type (
	providersOutput struct{ Body ProviderList }
	providerOutput  struct{ Body ProviderInfo }
	providerInput   struct {
		Name string `path:"name" doc:"The provider's name." example:"mock"`
		JSONBody
	}
)

// status is what the scheduler's leader says of one.
type status struct {
	Provider string `json:"provider"`
	ProviderState
}

func (a *API) providerRoutes() {
	tags := []string{"Providers"}
	register(a, huma.Operation{
		OperationID: "list-providers", Method: http.MethodGet, Path: "/v1/providers", Tags: tags,
		Summary: "List the providers, their limits and how they are", Description: "On NATS: scheduler.providers tells how they are.",
	}, a.listProviders)
	register(a, huma.Operation{
		OperationID: "change-provider", Method: http.MethodPatch, Path: providersPath + "{name}", Tags: tags,
		Summary: "Drain a provider, or enable it again",
		Description: "It takes effect with the next grant, and is kept. The campaigns of a drained provider go on over their others, or wait. Needs the scope admin. " +
			"On NATS: scheduler.providers, with {\"provider\": …, \"state\": …}.",
		RequestBody: body[ProviderPatch](a, map[string]any{"state": "drained"}), Errors: []int{400, 404, 408, 413, 415, 422},
	}, a.changeProvider)
}

// providerStates is what the scheduler's leader says of the providers, or the error of
// one that says nothing for a second.
func (a *API) providerStates(ctx context.Context) ([]status, error) {
	var told struct {
		Providers []status `json:"providers"`
	}
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	err := a.ask(ctx, askProviders, nil, &told)
	return told.Providers, err
}

func (a *API) listProviders(ctx context.Context, _ *struct{}) (*providersOutput, error) {
	known := make(map[string]ProviderState)
	told, asked := a.providerStates(ctx)
	for _, s := range told {
		known[s.Provider] = s.ProviderState
	}
	out := &providersOutput{Body: ProviderList{Providers: []ProviderInfo{}}}
	for _, spec := range a.providers.Specs() {
		state, ok := known[spec.Name]
		if !ok {
			state = ProviderState{State: "unknown"}
		}
		delete(known, spec.Name)
		out.Body.Providers = append(out.Body.Providers, showProvider(spec, state))
	}
	for _, s := range told {
		if state, left := known[s.Provider]; left {
			out.Body.Providers = append(out.Body.Providers, ProviderInfo{Name: s.Provider, ProviderState: state})
		}
	}
	if asked != nil {
		a.log.Warn("the scheduler does not tell how the providers are", "error", asked)
	}
	return out, nil
}

func showProvider(s provider.Spec, state ProviderState) ProviderInfo {
	r := s.Route.WithDefaults()
	p := ProviderInfo{
		Name: s.Name, Dialect: s.Dialect, Priority: r.Priority, Weight: r.Weight, Prefixes: r.Prefixes,
		Channels: s.Limits.Channels, CallsPerSecond: s.Limits.CallsPerSecond, ProviderState: state,
	}
	for prefix, price := range r.Prices {
		if p.Prices == nil {
			p.Prices = make(map[string]float64)
		}
		if prefix == "" {
			prefix = "default"
		}
		p.Prices[prefix] = price
	}
	return p
}

func (a *API) changeProvider(ctx context.Context, in *providerInput) (*providerOutput, error) {
	o, err := newObject(in.RawBody)
	if err != nil {
		return nil, err
	}
	var state string
	if read(o, "state", &state, "", "Give enabled or drained, in quotation marks.") && state != "enabled" && state != "drained" {
		o.fault("state", "There is no state %q; take one of enabled, drained.", clip(state))
	}
	if state == "" && !o.faulty("state") {
		o.fault("state", "Say what is to become of it: enabled or drained.")
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	for _, spec := range a.providers.Specs() {
		if spec.Name != in.Name {
			continue
		}
		var told status
		if err := a.ask(ctx, askProviders, map[string]string{"provider": in.Name, "state": state}, &told); err != nil {
			return nil, err
		}
		return &providerOutput{Body: showProvider(spec, told.ProviderState)}, nil
	}
	return nil, campaign.NotFound("There is no provider %q; GET /v1/providers lists those that there are.", in.Name)
}
