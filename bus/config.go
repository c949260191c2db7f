package bus

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Role is a part of the work, for which a process needs the bus.
type Role string

// The roles, and what they do on the bus.
const (
	RoleAPI    Role = "api"    // hands in callbacks, asks owners and scheduler, watches events
	RoleActors Role = "actors" // everything but placing calls; keeps leases and makes the streams
	RoleCaller Role = "caller" // takes dial jobs, hands in reports
)

// What a lease lives by default, where the Config names nothing.
const (
	leaseTTLSingle  = 5 * time.Second
	leaseTTLCluster = 15 * time.Second
)

// Config says where NATS is and who we are.
type Config struct {
	// URL of an external server or cluster ("nats://a:4222,nats://b:4222"); ""
	// starts one inside this process.  The first user and password in it count for
	// all, and the user's name for the inbox as well: the answers to what "caller"
	// asks arrive on _INBOX_caller.>, where nobody else may listen.
	URL string
	// Password of the URL's user, where it is not in the URL.
	Password string
	// Roles are what this process does; by default all.  RoleActors makes streams,
	// consumers and bucket, and makes them again when they are gone; so does who has
	// the server inside.  All others wait for that, and need no permission for it.
	Roles []Role
	// StoreDir is the embedded server's data folder.
	StoreDir string
	// Listen is the embedded server's host:port, by default 127.0.0.1:4222; port
	// 0 or -1 takes any free one.
	Listen string
	// Name of the node: of the connection, and in events' source.
	Name string
	// LeaseTTL is how long a lease lives unrenewed, in whole seconds: by default 5s,
	// and 15s where the server belongs to a cluster, which takes no writes for up to
	// 7 s when it loses a stream's leader.
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
	if len(c.Roles) == 0 {
		c.Roles = []Role{RoleAPI, RoleActors, RoleCaller}
	}
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
	if c.Password != "" && credentialsOf(c.URL).user == "" {
		faults = append(faults, errors.New("a NATS password needs a user, in the URL: nats://user@host:4222"))
	}
	for _, r := range c.Roles {
		if !slices.Contains([]Role{RoleAPI, RoleActors, RoleCaller}, r) {
			faults = append(faults, fmt.Errorf("there is no role %q; take some of api, actors, caller", r))
		}
	}
	if c.LeaseTTL != 0 && (c.LeaseTTL < time.Second || c.LeaseTTL%time.Second != 0) {
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

func (c Config) has(r Role) bool { return slices.Contains(c.Roles, r) }

// manages reports whether this process makes what is missing in JetStream.
func (c Config) manages() bool { return c.URL == "" || c.has(RoleActors) }
