package bus_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

// feeder publishes jobs one by one, each until it was accepted, as an actor does.
type feeder struct {
	stop chan struct{}
	wg   sync.WaitGroup
	sent int
	errs int
}

func feed(b *bus.Bus) *feeder {
	f := &feeder{stop: make(chan struct{})}
	f.wg.Go(func() {
		for {
			select {
			case <-f.stop:
				return
			case <-time.After(time.Millisecond):
			}
			f.publish(b, job(7, f.sent+1))
		}
	})
	return f
}

func (f *feeder) publish(b *bus.Bus, j campaign.Job) {
	for {
		done := make(chan error, 1)
		b.PublishJobs([]campaign.Job{j}, func(err error) { done <- err })
		if err := <-done; err == nil {
			f.sent++
			return
		}
		f.errs++
		time.Sleep(20 * time.Millisecond)
	}
}

func (f *feeder) finish() { close(f.stop); f.wg.Wait() }

// collect acknowledges and remembers jobs until it has n different ones.
func collect(t *testing.T, got <-chan bus.JobDelivery, seen map[campaign.AttemptID]bool, n int) {
	t.Helper()
	for len(seen) < n {
		d := within(t, got, "another job")
		seen[d.Job.Attempt] = true
		_ = d.Ack() // lost with the connection at times; the job comes again
	}
}

func TestNothingLostAfterServerRestart(t *testing.T) {
	t.Parallel()
	srv := bustest.StartServer(t)
	b := srv.Connect(t, bustest.WithAckWait(time.Second))
	got, _ := consumeJobs(t, b, 1000)
	f := feed(b)
	seen := map[campaign.AttemptID]bool{}
	collect(t, got, seen, 50)
	for range 2 {
		srv.Kill()
		require.Eventually(t, func() bool { return b.Healthy() != nil }, patience, time.Millisecond)
		time.Sleep(50 * time.Millisecond)
		srv.Restart()
		collect(t, got, seen, len(seen)+50)
	}
	f.finish()
	collect(t, got, seen, f.sent)
	require.Positive(t, f.errs, "the restarts were not noticed")
	require.GreaterOrEqual(t, b.Counters().Reconnects, uint64(2))
	require.NoError(t, b.Healthy())
	requireEmpty(t, b, "DIAL")
}

// TruthInStore: after every stream is deleted, publishing and consuming go on by
// themselves.
func TestWipedStreamsAreMadeAgain(t *testing.T) {
	srv := bustest.StartServer(t)
	b := srv.Connect(t)
	got, _ := consumeJobs(t, b, 1000)
	reports, _ := consumeReports(t, b, bus.PartitionOf(7))
	leases := watchLeases(t, b)
	l, err := b.Acquire(t.Context(), "scheduler", "a")
	require.NoError(t, err)
	require.Equal(t, "scheduler=a", within(t, leases, "the lease"))
	publishJobs(t, b, job(7, 1))
	require.NoError(t, within(t, got, "the job").Ack())

	srv.Kill()
	srv.Wipe()
	srv.Restart()

	f := &feeder{}
	f.publish(b, job(7, 2))
	require.Equal(t, "scheduler=", within(t, leases, "the end of the lease"))
	require.ErrorIs(t, l.Renew(t.Context()), bus.ErrLost)
	require.False(t, l.Valid(time.Now()))
	d := within(t, got, "a job after the wipe")
	require.Equal(t, 2, int(d.Job.Attempt.Call()))
	require.NoError(t, d.Ack())
	publishReports(t, b, report(7, 1))
	require.NoError(t, within(t, reports, "a report after the wipe").Ack())
	_, err = b.Acquire(t.Context(), "scheduler", "b")
	require.NoError(t, err)
	require.Equal(t, "scheduler=b", within(t, leases, "the new lease"))
	require.Positive(t, b.Counters().Repairs)
	require.NoError(t, b.Healthy())
}

func TestDeletedConsumerIsMadeAgain(t *testing.T) {
	b := bustest.Start(t)
	_, js := guest(t, b)
	got, _ := consumeJobs(t, b, 10)
	require.NoError(t, js.DeleteConsumer(t.Context(), "DIAL", "callers"))
	publishJobs(t, b, job(7, 1))
	require.NoError(t, within(t, got, "the job").Ack())
	require.Positive(t, b.Counters().ConsumerRestarts)
	require.Positive(t, b.Counters().Repairs)
}

func TestDeletedStreamIsMadeAgain(t *testing.T) {
	b := bustest.Start(t)
	_, js := guest(t, b)
	got, _ := consumeReports(t, b, bus.PartitionOf(7))
	require.NoError(t, js.DeleteStream(t.Context(), "CALLBACK"))
	require.Eventually(t, func() bool {
		return b.PublishReport(t.Context(), report(7, 1)) == nil
	}, patience, 20*time.Millisecond)
	require.NoError(t, within(t, got, "the report").Ack())
}

// A stream that nobody consumes from is missed by who publishes.
func TestPublishingNoticesThatTheStreamIsGone(t *testing.T) {
	b := bustest.Start(t)
	_, js := guest(t, b)
	require.NoError(t, js.DeleteStream(t.Context(), "DIAL"))
	f := &feeder{}
	f.publish(b, job(7, 1))
	require.Positive(t, f.errs)
	got, _ := consumeJobs(t, b, 10)
	require.NoError(t, within(t, got, "the job").Ack())
}

func TestOpenMakesEverythingAfterTheFolderIsGone(t *testing.T) {
	dir := t.TempDir()
	open := func() *bus.Bus {
		b, err := bus.Open(t.Context(), bus.Config{StoreDir: dir, Listen: "127.0.0.1:0", Logger: bustest.Logger(t)})
		require.NoError(t, err)
		return b
	}
	b := open()
	publishJobs(t, b, job(7, 1))
	require.NoError(t, b.Close(t.Context()))

	b = open() // the job survived the restart
	got, c := consumeJobs(t, b, 10)
	require.Equal(t, 1, int(within(t, got, "the job").Job.Attempt.Call()))
	c.Stop()
	require.NoError(t, b.Close(t.Context()))
	require.NoError(t, os.RemoveAll(dir))

	b = open()
	defer func() { require.NoError(t, b.Close(context.Background())) }()
	got, c = consumeJobs(t, b, 10)
	defer c.Stop()
	publishJobs(t, b, job(7, 2))
	require.Equal(t, 2, int(within(t, got, "the second job").Job.Attempt.Call()))
}

func TestStopAndCloseWhileTheServerIsDown(t *testing.T) {
	srv := bustest.StartServer(t)
	b := srv.Connect(t)
	_, c := consumeJobs(t, b, 10)
	sub, err := bus.Subscribe(b, "x", func(int) {})
	require.NoError(t, err)
	svc, err := b.ServeCampaigns([]string{"start"}, all, func(*bus.Request) {})
	require.NoError(t, err)
	srv.Kill()
	require.Eventually(t, func() bool { return b.Healthy() != nil }, patience, time.Millisecond)
	start := time.Now()
	c.Stop()
	sub.Stop()
	_ = svc.Stop() // what it says depends on the moment
	require.NoError(t, b.Close(t.Context()))
	require.Less(t, time.Since(start), 5*time.Second)
}
