// Package load serves tests that have bars of time, and run on machines that are busy
// with others.
package load

import (
	"syscall"
	"time"
)

// CPU is what the process has computed so far, on all cores.  A bar on it, unlike one on
// the clock, does not count the time that a busy machine gives to others.
func CPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails for an unknown "who" only
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Slack is a bar of time, four times as wide under the race detector.
func Slack(d time.Duration) time.Duration {
	if Raced {
		return 4 * d
	}
	return d
}
