package twilio

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEventOf(t *testing.T) {
	of := func(token, sequence, status string) string {
		r := &http.Request{Header: http.Header{}}
		if token != "" {
			r.Header.Set(tokenHeader, token)
		}
		form := url.Values{"CallStatus": {status}}
		if sequence != "" {
			form.Set("SequenceNumber", sequence)
		}
		return eventOf(r, "CA1", form)
	}
	require.Equal(t, of("t1", "3", "completed"), of("t2", "3", "completed"), "the token is not signed")
	require.NotEqual(t, of("t1", "2", "ringing"), of("t1", "3", "completed"))
	require.NotEqual(t, of("", "0", "ringing"), of("", "0", "completed"), "some count badly")
	require.Equal(t, of("t1", "", "ringing"), of("t1", "", "ringing"))
	require.NotEqual(t, of("t1", "", ""), of("t2", "", ""))
	require.Empty(t, of("", "", "completed"), "nothing tells it apart")
}
