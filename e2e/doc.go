// Package e2e holds scenarios over the real wiring, and drills over real
// processes.  What happened is judged by the mock provider's ledger; the tests
// bear the names of the promises that they show.
package e2e
