// Package simulation plays the whole service in one goroutine, under a clock of its own,
// with everything going wrong that can: thousands of runs, each told apart from all others
// by a number, the seed, from which every choice in it comes.  The same seed plays the same
// run; one in which a promise is broken can so be looked at for as long as it takes.
//
//	go test ./actors/simulation                                            10,000 runs
//	go test ./actors/simulation -run 'TestSimulation$' -sim.seed=4711     one, with its story
//	go test ./actors/simulation -run 'TestSimulation$' -sim.from=10001 -sim.runs=50000   others
//
// A run has two to four nodes, two or three campaigns of 5 to 12 numbers, and two
// providers.  For 8 to 18 seconds everything befalls it; then the faults end, and all must
// come to its end: every call, every campaign, every token.
//
// # What is real
//
//	campaign/machine, campaign/hours   the mind of a campaign
//	actors/clerk                       the order of commit, publish and acknowledge
//	actors/book                        a node's side of the exchange with the scheduler
//	actors/scheduler.Core              the leader, with its strategies, breakers and gates
//	actors/ownership                   which node takes and gives which partition
//	store/ledger, store.Page           what a batch does to the rows, and what goes in one
//	actors/caller                      what a provider's answer means, whose a found call is
//	bus.PartitionOf, campaign/route    where campaigns fall, and by whom numbers go
//
// # What is modelled
//
// The shells around them, which are goroutines, channels and timers in the service: actors,
// partitions, nodes, desks, candidates, callers, journals.  They are told again here in
// events, and must be kept as the real ones are.  The 64 partitions are dealt out in
// eight units.  Then NATS: work queues that deliver at least once, late and again; leases
// that run out; core messages that get lost, but keep their order.  The store's rows, which
// are in memory.  The providers with their ledgers.  The users.
//
// Times are those with which the service ships, or a third or less of them, in the same
// order of size; see faults.go.
//
// # What goes wrong
//
// A process dies at any event, and between any two things that a turn has done: between
// the commit and the publishing, between the publishing and the acknowledgement.  It stands
// still (SIGSTOP), for less and for more than a lease lives, and goes on with what it was
// about to do.  It leaves in good order.  It loses JetStream.  All of JetStream is lost.  The
// store does not answer, or its answer is lost and the batch applied again.  Messages are
// lost, doubled, late, out of order.  Clocks of the day differ.  Providers refuse, are
// silent, dial late; callbacks are lost, doubled, late.  Users start, pause, resume, cancel,
// add and raise all the while.  In each run some of these are left out and others come
// oftener, since what goes wrong among many faults may hide what goes wrong among few.
//
// # What is judged
//
// At every transaction, request, call, acknowledgement and answer, and at the end:
// NothingLost, NeverTwice, WithinLimit (campaigns, channels, calls per second), InHours,
// RetriesFirst, StopMeansStop, TruthInStore, OneOwner, the statistics against the providers' ledgers, and
// that no token, message or actor is left.
//
// # What shows that it finds anything
//
// Bugs that are planted on purpose (Plant), each of which it must find.
//
// Not judged: FairShare, of which the strategies have tests of their own.  What can happen
// to one campaign by itself (zones, routes, a day's cap, changed schedules) is played through
// in campaign/machine.
package simulation
