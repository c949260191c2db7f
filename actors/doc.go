// Package actors is the runtime of the campaigns: it gives every active campaign
// a goroutine, its machine (campaign/machine) and a mailbox, and does what the
// machine decides.
//
//	Node ── holds leases on its share of the partitions, renews them, raises epochs
//	 ├─ partition ── consumes its reports, knows its actors
//	 │    └─ actor ── one campaign: mailbox → machine → effects
//	 └─ desk ── speaks with the scheduler for all actors of the node
//
// # One turn of an actor
//
// It takes everything from its mailbox, lets the machine handle it, and performs
// the effects: what is to be committed goes to the journal, whose answer comes
// back to the mailbox; what is to be read is read by a goroutine of its own, whose
// answer comes back likewise; what is to be published, acknowledged, released or
// answered is an answer to a commit already, and is done at once.  So an actor
// never waits for the store or for the bus.
//
// # A move
//
// Nodes share the partitions evenly (package ownership).  Who has too many ends a partition
// in good order: the desk asks for nothing more and refuses tokens for it, no report is
// taken in any more, what is begun is committed and acknowledged, and the lease released.
// Whoever asks meanwhile is told to ask again.  The next owner takes the lease, raises the
// epoch, and wakes the campaigns from the store.
//
// What of this decides anything is pure and stands in packages of its own: clerk, the
// order of an actor's effects; book, what the desk knows; ownership, who takes and gives
// what.  Package simulation plays them all without this package, whose goroutines it tells
// in events: who changes these tells it there, too.
//
// # Failures
//
// Journal retries: the actor sees a commit as slow; if it lasts, the node lets its leases
// run out, for others that reach the database (Node.strand).  A stale epoch: another
// node owns the partition; the actor stops where it stands and the new owner
// takes up from the store.  A process that dies: the same, once its leases have
// run out.  A job or report that is lost or repeated: see campaign/machine.
package actors
