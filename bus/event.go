package bus

import (
	"context"
	"encoding/json"
	"strconv"
	"sync/atomic"
	"time"

	"dialtone/campaign"

	"github.com/nats-io/nuid"
)

// eventBuffer bounds the events that wait to be sent.  A full one drops what
// comes: events tell what is in the store anyway.
const eventBuffer = 16384

// eventLinger is how long events gather.
const eventLinger = 10 * time.Millisecond

// eventSink writes events as CloudEvents and sends them, apart from whoever
// publishes them.
type eventSink struct {
	bus    *Bus
	in     chan []campaign.Event
	held   atomic.Int64 // events in the channel
	source string
	ids    string // ids are ids-1, ids-2, …; unique with the source
	next   uint64
	buf    []byte // of run
}

func newEventSink(b *Bus) *eventSink {
	return &eventSink{
		bus: b, in: make(chan []campaign.Event, eventBuffer),
		source: "/dialtone/" + b.cfg.Name, ids: nuid.Next() + "-",
	}
}

// PublishEvents tells whoever listens, and keeps the events for a while for
// those who come later (WatchEvents).  Best effort: it never blocks, and what
// does not fit the buffer is dropped and counted.  The slice and the events'
// data belong to the bus from here on.
//
// An event is a CloudEvent 1.0 in structured JSON on event.<campaign>.<type>.
// Its type is the campaign.EventType with prefix and version:
// "dialtone.call.ended.v1"; its subject is the campaign, its source the node.
func (b *Bus) PublishEvents(events []campaign.Event) {
	n := int64(len(events))
	if n == 0 {
		return
	}
	if b.events.held.Add(n) <= eventBuffer {
		select {
		case b.events.in <- events:
			return
		default:
		}
	}
	b.events.held.Add(-n)
	b.count.eventsDropped.Add(uint64(n))
}

// run sends until ctx ends, and then what is left.  Between two rounds it lets
// some gather: that costs a third of waking for each.
func (s *eventSink) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case events := <-s.in:
			s.send(events)
		case <-ctx.Done():
			s.sendWaiting()
			return
		}
		s.sendWaiting()
		pause.Reset(eventLinger)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

func (s *eventSink) sendWaiting() {
	for {
		select {
		case events := <-s.in:
			s.send(events)
		default:
			return
		}
	}
}

// send publishes without asking for acknowledgements.
func (s *eventSink) send(events []campaign.Event) {
	s.held.Add(-int64(len(events)))
	for i := range events {
		var err error
		if s.buf, err = s.append(s.buf[:0], &events[i]); err == nil {
			err = s.bus.nc.Publish(subjectEvent(events[i].Subject(), events[i].Type), s.buf)
		}
		if err != nil {
			s.bus.count.eventsDropped.Add(1)
			s.bus.log.Debug("an event was dropped", "type", events[i].Type, "error", err)
			continue
		}
		s.bus.count.eventsPublished.Add(1)
	}
}

func (s *eventSink) append(b []byte, e *campaign.Event) (_ []byte, err error) {
	s.next++
	b = append(b, `{"specversion":"1.0","id":"`...)
	b = strconv.AppendUint(append(b, s.ids...), s.next, 10)
	b = append(b, `","source":`...)
	b = appendString(b, s.source)
	b = append(b, `,"type":`...)
	b = appendString(b, CloudEventType(e.Type))
	b = append(b, `,"subject":"`...)
	b = append(b, e.Subject()...)
	b = append(b, `","time":"`...)
	if b, err = e.Time.UTC().AppendText(b); err != nil {
		return b, err
	}
	b = append(b, `","datacontenttype":"application/json","data":`...)
	data, err := json.Marshal(e.Data)
	if err != nil {
		return b, err
	}
	return append(append(b, data...), '}'), nil
}

// CloudEventType is the type that an event carries outside.
func CloudEventType(t campaign.EventType) string { return "dialtone." + string(t) + ".v1" }

// StoredEvent is an event as the stream keeps it.
type StoredEvent struct {
	// Seq ascends over all campaigns' events; hand it to WatchEvents to go on
	// from there.
	Seq  uint64
	Type campaign.EventType
	// Time is when the stream stored it.
	Time time.Time
	// JSON is the CloudEvent.
	JSON []byte
}
