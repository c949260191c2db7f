package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/route"
	"dialtone/mockdialer"
	"dialtone/provider"
	"dialtone/provider/dialect"
	"dialtone/provider/registry"
)

// MockName is the provider's name when there is no providers file.
const MockName = "mock"

// mockFrom is the caller id of calls to the mock provider that name none; a
// number reserved for fiction.
const mockFrom = "+12025550100"

// openProviders reads the file, or starts the mock provider in the process.
func (a *App) openProviders(ctx context.Context) error {
	a.providers = registry.New(dialect.New)
	if a.cfg.Providers == "" {
		if err := a.startMock(ctx); err != nil {
			return err
		}
	} else if _, err := a.readProviders(); err != nil {
		return err
	}
	a.onStop("providers", func(context.Context) error { return a.providers.Close() })
	return nil
}

// strangerPatience is how long the store may take to say where attempts are open: the
// warning is not worth a longer start.
const strangerPatience = 5 * time.Second

// warnOfStrangers tells of attempts that have not ended, at providers that are not
// configured: there is nobody to ask what became of them, and nobody to take their
// callbacks in, so that they would end as lost.
func (a *App) warnOfStrangers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, strangerPatience)
	defer cancel()
	open, err := a.store.OpenAttempts(ctx)
	if err != nil {
		a.log.Warn("whether calls are up at providers that are not configured any more is not known", "error", err)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(open)) {
		if a.providers.Lookup(name) == nil {
			a.log.Warn("calls may be up at a provider that is not configured: put it back until they are over, or they end as lost",
				"provider", name, "attempts", open[name])
		}
	}
	return nil
}

// readProviders takes the file over as it is now.
func (a *App) readProviders() (registry.Change, error) {
	f, err := provider.ReadFile(a.cfg.Providers, dialect.Check, a.providers.Check)
	if err != nil {
		return registry.Change{}, err
	}
	return a.providers.Replace(f)
}

// Reload reads the providers file again while the service runs.  After an error the
// providers are as they were.
func (a *App) Reload() error {
	if a.cfg.Providers == "" {
		return campaign.Invalid("--providers", "There is no providers file to read again; start the service with one.")
	}
	change, err := a.readProviders()
	switch {
	case err != nil:
		return err
	case change.Empty():
		a.log.Info("read the providers file again; nothing has changed", "file", a.cfg.Providers)
	default:
		a.log.Info("the providers have changed", "file", a.cfg.Providers, "added", change.Added, "removed", change.Removed, "changed", change.Changed)
	}
	if change.Moved {
		a.log.Info("providers call back elsewhere now", "callback_base_url", a.providers.CallbackBaseURL())
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
	a.mock = mock
	a.onStop("mock provider", func(ctx context.Context) error { return mock.Stop(ctx) })
	_, err = a.providers.Replace(&provider.File{CallbackBaseURL: strings.TrimRight(a.cfg.CallbackBaseURL, "/"), Providers: []provider.Spec{{
		Name: MockName, Dialect: "twilio", BaseURL: mock.URL(),
		Account: cfg.Account, Token: provider.NewSecret(cfg.Token), From: mockFrom,
		Limits: provider.Limits{Channels: cfg.Channels}, Route: route.Provider{Name: MockName},
	}}})
	return err
}
