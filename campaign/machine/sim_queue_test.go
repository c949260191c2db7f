package machine_test

import (
	"slices"
	"time"

	"dialtone/campaign"
)

// queue is a work queue: it delivers in any order, at least once, and again what
// is not acknowledged.
type queue struct {
	w    *world
	name string
	sink func(*delivery)
	live []*message
}

type message struct {
	queue  *queue
	job    campaign.Job
	report campaign.Report
	acked  bool
	gone   bool
}

// delivery is one delivery of a message; it is the Ref of a report.
type delivery struct {
	*message
	done bool // acknowledged
}

const ackWait = 30 * time.Second

func (q *queue) publish(m message) {
	m.queue = q
	q.live = slices.DeleteFunc(q.live, func(m *message) bool { return m.acked })
	for range 1 + q.times() {
		m := m
		q.live = append(q.live, &m)
		wait := q.w.soon()
		if q.w.chance(q.w.faults.delayed) {
			q.w.saw("message delayed")
			wait = q.w.span(0, 2*time.Minute)
		}
		q.w.after(wait, func() { q.deliver(&m) })
	}
}

// times is how often a message is in the queue once more.
func (q *queue) times() int {
	if q.w.chance(q.w.faults.duplicated) {
		q.w.saw("message duplicated")
		return 1
	}
	return 0
}

func (q *queue) deliver(m *message) {
	if m.acked || m.gone {
		return
	}
	q.w.after(ackWait+q.w.soon(), func() { q.deliver(m) })
	q.sink(&delivery{message: m})
}

// wipe loses everything.
func (q *queue) wipe() {
	for _, m := range q.live {
		m.gone = true
	}
	q.live = nil
}

// again has a message delivered once more, soon.
func (d *delivery) again() { d.queue.w.after(d.queue.w.soon(), func() { d.queue.deliver(d.message) }) }

// ack takes a message off the queue.
func (d *delivery) ack() {
	d.queue.w.happyf(!d.done, "a delivery is acknowledged once, not twice: %+v", d.report)
	d.done, d.acked = true, true
}
