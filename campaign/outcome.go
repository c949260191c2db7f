package campaign

// Outcome is what a provider made of the request to place a call: what tells whether
// it is well.
type Outcome string

// The outcomes of a request.
const (
	// OutcomeAnswered: the provider took the call, or refused this one number or this
	// one request.  It is well.
	OutcomeAnswered Outcome = "answered"
	// OutcomeUnreachable: no connection came about.
	OutcomeUnreachable Outcome = "unreachable"
	// OutcomeBroken: no answer in time, or one that tells of its own trouble.
	OutcomeBroken Outcome = "broken"
	// OutcomeBarred: it refuses the account, and so every request.
	OutcomeBarred Outcome = "barred"
	// OutcomeThrottled: it asked for patience.
	OutcomeThrottled Outcome = "throttled"
	// OutcomeFull: it has as many calls up as it takes.
	OutcomeFull Outcome = "full"
)

// Failed reports whether an outcome says that the provider is not well.
func (o Outcome) Failed() bool {
	return o == OutcomeUnreachable || o == OutcomeBroken || o == OutcomeBarred
}
