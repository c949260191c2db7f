package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dialtone/bus/bustest"
	"dialtone/store/storetest/pgtest"
)

// natsPatience is how long NATS servers may take to have a leader again.
const natsPatience = 30 * time.Second

func (c *Cluster) natsKilled(d time.Duration, servers ...*NATSServer) Fault {
	f := Fault{For: d, Prove: nothing,
		Happen: func(context.Context) error {
			var errs []error
			for _, s := range servers {
				errs = append(errs, s.Kill())
			}
			return errors.Join(errs...)
		},
		Heal: func(ctx context.Context) error { return c.natsUp(ctx, servers...) },
	}
	if len(servers) == 1 {
		f.What = servers[0].Name
	}
	return f
}

func (c *Cluster) natsUp(ctx context.Context, servers ...*NATSServer) error {
	for _, s := range servers {
		if err := s.Start(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, natsPatience)
	defer cancel()
	return c.NATS.ready(ctx)
}

func (c *Cluster) isolated(s *NATSServer, d time.Duration, m Mode) Fault {
	return Fault{What: s.Name + ", " + m.String(), For: d,
		Happen: func(context.Context) error { s.Isolate(m); return nil },
		Prove: func(context.Context) error {
			if s.Hit() == 0 {
				return errors.New("there was no connection to the others")
			}
			return nil
		},
		Heal: func(context.Context) error { s.Isolate(Open); return nil },
	}
}

// streams are what the service keeps in JetStream.
const streams = 4

// streamsDeleted waits for the service to make them again.
func (c *Cluster) streamsDeleted() Fault {
	f := Fault{Prove: nothing}
	var before map[string]time.Time
	f.Happen = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, natsPatience)
		defer cancel()
		var err error
		if before, err = c.NATS.Streams(ctx); err != nil {
			return err
		}
		// The servers may be choosing a leader just now.
		gone := map[string]bool{}
		wait := until(ctx, "not all streams could be deleted", func() bool {
			var names []string
			names, err = bustest.DeleteStreams(ctx, c.NATS.AdminURL())
			for _, n := range names {
				gone[n] = true
			}
			return len(gone) == streams
		})
		if wait != nil {
			return errors.Join(wait, err)
		}
		return nil
	}
	f.Heal = func(ctx context.Context) error { return c.streamsAgain(ctx, before) }
	return f
}

// streamsAgain waits until there are streams made later than those before.
func (c *Cluster) streamsAgain(ctx context.Context, before map[string]time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, natsPatience)
	defer cancel()
	return until(ctx, "the streams were not made again", func() bool {
		now, err := c.NATS.Streams(ctx)
		if err != nil || len(now) < streams {
			return false
		}
		for name, made := range now {
			if was, ok := before[name]; ok && !made.After(was) {
				return false
			}
		}
		return true
	})
}

func (c *Cluster) storageDeleted() Fault {
	f := c.natsKilled(0, c.NATS.Servers...)
	var before map[string]time.Time
	kill, start := f.Happen, f.Heal
	f.Happen = func(ctx context.Context) (err error) {
		if before, err = c.NATS.Streams(ctx); err != nil {
			return err
		}
		errs := []error{kill(ctx)}
		for _, s := range c.NATS.Servers {
			errs = append(errs, s.Wipe())
		}
		return errors.Join(errs...)
	}
	f.Heal = func(ctx context.Context) error {
		if err := start(ctx); err != nil {
			return err
		}
		return c.streamsAgain(ctx, before)
	}
	return f
}

func (c *Cluster) databaseRestarted(fast bool) Fault {
	mode, what := pgtest.Immediate, "immediate"
	if fast {
		mode, what = pgtest.Fast, "fast"
	}
	before := 0
	return Fault{What: what,
		Happen: func(context.Context) error {
			before = c.Postgres.Pid()
			c.Postgres.Stop(mode)
			return nil
		},
		Prove: func(context.Context) error {
			if state, _ := stat(before); state != "" {
				return fmt.Errorf("process %d still lives", before)
			}
			return nil
		},
		Heal: func(context.Context) error {
			if err := c.Postgres.Start(); err != nil {
				return err
			}
			if c.Postgres.Pid() == before {
				return errors.New("it is the same process")
			}
			return nil
		},
	}
}

func (c *Cluster) databaseFrozen(d time.Duration) Fault {
	return Fault{For: d,
		Happen: c.Postgres.Freeze,
		Prove: func(context.Context) error {
			if !c.Postgres.Frozen() {
				return errors.New("some of its processes run")
			}
			return nil
		},
		Heal: func(context.Context) error { return c.Postgres.Thaw() },
	}
}
