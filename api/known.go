package api

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dialtone/internal/flow"
	"dialtone/store"
)

const (
	// gatherFor and gatherMost bound how long, and how many, callbacks wait for
	// each other.  They wait that long where gatherEnough are to be expected in it, and
	// in proportion less where fewer come.
	gatherFor    = 2 * time.Millisecond
	gatherEnough = 10
	gatherMost   = 200
	// inquiriesAtOnce bounds the queries that run at once; callbacks gather on
	// while they do.
	inquiriesAtOnce = 2
	inquiryPatience = 2 * time.Second
)

// knowledge answers whether an attempt exists, with one query for many callbacks.
//
// The first callback of a batch leads it: it waits a moment for others, asks the
// store, and wakes them.  So there is no goroutine to own, and a lone callback
// hardly waits.
type knowledge struct {
	ask     func(context.Context, []store.AttemptRef) ([]bool, error)
	log     *slog.Logger
	running chan struct{}

	mu   sync.Mutex
	open *inquiry // takes more refs, or nil
	rate flow.Rate
}

// inquiry is one query.  refs grows under the lock while it is open; known and
// err may be read once done is closed.
type inquiry struct {
	refs  []store.AttemptRef
	full  chan struct{}
	done  chan struct{}
	wait  time.Duration // for others
	known []bool
	err   error
}

func newKnowledge(ask func(context.Context, []store.AttemptRef) ([]bool, error), log *slog.Logger) *knowledge {
	return &knowledge{ask: ask, log: log, running: make(chan struct{}, inquiriesAtOnce)}
}

// unknown reports that there certainly is no such attempt.  When the store can't
// say, the answer is false: an owner drops a report of a call it does not know, but
// nobody brings back one that was refused.
func (k *knowledge) unknown(ctx context.Context, ref store.AttemptRef) bool {
	q, place, leads := k.join(ref)
	if leads {
		k.lead(ctx, q)
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		return false
	}
	return q.err == nil && !q.known[place]
}

func (k *knowledge) join(ref store.AttemptRef) (q *inquiry, place int, leads bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.rate.Add(1, now)
	if k.open == nil {
		k.open = &inquiry{full: make(chan struct{}), done: make(chan struct{}), wait: k.rate.Patience(gatherFor, gatherEnough, now)}
		leads = true
	}
	q = k.open
	q.refs = append(q.refs, ref)
	if len(q.refs) == gatherMost {
		close(q.full)
		k.open = nil
	}
	return q, len(q.refs) - 1, leads
}

// lead does not end with its own client: the others wait for it.
func (k *knowledge) lead(ctx context.Context, q *inquiry) {
	q.err = errors.New("the inquiry was broken off")
	defer close(q.done)
	wait := time.NewTimer(q.wait)
	defer wait.Stop()
	select {
	case <-q.full:
	case <-wait.C:
	}
	k.running <- struct{}{}
	defer func() { <-k.running }()
	k.mu.Lock()
	if k.open == q {
		k.open = nil
	}
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), inquiryPatience)
	defer cancel()
	known, err := k.ask(ctx, q.refs)
	if err == nil && len(known) != len(q.refs) {
		err = errors.New("the store answered about other attempts")
	}
	if err != nil {
		k.log.Warn("callbacks are let through unchecked", "callbacks", len(q.refs), "error", err)
	}
	q.known, q.err = known, err
}
