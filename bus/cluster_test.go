package bus_test

import (
	"context"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

// One of three servers dies; jobs, reports, commands and leases go on.
func TestNothingLostAfterOneOfThreeServersDied(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("elections take seconds")
	}
	c := bustest.StartCluster(t, 3)
	b := c.Connect(t, bustest.WithAckWait(2*time.Second))
	require.Equal(t, 15*time.Second, b.LeaseTTL())
	got, _ := consumeJobs(t, b, 1000)
	reports, _ := consumeReports(t, b, bus.PartitionOf(7))
	serve(t, b, all, func(r *bus.Request) { r.Reply(nil) })
	// It is renewed after the election for the first time, however long that takes.
	l, err := c.Connect(t, bustest.WithAckWait(2*time.Second), bustest.WithLeaseTTL(time.Minute)).Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	_, err = b.Acquire(t.Context(), "scheduler", "b")
	require.ErrorIs(t, err, bus.ErrHeld)
	f := feed(b)
	seen := map[campaign.AttemptID]bool{}
	collect(t, got, seen, 50)

	c.Kill(c.Leader("DIAL"))
	collect(t, got, seen, len(seen)+50)
	f.finish()
	collect(t, got, seen, f.sent)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // a try of a lease of 1 min is longer
		defer cancel()
		return l.Renew(ctx) == nil
	}, patience, 100*time.Millisecond)
	require.NoError(t, b.Command(t.Context(), 7, "start", nil, nil))
	require.Eventually(t, func() bool { return b.PublishReport(t.Context(), report(7, 1)) == nil }, patience, 100*time.Millisecond)
	require.NoError(t, within(t, reports, "the report").Ack())
	stale, err := b.Acquire(t.Context(), "partition.1", "a")
	require.NoError(t, err)
	_, err = b.Acquire(t.Context(), "partition.1", "a")
	require.NoError(t, err)
	require.ErrorIs(t, stale.Renew(t.Context()), bus.ErrLost, "10164 where streams are replicated")
}

// All three servers go and come again at once.  Consumers live in memory; what was
// handed out and not acknowledged comes again all the same.
func TestNothingLostAfterAllServersRestarted(t *testing.T) {
	if testing.Short() {
		t.Skip("elections take seconds")
	}
	c := bustest.StartCluster(t, 3)
	b := c.Connect(t, bustest.WithAckWait(2*time.Second))
	got, _ := consumeJobs(t, b, 1000)
	reports, _ := consumeReports(t, b, bus.PartitionOf(7))
	publishJobs(t, b, job(7, 1_000_001))
	held := within(t, got, "the job that is not acknowledged").Job
	publishReports(t, b, report(7, 1))
	within(t, reports, "the report that is not acknowledged")
	f := feed(b)
	seen := map[campaign.AttemptID]bool{}
	collect(t, got, seen, 50)
	for i := range c.Size() {
		c.Kill(i)
	}
	require.Eventually(t, func() bool { return b.Healthy() != nil }, patience, time.Millisecond)
	c.RestartAll()
	collect(t, got, seen, len(seen)+100)
	f.finish()
	collect(t, got, seen, f.sent+1)
	require.True(t, seen[held.Attempt], "the job that was not acknowledged")
	require.NoError(t, within(t, reports, "the report again").Ack())
	require.NoError(t, b.Healthy())
	require.Positive(t, f.errs, "the restart was not noticed")
}
