package postgres_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/store"
	"dialtone/store/postgres"
)

// TestNothingLostWhenConnectionsBreak: the server ends the journal's connections
// again and again, in whatever it is doing; every call is completed, and counted
// once.
func TestNothingLostWhenConnectionsBreak(t *testing.T) {
	url := address(t)
	s, err := postgres.Open(t.Context(), url+"&application_name=victim")
	require.NoError(t, err)
	defer s.Close()
	id, calls, fence := running(t, s, 1500)
	j := store.NewJournal(s, store.JournalConfig{RetryBase: time.Millisecond, RetryMax: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, j.Start(t.Context()))
	defer j.Stop(context.Background())

	killer, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer killer.Close(context.Background())
	var left atomic.Int64
	left.Store(int64(len(calls)))
	for _, w := range calls {
		dial(t, j, id, fence, campaign.NewAttemptID(w.ID, 1), &left)
	}
	for strikes := 0; strikes < 40 && left.Load() > 0; strikes++ {
		_, err := killer.Exec(t.Context(), `
select pg_terminate_backend(pid), pg_sleep(0.01) from pg_stat_activity where application_name = 'victim'`)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return left.Load() == 0 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, j.Stop(t.Context()))
	require.Positive(t, j.Stats().Retries, "no connection broke in a commit")
	c, err := campaignOf(t, s, id)
	require.NoError(t, err)
	require.Equal(t, campaign.Stats{Total: len(calls), Completed: len(calls), Attempts: len(calls)}, c.Stats)
}

// campaignOf reads while connections that were ended are still in the pool.
func campaignOf(t *testing.T, s store.Store, id campaign.ID) (c campaign.Campaign, err error) {
	for range 20 {
		if c, err = s.Campaign(t.Context(), id); !store.Transient(err) {
			return c, err
		}
	}
	return c, err
}

func running(t *testing.T, s store.Store, n int) (campaign.ID, []store.Waiting, store.Fence) {
	contacts := make([]campaign.Contact, n)
	for i := range contacts {
		contacts[i].Phone = "+1415" + campaign.AttemptID(1_000_000+i).String()
	}
	c, err := s.CreateCampaign(t.Context(), campaign.Settings{Name: "x"}.WithDefaults(), contacts, store.Once{})
	require.NoError(t, err)
	epochs, err := s.RaiseEpochs(t.Context(), "node", map[int]int64{1: 0})
	require.NoError(t, err)
	fence := store.Fence{Partition: 1, Epoch: epochs[1]}
	b := &store.Batch{}
	b.Add(&store.SetStatus{Fence: fence, Campaign: c.ID, From: campaign.Statuses, To: campaign.StatusInProgress})
	require.NoError(t, s.Apply(t.Context(), b))
	calls, err := s.Queued(t.Context(), c.ID, campaign.AnyZone, 0, n)
	require.NoError(t, err)
	require.Len(t, calls, n)
	return c.ID, calls, fence
}

// dial takes a call through its steps, each when the one before is committed.
func dial(t *testing.T, j *store.Journal, id campaign.ID, fence store.Fence, a campaign.AttemptID, left *atomic.Int64) {
	steps := []store.Op{
		&store.Claim{Fence: fence, Campaign: id, Attempt: a},
		&store.Placing{Campaign: id, Attempt: a, Number: 1, Provider: "mock", Placer: int64(a), At: time.Now()},
		&store.Finish{Fence: fence, Campaign: id, Attempt: a, Disposition: campaign.DispositionCompleted, EndedAt: time.Now(), Next: campaign.CallCompleted},
	}
	var next func()
	next = func() {
		if len(steps) == 0 {
			left.Add(-1)
			return
		}
		op := steps[0]
		steps = steps[1:]
		j.Submit([]store.Op{op}, func(_ map[campaign.ID]campaign.Stats, err error) {
			if err != nil || store.OutcomeOf(op).Err != nil {
				t.Errorf("%T: %v, %v", op, err, store.OutcomeOf(op).Err)
				return
			}
			next()
		})
	}
	next()
}

// TestOwnerThatStandsStill: a node that froze inside a transaction does not keep
// its partitions from the next owner.
func TestOwnerThatStandsStill(t *testing.T) {
	s := open(t)
	defer s.Close()
	_, err := s.RaiseEpochs(t.Context(), "first", map[int]int64{1: 0})
	require.NoError(t, err)
	frozen, err := pgx.Connect(t.Context(), address(t))
	require.NoError(t, err)
	defer frozen.Close(context.Background())
	_, err = frozen.Exec(t.Context(), `
set idle_in_transaction_session_timeout = '3s'; begin; select from partitions for share`)
	require.NoError(t, err)
	began := time.Now()
	epochs, err := s.RaiseEpochs(t.Context(), "second", map[int]int64{1: 1})
	require.NoError(t, err)
	require.Equal(t, map[int]int64{1: 2}, epochs)
	require.Greater(t, time.Since(began), 200*time.Millisecond, "it had to wait")
}

// TestZonesOfABrokenCommit: a number that zones got in a transaction whose commit
// failed is not remembered.
func TestZonesOfABrokenCommit(t *testing.T) {
	s := open(t)
	defer s.Close()
	id, _, _ := running(t, s, 1)
	breaker, err := pgx.Connect(t.Context(), address(t))
	require.NoError(t, err)
	defer breaker.Close(context.Background())
	_, err = breaker.Exec(t.Context(), `
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'disk full' using errcode = '53100'; end $$;
create constraint trigger broken after insert on zones deferrable initially deferred for each row execute function refuse()`)
	require.NoError(t, err)
	to := []campaign.Contact{{Phone: "+14155550100", Zones: "Europe/Berlin"}}
	_, err = s.AddContacts(t.Context(), id, to)
	require.ErrorContains(t, err, "disk full")
	require.True(t, store.Transient(err))

	_, err = breaker.Exec(t.Context(), `drop trigger broken on zones`)
	require.NoError(t, err)
	_, err = s.AddContacts(t.Context(), id, to)
	require.NoError(t, err)
	zones, err := s.Zones(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, zones, 2)
	require.Equal(t, campaign.Zones("Europe/Berlin"), zones[1].Zones)
}
