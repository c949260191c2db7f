package api

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

// silentBus has nobody on it who answers.
type silentBus struct {
	*fakeBus
	asked chan struct{}
}

func (b silentBus) Ask(ctx context.Context, _ string, _, _ any) error {
	close(b.asked)
	<-ctx.Done()
	return campaign.Unavailable("Nobody answers.")
}

// A service that stops is not held up by requests that nobody will answer any more.
func TestCloseEndsWhatWaitsAndRefusesTheRest(t *testing.T) {
	bus := silentBus{newFakeBus(), make(chan struct{})}
	s := newService(t, func(c *Config) { c.Bus = bus })
	answered := make(chan reply, 1)
	go func() { answered <- s.get("/v1/scheduler") }()
	<-bus.asked
	s.api.Close()
	best := closingGrace
	for range 3 { // a busy machine may hold up one
		began := time.Now()
		s.get("/v1/campaigns").problem(http.StatusServiceUnavailable, campaign.CodeUnavailable)
		best = min(best, time.Since(began))
	}
	assert.Less(t, best, closingGrace, "it is refused at once")
	select {
	case r := <-answered:
		r.problem(http.StatusServiceUnavailable, campaign.CodeUnavailable)
	case <-time.After(5 * closingGrace):
		require.Fail(t, "the request outlasts the service")
	}
	assert.Equal(t, http.StatusOK, s.get("/healthz").status)
}
