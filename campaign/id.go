package campaign

import (
	"strconv"
	"strings"
)

// ID names a campaign.  The store hands them out in ascending order.
type ID int64

// Single is the standing campaign to which every single call belongs, so that
// one call goes through the same scheduler as 100,000.  It is created with the
// schema, is always in progress, and never ends.
const Single ID = 1

// CallID names a call.  Within a campaign they ascend in the order in which
// contacts became visible, which is what lets a campaign read on from a cursor.
type CallID int64

// AttemptID names one claim of a call: the call and how often it had been
// claimed.  It can be computed before anything is written, so writing it twice
// is seen as the same thing.
type AttemptID int64

// claimBits leaves room for a million claims of a call and for 2^43 calls.
const claimBits = 20

// MaxClaims is the number of claims after which a call can't be named any more.
const MaxClaims = 1<<claimBits - 1

// NewAttemptID names the claim-th claim of a call, counted from 1.
func NewAttemptID(call CallID, claim int) AttemptID {
	return AttemptID(int64(call)<<claimBits | int64(claim)&MaxClaims)
}

// Call is the call that the attempt belongs to.
func (id AttemptID) Call() CallID { return CallID(id >> claimBits) }

// Claim is the claim's number, counted from 1.
func (id AttemptID) Claim() int { return int(id & MaxClaims) }

// The public forms carry a prefix, so that an id pasted in the wrong place is
// seen for what it is.
const (
	campaignPrefix = "cmp_"
	callPrefix     = "call_"
)

func (id ID) String() string        { return campaignPrefix + strconv.FormatInt(int64(id), 10) }
func (id CallID) String() string    { return callPrefix + strconv.FormatInt(int64(id), 10) }
func (id AttemptID) String() string { return strconv.FormatInt(int64(id), 10) }

// ParseID reads the public form of a campaign's id.
func ParseID(s string) (ID, error) {
	n, ok := parse(s, campaignPrefix)
	if !ok {
		return 0, NotFound("There is no campaign %q; ids of campaigns look like cmp_42.", s)
	}
	return ID(n), nil
}

// ParseCallID reads the public form of a call's id.
func ParseCallID(s string) (CallID, error) {
	n, ok := parse(s, callPrefix)
	if !ok {
		return 0, NotFound("There is no call %q; ids of calls look like call_42.", s)
	}
	return CallID(n), nil
}

// ParseAttemptID reads the form of an attempt's id that stands in callback
// addresses.
func ParseAttemptID(s string) (AttemptID, error) {
	n, ok := parse(s, "")
	if !ok {
		return 0, NotFound("There is no attempt %q.", s)
	}
	return AttemptID(n), nil
}

func parse(s, prefix string) (int64, bool) {
	digits, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	// One number, one spelling: "+7" and "007" are no ids.
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != digits {
		return 0, false
	}
	return n, true
}

// MarshalText writes the public form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the public form; its error is an *Error.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// MarshalText writes the public form.
func (id CallID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the public form; its error is an *Error.
func (id *CallID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseCallID(string(b))
	return err
}

// MarshalText writes the form that stands in callback addresses.
func (id AttemptID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the form that stands in callback addresses.
func (id *AttemptID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseAttemptID(string(b))
	return err
}
