package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"dialtone/provider"
)

// noProviders is the service without any.
type noProviders struct{}

func (noProviders) Specs() []provider.Spec          { return nil }
func (noProviders) Lookup(string) provider.Provider { return nil }
func (noProviders) CallbackBaseURLs() []string      { return nil }

// ProviderInfo is a provider as the API shows it.
type ProviderInfo struct {
	Name           string  `json:"name" example:"mock"`
	Dialect        string  `json:"dialect" example:"twilio"`
	Channels       int     `json:"channels" doc:"Calls up at once; 0 is no limit."`
	CallsPerSecond float64 `json:"calls_per_second" doc:"0 is no limit."`
}

// ProviderList is all providers.
type ProviderList struct {
	Providers []ProviderInfo `json:"providers"`
}

type providersOutput struct{ Body ProviderList }

func (a *API) providerRoutes() {
	register(a, huma.Operation{
		OperationID: "list-providers", Method: http.MethodGet, Path: "/v1/providers", Tags: []string{"Providers"},
		Summary: "List the providers and their limits",
	}, a.listProviders)
}

func (a *API) listProviders(context.Context, *struct{}) (*providersOutput, error) {
	out := &providersOutput{Body: ProviderList{Providers: []ProviderInfo{}}}
	for _, p := range a.providers.Specs() {
		out.Body.Providers = append(out.Body.Providers, ProviderInfo{
			Name: p.Name, Dialect: p.Dialect, Channels: p.Limits.Channels, CallsPerSecond: p.Limits.CallsPerSecond,
		})
	}
	return out, nil
}
