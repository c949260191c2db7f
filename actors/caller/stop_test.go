package caller_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/caller"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/store"
)

var errForgot = errors.New("the database is away")

// forgetful is a store that can't be read.
type forgetful struct{}

func (forgetful) AttemptsTo(context.Context, string, time.Time) ([]campaign.Attempt, error) {
	return nil, errForgot
}

func TestStopBeforeStart(t *testing.T) {
	c := caller.New(caller.Config{Bus: bustest.Start(t), Logger: bustest.Logger(t)})
	c.Stop(t.Context())
	c.Stop(t.Context())
}

// TestStopLetsRequestsEnd: what is under way is finished and reported; what is not
// begun is not dialled any more.
func TestStopLetsRequestsEnd(t *testing.T) {
	st := newStage(t, func(c *caller.Config) { c.Workers = 2 })
	st.phone.stall()
	jobs := st.claimed(30)
	st.publish(jobs...)
	for range 2 {
		within(t, st.phone.begun, "a request")
	}
	eventually(t, "all hands are full", func() bool { return st.placings(jobs) == 4 })
	stopped := make(chan struct{})
	go func() { defer close(stopped); st.caller.Stop(context.Background()) }()
	select {
	case <-stopped:
		require.Fail(t, "requests are under way")
	case <-time.After(50 * time.Millisecond):
	}
	st.phone.release()
	within(t, stopped, "the end")
	kinds := map[string]int{}
	for _, r := range st.reports(4) {
		kinds[string(r.Kind)+r.Reason]++
	}
	require.Equal(t, map[string]int{"placed": 2, "given_back" + campaign.GivenBackUnsent: 2}, kinds)
	require.Len(t, st.phone.dials(), 2)
	st.quiet(50 * time.Millisecond)
	st.caller.Stop(context.Background())

	again := newSecond(t, st)
	eventually(t, "the others are dialled by the next caller", func() bool { return again.Stats().Placed == 26 })
	require.Len(t, st.phone.dials(), 28)
	for to, n := range st.phone.dials() {
		require.Equal(t, 1, n, to)
	}
}

// newSecond is another caller on the same stage.
func newSecond(t *testing.T, st *stage) *caller.Caller {
	c := caller.New(st.cfg)
	require.NoError(t, c.Start(t.Context()))
	t.Cleanup(func() { c.Stop(context.Background()) })
	return c
}

// TestStopAborts: when time is up, requests are broken off, and reported as what
// they are.  More jobs wait than there are hands.
func TestStopAborts(t *testing.T) {
	st := newStage(t, func(c *caller.Config) { c.Workers = 2 })
	st.phone.stall()
	jobs := st.claimed(30)
	st.publish(jobs...)
	for range 2 {
		within(t, st.phone.begun, "a request")
	}
	eventually(t, "all hands are full", func() bool { return st.placings(jobs) == 4 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	st.caller.Stop(ctx)
	require.Less(t, time.Since(began), 4*time.Second, "it does not wait for the request's own limit")
	require.Error(t, ctx.Err())
	kinds := map[campaign.ReportKind]int{}
	for _, r := range st.reports(4) {
		kinds[r.Kind]++
	}
	require.Equal(t, map[campaign.ReportKind]int{campaign.ReportAmbiguous: 2, campaign.ReportGivenBack: 2}, kinds)
	require.Len(t, st.phone.dials(), 2)
}

// TestStopWithTheJournal: what the journal refuses at its own end is given back.
func TestStopWithTheJournal(t *testing.T) {
	st := newStage(t)
	st.gate.fail(store.ErrStopped)
	st.publish(st.claimed(3)...)
	eventually(t, "they were refused", func() bool { _, failed := st.gate.counts(); return failed >= 3 })
	st.caller.Stop(t.Context())
	require.Empty(t, st.phone.dials())
}

// TestReportsOutliveAnOutage: JetStream is away for a moment; the reports get
// there, and nobody is dialled for them twice.
func TestReportsOutliveAnOutage(t *testing.T) {
	server := bustest.StartServer(t)
	// Twelve seconds of tries, for the server to be back before they are given up.
	st := newStageOn(t, server.Connect(t), func(c *caller.Config) { c.ReportPause = 3 * time.Second })
	st.phone.stall()
	jobs := st.claimed(4)
	st.publish(jobs...)
	for range 4 {
		within(t, st.phone.begun, "a request")
	}
	server.Kill()
	st.phone.release()
	eventually(t, "publishing failed", func() bool { return st.bus.Counters().PublishFailures > 0 })
	server.Restart()
	for placed := 0; placed < 4; { // their jobs may come again before, and are found taken
		if within(t, st.heard, "a report").Kind == campaign.ReportPlaced {
			placed++
		}
	}
	require.Len(t, st.phone.dials(), 4)
	require.Equal(t, int64(4), st.caller.Stats().Placed)
}

// TestReportsOutliveTheirPatience: JetStream is away for longer than a report is
// held on to.  Its job is given back and found taken; more of them than a caller
// holds at a time, so that none may keep its place.
func TestReportsOutliveTheirPatience(t *testing.T) {
	server := bustest.StartServer(t)
	st := newStageOn(t, server.Connect(t, bustest.WithAckWait(time.Second)), func(c *caller.Config) { c.Workers = 2 })
	st.phone.stall()
	jobs := st.claimed(4)
	st.publish(jobs...)
	for range 2 {
		within(t, st.phone.begun, "a request")
	}
	eventually(t, "all hands are full", func() bool { return st.placings(jobs) == 4 })
	server.Kill()
	st.phone.release()
	eventually(t, "the reports were given up", func() bool { return st.bus.Counters().PublishFailures >= 4*5 })
	server.Restart()
	// A report that was given up may have been on the wire, and get there after all.
	for taken := map[campaign.AttemptID]bool{}; len(taken) < 4; {
		r := within(t, st.heard, "a report")
		require.Contains(t, []campaign.ReportKind{campaign.ReportTaken, campaign.ReportPlaced}, r.Kind)
		if r.Kind == campaign.ReportTaken {
			taken[r.Attempt] = true
		}
	}
	more := st.claimed(8)
	st.publish(more...)
	for _, j := range more {
		eventually(t, "the caller goes on", func() bool { return st.phone.dials()[j.To] == 1 })
	}
	require.Len(t, st.phone.dials(), 12, "nobody was dialled twice")
}

// TestStopWithoutJetStream: what can't be reported is not waited for beyond ctx.
func TestStopWithoutJetStream(t *testing.T) {
	server := bustest.StartServer(t)
	st := newStageOn(t, server.Connect(t))
	st.phone.stall()
	st.publish(st.claimed(2)...)
	within(t, st.phone.begun, "a request")
	within(t, st.phone.begun, "a request")
	server.Kill()
	st.phone.release()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	st.caller.Stop(ctx)
	require.Error(t, ctx.Err())
	failures := st.bus.Counters().PublishFailures
	require.NotZero(t, failures)
	require.Less(t, failures, uint64(2*5), "they were not tried as often as while there was time")
	server.Restart()
}
