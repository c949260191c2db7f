package twilio

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"dialtone/provider"
)

// Provider is one account at a provider of this dialect.  It keeps connections
// open; Close lets go of them.
type Provider struct {
	name    string
	account string
	from    string
	// fromByPrefix goes before from.
	fromByPrefix map[string]string
	timeout      time.Duration
	script       *script
	token        provider.Secret

	transport *http.Transport
	base      *url.URL
	calls     *url.URL // the account's Calls.json
	headers   *headers
}

// headers are the same for all requests.  They hold the credentials, and stand
// behind a pointer for the same reason as a Secret's text.
type headers struct{ get, post http.Header }

var _ provider.Provider = (*Provider)(nil)

// New checks the configuration and opens the provider.  It connects to nobody
// yet.  The error is campaign.Errors with all faults.
func New(c Config) (*Provider, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	base, err := url.Parse(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("parse the base URL: %w", err) // Validate has seen to it
	}
	base.Path = cmp.Or(base.Path, "/") // JoinPath would leave a path without its first slash
	script, fault := c.Answer.compile()
	if fault != nil {
		return nil, fault
	}
	timeout := cmp.Or(c.CallTimeout, DefaultCallTimeout)
	p := &Provider{
		name:         c.Name,
		account:      c.Account,
		from:         c.From,
		fromByPrefix: maps.Clone(c.FromByPrefix),
		timeout:      timeout,
		script:       script,
		token:        c.Token,
		transport:    newTransport(c, timeout, cmp.Or(c.MaxConnections, DefaultMaxConnections)),
		base:         base,
		calls:        base.JoinPath("2010-04-01", "Accounts", c.Account, "Calls.json"),
	}
	p.headers = &headers{get: p.header(), post: p.header()}
	p.headers.post.Set("Content-Type", "application/x-www-form-urlencoded")
	return p, nil
}

func (p *Provider) header() http.Header {
	credentials := base64.StdEncoding.EncodeToString([]byte(p.account + ":" + p.token.Reveal()))
	return http.Header{
		"Authorization": {"Basic " + credentials},
		"Accept":        {"application/json"},
		"User-Agent":    {"dialtone"},
	}
}

// Name is the provider's name in the configuration.
func (p *Provider) Name() string { return p.name }

// Close closes the connections that are not in use.
func (p *Provider) Close() error {
	p.transport.CloseIdleConnections()
	return nil
}

// Format prints the name alone, whatever the verb, since the prepared headers
// hold the credentials.
func (p *Provider) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "twilio provider "+p.name) }

// Place asks for a call.
func (p *Provider) Place(ctx context.Context, r provider.Request) (provider.Placement, error) {
	form, err := p.createForm(r)
	if err != nil {
		return provider.Placement{}, err
	}
	patience := p.patience(ctx)
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	a, sent, err := p.ask(ctx, p.calls, form, limitAnswer)
	if err != nil {
		return provider.Placement{}, noAnswer(sent, err, patience)
	}
	defer a.release()
	return a.placement()
}

// Fetch asks for a call by its id.
func (p *Provider) Fetch(ctx context.Context, providerCallID string) (provider.Call, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	target, err := p.callURL(providerCallID)
	if err != nil {
		return provider.Call{}, err
	}
	a, _, err := p.ask(ctx, target, nil, limitAnswer)
	if err != nil {
		return provider.Call{}, fmt.Errorf("fetch call %s: %w", providerCallID, err)
	}
	defer a.release()
	if a.status != http.StatusOK {
		return provider.Call{}, fmt.Errorf("fetch call %s: %w", providerCallID, a.refusal())
	}
	var c callJSON
	if err := json.Unmarshal(a.body.Bytes(), &c); err != nil || c.Sid != providerCallID {
		return provider.Call{}, fmt.Errorf("fetch call %s: the answer is not this call's: %s", providerCallID, a.excerpt())
	}
	return c.call(), nil
}

// HangUp ends a call.
func (p *Provider) HangUp(ctx context.Context, providerCallID string) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	target, err := p.callURL(providerCallID)
	if err != nil {
		return err
	}
	// "completed" ends a call that is up and takes one that is not out of the
	// queue; "canceled" would leave the former alone.
	a, _, err := p.ask(ctx, target, []byte("Status=completed"), limitAnswer)
	if err != nil {
		return fmt.Errorf("hang up call %s: %w", providerCallID, err)
	}
	defer a.release()
	if a.status/100 == 2 || a.problem().Code == codeNotInProgress {
		return nil
	}
	return fmt.Errorf("hang up call %s: %w", providerCallID, a.refusal())
}

// goodSid reports whether an id may become part of a path.
func goodSid(sid string) bool {
	for i := range len(sid) {
		c := sid[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return sid != "" && len(sid) <= 64
}

// callURL is where one call is found. An id that no provider of this dialect
// gives out is ErrUnknownCall.
func (p *Provider) callURL(sid string) (*url.URL, error) {
	if !goodSid(sid) {
		return nil, provider.ErrUnknownCall
	}
	return p.base.JoinPath("2010-04-01", "Accounts", p.account, "Calls", sid+".json"), nil
}
