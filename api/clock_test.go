package api

import (
	"sync/atomic"
	"time"
)

// clock is a time that a test sets.
type clock struct{ nanos atomic.Int64 }

// clocked is for newService: a service in which it is the moment, until the test says
// otherwise.
func clocked(c *clock, at time.Time) func(*Config) {
	c.set(at)
	return func(cfg *Config) { cfg.now = c.now }
}

func (c *clock) set(t time.Time) { c.nanos.Store(t.UnixNano()) }

func (c *clock) now() time.Time { return time.Unix(0, c.nanos.Load()).UTC() }

// on is a time that reads well: on("2026-03-02T14:00:00Z").
func on(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}
