// Package campaign is the domain of Dialtone: campaigns, the calls they are
// made of, the attempts those calls took, and the words in which the parts of
// the system speak about them.
//
// It decides nothing and does no I/O.  Decisions are made by the pure machine
// in campaign/machine; the store keeps what these types describe, the bus
// carries them.
//
// A Campaign groups Calls (one for each contact).  A Call is dialled in
// Attempts, one after the other, until one completes or the RetryPolicy says
// that it is enough:
//
//	campaign   pending → in_progress ⇄ paused → completed | failed | canceled
//	call       queued → in_progress → completed | failed | canceled
//	                        ⇅
//	                    retry_wait
//	attempt    claimed → placing → placed → ended
//	                        ↘ ambiguous ↗
package campaign
