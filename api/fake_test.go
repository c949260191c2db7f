package api

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"dialtone/campaign"
)

// fakeBus stands in for the bus: commands move the store's campaigns as an owner
// would, and everything sent is on record.
type fakeBus struct {
	mu       sync.Mutex
	commands []string
	bodies   []string // of the commands that had one
	pokes    []string
	reports  []campaign.Report
	events   []fakeEvent
	once     []string      // subjects of AskOnce
	more     chan struct{} // closed and replaced with every event

	watchers atomic.Int64 // streams under way

	onCommand func(id campaign.ID, action string) error
	onReply   func(action string, body any) any // what an owner answers
	onAsk     func(subject string, body any) (any, error)
	onReport  func() error
}

type fakeEvent struct {
	campaign campaign.ID
	seq      uint64
	kind     string
	json     string
}

func newFakeBus() *fakeBus { return &fakeBus{more: make(chan struct{})} }

func (b *fakeBus) Command(ctx context.Context, id campaign.ID, action string, body, reply any) error {
	b.mu.Lock()
	b.commands = append(b.commands, id.String()+" "+action)
	if text, err := json.Marshal(body); err == nil && body != nil {
		b.bodies = append(b.bodies, string(text))
	}
	do := b.onCommand
	b.mu.Unlock()
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("a command without a deadline")
	}
	if do != nil {
		return do(id, action)
	}
	if b.onReply == nil || reply == nil {
		return nil
	}
	return over(b.onReply(action, body), reply)
}

// over carries an answer as the bus would.
func over(answer, reply any) error {
	text, err := json.Marshal(answer)
	if err != nil || reply == nil {
		return err
	}
	return json.Unmarshal(text, reply)
}

func (b *fakeBus) Poke(id campaign.ID, action string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pokes = append(b.pokes, id.String()+" "+action)
}

func (b *fakeBus) Ask(_ context.Context, subject string, body, reply any) error {
	if b.onAsk == nil {
		return campaign.Unavailable("Nobody answers on %s at the moment; try again.", subject)
	}
	answer, err := b.onAsk(subject, body)
	if err != nil {
		return err
	}
	return over(answer, reply)
}

func (b *fakeBus) AskOnce(ctx context.Context, subject string, body, reply any) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("a question without a deadline")
	}
	b.mu.Lock()
	b.once = append(b.once, subject)
	b.mu.Unlock()
	return b.Ask(ctx, subject, body, reply)
}

func (b *fakeBus) PublishReport(_ context.Context, r campaign.Report) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.onReport != nil {
		if err := b.onReport(); err != nil {
			return err
		}
	}
	b.reports = append(b.reports, r)
	return nil
}

func (b *fakeBus) publish(id campaign.ID, kind, json string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, fakeEvent{id, uint64(len(b.events) + 1), kind, json})
	close(b.more)
	b.more = make(chan struct{})
}

func (b *fakeBus) WatchEvents(ctx context.Context, id campaign.ID, after uint64, placed func(), fn func(uint64, string, []byte) error) error {
	b.watchers.Add(1)
	defer b.watchers.Add(-1)
	b.mu.Lock()
	at := int(after)
	if after == 0 {
		at = len(b.events)
	}
	b.mu.Unlock()
	placed()
	for {
		b.mu.Lock()
		fresh, more := b.events[min(at, len(b.events)):], b.more
		b.mu.Unlock()
		for _, e := range fresh {
			at++
			if e.campaign != id {
				continue
			}
			if err := fn(e.seq, e.kind, []byte(e.json)); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-more:
		}
	}
}

func (b *fakeBus) sent() (commands, pokes []string, reports []campaign.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.commands...), append([]string(nil), b.pokes...), append([]campaign.Report(nil), b.reports...)
}

// moment is a time that tests can name.
var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
