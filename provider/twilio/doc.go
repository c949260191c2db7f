// Package twilio is the adapter for providers that speak Twilio's voice API,
// version 2010-04-01: Twilio itself, the mock dialer, and the compatible ones.
//
// # Nobody is dialled twice
//
// The dialect has no idempotency key: asking twice for a call dials twice.  So a
// create request goes out once, and what came of it is sorted by what the
// provider can have known:
//
//	what happened                                     fault
//	no connection: DNS, refused, TLS, no free
//	  connection in time, canceled before one was had   Unreachable
//	a connection was had, and then: timeout, reset,
//	  EOF, cancellation, garbage, half an answer        Ambiguous, Unanswered
//	2xx with a call's id                                (placed)
//	2xx without                                         Ambiguous
//	301, 307, 308: go there instead                     Barred
//	other 3xx                                           Ambiguous
//	408, 5xx                                            Ambiguous
//	  504: a gateway waits no longer for the provider     Unanswered, too
//	other 4xx, by its code: codes.go
//	  the number                                        Refused
//	  the caller id, the script, an unknown code        Misconfigured
//	  the account; 401 and 403 without a code           Barred
//	  as many calls up, or queued, as it takes          Full
//	  too many requests at once; 429                    Throttled
//
// The border between Unreachable and Ambiguous is the moment at which the
// transport hands a connection to the request: it comes before any byte of the
// request is written, and nothing can make it come later.
//
// net/http repeats a request by itself when a kept connection turns out to be
// dead.  For a POST it does so only if not a single byte of the request was
// written to it (or if an Idempotency-Key header claims that repeating does no
// harm, which this package never sends).  That repetition is welcome, and its
// price is a body that can be read again (GetBody).  HTTP/2 is off: there,
// net/http also repeats requests whose streams were reset, on the server's word.
// Redirects are not followed, because nothing above http.Transport is used.
//
// # Settling
//
// Find lists the calls to a number, from any unless one is named, without the API's
// StartTime filter: a call that waits in the provider's queue has no start time, and
// one that the filter hides would be dialled again.  An answer that is not clearly a
// list is an error, never an empty list, for the same reason; and so is a 404
// without the API's own code, since a misrouted request knows nothing of calls.
package twilio
