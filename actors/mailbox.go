package actors

import (
	"context"
	"sync"
)

// mailbox is an actor's queue.  What comes from outside is bounded: put waits
// for room, and so holds up the partition's consumer, which holds up JetStream.
// What the actor asked for itself (answers of the journal, of reads, tokens) is
// bounded by what it asks for, so post never waits: the journal must not.
type mailbox[T any] struct {
	mu     sync.Mutex
	queue  []T
	spare  []T
	bound  int
	closed bool
	signal chan struct{} // holds one: there is something to take
	room   chan struct{} // holds one: there may be room again
}

func newMailbox[T any](bound int) *mailbox[T] {
	return &mailbox[T]{bound: bound, signal: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func raise(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// post adds without regard to the bound.  It is false when the mailbox is
// closed.
func (b *mailbox[T]) post(m T) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.queue = append(b.queue, m)
	raise(b.signal)
	return true
}

// put adds once there is room. It is false when the mailbox is closed or ctx
// ended first.
func (b *mailbox[T]) put(ctx context.Context, m T) bool {
	for {
		b.mu.Lock()
		if b.closed {
			b.mu.Unlock()
			raise(b.room)
			return false
		}
		if len(b.queue) < b.bound {
			b.queue = append(b.queue, m)
			more := len(b.queue) < b.bound
			b.mu.Unlock()
			raise(b.signal)
			if more {
				raise(b.room) // for the next one who waits
			}
			return true
		}
		b.mu.Unlock()
		select {
		case <-b.room:
		case <-ctx.Done():
			return false
		}
	}
}

// take removes everything.  The slice is valid until the next take, which lets
// go of what was in it.
func (b *mailbox[T]) take() []T {
	b.mu.Lock()
	clear(b.spare)
	taken := b.queue
	b.queue, b.spare = b.spare[:0], taken
	b.mu.Unlock()
	raise(b.room)
	return taken
}

func (b *mailbox[T]) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) == 0
}

// close refuses everything from now on, if nothing waits; else it is false.
func (b *mailbox[T]) close() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 {
		return false
	}
	b.closed = true
	raise(b.room)
	return true
}
