package mockdialer

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one kind of what goes wrong at a provider.  A plan, the ledger and the
// summary name it by the same word.
type Fault uint8

// The faults.  Those of a create request "after" dialing are the costly ones: there
// is a call, and the client can't know it.
const (
	FaultSlow          Fault = iota // the call is made; the answer comes late
	FaultCallbackFirst              // the answer is held back until the first callback is done with
	FaultHang                       // no call is made, and no answer comes
	FaultHangAfter                  // the call is made, and no answer comes
	Fault500                        // no call is made
	Fault500After                   // the call is made
	Fault429                        // 20429 with Retry-After; no call is made
	Fault10004                      // too many calls; no call is made
	FaultBadJSON                    // the call is made; the 201 can't be read

	FaultFetchSlow
	FaultFetchHang
	FaultFetch500
	FaultFetch429

	FaultListSlow
	FaultListHang
	FaultList500
	FaultList429

	FaultHangUpSlow // the call goes on until the answer
	FaultHangUpHang
	FaultHangUp500
	FaultHangUp429

	FaultCallbackDropped
	FaultCallbackRepeated
	FaultCallbackShuffled // a short random delay, so that callbacks overtake each other
	FaultCallbackDelayed
	FaultCallbackForged // the signature is not the account's

	// The last have no rate: they come by the plan's times, or by a method of Server.

	FaultDown      // the listener was closed
	FaultCut       // the connection was cut before the answer had gone out for sure
	FaultForgotten // the API knows nothing of the call any more

	faultCount
)

// operation is what a fault belongs to.
type operation uint8

const (
	ofCreate operation = iota
	ofFetch
	ofList
	ofHangUp
	ofCallback
	ofServer
)

// manner is what a faulty request gets for its answer.
type manner uint8

const (
	answersLate manner = iota + 1
	answersAfterCallback
	hangs
	fails
	throttles
	refusesCalls
	garbles
)

var faultTable = [faultCount]struct {
	name   string
	of     operation
	manner manner
	dialed bool // a create request with it makes a call
}{
	FaultSlow:          {"slow", ofCreate, answersLate, true},
	FaultCallbackFirst: {"callback_first", ofCreate, answersAfterCallback, true},
	FaultHang:          {"hang", ofCreate, hangs, false},
	FaultHangAfter:     {"hang_after", ofCreate, hangs, true},
	Fault500:           {"500", ofCreate, fails, false},
	Fault500After:      {"500_after", ofCreate, fails, true},
	Fault429:           {"429", ofCreate, throttles, false},
	Fault10004:         {"10004", ofCreate, refusesCalls, false},
	FaultBadJSON:       {"bad_json", ofCreate, garbles, true},

	FaultFetchSlow: {"fetch_slow", ofFetch, answersLate, false},
	FaultFetchHang: {"fetch_hang", ofFetch, hangs, false},
	FaultFetch500:  {"fetch_500", ofFetch, fails, false},
	FaultFetch429:  {"fetch_429", ofFetch, throttles, false},

	FaultListSlow: {"list_slow", ofList, answersLate, false},
	FaultListHang: {"list_hang", ofList, hangs, false},
	FaultList500:  {"list_500", ofList, fails, false},
	FaultList429:  {"list_429", ofList, throttles, false},

	FaultHangUpSlow: {"hang_up_slow", ofHangUp, answersLate, false},
	FaultHangUpHang: {"hang_up_hang", ofHangUp, hangs, false},
	FaultHangUp500:  {"hang_up_500", ofHangUp, fails, false},
	FaultHangUp429:  {"hang_up_429", ofHangUp, throttles, false},

	FaultCallbackDropped:  {name: "callback_dropped", of: ofCallback},
	FaultCallbackRepeated: {name: "callback_repeated", of: ofCallback},
	FaultCallbackShuffled: {name: "callback_shuffled", of: ofCallback},
	FaultCallbackDelayed:  {name: "callback_delayed", of: ofCallback},
	FaultCallbackForged:   {name: "callback_forged", of: ofCallback},

	FaultDown:      {name: "down", of: ofServer},
	FaultCut:       {name: "cut", of: ofServer},
	FaultForgotten: {name: "forgotten", of: ofServer},
}

// ends reports whether the fault settles what the answer is: a request has one such
// fault at most.
func (f Fault) ends() bool { return faultTable[f].manner >= hangs }

// plannable reports whether the fault can have a rate.
func (f Fault) plannable() bool { return f < faultCount && faultTable[f].of != ofServer }

func (f Fault) String() string {
	if f < faultCount {
		return faultTable[f].name
	}
	return fmt.Sprintf("Fault(%d)", uint8(f))
}

// MarshalText writes the fault's word.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a fault's word.
func (f *Fault) UnmarshalText(b []byte) error {
	for i := range faultCount {
		if faultTable[i].name == string(b) {
			*f = i
			return nil
		}
	}
	return fmt.Errorf("there is no fault %q", b)
}

// faultNames lists the faults of some operations, for messages.
func faultNames(of ...operation) string {
	var names []string
	for i := range faultCount {
		if slices.Contains(of, faultTable[i].of) {
			names = append(names, faultTable[i].name)
		}
	}
	return strings.Join(names, ", ")
}

// faultSet is a set of faults.
type faultSet uint32

func faultsOf(faults ...Fault) (s faultSet) {
	for _, f := range faults {
		s |= 1 << f
	}
	return s
}

func (s faultSet) has(f Fault) bool { return s&(1<<f) != 0 }

// list is nil for the empty set.
func (s faultSet) list() (out []Fault) {
	for f := range faultCount {
		if s.has(f) {
			out = append(out, f)
		}
	}
	return out
}

// ending is the fault that settles the answer.
func (s faultSet) ending() (Fault, bool) {
	for f := range faultCount {
		if s.has(f) && f.ends() {
			return f, true
		}
	}
	return 0, false
}

// undialed reports whether a create request with these faults makes no call.
func (s faultSet) undialed() bool {
	f, ok := s.ending()
	return ok && !faultTable[f].dialed
}
