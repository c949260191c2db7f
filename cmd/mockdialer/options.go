package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"dialtone/mockdialer"
)

// options are the flags.
type options struct {
	HTTP      string                   `name:"http" default:"127.0.0.1:8081" placeholder:"ADDR" help:"Where to listen (${default})."`
	Duration  mockdialer.DurationRange `default:"10s" placeholder:"DURATION" help:"How long calls last: a length, or a range like 2s-90s (${default})."`
	Durations mockdialer.Durations     `placeholder:"PREFIXES" help:"How long calls to the numbers of a prefix last, where that differs; the longest prefix counts: +4930=400ms,+49=2s-90s."`
	Outcomes  mockdialer.Outcomes      `default:"completed=70,busy=10,no-answer=10,failed=10" placeholder:"WEIGHTS" help:"How calls end, by weight (${default})."`
	Seed      uint64                   `default:"1" help:"What decides each call, with its number and how often that was called (${default})."`
	Account   string                   `default:"AC00000000000000000000000000000001" placeholder:"SID" help:"The account's id (${default})."`
	Token     string                   `default:"mocktoken" placeholder:"TOKEN" help:"The account's token; it also signs callbacks. The default (${default}) is taken on a loopback address only."`
	Ledger    string                   `placeholder:"FILE" help:"Keep the ledger in this file, across restarts and kills."`
	Channels  int                      `default:"0" help:"How many calls can be up at once; 0 is no limit (${default})."`

	MaxConcurrentRequests int `default:"0" placeholder:"N" help:"How many requests are worked on at once, before 429; 0 is no limit (${default})."`
	CallbackRetries       int `default:"1" placeholder:"N" help:"How often a callback is tried again; 0 is never (${default})."`

	Faults    string  `placeholder:"FILE" help:"What goes wrong, as YAML or JSON: {rates: {500_after: 0.01, callback_dropped: 0.02}, down: {after: 1m, for: 10s}}. GET, PUT and DELETE /faults show, change and lift it while the command runs."`
	FaultSeed *uint64 `placeholder:"N" help:"What draws the faults, in place of the plan's own seed."`

	Health bool `help:"Ask the mockdialer that listens at --http on this machine whether it is well, and exit with 0 or 1."`
}

// config is without the faults.
func (o *options) config(log *slog.Logger) mockdialer.Config {
	retries := o.CallbackRetries
	if retries == 0 {
		retries = mockdialer.NoRetries
	}
	return mockdialer.Config{
		Addr: o.HTTP, Account: o.Account, Token: o.Token,
		Seed: o.Seed, Duration: o.Duration, Durations: o.Durations, Outcomes: o.Outcomes,
		Channels: o.Channels, MaxConcurrentRequests: o.MaxConcurrentRequests,
		LedgerFile: o.Ledger, CallbackRetries: retries, Logger: log,
	}
}

// plan reads the faults.
func (o *options) plan() (p mockdialer.FaultPlan, err error) {
	if o.Faults != "" {
		text, err := os.ReadFile(o.Faults)
		if err != nil {
			return p, fmt.Errorf("--faults: %w", err)
		}
		if p, err = mockdialer.ParseFaultPlan(text); err != nil {
			return p, fmt.Errorf("--faults %s: %w", o.Faults, err)
		}
	}
	if o.FaultSeed != nil {
		p.Seed = *o.FaultSeed
	}
	return p, nil
}

// safe keeps the token that everybody knows from being used where everybody can
// reach it.
func (o *options) safe() error {
	host, _, err := net.SplitHostPort(o.HTTP)
	if err != nil {
		return fmt.Errorf("--http: %q is no address; write it like 127.0.0.1:8081", o.HTTP)
	}
	if o.Token == "" {
		return fmt.Errorf("--token: an empty token lets everybody in; give one, or leave the flag away")
	}
	if o.Token == mockdialer.DefaultToken && !loopback(host) {
		return fmt.Errorf("--http: %s can be reached from other machines, and the default token is public; give --token or listen on 127.0.0.1", o.HTTP)
	}
	return nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.Unmap().IsLoopback())
}

// print tells the effective values.
func (o *options) print(w io.Writer, url string, faultSeed uint64) {
	token := "(given)"
	if o.Token == mockdialer.DefaultToken {
		token = "(the default)"
	}
	_, _ = fmt.Fprintf(w, "mockdialer http=%s duration=%v durations=%q outcomes=%v seed=%d account=%s token=%s ledger=%q channels=%d max-concurrent-requests=%d callback-retries=%d faults=%q fault-seed=%d\n",
		o.HTTP, o.Duration, o.Durations, o.Outcomes, o.Seed, o.Account, token, o.Ledger, o.Channels, o.MaxConcurrentRequests, o.CallbackRetries, o.Faults, faultSeed)
	_, _ = fmt.Fprintf(w, "mockdialer listens on %s\n", url)
}
