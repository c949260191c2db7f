// Package bus is everything Dialtone does over NATS: work queues, commands,
// leases and events.  Nothing else in the project knows nats.go or the server,
// which this package can also run inside the process.
//
// The store is the truth.  What is kept here carries and wakes: all of it may be
// deleted at any moment, is made again by whoever notices (repair.go), and costs
// time, never a call.
//
// # What lives in JetStream
//
//	DIAL      work queue   dial.<provider>.<campaign>            one consumer, "callers", shared by all nodes
//	CALLBACK  work queue   callback.<campaign>                   one consumer a partition, "partition-<n>"
//	                       stored as callback.<n>.<campaign>
//	EVENT     a day's log  event.<campaign>.<type>               read by ordered consumers
//	LEASE     key-value    scheduler, partition.<n>              read by one watcher a process
//
// They are made by processes with the role actors, in Open and whenever they are gone,
// and by nobody else; the others wait for them (await.go) and need no permission to
// make anything.  nats.conf has a user for each role.  Consumers live in memory: see
// stream.go for why that loses nothing.
//
// # Work queues
//
//	publish ──► items of one group gather ──► one message ──► PubAck ──► done(nil)
//	              (5 ms at most)                 │
//	                                             ▼
//	            handle(item) … handle(item) ◄── delivery ◄─┐
//	                 │ Ack, each                           │ ack wait passed, or Nak,
//	                 ▼                                     │ or the consumer's process died
//	            the last Ack removes the message ──────────┘
//
// Delivery is at least once, and the receiver makes it exactly once: a caller by
// the insert of the attempt's row, an actor by the state of the call.  Jobs of
// one campaign and provider, and reports of one partition, travel together in a
// JSON array when they are published within a few milliseconds.  Their message
// is acknowledged when the last of them is; if one is given back, all come again.
//
// What happens on each failure:
//
//   - The publisher dies, or its connection breaks, before the PubAck: done gets
//     an error, or nobody is left to get it.  The messages may be stored or not.
//     Publishing again is harmless, and is the publisher's to do.  There is no
//     message id: JetStream would take a job published again after a crash for a
//     duplicate although its first copy was acknowledged and removed, and the
//     call would wait for the watchdog.
//   - The receiver dies: what it had not acknowledged comes again, to anybody,
//     after the ack wait (30 s).
//   - The receiver is slow: it prolongs with InProgress, or gets a second
//     delivery.
//   - An Ack is lost with the connection: a second delivery.
//   - A partition's owner lost its lease and acknowledges late: the Ack counts.
//     Acknowledgements are not fenced; the store's epoch is what refuses the
//     commit that must come before one.
//   - A message can't be read: it is terminated, logged and counted.  Redelivery
//     has no limit for any other.
//   - The server restarts: clients reconnect, look after the streams, and
//     consuming goes on.  Delivery counts begin at one again.
//   - Stream or consumer were deleted: publishing fails with no responders and
//     pulling with consumer deleted; both start the repair.  Who may make them looks
//     once a second as well, since others may be the ones who use them.  What was in
//     the stream is gone, and is published again from the store.
//   - A server of a cluster dies: clients go to another.  The streams and consumers
//     that it led are led by another after some seconds, in which publishing fails.
//     The pulls of its consumers are lost, and noticed by a missing heartbeat.
//   - A server is frozen, or the network is cut: clients notice by their pings within
//     6 s, and go to another.
//
// # Leases
//
//	free ──Acquire──► held ──Renew (every third of the TTL)──► held
//	  ▲                 │ Release, or the TTL passed
//	  └─────────────────┘
//
// A lease is a key whose value names holder and acquisition (a nonce), and which
// the server deletes when its time to live passes.  Every write states the
// revision it expects, so of two writers one is refused.
//
// Invariant: a lease is Valid for its holder only as long as nobody else can
// acquire it.  The holder counts the TTL from before it sent the renewal, on its
// monotonic clock, less a fifth; the server counts it from when it stored it.
//
// What happens on each failure:
//
//   - The holder dies: others see it free when the TTL has passed.  A node that
//     restarts under the same name takes its leases over at once.
//   - The holder is cut off: Valid turns false before anybody else can acquire.
//     It must stop acting by then, whatever it was doing.
//   - The answer to a renewal is lost: the key is read, and our nonce in it means
//     that it was ours.
//   - The cluster elects a leader: no writes for up to 7 s.  Renew fails without
//     losing, and is tried again; hence 15 s of TTL on a cluster.
//   - The bucket is deleted: all leases are lost at their next renewal, and the
//     watcher tells that all are free.
//   - Two nodes act all the same, for a clock ran wild: the store's epoch refuses
//     the older.
//
// # Commands
//
// campaign.<id>.<action> is mapped by the account to
// campaigns.<partition>.<id>.<action>; every node hears it and the partition's
// owner answers.  Nobody answers while a partition changes hands, so Command asks
// again every two seconds while its context lives, and every action is
// idempotent.  An external server needs the mapping in its nats.conf, see
// ServeCampaigns.  What changes something is done only when somebody waits for the
// answer, see Request.Asked.
package bus
