package app

import (
	"context"
	"fmt"
	"io"

	"dialtone/api"
	"dialtone/mockdialer"
	"dialtone/provider"
	"dialtone/provider/dialect"
)

// MockName is the provider's name when there is no providers file.
const MockName = "mock"

// mockFrom is the caller id of calls to the mock provider that name none; a
// number reserved for fiction.
const mockFrom = "+12025550100"

// providers are whom calls are placed with.
type providers struct {
	callbackURL string
	specs       []provider.Spec
	byName      map[string]provider.Provider
	mock        *mockdialer.Server // nil with a file
}

// openProviders reads the file, or starts the mock provider in the process.
func (a *App) openProviders(ctx context.Context) error {
	p := &a.providers
	if a.cfg.Providers != "" {
		f, err := provider.ReadFile(a.cfg.Providers)
		if err != nil {
			return err
		}
		p.callbackURL, p.specs = f.CallbackBaseURL, f.Providers
	} else if err := a.startMock(ctx); err != nil {
		return err
	}
	p.byName = make(map[string]provider.Provider, len(p.specs))
	for _, spec := range p.specs {
		adapter, err := dialect.New(spec)
		if err != nil {
			return fmt.Errorf("provider %s: %w", spec.Name, err)
		}
		p.byName[spec.Name] = adapter
		if c, ok := adapter.(io.Closer); ok {
			a.onStop("provider "+spec.Name, func(context.Context) error { return c.Close() })
		}
	}
	return nil
}

// startMock runs the mock provider.  Its ledger is kept with the data, so that
// its calls outlive the process like those of a real provider.
func (a *App) startMock(ctx context.Context) error {
	cfg := a.cfg.Mock
	cfg.Account, cfg.Token = mockdialer.DefaultAccount, mockdialer.DefaultToken
	cfg.LedgerFile = a.folder.file("mock-ledger.ndjson")
	cfg.Logger = a.log.With("part", "mockdialer")
	mock, err := mockdialer.New(cfg)
	if err != nil {
		return fmt.Errorf("configure the mock provider: %w", err)
	}
	if err := mock.Start(ctx); err != nil {
		return fmt.Errorf("start the mock provider: %w", err)
	}
	a.providers.mock = mock
	a.onStop("mock provider", func(ctx context.Context) error { return mock.Stop(ctx) })
	a.providers.specs = []provider.Spec{{
		Name: MockName, Dialect: "twilio", BaseURL: mock.URL(),
		Account: cfg.Account, Token: provider.NewSecret(cfg.Token), From: mockFrom,
		Limits: provider.Limits{Channels: cfg.Channels},
	}}
	a.providers.callbackURL = a.cfg.CallbackBaseURL
	return nil
}

// limits is what the scheduler keeps to.
func (p *providers) limits() map[string]provider.Limits {
	out := make(map[string]provider.Limits, len(p.specs))
	for _, s := range p.specs {
		out[s.Name] = s.Limits
	}
	return out
}

// forAPI is what the API knows of them.
func (p *providers) forAPI() []api.Provider {
	var out []api.Provider
	for _, s := range p.specs {
		out = append(out, api.Provider{Name: s.Name, Dialect: s.Dialect, Limits: s.Limits, Callbacks: p.byName[s.Name]})
	}
	return out
}
