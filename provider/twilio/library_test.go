package twilio_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	library "github.com/twilio/twilio-go/client"

	"dialtone/mockdialer"
	"dialtone/provider"
	"dialtone/provider/twilio"
)

// signed are ways in which a provider may call back, and what the server sees.
var signed = []struct{ target, seen string }{
	{"https://x.example/cb", "https://x.example/cb"},
	{"https://x.example:443/cb", "https://x.example/cb"},
	{"https://x.example/cb", "https://x.example:443/cb"},
	{"https://x.example/cb?a=1&a=2&b=%20c", "https://x.example:8443/cb?a=1&a=2&b=%20c"},
	{"http://x.example:80/cb?x", "http://x.example/cb?x"},
	{"http://127.0.0.1:8080/callbacks/main/c%2F1?x=1", "http://127.0.0.1:8080/callbacks/main/c%2F1?x=1"},
}

// What Twilio's own library takes for a callback of Twilio's the adapter takes for
// one, and the mock dialer signs alike.
func TestSignaturesAreThoseOfTwiliosLibrary(t *testing.T) {
	p := open(t, "http://127.0.0.1:9", 0).(*twilio.Provider)
	validator, other := library.NewRequestValidator(token), library.NewRequestValidator("another")
	form := url.Values{"CallSid": {sid}, "CallStatus": {"busy"}, "To": {"+12025550170"}, "Timestamp": {"Tue, 18 Aug 2026 15:04:05 +0000"}}
	for _, c := range signed {
		signature := mockdialer.Signature(token, c.target, form)
		require.True(t, validator.ValidateBody(c.seen, []byte(form.Encode()), signature), "%+v", c)
		require.False(t, other.ValidateBody(c.seen, []byte(form.Encode()), signature), "%+v", c)

		got, err := parse(p, c.seen, signature, form)
		require.NoError(t, err, "%+v", c)
		require.Equal(t, sid, got.ProviderCallID)
		_, err = parse(p, strings.Replace(c.seen, "/c", "/d", 1), signature, form)
		require.ErrorIs(t, err, provider.ErrSignature, "%+v", c)
	}
}

// This library looks at the first value only of a parameter that comes twice; Twilio's
// others, which the adapter follows, look at each value once.
func TestSignaturesOfRepeatedParameters(t *testing.T) {
	p := open(t, "http://127.0.0.1:9", 0).(*twilio.Provider)
	form := url.Values{"CallSid": {sid}, "CallStatus": {"busy"}, "Tag": {"b", "a", "b"}}
	for _, c := range signed {
		_, err := parse(p, c.seen, mockdialer.Signature(token, c.target, form), form)
		require.NoError(t, err, "%+v", c)
		less := url.Values{"CallSid": {sid}, "CallStatus": {"busy"}, "Tag": {"b"}}
		_, err = parse(p, c.seen, mockdialer.Signature(token, c.target, less), form)
		require.ErrorIs(t, err, provider.ErrSignature, "%+v", c)
	}
}

func parse(p *twilio.Provider, seen, signature string, form url.Values) (provider.Call, error) {
	r := httptest.NewRequest(http.MethodPost, seen, nil)
	r.Header.Set("X-Twilio-Signature", signature)
	return p.ParseCallback(r, seen, form)
}
