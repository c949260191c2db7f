package mockdialer

// timer is an entry of the book's heap: a call's next moment, or a callback that
// waits.
type timer struct {
	at    int64
	index uint32
	later *job // nil for a call's moment
}

// timers is a binary heap, the earliest first.  It is container/heap without the
// interface, which costs an allocation for each entry.
type timers []timer

func (h *timers) push(t timer) {
	*h = append(*h, t)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if s[parent].at <= t.at {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = t
}

// pop takes the earliest; the heap must not be empty.
func (h *timers) pop() timer {
	s := *h
	first, last := s[0], s[len(s)-1]
	s[len(s)-1] = timer{} // lets go of later
	s = s[:len(s)-1]
	*h = s
	if len(s) > 0 {
		s.sink(last)
	}
	return first
}

// sink puts t where the root was and lets it go down.
func (h timers) sink(t timer) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if t.at <= h[child].at {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = t
}
