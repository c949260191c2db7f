package bus_test

import (
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/campaign"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test; nothing should take nearly as long.
const patience = 20 * time.Second

// within returns what comes through a channel in time.
func within[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		require.FailNow(t, "waited in vain for "+what)
	}
	return v
}

// quiet asserts that nothing comes for a while.
func quiet[T any](t testing.TB, c <-chan T, d time.Duration, what string) {
	t.Helper()
	select {
	case v := <-c:
		require.FailNow(t, "unexpected "+what, "%+v", v)
	case <-time.After(d):
	}
}

// guest is a connection of somebody else: a person with the nats command line.
func guest(t testing.TB, b *bus.Bus) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect(b.ClientURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return nc, js
}

func job(id campaign.ID, n int) campaign.Job {
	return campaign.Job{
		Kind: campaign.JobPlace, Campaign: id, Attempt: campaign.NewAttemptID(campaign.CallID(n), 1), Number: 1,
		Provider: "mock", To: "+14155550123", NotAfter: time.Now().Add(time.Minute).UTC(),
	}
}

func report(id campaign.ID, n int) campaign.Report {
	return campaign.Report{
		Kind: campaign.ReportPlaced, Campaign: id, Attempt: campaign.NewAttemptID(campaign.CallID(n), 1),
		Provider: "mock", ProviderCallID: "CA1", At: time.Now().UTC(),
	}
}

func publishJobs(t testing.TB, b *bus.Bus, jobs ...campaign.Job) {
	t.Helper()
	done := make(chan error, 2)
	b.PublishJobs(jobs, func(err error) { done <- err })
	require.NoError(t, within(t, done, "the publishing of jobs"))
}

func publishReports(t testing.TB, b *bus.Bus, rs ...campaign.Report) {
	t.Helper()
	done := make(chan error, 2)
	b.PublishReports(rs, func(err error) { done <- err })
	require.NoError(t, within(t, done, "the publishing of reports"))
}

func consumeJobs(t testing.TB, b *bus.Bus, most int) (<-chan bus.JobDelivery, bus.Consumption) {
	t.Helper()
	got := make(chan bus.JobDelivery, 100_000)
	c, err := b.ConsumeJobs(most, func(d bus.JobDelivery) { got <- d })
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	return got, c
}

func consumeReports(t testing.TB, b *bus.Bus, partition int) (<-chan bus.ReportDelivery, bus.Consumption) {
	t.Helper()
	got := make(chan bus.ReportDelivery, 100_000)
	c, err := b.ConsumeReports(partition, func(d bus.ReportDelivery) { got <- d })
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	return got, c
}
