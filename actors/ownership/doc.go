// Package ownership decides which partitions a node takes and which it gives, so that
// the nodes that are there share all of them evenly.
//
// It is pure: a Mind is told what a node sees (who is there, who holds what), and what
// the node itself has in hand; it answers what to take and what to give now, and when to
// ask again.  The leases are what makes an owner; a Mind only proposes, so that two that
// see different things can be wrong without harm.
//
// # Who should have how many
//
// With n members every one has ⌊P/n⌋ or ⌈P/n⌉ of the P partitions.  Who has a number of
// these two keeps all of them; who has more gives down to the upper one, who has fewer
// takes up to the lower one, and where that does not come out even, the names decide who
// takes one more, or gives one more (Quotas).  So nothing moves that need not, and every
// step of a move leaves what is still to be done as it was: nodes that see it at different
// times agree.
//
// # A move
//
//	held by A ──A gives──▶ free ──B takes──▶ held by B
//
// The one who has too many gives, a few at a time; the next ones when those are taken.  Of
// a free partition all agree which of the members with too few takes it (a hash of both
// names).  Members that come and go are waited for a moment before anything is given, and
// what is free is taken at once.
//
// # What goes wrong
//
// Two take the same: the lease is one's, and the other sees that it is not free.  The one
// who should take it does not, since its view is old, or it hangs: after Grace it is
// distrusted, which is to say not counted as a member, until it takes anything, or for the
// time of Distrust; and what is free for three times Grace anybody takes.  A node dies:
// its leases run out, which all see.
package ownership
