package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/sourcegraph/conc"
)

// purgeEvery is how often it is looked for deleted campaigns of which something is left.
const purgeEvery = 10 * time.Minute

// startPurge removes what an interrupted delete left, at the start and now and then.
// Several nodes may do so at the same time.
func (a *App) startPurge(ctx context.Context) error {
	if !a.cfg.has(RoleActors) {
		return nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var purging conc.WaitGroup
	purging.Go(func() { purgeAgain(ctx, a.store.PurgeDeleted, a.log.With("part", "purge")) })
	a.onStop("purge", func(context.Context) error {
		cancel()
		purging.Wait()
		return nil
	})
	return nil
}

// purgeAgain purges until ctx ends.
func purgeAgain(ctx context.Context, purge func(context.Context) error, log *slog.Logger) {
	again := time.NewTicker(purgeEvery)
	defer again.Stop()
	for {
		if err := purge(ctx); err != nil && ctx.Err() == nil {
			log.Warn("could not remove what is left of deleted campaigns; it is tried again", "error", err, "in", purgeEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}
