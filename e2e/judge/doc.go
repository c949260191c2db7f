// Package judge tells by the providers' ledgers whether the promises were kept.
//
// It believes the provider: whoever was dialled, when, and how long, is what the mock
// providers wrote down.  Beside that it reads what the service says of itself (status,
// statistics, records of calls), to see whether both say the same.  It decides nothing
// by code of the service: hours, peaks and rates are reckoned here, by package time.
//
// What it finds is a Verdict for each promise: how many were looked at, how many of
// them broke it, and examples.
package judge
