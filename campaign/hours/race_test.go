//go:build race

package hours_test

// A calendar is a value that nothing changes: what the race detector could find is found
// in a few schedules, of which each takes it ten times as long.
func init() { raced = true }
