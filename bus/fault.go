package bus

import (
	"context"
	"errors"
	"sync/atomic"

	"dialtone/campaign"
)

// publishError tells a person why something could not be published.  bad is what
// could not even be written, which is our fault.
func publishError(what string, bad, err error) error {
	if bad != nil {
		return &campaign.Error{Code: campaign.CodeInternal, Message: "Could not write " + what + ": " + bad.Error() + "."}
	}
	if err == nil {
		return nil
	}
	reason := err.Error()
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errAckTimeout):
		reason = "JetStream did not acknowledge in time"
	case errors.Is(err, context.Canceled):
		reason = "the caller gave up"
	}
	return campaign.Unavailable("Could not hand %s to the message bus: %s; try again.", what, reason)
}

func (b *Bus) countPublished(c *atomic.Uint64, n int, err error) {
	if err != nil {
		c = &b.count.publishFailures
	}
	c.Add(uint64(n))
}

func (b *Bus) countDelivered(c *atomic.Uint64, items, deliveries int) {
	c.Add(uint64(items))
	if deliveries > 1 {
		b.count.redelivered.Add(uint64(items))
	}
}
