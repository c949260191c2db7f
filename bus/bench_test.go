package bus_test

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/internal/load"

	"github.com/stretchr/testify/require"
)

// later acknowledges as a group commit does: all of a few milliseconds at once,
// a while after they came.
type later struct {
	in   chan bus.Receipt
	done chan struct{}
}

func newLater(left *sync.WaitGroup) *later {
	l := &later{in: make(chan bus.Receipt, 1<<16), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		var old, young []bus.Receipt
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case r, ok := <-l.in:
				if !ok {
					return
				}
				young = append(young, r)
			case <-tick.C:
				for _, r := range old {
					_ = r.Ack()
					left.Done()
				}
				old, young = young, old[:0]
			}
		}
	}()
	return l
}

// paced calls f with batch items so often that they are perSecond, looking at the
// clock once a millisecond.
func paced(n, perSecond, batch int, f func(from, n int)) {
	start := time.Now()
	slice := max(perSecond/1000, 1)
	next := 0
	for i := 0; i < n; i += batch {
		if perSecond > 0 && i >= next {
			next += slice
			due := start.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
			if d := time.Until(due); d > 0 {
				time.Sleep(d)
			}
		}
		f(i, min(batch, n-i))
	}
}

func BenchmarkJobs(b *testing.B) {
	for _, rate := range []int{0, 10000} {
		for _, campaigns := range []int{1, 20, 200} {
			b.Run(fmt.Sprintf("rate=%d/campaigns=%d", rate, campaigns), func(b *testing.B) { benchJobs(b, rate, 4, campaigns) })
		}
	}
}

func benchJobs(b *testing.B, rate, batch, campaigns int) {
	bs := bustest.Start(b)
	var left sync.WaitGroup
	n := max(b.N, 1)
	left.Add(n)
	acks := newLater(&left)
	c, err := bs.ConsumeJobs(4096, func(d bus.JobDelivery) { acks.in <- d.Receipt })
	require.NoError(b, err)
	defer func() { close(acks.in); <-acks.done }()
	job := campaign.Job{
		Kind: campaign.JobPlace, Campaign: 7, Attempt: campaign.NewAttemptID(12345, 1), Number: 1, Provider: "mock-a",
		To: "+14155550123", From: "+14155550100", Variables: []byte(`{"name":"Ann Example","balance":"12.50"}`),
		NotAfter: time.Now().Add(time.Minute),
	}
	var failed atomic.Int64
	b.ResetTimer()
	before := load.CPU()
	paced(n, rate, batch, func(from, k int) {
		jobs := make([]campaign.Job, k)
		for i := range jobs {
			jobs[i] = job
			jobs[i].Campaign = campaign.ID(7 + (from/batch)%campaigns)
		}
		bs.PublishJobs(jobs, func(err error) {
			if err != nil {
				failed.Add(1)
			}
		})
	})
	left.Wait()
	b.ReportMetric(float64(load.CPU()-before)/float64(n)/1e3, "cpu-µs/msg")
	b.StopTimer()
	require.Zero(b, failed.Load())
	c.Stop()
}

func BenchmarkReports(b *testing.B) {
	for _, rate := range []int{0, 20000} {
		for _, campaigns := range []int{1, 20, 200} {
			b.Run(fmt.Sprintf("rate=%d/campaigns=%d", rate, campaigns), func(b *testing.B) { benchReports(b, rate, 1, campaigns) })
		}
	}
}

func benchReports(b *testing.B, rate, batch, campaigns int) {
	bs := bustest.Start(b)
	var left sync.WaitGroup
	n := max(b.N, 1)
	left.Add(n)
	acks := newLater(&left)
	for p := range bus.Partitions {
		c, err := bs.ConsumeReports(p, func(d bus.ReportDelivery) { acks.in <- d.Receipt })
		require.NoError(b, err)
		defer c.Stop()
	}
	r := campaign.Report{
		Kind: campaign.ReportEnded, Campaign: 7, Attempt: campaign.NewAttemptID(12345, 1), Provider: "mock-a",
		ProviderCallID: "CA0123456789abcdef0123456789abcdef", Disposition: campaign.DispositionCompleted, At: time.Now().UTC(), Duration: 20 * time.Second,
	}
	var failed atomic.Int64
	b.ResetTimer()
	before := load.CPU()
	paced(n, rate, batch, func(from, k int) {
		rs := make([]campaign.Report, k)
		for i := range rs {
			rs[i] = r
			rs[i].Campaign = campaign.ID(7 + (from/batch)%campaigns)
		}
		bs.PublishReports(rs, func(err error) {
			if err != nil {
				failed.Add(1)
			}
		})
	})
	left.Wait()
	b.ReportMetric(float64(load.CPU()-before)/float64(n)/1e3, "cpu-µs/msg")
	b.StopTimer()
	require.Zero(b, failed.Load())
	defer func() { close(acks.in); <-acks.done }()
}

func BenchmarkEvents(b *testing.B) {
	bs := bustest.Start(b)
	b.ResetTimer()
	before := load.CPU()
	paced(b.N, 20000, 4, func(from, n int) {
		es := make([]campaign.Event, n)
		for i := range es {
			es[i] = campaign.Event{Type: campaign.EventCallEnded, Campaign: campaign.ID(7 + from%20), Time: time.Now(), Data: campaign.EventCall{
				CampaignID: 7, CallID: 12345, Attempt: 1, Status: campaign.CallCompleted, Disposition: campaign.DispositionCompleted,
			}}
		}
		bs.PublishEvents(es)
	})
	b.ReportMetric(float64(load.CPU()-before)/float64(b.N)/1e3, "cpu-µs/msg")
	require.Zero(b, bs.Counters().EventsDropped)
}

// TestIdle tells what a node costs that does nothing.
func TestIdle(t *testing.T) {
	seconds, _ := strconv.Atoi(os.Getenv("BUS_IDLE_SECONDS"))
	if seconds == 0 {
		t.Skip("a measurement: set BUS_IDLE_SECONDS")
	}
	bs := bustest.Start(t)
	for p := range bus.Partitions {
		c, err := bs.ConsumeReports(p, func(bus.ReportDelivery) {})
		require.NoError(t, err)
		defer c.Stop()
	}
	c, err := bs.ConsumeJobs(256, func(bus.JobDelivery) {})
	require.NoError(t, err)
	defer c.Stop()
	time.Sleep(time.Second)
	before := load.CPU()
	time.Sleep(time.Duration(seconds) * time.Second)
	t.Logf("idle: %.2f %% of a core", 100*float64(load.CPU()-before)/float64(time.Duration(seconds)*time.Second))
}
