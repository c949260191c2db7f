package bus

import (
	"context"
	"fmt"
	"time"
)

// Backlog is what stands in a work queue and is not acknowledged.
type Backlog struct {
	Queue    string // dial or callback
	Messages uint64 // of which each may carry several jobs or reports
	// Oldest is when the first of them was published; zero for none.
	Oldest time.Time
}

// Backlogs asks NATS about the work queues.  It takes the right to look at streams.
func (b *Bus) Backlogs(ctx context.Context) (out []Backlog, err error) {
	for _, q := range []struct{ name, stream string }{{"dial", streamDial}, {"callback", streamCallback}} {
		s, err := b.js.Stream(ctx, q.stream)
		if err != nil {
			return nil, fmt.Errorf("look at stream %s: %w", q.stream, err)
		}
		state := s.CachedInfo().State
		l := Backlog{Queue: q.name, Messages: state.Msgs}
		if state.Msgs > 0 {
			l.Oldest = state.FirstTime
		}
		out = append(out, l)
	}
	return out, nil
}
