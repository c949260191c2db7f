package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"dialtone/api"
	"dialtone/store"
)

// URL is where the API answers, "" without the role.
func (a *App) URL() string {
	if !a.cfg.has(RoleAPI) {
		return ""
	}
	return a.HealthURL()
}

// HealthURL is where the process tells how it is, "" if nowhere.
func (a *App) HealthURL() string {
	if a.listener == nil {
		return ""
	}
	return "http://" + a.listener.Addr().String()
}

// listen takes the port and answers on it before anything else begins: a port in use
// is found out at once, others can see what is waited for, and the mock provider must
// know where to call back.
func (a *App) listen(ctx context.Context) error {
	if a.cfg.HTTP == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.cfg.HTTP)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	a.listener = l
	if a.cfg.CallbackBaseURL == "" {
		a.cfg.CallbackBaseURL = a.URL()
	}
	a.front = api.NewFront(Version, a.waiting)
	a.server = api.NewServer(a.front)
	a.serving.Go(func() {
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serve HTTP: %w", err)
		}
	})
	a.onStop("HTTP", a.stopHTTP)
	return nil
}

// keysPatience is how long the database may take to list the keys.
const keysPatience = 5 * time.Second

// checkKeys refuses to let others call without a key.
func (a *App) checkKeys(ctx context.Context) error {
	if !a.cfg.has(RoleAPI) || loopback(a.cfg.HTTP) {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, keysPatience)
	defer cancel()
	keys, err := a.store.ListKeys(limited)
	switch {
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return store.AsTransient(fmt.Errorf("look for API keys: no answer within %v", keysPatience))
	case err != nil:
		return fmt.Errorf("look for API keys: %w", err)
	case len(keys) == 0:
		return errOpen(a.cfg.HTTP)
	}
	return nil
}

// startAPI opens the front.  Without the role, health and metrics are all there is.
func (a *App) startAPI(context.Context) (err error) {
	if a.front == nil {
		return nil
	}
	a.api, err = api.New(api.Config{
		Store: a.store, Bus: eventBus{a.bus}, Providers: a.providers, Bare: !a.cfg.has(RoleAPI),
		DefaultRegion: a.cfg.DefaultRegion, Loopback: loopback(a.cfg.HTTP), Ready: a.missing, Registry: a.registry,
		Version: Version, Logger: a.log.With("part", "api"),
	})
	if err != nil {
		return err
	}
	a.front.Open(a.api.Handler())
	a.onStop("API", a.endRequests)
	return nil
}

// takeRequests has the users' requests end before anything else does: the parts that
// would answer them stop one after the other.
func (a *App) takeRequests(context.Context) error {
	if a.api != nil {
		a.onStop("requests", func(context.Context) error { a.api.Close(); return nil })
	}
	return nil
}

// shutdownPatience is how long a client may take to be done with its answer; the
// time after it belongs to the journal and the bus.
const shutdownPatience = 2 * time.Second

// stopAPI comes after the callers and the actors have stopped, so that callbacks
// are taken in until then.
func (a *App) endRequests(ctx context.Context) error {
	a.api.Close()
	return a.stopHTTP(ctx)
}

// stopHTTP may be called twice.
func (a *App) stopHTTP(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownPatience)
	defer cancel()
	var err error
	if a.server.Shutdown(ctx) != nil { // somebody does not let go: that is no fault of ours
		err = a.server.Close()
	}
	a.serving.Wait()
	return err
}
