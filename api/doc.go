// Package api is what Dialtone says over HTTP: calls, campaigns and their
// contacts, the stream of events, and the address at which providers call back.
//
// It owns no state.  It reads the store, creates in the store, and commands the
// campaigns' owners over the bus; it never meets the actors themselves.
//
// Three kinds of handler live here:
//
//   - Resources (call.go, campaign.go, …) are huma operations, so that the
//     OpenAPI document follows from the code.  huma routes, reads parameters and
//     writes answers; bodies are read by object (object.go), which tells every
//     fault of a body at once, each in a whole sentence.
//   - Streams (contact.go, event.go) are plain handlers with deadlines of their
//     own, because they may last.
//   - Callbacks (callback.go) are the hot path: plain, without API keys, let in by
//     their signature alone.
//
// Whatever goes wrong, anywhere, is answered with a Problem (problem.go), whose
// status comes from the one table there.
//
// # What happens on a failure
//
// The store does not answer: 503 with Retry-After, and nothing was changed; only a
// callback is let through to the bus even then, because losing it costs more than
// carrying one for a call that does not exist.  The bus does not answer: commands
// and callbacks are 503; what was created stays created, and its owner finds it
// by itself.  The process dies between a creation and its answer: the client
// repeats it with the same Idempotency-Key and gets the same resource.
package api
