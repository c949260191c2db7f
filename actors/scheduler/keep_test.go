package scheduler_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"
	"dialtone/provider"
)

// hanging is a store that does not answer whoever writes until it is let go, or the
// asker gives up.
type hanging struct {
	settings
	begun   chan string // the names of what is to be written
	goOn    chan struct{}
	writing atomic.Int32
	most    atomic.Int32 // at once
	deaf    bool         // it does not hear that the asker gives up
}

func newHanging() *hanging {
	return &hanging{begun: make(chan string, 100), goOn: make(chan struct{})}
}

// release lets one go that writes.
func (h *hanging) release(t *testing.T) {
	t.Helper()
	select {
	case h.goOn <- struct{}{}:
	case <-time.After(soon):
		require.FailNow(t, "nobody writes")
	}
}

func (h *hanging) PutSetting(ctx context.Context, name string, value []byte) error {
	h.most.Store(max(h.most.Load(), h.writing.Add(1)))
	defer h.writing.Add(-1)
	h.begun <- name
	if h.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-h.goOn:
		return h.settings.PutSetting(ctx, name, value)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The database hangs while somebody changes the strategy: calls are dialled as before,
// whoever asks is answered, and the change is neither in force nor confirmed before it
// is kept.
func TestGrantsGoOnWhileASettingIsKept(t *testing.T) {
	b := bustest.Start(t, lasting)
	n := startNode(t, b, 1000, 50)
	s := newHanging()
	s.deaf = true
	stand(t, b, "n1", s)
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)

	var people conc.WaitGroup
	defer people.Wait()
	answers := make(chan scheduler.Choice, 3)
	answered := func() string {
		select {
		case ch := <-answers:
			return ch.Strategy
		case <-time.After(soon):
			return "no answer"
		}
	}
	put := func(name string) {
		people.Go(func() {
			var ch scheduler.Choice
			err := b.Ask(t.Context(), bus.SubjectRole(bus.ServiceScheduler, "strategy"), scheduler.Choice{Strategy: name}, &ch)
			require.NoError(t, err)
			answers <- ch
		})
	}
	put("round_robin")
	require.Equal(t, "scheduler", <-s.begun)
	put("priority") // waits for the one before
	pause := time.NewTimer(100 * time.Millisecond)
	<-pause.C
	put("round_robin") // as one asks again who got no answer: that undoes nothing
	for range 3 {
		before := n.got()
		n.hangUp()
		require.Eventually(t, func() bool { return n.got() >= before+5 }, soon, often)
		require.Equal(t, "fair", stats(t, b).Strategy, "kept first, then in force")
		is, err := ask[scheduler.Choice](t, b, "strategy", nil)
		require.NoError(t, err)
		require.Equal(t, "fair", is.Strategy, "whoever only asks does not wait")
	}
	require.EqualValues(t, 1, s.writing.Load(), "the store hangs all the while")
	require.Empty(t, answers)

	s.release(t)
	require.Equal(t, "round_robin", answered())
	require.Equal(t, "round_robin", answered())
	require.Equal(t, "scheduler", <-s.begun)
	require.JSONEq(t, `{"strategy": "round_robin"}`, s.kept())
	s.release(t)
	require.Equal(t, "priority", answered())
	require.JSONEq(t, `{"strategy": "priority"}`, s.kept())
	require.Equal(t, "priority", stats(t, b).Strategy)
	require.EqualValues(t, 1, s.most.Load(), "one after the other")
}

// Two providers are drained at once: the second change builds on the first.
func TestChangesBuildOnOneAnother(t *testing.T) {
	b := bustest.Start(t, lasting)
	s := newHanging()
	c := scheduler.NewCandidate(scheduler.Config{
		Node: "n1", Bus: b, Settings: s, Logger: bustest.Logger(t),
		Limits: map[string]provider.Limits{"a": {}, "b": {}, "c": {}},
	})
	require.NoError(t, c.Start(t.Context()))
	defer c.Stop()
	var people conc.WaitGroup
	for _, name := range []string{"a", "b"} {
		people.Go(func() {
			is, err := ask[scheduler.ProviderStatus](t, b, "providers", scheduler.ProviderChange{Provider: name, State: "drained"})
			require.NoError(t, err)
			require.Equal(t, scheduler.ProviderDrained, is.State)
		})
	}
	<-s.begun
	require.Never(t, func() bool { return len(s.begun) > 0 }, 100*time.Millisecond, often, "the second waits")
	s.release(t)
	s.release(t)
	people.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Contains(t, string(s.other["scheduler.drained"]), `"a"`)
	require.Contains(t, string(s.other["scheduler.drained"]), `"b"`)
}

// A database that never answers: the change is refused in the end, and nothing has
// changed.  One that goes on after the leader was told to stop holds nobody up.
func TestAChangeThatCannotBeKept(t *testing.T) {
	b := bustest.Start(t, lasting)
	n := startNode(t, b, 1000, 50)
	s := newHanging()
	c := stand(t, b, "n1", s)
	require.Eventually(t, func() bool { return n.holds() == 5 }, soon, often)
	var people conc.WaitGroup
	for range 2 { // who asks the same while it hangs waits for the same
		people.Go(func() {
			_, err := ask[scheduler.ProviderStatus](t, b, "providers", scheduler.ProviderChange{Provider: "a", State: "drained"})
			require.Equal(t, campaign.CodeUnavailable, campaign.CodeOf(err))
		})
	}
	<-s.begun
	require.Never(t, func() bool { return len(s.begun) > 0 }, 300*time.Millisecond, often)
	people.Wait()
	list, err := ask[scheduler.ProviderList](t, b, "providers", nil)
	require.NoError(t, err)
	require.Equal(t, scheduler.ProviderEnabled, list.Providers[0].State)
	for len(s.begun) > 0 {
		<-s.begun
	}

	people.Go(func() { // is asked to ask the next leader, of which there is none
		_, err := ask[scheduler.Choice](t, b, "strategy", scheduler.Choice{Strategy: "priority"})
		require.Error(t, err)
	})
	<-s.begun
	began := time.Now()
	c.Stop()
	require.Less(t, time.Since(began), 1500*time.Millisecond)
	people.Wait()
	require.Empty(t, s.kept())
}
