// Package app puts the parts of Dialtone together.  It is the only place that
// names them all; the commands, the tests and the drills start the same thing.
package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"dialtone/campaign"
	"dialtone/campaign/machine"
	"dialtone/campaign/phone"
	"dialtone/mockdialer"
)

// Role is a part of the work that a process may do.
type Role string

// The roles.
const (
	RoleAPI    Role = "api"    // HTTP: resources and callbacks
	RoleActors Role = "actors" // campaigns, and the scheduler's candidate
	RoleCaller Role = "caller" // dial jobs
)

// Roles lists them all.
var Roles = []Role{RoleAPI, RoleActors, RoleCaller}

// Config is everything that can be set about a process.
type Config struct {
	// HTTP is the host:port of the API; without that role, of health and metrics, or
	// "" for none.
	HTTP       string
	Data       string // folder of everything that is kept here
	NATS       string // URL of a NATS server; "" runs one in the process
	NATSListen string // host:port of the one in the process
	// NATSPasswordFile holds the password of the user in NATS, on its first line; ""
	// where it stands in the URL, or none is needed.
	NATSPasswordFile string
	NATSReplicas     int           // of the streams, when they are made; 0 is 1
	LeaseTTL         time.Duration // whole seconds; 0 is by whether NATS is clustered
	Database         string        // PostgreSQL URL; "" is SQLite in Data
	// Wait has the start wait for a database and a NATS server that are not there yet,
	// until it is told to stop.  Else it fails.
	Wait      bool
	Roles     []Role
	Providers string // file; "" is the mock provider in the process
	// CallbackBaseURL is where the mock provider reaches the API; "" is HTTP.  A
	// providers file has its own.
	CallbackBaseURL string
	DefaultRegion   string
	Mock            mockdialer.Config
	// Machine is the patience of the campaigns' machines.  A RampUp of 0 is 500 ms here, one
	// below is none.
	Machine machine.Config
	Logger  *slog.Logger
}

// Validate returns all faults at once.
func (c Config) Validate() error {
	var errs []error
	for _, r := range c.Roles {
		if !slices.Contains(Roles, r) {
			errs = append(errs, fmt.Errorf("--roles: there is no role %q; take some of api, actors, caller", r))
		}
	}
	if len(c.Roles) == 0 {
		errs = append(errs, errors.New("--roles: give at least one of api, actors, caller"))
	}
	if c.Data == "" {
		errs = append(errs, errors.New("--data: give a folder"))
	}
	if _, _, err := net.SplitHostPort(c.HTTP); err != nil && (c.HTTP != "" || c.has(RoleAPI)) {
		errs = append(errs, fmt.Errorf("--http: %q is not host:port", c.HTTP))
	}
	if c.NATS != "" {
		errs = append(errs, checkURL("--nats", c.NATS, "nats", "tls", "ws", "wss"))
	} else if _, _, err := net.SplitHostPort(c.NATSListen); err != nil {
		errs = append(errs, fmt.Errorf("--nats-listen: %q is not host:port", c.NATSListen))
	}
	errs = append(errs, c.validateNATS())
	if c.Database != "" {
		errs = append(errs, checkURL("--database", c.Database, "postgres", "postgresql"))
	}
	if c.CallbackBaseURL != "" {
		errs = append(errs, checkURL("--callback-base-url", c.CallbackBaseURL, "http", "https"))
	}
	if c.Providers == "" && c.has(RoleCaller) && !c.has(RoleAPI) && c.CallbackBaseURL == "" {
		errs = append(errs, errors.New("--providers: without the role api here, the built-in mock provider has nobody to call back; give a providers file, or --callback-base-url"))
	}
	if !phone.ValidRegion(c.DefaultRegion) {
		errs = append(errs, fmt.Errorf("--default-region: %q is not a region; write it like US, or leave it out", c.DefaultRegion))
	}
	return errors.Join(errs...)
}

// natsReplicas are the numbers that a vote can come of.
var natsReplicas = []int{0, 1, 3, 5}

func (c Config) validateNATS() error {
	var errs []error
	if !slices.Contains(natsReplicas, c.NATSReplicas) {
		errs = append(errs, fmt.Errorf("--nats-replicas: take 1, 3 or 5, not %d", c.NATSReplicas))
	}
	if c.NATSReplicas > 1 && c.NATS == "" {
		errs = append(errs, errors.New("--nats-replicas: the NATS server inside the process keeps one; give a cluster with --nats"))
	}
	if c.NATSPasswordFile != "" && c.NATS == "" {
		errs = append(errs, errors.New("--nats-password-file: the NATS server inside the process knows no users; give one with --nats"))
	}
	if c.LeaseTTL != 0 && (c.LeaseTTL < time.Second || c.LeaseTTL%time.Second != 0) {
		errs = append(errs, fmt.Errorf("--lease-ttl: give whole seconds, like 15s, not %v", c.LeaseTTL))
	}
	return errors.Join(errs...)
}

// checkURL tells no more of a URL than its scheme: there may be a password in it.
func checkURL(flag, raw string, schemes ...string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" && u.Opaque == "" && u.RawQuery == "" || !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("%s: give a URL that begins with %s://", flag, strings.Join(schemes, ":// or "))
	}
	return nil
}

func (c Config) has(r Role) bool { return slices.Contains(c.Roles, r) }

// loopback reports whether an address can be reached from this machine only.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// errOpen is the refusal to listen where others could call without a key.
func errOpen(addr string) error {
	return &campaign.Error{Code: campaign.CodeInvalid, Field: "--http", Message: fmt.Sprintf(
		"there is no API key yet, so the service listens on loopback only, not on %s; create a key first with: dialtone key create --scope admin NAME", addr)}
}
