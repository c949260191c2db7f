//go:build !linux

package postgres

import "syscall"

// giveUpAfterSilence leaves it to the system how long it tries, and to keep-alive.
func giveUpAfterSilence(string, string, syscall.RawConn) error { return nil }
