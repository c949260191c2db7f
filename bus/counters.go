package bus

import "sync/atomic"

// Counters say what went through a Bus since it was opened.
type Counters struct {
	JobsPublished    uint64 // accepted by JetStream
	ReportsPublished uint64 // accepted by JetStream
	PublishFailures  uint64 // jobs and reports whose publishing was reported as failed
	JobsDelivered    uint64
	ReportsDelivered uint64
	Redelivered      uint64 // of those delivered, not for the first time
	Undecodable      uint64 // messages that made no sense and were terminated
	AckFailures      uint64 // acknowledgements that could not be sent
	EventsPublished  uint64
	EventsDropped    uint64 // the buffer was full, or the connection
	CommandsServed   uint64
	CommandRetries   uint64 // commands asked again, because nobody answered
	Reconnects       uint64
	Repairs          uint64 // times that streams or consumers had to be made again
	SlowConsumers    uint64 // subscriptions that lost messages
	ConsumerRestarts uint64
}

type counters struct {
	jobsPublished, reportsPublished, publishFailures     atomic.Uint64
	jobsDelivered, reportsDelivered, redelivered         atomic.Uint64
	undecodable, ackFailures                             atomic.Uint64
	eventsPublished, eventsDropped                       atomic.Uint64
	commandsServed, commandRetries                       atomic.Uint64
	reconnects, repairs, slowConsumers, consumerRestarts atomic.Uint64
}

// Counters are read without a lock: each is right, their sums may be a moment
// apart.
func (b *Bus) Counters() Counters {
	c := &b.count
	return Counters{
		JobsPublished:    c.jobsPublished.Load(),
		ReportsPublished: c.reportsPublished.Load(),
		PublishFailures:  c.publishFailures.Load(),
		JobsDelivered:    c.jobsDelivered.Load(),
		ReportsDelivered: c.reportsDelivered.Load(),
		Redelivered:      c.redelivered.Load(),
		Undecodable:      c.undecodable.Load(),
		AckFailures:      c.ackFailures.Load(),
		EventsPublished:  c.eventsPublished.Load(),
		EventsDropped:    c.eventsDropped.Load(),
		CommandsServed:   c.commandsServed.Load(),
		CommandRetries:   c.commandRetries.Load(),
		Reconnects:       c.reconnects.Load(),
		Repairs:          c.repairs.Load(),
		SlowConsumers:    c.slowConsumers.Load(),
		ConsumerRestarts: c.consumerRestarts.Load(),
	}
}
