//go:build race

package machine_test

import "flag"

// The machine has one goroutine: what the race detector could find in it is found in a
// few runs, of which each takes it ten times as long.  All of them run without it.
func init() {
	_ = flag.Set("rapid.checks", "15")
}
