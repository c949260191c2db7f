//go:build race

package simulation

// A run has one goroutine: what the race detector could find in it, it finds in a few.
func init() { raced = true }
