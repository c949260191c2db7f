package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/bus/bustest"
)

// The disk of a node with the embedded store and the embedded NATS fills up in
// mid-campaign.  It says so, nobody is dialled twice, and once there is room again the
// campaign goes on by itself.
func TestDrillNothingLostOverAFullDisk(t *testing.T) {
	t.Parallel()
	dir := bustest.SmallDisk(t)
	s := newSiteIn(t, dir, "", "--duration", "200ms-1500ms", "--outcomes", someFail, "--seed", "3")
	numbers := berlin(0, 600)
	id := s.load(settings{"max_concurrent_calls": 40, "retry": settings{"max_attempts": 3, "delay": "1s"}}, numbers)
	s.command(id, "start")
	s.until(id, time.Minute, func(c campaignJSON) bool { return c.Stats.Completed >= 100 })
	release := bustest.Fill(t, dir)
	full := time.Now()
	require.Eventually(t, func() bool { return !s.ready() }, 20*time.Second, 50*time.Millisecond, "it says that it is not well")
	t.Logf("not ready %.1f s after the disk was full: %s", time.Since(full).Seconds(), s.whyNotReady())
	pause(t, 5*time.Second)
	stalled := len(s.ledger())
	pause(t, 3*time.Second)
	assert.Equal(t, stalled, len(s.ledger()), "what can't be written down is not dialled")
	f, err := os.Create(filepath.Join(dir, "probe"))
	if err == nil {
		_, err = f.Write(make([]byte, 1<<16))
		f.Close()
		assert.NoError(t, os.Remove(f.Name()))
	}
	assert.True(t, bustest.Full(err), "the disk is full: %v", err)

	release()
	freed := time.Now()
	require.Eventually(t, func() bool { return len(s.ledger()) > stalled+20 }, 40*time.Second, 50*time.Millisecond, "it goes on by itself")
	t.Logf("dialling again %.1f s after there was room", time.Since(freed).Seconds())
	require.Eventually(t, s.ready, 20*time.Second, 50*time.Millisecond)
	c := s.until(id, 2*time.Minute, ended)
	l := s.ledger()
	assertAgree(t, c, l)
	assertEveryNumber(t, l, numbers, 3)
	assertNeverTwice(t, l)
	assertRecords(t, s.calls(id), l)
	assert.LessOrEqual(t, l.Peak(), 40, "WithinLimit")
}

func (s *site) ready() bool {
	status, _ := s.ask(http.MethodGet, "/readyz", "", nil)
	return status == http.StatusOK
}

func (s *site) whyNotReady() string {
	_, body := s.ask(http.MethodGet, "/readyz", "", nil)
	return string(body)
}
