package bus_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

func TestJobTravels(t *testing.T) {
	b := bustest.Start(t)
	got, _ := consumeJobs(t, b, 10)
	want := job(7, 1)
	want.From, want.Variables = "+14155550100", []byte(`{"name":"Ann \"A\""}`)
	publishJobs(t, b, want)
	d := within(t, got, "the job")
	require.Equal(t, want, d.Job)
	require.Equal(t, 1, d.Deliveries)
	require.NoError(t, d.Ack())
	require.NoError(t, d.Ack(), "a second Ack is harmless")
	requireEmpty(t, b, "DIAL")
	require.EqualValues(t, 1, b.Counters().JobsPublished)
	require.EqualValues(t, 1, b.Counters().JobsDelivered)
}

// requireEmpty waits until a stream has nothing left.
func requireEmpty(t testing.TB, b *bus.Bus, stream string) {
	t.Helper()
	_, js := guest(t, b)
	require.Eventually(t, func() bool {
		s, err := js.Stream(t.Context(), stream)
		return err == nil && s.CachedInfo().State.Msgs == 0
	}, patience, 10*time.Millisecond, "stream %s is not empty", stream)
}

func TestReportsGoToTheirPartition(t *testing.T) {
	b := bustest.Start(t)
	var chans [bus.Partitions]<-chan bus.ReportDelivery
	for p := range chans {
		chans[p], _ = consumeReports(t, b, p)
	}
	var rs []campaign.Report
	for i := range 300 {
		rs = append(rs, report(campaign.ID(i+1), i+1))
	}
	publishReports(t, b, rs...)
	require.NoError(t, b.PublishReport(t.Context(), report(301, 301)))
	for i := range 301 {
		p := bus.PartitionOf(campaign.ID(i + 1))
		d := within(t, chans[p], "a report")
		require.Equal(t, p, bus.PartitionOf(d.Report.Campaign))
		require.NoError(t, d.Ack())
	}
	requireEmpty(t, b, "CALLBACK")
}

func TestReportsOfACampaignKeepTheirOrder(t *testing.T) {
	b := bustest.Start(t)
	got, _ := consumeReports(t, b, bus.PartitionOf(7))
	var rs []campaign.Report
	for i := range 1000 {
		rs = append(rs, report(7, i+1))
	}
	publishReports(t, b, rs...)
	for i := range rs {
		d := within(t, got, "a report")
		require.Equal(t, rs[i].Attempt, d.Report.Attempt)
		require.NoError(t, d.Ack())
	}
	requireEmpty(t, b, "CALLBACK")
}

func TestUnacknowledgedComesAgain(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.WithAckWait(4*time.Second))
	got, _ := consumeJobs(t, b, 10)
	publishJobs(t, b, job(7, 1))
	require.Equal(t, 1, within(t, got, "the job").Deliveries)
	d := within(t, got, "the job's second delivery")
	require.Equal(t, 2, d.Deliveries)
	require.NoError(t, d.Ack())
	quiet(t, got, 6*time.Second, "third delivery")
	require.EqualValues(t, 1, b.Counters().Redelivered)
}

func TestInProgressProlongs(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.WithAckWait(4*time.Second))
	got, _ := consumeJobs(t, b, 10)
	publishJobs(t, b, job(7, 1))
	d := within(t, got, "the job")
	for range 6 {
		quiet(t, got, time.Second, "second delivery")
		require.NoError(t, d.InProgress())
	}
	require.NoError(t, d.Ack())
	quiet(t, got, 6*time.Second, "second delivery")
}

func TestNakComesAgainAfterItsDelay(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	got, _ := consumeJobs(t, b, 10)
	publishJobs(t, b, job(7, 1))
	d := within(t, got, "the job")
	start := time.Now()
	require.NoError(t, d.Nak(300*time.Millisecond))
	require.NoError(t, d.Ack(), "what follows the first is ignored")
	d = within(t, got, "the job again")
	require.GreaterOrEqual(t, time.Since(start), 250*time.Millisecond)
	require.NoError(t, d.Nak(0))
	require.NoError(t, within(t, got, "the job again").Ack())
	requireEmpty(t, b, "DIAL")
}

// A message that carries several reports stays until all of them are settled.
func TestReportsInOneMessageShareTheirAck(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t, bustest.WithAckWait(4*time.Second))
	got, _ := consumeReports(t, b, bus.PartitionOf(7))
	publishReports(t, b, report(7, 1), report(7, 2), report(7, 3))
	for i := range 3 {
		if d := within(t, got, "a report"); i < 2 {
			require.NoError(t, d.Ack())
			require.NoError(t, d.Ack()) // counts once
		}
	}
	for range 3 {
		d := within(t, got, "a report's second delivery")
		require.Equal(t, 2, d.Deliveries)
		require.NoError(t, d.Ack())
	}
	requireEmpty(t, b, "CALLBACK")
}

func TestNakOfOneReportBringsItsMessageAgain(t *testing.T) {
	b := bustest.Start(t)
	got, _ := consumeReports(t, b, bus.PartitionOf(7))
	publishReports(t, b, report(7, 1), report(7, 2))
	require.NoError(t, within(t, got, "a report").Nak(0))
	require.NoError(t, within(t, got, "a report").Ack())
	for range 2 {
		require.NoError(t, within(t, got, "a report again").Ack())
	}
	requireEmpty(t, b, "CALLBACK")
}

func TestMaxInFlightBoundsWhatIsHandedOut(t *testing.T) {
	b := bustest.Start(t)
	got, _ := consumeJobs(t, b, 20)
	var jobs []campaign.Job
	for i := range 200 {
		jobs = append(jobs, job(7, i+1))
	}
	publishJobs(t, b, jobs...)
	out := []bus.JobDelivery{}
	for range 20 {
		out = append(out, within(t, got, "a job"))
	}
	time.Sleep(300 * time.Millisecond)
	require.Less(t, len(got), 16, "beyond the bound there is only the rest of a message")
	for done := 0; done < 200; done++ {
		require.NoError(t, out[0].Ack())
		if out = out[1:]; len(out) == 0 && done < 199 {
			out = append(out, within(t, got, "a job"))
		}
	}
	requireEmpty(t, b, "DIAL")
}

func TestStopGivesBackWhatWasFetched(t *testing.T) {
	b := bustest.Start(t) // the ack wait is far longer than this test
	var jobs []campaign.Job
	for i := range 400 {
		jobs = append(jobs, job(campaign.ID(i%50+1), i+1))
	}
	publishJobs(t, b, jobs...)
	var held atomic.Int64
	first, err := b.ConsumeJobs(50, func(d bus.JobDelivery) { held.Add(1); _ = d.Ack() })
	require.NoError(t, err)
	stuck := make(chan bus.JobDelivery, 1000)
	first.Stop()
	n := held.Load()
	second, err := b.ConsumeJobs(1000, func(d bus.JobDelivery) { stuck <- d })
	require.NoError(t, err)
	defer second.Stop()
	for range 400 - n {
		require.NoError(t, within(t, stuck, "a job that the first had fetched").Ack())
	}
	require.Equal(t, n, held.Load(), "no delivery after Stop")
	first.Stop() // twice is fine
	requireEmpty(t, b, "DIAL")
}

func TestStopWaitsForHandle(t *testing.T) {
	b := bustest.Start(t)
	entered, leave := make(chan bool), make(chan bool)
	var left atomic.Bool
	c, err := b.ConsumeJobs(10, func(d bus.JobDelivery) {
		close(entered)
		<-leave
		left.Store(true)
		_ = d.Ack()
	})
	require.NoError(t, err)
	publishJobs(t, b, job(7, 1))
	within(t, entered, "handle")
	time.AfterFunc(100*time.Millisecond, func() { close(leave) })
	c.Stop()
	require.True(t, left.Load())
}

func TestUndecodableIsTerminated(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t) // the ack wait is longer than requireEmpty's patience
	_, js := guest(t, b)
	for _, body := range []string{"", "{", "[]", `{"campaign":7}`, `{"kind":"place","campaign":"cmp_7","attempt":"0"}`} {
		_, err := js.Publish(t.Context(), "dial.mock.cmp_7", []byte(body))
		require.NoError(t, err)
	}
	got, _ := consumeJobs(t, b, 10)
	requireEmpty(t, b, "DIAL")
	quiet(t, got, 10*time.Millisecond, "job")
	require.EqualValues(t, 5, b.Counters().Undecodable)
}

// People write by hand, with spaces and fields in any order.
func TestHandWrittenReportIsUnderstood(t *testing.T) {
	b := bustest.Start(t)
	nc, _ := guest(t, b)
	got, _ := consumeReports(t, b, bus.PartitionOf(7))
	body := ` { "at": "2026-01-02T03:04:05Z", "attempt": "99", "campaign": "cmp_7", "kind": "ended", "note": "by hand" } `
	require.NoError(t, nc.Publish("callback.cmp_7", []byte(body)))
	d := within(t, got, "the report")
	require.Equal(t, campaign.Report{
		Kind: campaign.ReportEnded, Campaign: 7, Attempt: 99, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}, d.Report)
	require.NoError(t, d.Ack())
}

func TestDoneIsCalledOncePerPublish(t *testing.T) {
	b := bustest.Start(t)
	const calls, each = 100, 70 // more than the window
	var done, failed atomic.Int64
	all := make(chan bool)
	for i := range calls {
		jobs := make([]campaign.Job, each)
		for k := range jobs {
			jobs[k] = job(campaign.ID(i*each+k+1), k+1)
		}
		b.PublishJobs(jobs, func(err error) {
			if err != nil {
				failed.Add(1)
			}
			if done.Add(1) == calls {
				close(all)
			}
		})
	}
	within(t, all, "all publishing")
	require.Zero(t, failed.Load())
	require.EqualValues(t, calls*each, b.Counters().JobsPublished)
	nothing := make(chan error, 1)
	b.PublishJobs(nil, func(err error) { nothing <- err })
	require.NoError(t, within(t, nothing, "the publishing of nothing"))
	require.EqualValues(t, calls, done.Load())
}

func TestBadVariablesFailTheirJobOnly(t *testing.T) {
	b := bustest.Start(t)
	got, _ := consumeJobs(t, b, 10)
	bad := job(7, 1)
	bad.Variables = []byte(`{"name":`)
	done := make(chan error, 1)
	b.PublishJobs([]campaign.Job{bad, job(7, 2)}, func(err error) { done <- err })
	require.Equal(t, campaign.CodeInternal, campaign.CodeOf(within(t, done, "the publishing")))
	require.Equal(t, 2, int(within(t, got, "the good job").Job.Attempt.Call()))
}

func TestPublishAfterCloseFails(t *testing.T) {
	b := bustest.Start(t)
	require.NoError(t, b.Close(t.Context()))
	err := b.PublishReport(context.Background(), report(7, 1))
	require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
}

// A consumer's process dies with deliveries in its hands: another one gets them.
func TestNothingLostAfterConsumerKilled(t *testing.T) {
	t.Parallel()
	srv := bustest.StartServer(t)
	dying := srv.Connect(t, bustest.WithAckWait(4*time.Second), bustest.WithName("dying"))
	publishJobs(t, dying, job(7, 1), job(8, 2), job(9, 3))
	got, _ := consumeJobs(t, dying, 10)
	for range 3 {
		within(t, got, "a job")
	}
	require.NoError(t, dying.Close(t.Context()))

	other := srv.Connect(t, bustest.WithAckWait(4*time.Second), bustest.WithName("other"))
	again, _ := consumeJobs(t, other, 10)
	seen := map[campaign.ID]bool{}
	for range 3 {
		d := within(t, again, "a job of the dead")
		require.GreaterOrEqual(t, d.Deliveries, 2) // who is slow to close is handed it once more
		seen[d.Job.Campaign] = true
		require.NoError(t, d.Ack())
	}
	require.Len(t, seen, 3)
	requireEmpty(t, other, "DIAL")
}
