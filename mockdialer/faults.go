package mockdialer

import (
	"net/http"
	"time"
)

// Faults is the seam at which faults are put into requests and callbacks.  Its
// methods are called concurrently, and Callback on the way of every callback, so
// it must not block.
type Faults interface {
	// Requests wraps the API, inside the bound on concurrent requests and outside
	// authentication.  It may answer in next's place, delay it, or let next do the
	// work and then keep its answer back.
	Requests(next http.Handler) http.Handler
	// Callback says when a callback is sent, as delays from now: {0} is what happens
	// without faults, none drops it, two send it twice.
	Callback(c Callback) []time.Duration
}

// Callback is what a fault can go by.
type Callback struct {
	Sid, To  string
	URL      string
	Event    string // initiated, ringing, answered, completed
	Status   Status
	Sequence int
}
