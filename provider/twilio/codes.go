package twilio

import (
	"net/http"

	"dialtone/provider"
)

// faultsByCode says what an error code of a 4xx answer means for the number.
// The meanings are those of Twilio's error dictionary,
// https://www.twilio.com/docs/api/errors/<code>; those marked (?) were not found
// there for calls and come from users' reports.  A code that is not here is
// Misconfigured, because a fault of ours that is taken for the number's would use up
// everybody's attempts, and one that is taken for the account's would keep all calls
// from a provider that is well.
var faultsByCode = map[int]provider.Fault{
	// The number, or the provider's way to it: costs an attempt.
	13223:  provider.Refused, // the number has a wrong format
	13224:  provider.Refused, // invalid, or no carrier reaches it
	13225:  provider.Refused, // calls to this number are forbidden (?)
	13226:  provider.Refused, // unknown country code
	13227:  provider.Refused, // no permission for this destination (?)
	21201:  provider.Refused, // no number was given
	21202:  provider.Refused, // a premium number
	21203:  provider.Refused, // international calls are not enabled (?)
	21211:  provider.Refused, // To is not a number, or is the same as From
	21214:  provider.Refused, // To can't be reached
	21215:  provider.Refused, // no permission for To's country (?)
	21216:  provider.Refused, // the destination is blocked
	21217:  provider.Refused, // To does not look like a number
	21219:  provider.Refused, // To is not verified, on a trial account (?)
	573005: provider.Refused, // To has not completed its verification

	// The caller id or the script: the same for all calls that have it.
	13214: provider.Misconfigured, // invalid caller id
	21205: provider.Misconfigured, // invalid Url for the script (?)
	21210: provider.Misconfigured, // From is not verified
	21212: provider.Misconfigured, // invalid From (?)
	21213: provider.Misconfigured, // From is missing

	// The account: the same for all calls.
	10001: provider.Barred, // the account is not active
	10002: provider.Barred, // trial accounts can't do this
	20003: provider.Barred, // wrong credentials
	20404: provider.Barred, // no such account or path

	// Not now.
	10004: provider.Full,      // too many calls are up
	22005: provider.Full,      // a day's worth of calls is queued
	86008: provider.Full,      // too many calls are up
	20429: provider.Throttled, // too many requests at once
}

// The codes on which other requests than create branch.
const (
	codeNotFound      = 20404
	codeNotInProgress = 21220 // the call's state does not allow the change
)

// faultOf is the fault of a 4xx answer.  A code speaks for itself, and where there is
// none the status does, which may be a gateway's.
func faultOf(status, code int) provider.Fault {
	if f, ok := faultsByCode[code]; ok {
		return f
	}
	switch {
	case status == http.StatusTooManyRequests:
		return provider.Throttled
	case code == 0: // not the API's own words: a gateway's, or another server's
		return provider.Barred
	}
	return provider.Misconfigured
}
