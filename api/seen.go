package api

import (
	"sync"
	"time"
)

const (
	// seenFor is how long, at least, a delivered callback is remembered: longer than a
	// provider takes for its repetitions.
	seenFor = time.Minute
	// seenMost bounds how many are, twice over.
	seenMost = 100_000
)

// seen remembers which callbacks have been taken in, for a while: in two generations,
// of which the older is forgotten when the younger is full or old enough.  It saves
// work; whoever forgets hands a repetition on, and the campaign's owner knows it.
type seen struct {
	mu         sync.Mutex
	young, old map[string]struct{}
	since      time.Time // of the young ones
	most       int
}

func newSeen() *seen {
	return &seen{young: make(map[string]struct{}), most: seenMost}
}

// has reports whether a callback was taken in already.
func (s *seen) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, young := s.young[key]
	_, old := s.old[key]
	return young || old
}

// add notes that a callback was taken in.
func (s *seen) add(key string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= s.most || now.Sub(s.since) > seenFor {
		s.old, s.young, s.since = s.young, make(map[string]struct{}), now
	}
	s.young[key] = struct{}{}
}
