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
// # Faults
//
// A plan says what goes wrong; the ledger and the summary say what did, by the same
// words.  It comes with the Config, by SetFaults, or over HTTP while the server runs:
// GET, PUT and DELETE /faults, from the same machine or with the account's
// credentials.  All its fields, in JSON or YAML:
//
//	{
//	  "seed": 7,
//	  "rates": {"500_after": 0.01, "fetch_429": 0.1, "callback_dropped": 0.02},
//	  "periods": [{"after": "3s", "for": "10s", "every": "1m", "rates": {"429": 1}}],
//	  "script": {"+15550100": [
//	    {"create": ["slow", "500_after"], "completed": ["callback_repeated"]},
//	    {},
//	    {"create": ["hang"]}
//	  ]},
//	  "down": {"after": "5s", "for": "10s", "every": "1m", "forget": true},
//	  "forget": {"after": "5s", "every": "1m"},
//	  "hang_for": "30s", "slow_for": "100ms-1s", "retry_after": "1s",
//	  "shuffle_by": "0s-1s", "delay_by": "1m-5m", "repeats": 1
//	}
//
//	request            create           call made  fetch_, list_ and hang_up_
//	answered late      slow             yes        slow
//	after a callback   callback_first   yes
//	not answered       hang             no         hang
//	                   hang_after       yes
//	500                500              no         500
//	                   500_after        yes
//	20429              429              no         429
//	10004              10004            no
//	unreadable 201     bad_json         yes
//
// A request has one at most of those below the first two lines.  Callbacks are
// callback_dropped, callback_repeated, callback_shuffled, callback_delayed and
// callback_forged; a repeated one is alike to its token, as a retry is.  Without a
// rate are down, cut (a create whose connection an outage may have broken before its
// answer was out) and forgotten.
//
// What hangs ends with the client's patience, hang_for, another plan or Stop,
// whichever comes first, and never with an answer.  An outage closes the listener and
// breaks every connection; calls and callbacks go on.  Forgotten calls can't be
// fetched, listed or hung up, and nobody is called back for them; they go on in the
// ledger, and take up their channels, until they end.
//
// Invariant: a server without a plan pays for faults with one atomic load for each
// request.
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
//	{"forgotten":1}                                                 the calls before it are forgotten
//
// Faults other than that a call is forgotten are not in it.
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
