package twilio

import (
	"crypto/tls"
	"net/url"
	"time"

	"dialtone/campaign"
	"dialtone/provider"
)

// The defaults of a Config.
const (
	DefaultCallTimeout    = 10 * time.Second
	DefaultMaxConnections = 512
)

// Config says which account is used, and how.  Printing it shows no token.
type Config struct {
	// Name is the provider's name in the configuration.
	Name string
	// BaseURL is where the API's paths begin ("https://api.twilio.com").
	BaseURL string
	Account string
	Token   provider.Secret
	// From is the caller id of requests that bring none; "" if all do.
	From string
	// FromByPrefix is the same by the beginning of the number called, of which the
	// longest counts; it goes before From.
	FromByPrefix map[string]string
	// Answer is what a called person hears; the zero value is DefaultTwiml.
	Answer Answer
	// CallTimeout bounds one request, connecting included. DefaultCallTimeout if 0.
	CallTimeout time.Duration
	// MaxConnections bounds the connections to the provider, and with that the
	// requests under way; a request above it waits, within its CallTimeout.
	// DefaultMaxConnections if 0.
	MaxConnections int
	// TLS is for providers with a certificate of their own authority; nil is the
	// system's.
	TLS *tls.Config
}

// Validate returns every fault at once, or nil.
func (c Config) Validate() error {
	var out campaign.Errors
	if c.Name == "" {
		out = append(out, campaign.Invalid("name", "Give the provider a name."))
	}
	if u, err := url.Parse(c.BaseURL); err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") ||
		u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		out = append(out, campaign.Invalid("base_url", "Give an absolute http or https URL without user, query and fragment."))
	}
	if !goodSid(c.Account) {
		out = append(out, campaign.Invalid("account", "Give the account's id (AC…), made of letters, digits, - and _."))
	}
	// An empty token would let anybody sign callbacks.
	if c.Token.Empty() {
		out = append(out, campaign.Invalid("token", "Give the account's token."))
	}
	if c.CallTimeout < 0 {
		out = append(out, campaign.Invalid("timeout", "Give a duration above 0s, not %v.", c.CallTimeout))
	}
	if c.MaxConnections < 0 {
		out = append(out, campaign.Invalid("max_connections", "Give a number above 0, not %d.", c.MaxConnections))
	}
	if _, err := c.Answer.compile(); err != nil {
		out = append(out, err)
	}
	if len(out) > 0 {
		return out
	}
	return nil
}
