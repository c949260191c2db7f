//go:build race

package sqlite_test

func init() { checks = "4" }
