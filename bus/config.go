package bus

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Config says where NATS is and who we are.
type Config struct {
	// URL of an external server or cluster ("nats://a:4222,nats://b:4222"); ""
	// starts one inside this process.
	URL string
	// StoreDir is the embedded server's data folder.
	StoreDir string
	// Listen is the embedded server's host:port, by default 127.0.0.1:4222; port
	// 0 or -1 takes any free one.
	Listen string
	// Name of the node: of the connection, and in events' source.
	Name string
	// LeaseTTL is how long a lease lives unrenewed, in whole seconds: by default
	// 5s embedded, and 15s otherwise, because a cluster that loses a stream's
	// leader takes no writes for up to 7 s.
	LeaseTTL time.Duration
	// Replicas of streams and bucket when they are created; by default 1.
	Replicas int
	// PublishTimeout is how long JetStream may take to acknowledge; 5s.
	PublishTimeout time.Duration
	// AckWait is how long a delivered message may stay unacknowledged before it
	// is delivered again; 30s.
	AckWait time.Duration
	// OpenPatience is how long Open tries to connect, and then to make the streams,
	// before it gives up; 5s and 20s.
	OpenPatience time.Duration
	Logger       *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:4222")
	c.Name = cmp.Or(c.Name, "dialtone")
	if c.LeaseTTL == 0 && c.URL == "" {
		c.LeaseTTL = 5 * time.Second
	}
	c.LeaseTTL = cmp.Or(c.LeaseTTL, 15*time.Second)
	c.Replicas = cmp.Or(c.Replicas, 1)
	c.PublishTimeout = cmp.Or(c.PublishTimeout, 5*time.Second)
	c.AckWait = cmp.Or(c.AckWait, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate returns every fault at once.
func (c Config) Validate() error {
	var faults []error
	if c.URL == "" && c.StoreDir == "" {
		faults = append(faults, errors.New("the embedded NATS server needs a data folder"))
	}
	if c.LeaseTTL < time.Second || c.LeaseTTL%time.Second != 0 {
		faults = append(faults, fmt.Errorf("a lease's time to live is in whole seconds, 1s at least, not %v", c.LeaseTTL))
	}
	if c.Replicas < 1 || c.Replicas > 5 {
		faults = append(faults, fmt.Errorf("the number of replicas is from 1 to 5, not %d", c.Replicas))
	}
	if c.Replicas > 1 && c.URL == "" {
		faults = append(faults, errors.New("the embedded NATS server is one server and keeps one replica"))
	}
	if c.PublishTimeout < 0 || c.AckWait < 0 || c.OpenPatience < 0 {
		faults = append(faults, errors.New("time-outs are not negative"))
	}
	return errors.Join(faults...)
}
