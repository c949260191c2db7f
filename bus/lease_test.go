package bus_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"

	"github.com/stretchr/testify/require"
)

// watchLeases tells "name=holder" for every change from now on until the test ends.
func watchLeases(t *testing.T, b *bus.Bus, names ...string) <-chan string {
	t.Helper()
	changes := allLeases(t, b, names...)
	for within(t, changes, "the end of what is held") != "=" {
	}
	return changes
}

// allLeases tells what is held as well, and then "=".
func allLeases(t *testing.T, b *bus.Bus, names ...string) <-chan string {
	ctx, cancel := context.WithCancel(context.Background())
	changes := make(chan string, 1000)
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = b.WatchLeases(ctx, func(name, holder string) { changes <- name + "=" + holder }, names...)
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return changes
}

func TestLeaseHasOneHolder(t *testing.T) {
	b := bustest.Start(t)
	l, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	require.True(t, l.Valid(time.Now()))
	_, err = b.Acquire(t.Context(), "scheduler", "b")
	require.ErrorIs(t, err, bus.ErrHeld)
	require.NoError(t, l.Release(t.Context()))
	require.False(t, l.Valid(time.Now()))
	require.NoError(t, l.Release(t.Context()), "a second release")
	require.ErrorIs(t, l.Renew(t.Context()), bus.ErrLost)

	changes := watchLeases(t, b)
	second, err := b.Acquire(t.Context(), "scheduler", "b")
	require.NoError(t, err)
	require.Equal(t, "scheduler=b", within(t, changes, "the new holder"))
	require.NoError(t, second.Release(t.Context()))
	require.Equal(t, "scheduler=", within(t, changes, "the release"))
}

func TestLeaseOfTheDeadIsFreeAfterItsTime(t *testing.T) {
	t.Parallel()
	const ttl = 5 * time.Second // a fifth of it is how long a stall may last
	b := bustest.Start(t, bustest.WithLeaseTTL(ttl))
	changes := watchLeases(t, b)
	start := time.Now()
	l, err := b.Acquire(t.Context(), "partition.7", "dead")
	require.NoError(t, err)
	require.Equal(t, "partition.7=dead", within(t, changes, "the holder"))
	require.Equal(t, "partition.7=", within(t, changes, "the expiry"))
	require.GreaterOrEqual(t, time.Since(start), ttl)
	require.False(t, l.Valid(time.Now()), "the holder must have stopped before")
	require.ErrorIs(t, l.Renew(t.Context()), bus.ErrLost)
	_, err = b.Acquire(t.Context(), "partition.7", "heir")
	require.NoError(t, err)
}

func TestRenewedLeaseLivesAndStillExpires(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.WithLeaseTTL(4*time.Second))
	l, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	changes := allLeases(t, b)
	require.Equal(t, "scheduler=a", within(t, changes, "the holder"))
	require.Equal(t, "=", within(t, changes, "the end of what is held"))
	for range 9 {
		quiet(t, changes, 600*time.Millisecond, "change") // longer than it lives, all of them
		require.NoError(t, l.Renew(t.Context()))
		require.True(t, l.Valid(time.Now()))
	}
	require.Equal(t, "scheduler=", within(t, changes, "the expiry after the last renewal"))
}

func TestLeaseIsValidForLessThanItLives(t *testing.T) {
	b := bustest.Start(t, bustest.WithLeaseTTL(10*time.Second))
	before := time.Now()
	l, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	require.True(t, l.Valid(before.Add(7900*time.Millisecond)))
	require.False(t, l.Valid(time.Now().Add(8*time.Second)))
	require.WithinDuration(t, before.Add(8*time.Second), l.Until(), time.Second)
}

func TestRestartedHolderTakesItsLeaseOver(t *testing.T) {
	b := bustest.Start(t)
	old, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	l, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	require.NoError(t, l.Renew(t.Context()))
	require.ErrorIs(t, old.Renew(t.Context()), bus.ErrLost, "the former life has lost it")
	require.NoError(t, old.Release(t.Context()), "and its release does no harm")
	require.NoError(t, l.Renew(t.Context()))
}

func TestLeaseTakenAwayIsLost(t *testing.T) {
	b := bustest.Start(t)
	_, js := guest(t, b)
	l, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	kv, err := js.KeyValue(t.Context(), "LEASE")
	require.NoError(t, err)
	_, err = kv.PutString(t.Context(), "scheduler", `{"holder":"b","nonce":"x"}`)
	require.NoError(t, err)
	require.ErrorIs(t, l.Renew(t.Context()), bus.ErrLost)
	require.False(t, l.Valid(time.Now()))
}

// The answer to a renewal was lost, so the lease stands at a revision that the
// holder has not heard of.
func TestRenewalWhoseAnswerWasLostIsAdopted(t *testing.T) {
	b := bustest.Start(t)
	_, js := guest(t, b)
	l, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	kv, err := js.KeyValue(t.Context(), "LEASE")
	require.NoError(t, err)
	entry, err := kv.Get(t.Context(), "scheduler")
	require.NoError(t, err)
	_, err = kv.Put(t.Context(), "scheduler", entry.Value()) // as the lost renewal did
	require.NoError(t, err)
	require.NoError(t, l.Renew(t.Context()))
	require.True(t, l.Valid(time.Now()))
}

func TestRenewFailsWithoutLosingWhileTheServerIsDown(t *testing.T) {
	srv := bustest.StartServer(t)
	b := srv.Connect(t, bustest.WithLeaseTTL(5*time.Second))
	l, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	srv.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = l.Renew(ctx)
	require.Error(t, err)
	require.NotErrorIs(t, err, bus.ErrLost)
	require.True(t, l.Valid(time.Now()))
	srv.Restart()
	require.Eventually(t, func() bool { return l.Renew(t.Context()) == nil }, patience, 50*time.Millisecond)
}

func TestManyLeasesTakeOneRoundTripsTime(t *testing.T) {
	b := bustest.Start(t)
	var names []string
	for p := range bus.Partitions {
		names = append(names, bus.LeasePartition(p))
	}
	_, err := b.Acquire(t.Context(), bus.LeasePartition(5), "other")
	require.NoError(t, err)
	start := time.Now()
	leases, errs := b.AcquireMany(t.Context(), names, "a")
	t.Log("acquired in", time.Since(start))
	var mine []*bus.Lease
	for i := range names {
		if i == 5 {
			require.ErrorIs(t, errs[i], bus.ErrHeld)
			require.Nil(t, leases[i])
			continue
		}
		require.NoError(t, errs[i])
		mine = append(mine, leases[i])
	}
	best := time.Hour
	for range 3 { // a busy machine may hold up one
		start = time.Now()
		for _, err := range b.RenewMany(t.Context(), mine) {
			require.NoError(t, err)
		}
		best = min(best, time.Since(start))
	}
	t.Log("renewed in", best)
	require.Less(t, best, time.Second)
	for _, err := range b.ReleaseMany(t.Context(), mine) {
		require.NoError(t, err)
	}
	_, err = b.Acquire(t.Context(), names[0], "b")
	require.NoError(t, err)
}

func TestOfManyOneWinsALease(t *testing.T) {
	b := bustest.Start(t)
	const rivals = 8
	var wg sync.WaitGroup
	results := make(chan error, rivals)
	for i := range rivals {
		wg.Go(func() {
			_, err := b.Acquire(t.Context(), "scheduler", string(rune('a'+i)))
			results <- err
		})
	}
	wg.Wait()
	won := 0
	for range rivals {
		if err := <-results; err == nil {
			won++
		} else {
			require.ErrorIs(t, err, bus.ErrHeld)
		}
	}
	require.Equal(t, 1, won)
}

func TestLeaseNames(t *testing.T) {
	n, ok := bus.ParseLeasePartition(bus.LeasePartition(12))
	require.True(t, ok)
	require.Equal(t, 12, n)
	for _, name := range []string{"n1", "a.b", "Köln 1", "x=41", "*", ">", ""} {
		lease := bus.LeaseNode(name)
		require.Regexp(t, `^node\.[-_=0-9A-Za-z]*$`, lease)
		node, ok := bus.ParseLeaseNode(lease)
		require.True(t, ok)
		require.Equal(t, name, node)
	}
	for _, name := range []string{bus.LeaseScheduler, "partition.1", "node.=4", "node.=41", "node.a.b"} {
		_, ok := bus.ParseLeaseNode(name)
		require.False(t, ok, name)
	}
	for _, name := range []string{bus.LeaseScheduler, "partition.", "partition.64", "partition.-1", "partition.x"} {
		_, ok := bus.ParseLeasePartition(name)
		require.False(t, ok, name)
	}
}

// A watch of some leases hears of no others, and of what was missed when it begins anew.
func TestWatchOfSomeLeases(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	_, err := b.Acquire(t.Context(), "partition.1", "a")
	require.NoError(t, err)
	_, err = b.Acquire(t.Context(), bus.LeaseNode("a"), "a")
	require.NoError(t, err)
	changes := allLeases(t, b, bus.LeaseScheduler, bus.LeaseNodes)
	require.Equal(t, "node.a=a", within(t, changes, "the node"))
	require.Equal(t, "=", within(t, changes, "the end of what is held"))
	l, err := b.Acquire(t.Context(), bus.LeaseScheduler, "a")
	require.NoError(t, err)
	require.Equal(t, "scheduler=a", within(t, changes, "the scheduler"))
	require.NoError(t, l.Release(t.Context()))
	require.Equal(t, "scheduler=", within(t, changes, "the release"))
}
