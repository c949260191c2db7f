// Package mockdialer stands in for a telephony provider.  It speaks Twilio's
// voice API over real HTTP, calls nobody, and keeps a ledger of every call that
// it was asked for: the ground truth that tests and benchmarks compare with.
//
// # A call
//
//	create ──> queued ──> ringing ──> in-progress ──> completed
//	             │           ├──> busy, no-answer
//	             ├──> failed └──> canceled (hung up before it was answered)
//	             └──> canceled
//
// How the nth call to a number ends, and how long it lasts, is a function of the
// seed, the number and n alone, so that a run can be repeated whatever the order
// in which its requests arrive.  A script can say otherwise for single numbers, and
// Durations can give the numbers of a prefix lengths of their own: the calls of one
// campaign last longer than those of the next.
//
// Invariant: a call is active from the create request (received_at) to its end
// (ended_at), and the summary's peaks are those of the ledger's own times.
//
// # Who does what
//
// The book holds all calls under one mutex, whose sections are short.  One
// goroutine, the clock, sleeps until the next thing in the book's heap is due.
// A fixed number of workers deliver callbacks over kept connections.  There is no
// goroutine and no timer for a call.
//
// # The journal
//
// With Config.LedgerFile each change is appended to a file of JSON lines before
// anybody hears of it: a create before its answer, an end before its callback.
//
//	{"key":"9c0f…"}                                                 first line: the ids' key
//	{"create":0,"to":"+1…","at":…,"outcome":"busy","talk":…}        a call, with its whole plan
//	{"end":0,"at":…,"status":"busy","talk":…}                       its end
//	{"told":0}                                                      its last callback is done with
//	{"forgotten":1}                                                 the calls before this one are forgotten
//
// The file is not synced: it survives the death of the process, not of the
// machine.  A new server on the same file goes on where the old one was killed:
//
//   - a call that was up ends at its planned time, or at once if that has passed;
//   - an end whose callback was not delivered, or not known to be, is told again;
//   - a last line that was cut is taken away.  The create it stood for had no answer;
//   - a full disk makes creates fail with 500; ends and callbacks go on without it,
//     and are logged.
//
// The file belongs to one process at a time.
package mockdialer
