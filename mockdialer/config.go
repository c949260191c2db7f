package mockdialer

import (
	"cmp"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"dialtone/campaign"
)

// The defaults of a Config.  The token is public: it is for loopback only.  It has
// letters alone because Twilio's own client libraries refuse other tokens.
const (
	DefaultAddr               = "127.0.0.1:0"
	DefaultAccount            = "AC00000000000000000000000000000001"
	DefaultToken              = "mocktoken"
	DefaultCallbackRetries    = 1
	DefaultCallbackRetryDelay = 250 * time.Millisecond
	DefaultCallbackWorkers    = 256
)

// NoRetries is the CallbackRetries of a server that tries each callback once.
const NoRetries = -1

// Config says what the provider is like.  The zero value works.
type Config struct {
	// Addr is where Start listens; DefaultAddr, with a port of the system's choice,
	// if empty.
	Addr string
	// Account and Token are the credentials of requests; the token signs callbacks.
	Account, Token string

	// Seed, with the number and how often it was called, decides each call.
	Seed uint64
	// Duration is how long calls last: answered ones from the answer on, others from
	// the request on.  An answered call also rings, for a twentieth of its duration
	// but at most 200 ms.
	Duration DurationRange
	// Durations goes before Duration for the numbers that begin with its prefixes.
	Durations Durations
	// Outcomes is the mix of how calls end; DefaultOutcomes if zero.
	Outcomes Outcomes
	// Script overrules the seed: the nth call to a number ends as its nth entry says.
	// Calls beyond the last entry go by the seed again.
	Script map[string][]Outcome

	// Channels is how many calls can be active; more are refused with 10004.
	// 0 is no limit.
	Channels int
	// MaxConcurrentRequests is how many API requests are worked on at once; more are
	// refused with 20429.  0 is no limit.
	MaxConcurrentRequests int

	// LedgerFile keeps the ledger across the death of the process; "" keeps it in
	// memory only.
	LedgerFile string

	// CallbackRetries is how often a callback is tried again after an error or an
	// answer other than 2xx; DefaultCallbackRetries if 0, none if NoRetries.
	CallbackRetries int
	// CallbackRetryDelay comes before each retry; DefaultCallbackRetryDelay if 0.
	CallbackRetryDelay time.Duration
	// CallbackWorkers is how many callbacks are under way at once;
	// DefaultCallbackWorkers if 0.
	CallbackWorkers int
	// TLS is for callbacks to https URLs; nil is the system's.
	TLS *tls.Config

	// Faults is what goes wrong from the start on; SetFaults changes it.
	Faults FaultPlan
	// Logger is nil for silence.
	Logger *slog.Logger
}

// withDefaults fills what is not given.
func (c Config) withDefaults() Config {
	c.Addr = cmp.Or(c.Addr, DefaultAddr)
	c.Account = cmp.Or(c.Account, DefaultAccount)
	c.Token = cmp.Or(c.Token, DefaultToken)
	c.Outcomes = cmp.Or(c.Outcomes, DefaultOutcomes)
	c.CallbackRetries = cmp.Or(c.CallbackRetries, DefaultCallbackRetries)
	c.CallbackRetryDelay = cmp.Or(c.CallbackRetryDelay, DefaultCallbackRetryDelay)
	c.CallbackWorkers = cmp.Or(c.CallbackWorkers, DefaultCallbackWorkers)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// Validate returns every fault at once, as campaign.Errors, or nil.
func (c Config) Validate() error {
	var out campaign.Errors
	add := func(bad bool, field, format string, args ...any) {
		if bad {
			out = append(out, campaign.Invalid(field, format, args...))
		}
	}
	add(c.Account != "" && !plainWord(c.Account), "account", "Give an account id of up to 64 letters and digits, like %s.", DefaultAccount)
	add(!c.Duration.valid(), "duration", "Give a duration or a range from the shorter to the longer, of up to %v, not %v.", maxDuration, c.Duration)
	for prefix, r := range c.Durations {
		add(!validPrefix(prefix), "durations", "Give the beginnings of numbers, like +4930, not %q.", prefix)
		add(!r.valid(), "durations", "Give %s a duration or a range from the shorter to the longer, of up to %v, not %v.", prefix, maxDuration, r)
	}
	add(!c.Outcomes.valid(), "outcomes", "Give weights from 0 to %d, not %v.", maxWeight, c.Outcomes)
	add(c.Channels < 0, "channels", "Give the number of calls that can be up at once, or 0 for no limit, not %d.", c.Channels)
	add(c.MaxConcurrentRequests < 0, "max_concurrent_requests", "Give a number of requests, or 0 for no limit, not %d.", c.MaxConcurrentRequests)
	add(c.CallbackRetries < NoRetries || c.CallbackRetries > maxRetries, "callback_retries", "Give a number of up to %d, or %d for none, not %d.", maxRetries, NoRetries, c.CallbackRetries)
	add(c.CallbackRetryDelay < 0, "callback_retry_delay", "Give a duration that is not below 0s, not %v.", c.CallbackRetryDelay)
	add(c.CallbackWorkers < 0 || c.CallbackWorkers > maxWorkers, "callback_workers", "Give a number from 1 to %d, not %d.", maxWorkers, c.CallbackWorkers)
	for to, script := range c.Script {
		add(!validNumber([]byte(to)), "script", "Give numbers in the form +15550100, not %q.", to)
		for i, o := range script {
			add(!o.valid(), "script", "Give call %d to %s an outcome of completed, busy, no-answer or failed and a duration from 0s to %v.", i, to, maxDuration)
		}
	}
	var plan campaign.Errors
	if errors.As(c.Faults.Validate(), &plan) {
		for _, e := range plan {
			add(true, "faults."+e.Field, "%s", e.Message)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// Bounds that keep a slip of the pen from eating the machine.
const (
	maxRetries  = 100
	maxWorkers  = 10_000
	maxDuration = 365 * 24 * time.Hour
)

func (o Outcomes) valid() bool {
	for _, s := range [...]Status{Completed, Busy, NoAnswer, Failed} {
		if w := *o.weight(s); w < 0 || w > maxWeight {
			return false
		}
	}
	return true
}

func (o Outcome) valid() bool {
	return new(Outcomes).weight(o.Status) != nil && (o.Duration == nil || (*o.Duration >= 0 && *o.Duration <= maxDuration))
}

// plainWord reports whether a text can be part of a path and of a JSON string as
// it is.
func plainWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
