//go:build race

package actors

func init() { raced = true }
