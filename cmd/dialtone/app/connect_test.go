package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/api"
	"dialtone/store"
)

// While something is waited for, the log says so at once, again when the reason is
// another one, and every ten seconds: neither a flood nor silence.
func TestAwaitTellsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(strings.Builder)
		a := &App{cfg: Config{Wait: true}, log: slog.New(slog.NewTextHandler(log, nil))}
		began, tries := time.Now(), 0
		var pauses []time.Duration
		last := began
		err := a.await(t.Context(), partStore, func(context.Context) error {
			tries++
			pauses, last = append(pauses, time.Since(last)), time.Now()
			switch since := time.Since(began); {
			case since < 25*time.Second:
				require.LessOrEqual(t, len(a.waiting()), 1)
				return store.AsTransient(errors.New("connection refused"))
			case since < 40*time.Second:
				require.Equal(t, []api.Missing{{Part: partStore, Reason: a.waiting()[0].Reason}}, a.waiting())
				return store.AsTransient(errors.New("starting up"))
			}
			return nil
		})
		require.NoError(t, err)
		require.Empty(t, a.waiting())
		require.Equal(t, 3, strings.Count(log.String(), "connection refused"), log)
		require.Equal(t, 2, strings.Count(log.String(), "starting up"), log)
		require.Equal(t, 1, strings.Count(log.String(), "is there"), log)
		require.Less(t, pauses[1], 200*time.Millisecond, "a server that is nearly there is not kept waiting")
		for _, p := range pauses {
			require.LessOrEqual(t, p, mostPause*6/5)
		}
		require.Greater(t, tries, 15)
	})
}

// What waiting does not change fails at once, as does everything for a command that
// does not wait.
func TestAwaitOnlyWhatMayCome(t *testing.T) {
	refused, away := errors.New("wrong password"), store.AsTransient(errors.New("away"))
	for _, c := range []struct {
		wait bool
		err  error
	}{{true, refused}, {false, refused}, {false, away}} {
		a := &App{cfg: Config{Wait: c.wait}, log: slog.New(slog.DiscardHandler)}
		tries := 0
		err := a.await(t.Context(), partStore, func(context.Context) error { tries++; return c.err })
		require.ErrorIs(t, err, c.err)
		require.Equal(t, 1, tries)
	}
}

// lateKeys is a database that is asked for the keys when it has just gone away.
type lateKeys struct {
	store.Store
	answers []func(context.Context) ([]store.Key, error)
}

func (l *lateKeys) ListKeys(ctx context.Context) ([]store.Key, error) {
	next := l.answers[0]
	l.answers = l.answers[1:]
	return next(ctx)
}

// The database may go away again while NATS is waited for: the keys are waited for too,
// and a database that says nothing is no answer.
func TestAwaitTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(strings.Builder)
		a := &App{cfg: Config{Wait: true, HTTP: "192.0.2.1:8080", Roles: []Role{RoleAPI}}, log: slog.New(slog.NewTextHandler(log, nil))}
		db := &lateKeys{answers: []func(context.Context) ([]store.Key, error){
			func(context.Context) ([]store.Key, error) { return nil, store.AsTransient(errors.New("starting up")) },
			func(ctx context.Context) ([]store.Key, error) { <-ctx.Done(); return nil, ctx.Err() },
			func(context.Context) ([]store.Key, error) { return make([]store.Key, 1), nil },
		}}
		a.store = db
		require.NoError(t, a.await(t.Context(), partStore, a.checkKeys))
		require.Empty(t, db.answers)
		require.Contains(t, log.String(), "no answer within 5s")

		db.answers = []func(context.Context) ([]store.Key, error){func(context.Context) ([]store.Key, error) { return nil, nil }}
		require.ErrorContains(t, a.await(t.Context(), partStore, a.checkKeys), "key create", "this does not pass by itself")
	})
}
