// Package dialect opens the adapter that a provider of the providers file asks
// for.  It is the one place that knows all adapters; to add one, add its line to
// the table below.
package dialect

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/provider/twilio"
)

var adapters = map[string]func(provider.Spec) (provider.Provider, error){
	"twilio": openTwilio,
}

// Names lists the known dialects in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(adapters)) }

// New opens the provider that the spec describes.  A spec that can't work is a
// *campaign.Error or campaign.Errors.
func New(spec provider.Spec) (provider.Provider, error) {
	open, ok := adapters[spec.Dialect]
	if !ok {
		return nil, campaign.Invalid("dialect", "There is no dialect %q; take one of: %s.", spec.Dialect, strings.Join(Names(), ", "))
	}
	return open(spec)
}

// Check reports whether a provider can be opened from the spec: a provider.Check.
func Check(spec provider.Spec) error {
	p, err := New(spec)
	if c, ok := p.(io.Closer); ok {
		return errors.Join(err, c.Close())
	}
	return err
}

func openTwilio(spec provider.Spec) (provider.Provider, error) {
	p, err := twilio.New(twilio.Config{
		Name:         spec.Name,
		BaseURL:      spec.BaseURL,
		Account:      spec.Account,
		Token:        spec.Token,
		From:         spec.From,
		FromByPrefix: spec.FromByPrefix,
		Answer:       twilio.Answer{Twiml: spec.Twiml, URL: spec.URL},
		CallTimeout:  spec.Timeout,
	})
	if err != nil {
		return nil, err // not p: a nil *twilio.Provider is no nil Provider
	}
	return p, nil
}
