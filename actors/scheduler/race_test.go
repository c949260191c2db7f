//go:build race

package scheduler_test

func init() { raced = true }
