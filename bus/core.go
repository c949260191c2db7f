package bus

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// What a subscription may hold while its handler is busy; beyond it messages
// are lost, counted and logged.
const (
	pendingMessages = 1 << 17
	pendingBytes    = 64 << 20
)

// Subscription is a running Subscribe.
type Subscription interface {
	// Stop lets nothing more arrive, and returns when handle is not running any
	// more.  Not to be called from within handle; may be called twice.
	Stop()
}

// Send publishes v as JSON to whoever listens now, at most once and unconfirmed.
// While the connection is down it is refused at once: what the scheduler and its
// nodes tell each other is out of date by the time the connection is back.
func (b *Bus) Send(subject string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("send to %s: %w", subject, err)
	}
	if !b.nc.IsConnected() {
		return fmt.Errorf("send to %s: %w", subject, errDisconnected)
	}
	// Publish wakes the connection's flusher at once; a Flush would only wait for
	// an answer in addition.
	if err := b.nc.Publish(subject, data); err != nil {
		return fmt.Errorf("send to %s: %w", subject, err)
	}
	return nil
}

// Subscribe hands every message on a subject to handle, one after the other from
// one goroutine.  What is not a T is counted, logged and dropped.
func Subscribe[T any](b *Bus, subject string, handle func(T)) (Subscription, error) {
	return b.subscribe(subject, func(m *nats.Msg) {
		var v T
		if err := json.Unmarshal(m.Data, &v); err != nil {
			b.count.undecodable.Add(1)
			b.log.Error("a message makes no sense and is dropped", "subject", m.Subject, "error", err, "body", excerpt(m.Data))
			return
		}
		handle(v)
	})
}

func (b *Bus) subscribe(subject string, handle nats.MsgHandler) (*subscription, error) {
	s := &subscription{ended: make(chan struct{})}
	sub, err := b.nc.Subscribe(subject, handle)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	s.sub = sub
	sub.SetClosedHandler(func(string) { close(s.ended) })
	if err := sub.SetPendingLimits(pendingMessages, pendingBytes); err != nil {
		s.Stop()
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return s, nil
}

type subscription struct {
	sub   *nats.Subscription
	once  sync.Once
	ended chan struct{}
}

func (s *subscription) Stop() {
	s.once.Do(func() { _ = s.sub.Unsubscribe() }) // it fails when the connection is closed, which ends it too
	<-s.ended
}
