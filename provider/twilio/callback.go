package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The API signs with HMAC-SHA1.
	"crypto/subtle"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dialtone/campaign"
	"dialtone/provider"
)

// signatureHeader carries base64(HMAC-SHA1(token, URL + sorted parameters)).
const signatureHeader = "X-Twilio-Signature"

// ParseCallback verifies a callback's signature and reads it.
func (p *Provider) ParseCallback(r *http.Request, publicURL string, form url.Values) (provider.Call, error) {
	if !p.signed(r.Header.Get(signatureHeader), publicURL, form) {
		return provider.Call{}, provider.ErrSignature
	}
	sid := form.Get("CallSid")
	if !goodSid(sid) {
		return provider.Call{}, campaign.Invalid("CallSid", "A callback needs the id of its call, not %q.", cut(sid))
	}
	c := provider.Call{
		ProviderCallID: sid, To: form.Get("To"), From: form.Get("From"), Event: eventOf(r, sid, form),
		AnsweredBy: cut(form.Get("AnsweredBy")), SIPCode: parseCode(form.Get("SipResponseCode")),
	}
	var err error
	if c.Ended, c.Disposition, err = ending(form.Get("CallStatus")); err != nil {
		return provider.Call{}, campaign.Invalid("CallStatus", "A callback needs a status of a call: %v.", err)
	}
	if c.Ended {
		// A time or duration that can't be read is no reason to lose the ending.
		c.Duration = parseSeconds(form.Get("CallDuration"))
		c.EndedAt = parseEnd(form.Get("Timestamp"))
		c.Detail = detail(form.Get("SipResponseCode"), form.Get("AnsweredBy"), form.Get("ErrorCode"))
	}
	return c, nil
}

// tokenHeader is the same in all deliveries of a callback.
const tokenHeader = "I-Twilio-Idempotency-Token"

// eventOf names a callback by what is signed: its place in the call's sequence and the
// status.  The token, which is not, will do where there is no sequence.
func eventOf(r *http.Request, sid string, form url.Values) string {
	if n := form.Get("SequenceNumber"); n != "" {
		return sid + "/" + n + "/" + form.Get("CallStatus")
	}
	if token := r.Header.Get(tokenHeader); token != "" {
		return sid + "/" + token
	}
	return ""
}

// signed reports whether the signature fits the URL as given, or with its port
// added or taken away: providers sign either, whatever the server sees.
func (p *Provider) signed(signature, publicURL string, form url.Values) bool {
	if signature == "" {
		return false
	}
	params := signedParams(form)
	return p.fits(signature, publicURL, params) || p.fits(signature, otherPort(publicURL), params)
}

func (p *Provider) fits(signature, target, params string) bool {
	if target == "" {
		return false
	}
	want := signatureOf(p.token.Reveal(), target, params)
	return subtle.ConstantTimeCompare([]byte(want), []byte(signature)) == 1
}

// signatureOf is the API's signature of a URL and its parameters.
func signatureOf(token, target, params string) string {
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(mac, target)
	_, _ = io.WriteString(mac, params)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedParams runs the parameters together, sorted by name.  The values of a
// repeated one are sorted, each taken once, as the API's own libraries do it.
func signedParams(form url.Values) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := form[name]
		if len(values) > 1 {
			values = slices.Compact(slices.Sorted(slices.Values(values)))
		}
		for _, v := range values {
			b.WriteString(name)
			b.WriteString(v)
		}
	}
	return b.String()
}

// otherPort is the URL without its port if it has one, else with its scheme's
// usual one; "" for a text that is no http or https URL.  Nothing else of the
// text changes, as the signature is over every byte.
func otherPort(target string) string {
	scheme, rest, ok := strings.Cut(target, "://")
	ports := map[string]string{"http": ":80", "https": ":443"}
	port, known := ports[scheme]
	if !ok || !known {
		return ""
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host, tail := rest[:end], rest[end:]
	// The last colon begins the port, unless it stands inside an IPv6 address.
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return scheme + "://" + host[:i] + tail
	}
	return scheme + "://" + host + port + tail
}
