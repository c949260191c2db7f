package simulation

import (
	"slices"
	"time"

	"dialtone/campaign"
)

// stream is a work queue of JetStream: it keeps what is published until it is
// acknowledged, and delivers what is not again and again.
type stream struct {
	w     *world
	name  string
	live  []*message
	idle  []*message // to be delivered to whoever comes
	takes func(*message) []consumer
}

// consumer is a process that takes messages, and how.
type consumer struct {
	p    *process
	sink func(*delivery)
	// last is when the newest arrives: first deliveries keep their order.
	last *time.Duration
}

type message struct {
	stream *stream
	job    campaign.Job
	report campaign.Report
	tries  int
	acked  bool
	gone   bool
}

// delivery is one delivery of a message, and the receipt for it.
type delivery struct {
	*message
	p    *process // to which
	n    int
	done bool
}

func newStream(w *world, name string) *stream { return &stream{w: w, name: name} }

// publish has a process publish a message; done tells whether it is known to be stored.
func (s *stream) publish(p *process, m message, done func(ok bool)) {
	w := s.w
	m.stream = s
	if p.deaf() || w.chance(w.faults.publishFails) {
		w.saw("publishing failed")
		p.after(publishWithin, func() { done(false) })
		return
	}
	w.after(w.trip(), func() {
		s.store(m)
		if w.chance(w.faults.doubled) {
			w.saw("published twice")
			s.store(m)
		}
		if w.chance(w.faults.published) {
			w.saw("publishing not confirmed")
			p.after(publishWithin, func() { done(false) })
			return
		}
		p.after(w.trip(), func() { done(true) })
	})
}

func (s *stream) store(m message) {
	kept := &m
	s.live = append(slices.DeleteFunc(s.live, func(m *message) bool { return m.acked }), kept)
	s.deliver(kept)
}

// deliver hands a message to one of those who take it, or keeps it for whoever comes.
func (s *stream) deliver(m *message) {
	if m.acked || m.gone {
		return
	}
	takers := s.takes(m)
	if len(takers) == 0 {
		s.idle = append(s.idle, m)
		return
	}
	w := s.w
	to := takers[w.below(len(takers))]
	m.tries++
	d := &delivery{message: m, p: to.p, n: m.tries}
	w.after(ackWait, func() {
		if !m.acked && m.tries == d.n {
			w.saw(s.name + " delivered again")
			s.deliver(m)
		}
	})
	to.p.after(s.wait(to, m), func() { to.sink(d) })
}

// wait is how long a message is on its way.  The first deliveries to a consumer come in
// their order.
func (s *stream) wait(to consumer, m *message) time.Duration {
	wait := s.w.trip()
	if s.w.chance(s.w.faults.delayed) {
		s.w.saw("delivered late")
		wait = s.w.span(0, ackWait+2*time.Second)
	} else if m.tries == 1 && to.last != nil {
		at := max(s.w.now.Sub(s.w.began)+wait, *to.last)
		*to.last = at
		wait = at - s.w.now.Sub(s.w.began)
	}
	return wait
}

// kick delivers what has waited for somebody.
func (s *stream) kick() {
	waiting := s.idle
	s.idle = nil
	for _, m := range waiting {
		s.deliver(m)
	}
}

// wipe loses everything.
func (s *stream) wipe() {
	for _, m := range s.live {
		m.gone = true
	}
	s.live, s.idle = nil, nil
}

func (s *stream) empty() bool {
	return !slices.ContainsFunc(s.live, func(m *message) bool { return !m.acked })
}

// Ack says that it is done.  A lost one means another delivery.
func (d *delivery) Ack() error {
	if d.done || d.p.dead {
		return nil
	}
	d.done = true
	w := d.stream.w
	if d.stream == w.reports {
		w.judgeAck(d)
	}
	if d.p.deaf() || w.chance(w.faults.ackLost) {
		w.saw("acknowledgement lost")
		return nil
	}
	w.after(w.trip(), func() { d.acked = true })
	return nil
}

// Nak gives it back, to be delivered after the delay or later.
func (d *delivery) Nak(delay time.Duration) error {
	if d.done || d.p.dead {
		return nil
	}
	d.done = true
	w := d.stream.w
	if d.p.deaf() || w.chance(w.faults.ackLost) {
		return nil
	}
	w.after(w.trip()+delay, func() {
		if d.tries == d.n {
			d.stream.deliver(d.message)
		}
	})
	return nil
}

// InProgress starts the ack wait anew, which is nothing here.
func (d *delivery) InProgress() error { return nil }
