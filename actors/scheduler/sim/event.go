package sim

import "time"

// kind is what an event is.
type kind uint8

const (
	callEnds kind = iota
	retryDue
	hoursTurn // a campaign's hours open or close
)

// event is something that will happen.
type event struct {
	at  time.Duration // since the engine's start
	seq uint64        // first come, first served among those of one moment
	of  *dialer
	// ref is a call's place in Engine.flights, or a campaign's edition whose hours
	// are meant.
	ref     int32
	kind    kind
	attempt uint8 // how often the number was dialled, for retryDue
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.seq < o.seq
}

// events is a heap with four children a node: it is less deep than one with two, and
// a day of a million calls goes through it twice a call.
type events []event

func (h *events) push(e event) {
	*h = append(*h, e)
	s := *h
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&s[up]) {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = e
}

func (h *events) pop() event {
	s := *h
	first, last := s[0], s[len(s)-1]
	s[len(s)-1] = event{}
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return first
	}
	i := 0
	for {
		least := 4*i + 1
		if least >= len(s) {
			break
		}
		for c := least + 1; c < min(4*i+5, len(s)); c++ {
			if s[c].before(&s[least]) {
				least = c
			}
		}
		if !s[least].before(&last) {
			break
		}
		s[i] = s[least]
		i = least
	}
	s[i] = last
	return first
}
