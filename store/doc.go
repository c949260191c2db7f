// Package store is the contract with the database, which alone is the truth:
// every stream and bucket of the bus can be rebuilt from it.
//
// Two drivers fulfil it, store/postgres and store/sqlite, and store/storetest
// holds both to it.  What is read goes through the Store; what a campaign's
// owner or a caller writes about calls goes through the Journal, which gathers
// the operations of a few milliseconds into one Batch and one transaction.
//
// # Who may write
//
// A campaign belongs to a partition, and a partition to one node at a time.
// Winning a partition raises its epoch (RaiseEpochs); every operation of an
// owner carries the epoch it won with.  Apply locks the partitions' rows for
// the length of its transaction and refuses, operation by operation, what
// carries an older epoch (ErrStaleEpoch).  So an owner that lost its lease and
// does not know it yet can't do harm.
//
// A caller owns nothing.  What it writes, Placing, is guarded by the rows
// themselves: the insert of the attempt succeeds once, only while the call is
// claimed by exactly this claim, and only while the campaign is in progress.
//
// # Applying twice
//
// A transaction may commit and its answer be lost.  The journal then applies
// the same batch again, so every operation is idempotent: it names the state
// that it leads to and is accepted when that state already is.  Statistics move
// by the rows that really changed, so the second time moves nothing.
package store
