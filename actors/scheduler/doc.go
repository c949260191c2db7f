// Package scheduler hands out dial tokens: the leave to have one call up at one
// provider.  One node leads, by the lease "scheduler"; every other stands by.
//
// # The exchange
//
// Nodes and leader talk over core NATS, without acknowledgements:
//
//	node ──Report──▶ leader     demands that changed, what became known of tokens,
//	                            tokens that came back
//	node ◀──Grants── leader     tokens, numbered without gaps for each node
//
// A message may be lost, so once a second a node adds a Full: what it holds and
// all it could use, as of the last Grants it received.  From that the leader
// corrects itself: a token that it had granted before and the node does not hold
// is free again; one that the node holds and the leader does not know is counted,
// even beyond a limit; a campaign that is not named has gone.  So the nodes' holdings are the truth, and the leader's
// state is soft.
//
// # Evidence
//
// Of each token the leader knows how far its call has come: granted, placing, then
// placed or ambiguous.  This makes its books a ledger of who holds which slot and why;
// and it is how the calls per second are kept.  They are counted where they can be
// known: a request takes its part of the rate from the grant until a second after
// the provider has surely seen it (see pool), so that no hold-up on the way, at a
// caller, a database or a queue, makes two seconds' requests fall into one.
//
// # A new leader
//
// It knows nothing, so it grants nothing until every partition's owner has sent a
// Full that was written under its term: until then it can't know how many calls
// are up.  From a Full of an older term it learns only that there is a node to
// greet.  A node that has heard of the new term answers with a Full at once, and
// drops the tokens of the old leader that still arrive.  Of a provider with a limit of
// calls per second it then lets a window go by: what that saw just before, and is
// over, is in nobody's Full.  A leader that ends in good order tells its successor
// (Handover), which then need not wait.
//
// Terms come from the clock.  A leader whose clock is behind that of the one
// before learns it from the first Full, and raises its term above.
//
// # A campaign's new owner
//
// It finds in the store what is in flight and holds a token for each attempt,
// named after the attempt.  Its Full, with the higher epoch, replaces what the old
// owner held.  Tokens carry the epoch of the owner they are for, so that one that
// comes back to a node after somebody else had the partition is not spent.
//
// The Core is pure: it takes reports and the time, and returns grants.  The
// strategies, pure as well, are in scheduler/strategy.
package scheduler
