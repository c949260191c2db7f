package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// It is purged at once, and again and again, whatever becomes of it; and not any more at
// the end.
func TestPurgeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var at []time.Duration
		purgeAgain(ctx, func(ctx context.Context) error {
			at = append(at, time.Since(began))
			if len(at) == 3 {
				cancel()
			}
			return errors.New("the database is away")
		}, slog.New(slog.DiscardHandler))
		require.Equal(t, []time.Duration{0, purgeEvery, 2 * purgeEvery}, at)
	})
}
