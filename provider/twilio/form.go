package twilio

import (
	"cmp"

	"dialtone/campaign"
	"dialtone/provider"
)

// createSuffix asks for one callback, at the end of the call.  Every other event
// would cost a callback and tell nothing that the attempt's state needs.
const createSuffix = "&StatusCallbackMethod=POST&StatusCallbackEvent=completed"

// createForm is the body of a create request.  A fault in it is a *PlaceError.
func (p *Provider) createForm(r provider.Request) ([]byte, error) {
	from := cmp.Or(r.From, campaign.LongestPrefix(p.fromByPrefix, r.To), p.from)
	if from == "" {
		return nil, &provider.PlaceError{
			Fault:  provider.Misconfigured,
			Detail: "neither the call nor its campaign nor the provider names a caller id",
		}
	}
	form := make([]byte, 0, 640)
	form = append(form, "To="...)
	form = appendEscaped(form, r.To)
	form = appendField(form, "From", from)
	form, err := p.script.appendTo(form, r.Variables)
	if err != nil {
		// The fault lies in this one call's data. Costing an attempt ends it in time;
		// not costing one would try it for ever, and blame the provider.
		return nil, &provider.PlaceError{Fault: provider.Refused, Detail: err.Error(), Err: err}
	}
	if r.CallbackURL != "" {
		form = appendField(form, "StatusCallback", r.CallbackURL)
		form = append(form, createSuffix...)
	}
	return form, nil
}

// appendField appends &name=value.  The name must need no escaping.
func appendField(form []byte, name, value string) []byte {
	form = append(form, '&')
	form = append(form, name...)
	form = append(form, '=')
	return appendEscaped(form, value)
}

const hexDigits = "0123456789ABCDEF"

// appendEscaped is url.QueryEscape into a buffer: the create form is built for
// every call, and needs no allocation of its own that way.
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '_', c == '.', c == '~':
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}
