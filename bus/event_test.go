package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"dialtone/bus"
	"dialtone/bus/bustest"
	"dialtone/campaign"

	"github.com/stretchr/testify/require"
)

func ended(id campaign.ID, call int) campaign.Event {
	return campaign.Event{
		Type: campaign.EventCallEnded, Campaign: id, Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Data: campaign.EventCall{CampaignID: id, CallID: campaign.CallID(call), Attempt: 1, Status: campaign.CallCompleted},
	}
}

type watch struct {
	events <-chan bus.StoredEvent
	placed <-chan struct{} // closed when no event is missed any more
	cancel func()
	err    <-chan error
}

func watchEvents(t *testing.T, b *bus.Bus, id campaign.ID, after uint64) watch {
	ctx, cancel := context.WithCancel(context.Background())
	events, errs, placed := make(chan bus.StoredEvent, 1000), make(chan error, 1), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		errs <- b.WatchEvents(ctx, id, after, func() { close(placed) }, func(e bus.StoredEvent) error { events <- e; return nil })
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return watch{events, placed, cancel, errs}
}

func TestEventIsACloudEvent(t *testing.T) {
	b := bustest.Start(t, bustest.WithName("node-1"))
	nc, _ := guest(t, b)
	sub, err := nc.SubscribeSync("event.>") // nats sub 'event.>'
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	b.PublishEvents([]campaign.Event{ended(7, 3)})
	m, err := sub.NextMsg(patience)
	require.NoError(t, err)
	require.Equal(t, "event.cmp_7.call.ended", m.Subject)
	var got map[string]any
	require.NoError(t, json.Unmarshal(m.Data, &got))
	require.NotEmpty(t, got["id"])
	delete(got, "id")
	require.Equal(t, map[string]any{
		"specversion": "1.0", "source": "/dialtone/node-1", "type": "dialtone.call.ended.v1", "subject": "cmp_7",
		"time": "2026-01-02T03:04:05.000000006Z", "datacontenttype": "application/json",
		"data": map[string]any{"campaign_id": "cmp_7", "call_id": "call_3", "attempt": 1.0, "status": "completed"},
	}, got)
	require.Eventually(t, func() bool { return b.Counters().EventsPublished == 1 }, patience, time.Millisecond) // counted once it is out
}

func TestWatchGoesOnFromTheLastEventSeen(t *testing.T) {
	b := bustest.Start(t)
	w := watchEvents(t, b, 7, 0)
	within(t, w.placed, "the beginning of the watch")
	b.PublishEvents([]campaign.Event{ended(8, 1), ended(7, 1)})
	last := within(t, w.events, "the first event")
	require.Equal(t, campaign.EventCallEnded, last.Type)
	require.Contains(t, string(last.JSON), `"subject":"cmp_7"`)
	w.cancel()
	require.NoError(t, within(t, w.err, "the end of the watch"))

	b.PublishEvents([]campaign.Event{ended(7, 2), ended(8, 2), ended(7, 3)})
	w = watchEvents(t, b, 7, last.Seq)
	for _, call := range []string{"call_2", "call_3"} {
		e := within(t, w.events, "an event that was missed")
		require.Contains(t, string(e.JSON), call)
		require.Greater(t, e.Seq, last.Seq)
		last = e
	}
	b.PublishEvents([]campaign.Event{ended(7, 4)})
	require.Contains(t, string(within(t, w.events, "a new event").JSON), "call_4")
}

func TestWatchEndsWithItsHandlersError(t *testing.T) {
	b := bustest.Start(t)
	b.PublishEvents([]campaign.Event{ended(7, 1), ended(7, 2)})
	gone := errors.New("the client is gone")
	err := b.WatchEvents(t.Context(), 7, 1, func() {}, func(bus.StoredEvent) error { return gone })
	require.ErrorIs(t, err, gone)
}

func TestWatchSurvivesARestartAndAWipe(t *testing.T) {
	t.Parallel()
	srv := bustest.StartServer(t)
	b := srv.Connect(t)
	next := func(w watch, what string) bus.StoredEvent {
		for {
			b.PublishEvents([]campaign.Event{ended(7, 1)})
			select {
			case e := <-w.events:
				return e
			case <-time.After(100 * time.Millisecond):
			}
			if t.Context().Err() != nil {
				t.Fatal(what)
			}
		}
	}
	w := watchEvents(t, b, 7, 0)
	first := next(w, "the first event")
	srv.Kill()
	srv.Restart()
	second := next(w, "an event after the restart")
	require.Greater(t, second.Seq, first.Seq)
	for len(w.events) > 0 {
		<-w.events
	}
	srv.Kill()
	srv.Wipe()
	srv.Restart()
	next(w, "an event after the wipe")
	stale := watchEvents(t, b, 7, 1_000_000) // from before the wipe
	next(stale, "an event for who comes with an old number")
}

func TestEventsThatDoNotFitAreDroppedAndCounted(t *testing.T) {
	b := bustest.Start(t)
	many := make([]campaign.Event, 20_000)
	b.PublishEvents(many)
	require.EqualValues(t, len(many), b.Counters().EventsDropped)
	b.PublishEvents(nil)
}

func TestEventsAreSentBeforeClose(t *testing.T) {
	srv := bustest.StartServer(t)
	b := srv.Connect(t)
	for n := range 100 {
		b.PublishEvents([]campaign.Event{ended(7, n+1)})
	}
	require.NoError(t, b.Close(t.Context()))
	_, js := guest(t, srv.Connect(t))
	s, err := js.Stream(t.Context(), "EVENT")
	require.NoError(t, err)
	require.EqualValues(t, 100, s.CachedInfo().State.Msgs)
}

// A watch costs the same however much it has seen.
func TestWatchKeepsNoGoroutineForAnEvent(t *testing.T) {
	b := bustest.Start(t)
	b.PublishEvents([]campaign.Event{ended(7, 1)})
	w := watchEvents(t, b, 7, 1)
	b.PublishEvents([]campaign.Event{ended(7, 2)})
	within(t, w.events, "the watch to begin")
	before := runtime.NumGoroutine()
	const events = 200
	for i := range events {
		b.PublishEvents([]campaign.Event{ended(7, i+3)})
	}
	for range events {
		within(t, w.events, "an event")
	}
	require.Less(t, runtime.NumGoroutine(), before+events/2)
}
