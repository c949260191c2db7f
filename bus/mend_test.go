package bus_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

// A full disk ends all writing to the streams; the bus says so.  Once there is room, the
// embedded server is brought back: what was accepted is delivered, and what is published
// from then on.
func TestNothingLostAfterAFullDisk(t *testing.T) {
	t.Parallel()
	dir := bustest.SmallDisk(t)
	b := bustest.Start(t, func(c *bus.Config) { c.StoreDir = dir }, bustest.WithPublishTimeout(time.Second))
	f := &feeder{}
	for range 20 {
		f.publish(b, job(7, f.sent+1))
	}
	release := bustest.Fill(t, dir)
	accepted := f.sent
	for i := accepted + 1; ; i++ { // some go where there was room already
		done := make(chan error, 1)
		b.PublishJobs([]campaign.Job{job(7, i)}, func(err error) { done <- err })
		if within(t, done, "an answer") != nil {
			break
		}
		accepted = i
		require.Less(t, i, 100_000, "the disk does not fill")
	}
	require.Eventually(t, func() bool { return b.Healthy() != nil }, patience, 10*time.Millisecond)
	t.Logf("%d jobs were accepted; then: %v", accepted, b.Healthy())

	release()
	require.Eventually(t, func() bool { return b.Healthy() == nil }, patience, 10*time.Millisecond, "it comes back by itself")
	f.sent = 200_000
	for range 50 {
		f.publish(b, job(7, f.sent+1))
	}
	got, _ := consumeJobs(t, b, 1000)
	collect(t, got, map[campaign.AttemptID]bool{}, accepted+50)
}

// What is left of a stream that is being deleted, or can't be read any more, is no reason to
// start JetStream anew, let alone again and again.
func TestWhatIsLeftOfAStreamIsNoFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := bustest.Start(t, func(c *bus.Config) { c.StoreDir = dir })
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "jetstream", "$G", "streams", "LEFT"), 0o700))
	require.DirExists(t, filepath.Join(dir, "jetstream", "$G", "streams", "DIAL"), "the streams are there")
	before := b.Counters().Repairs
	require.Never(t, func() bool { return b.Counters().Repairs != before }, 3*time.Second, 10*time.Millisecond, "JetStream was left alone")
	require.NoError(t, b.Healthy())
}
