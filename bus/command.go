package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dialtone/campaign"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// How long one try of a command waits, and the pause before the next when
// nobody listens at all.
const (
	commandTry   = 2 * time.Second
	commandPause = 100 * time.Millisecond
	// commandPatience bounds all tries together, and is for a ctx without a deadline.
	commandPatience = 10 * time.Second
)

// Command asks the owner of a campaign to do something and waits for its answer,
// which is decoded into reply (nil takes any).  An owner's refusal comes back as
// the *campaign.Error, or the campaign.Errors, that it is; nobody answering while ctx lives is a
// campaign.Unavailable.
//
// Between two owners there is a moment in which nobody can do it: then some node says
// Again, or nobody answers; and a request that was lost looks the same as one that is slow.
// So it is asked again.  Every
// action must therefore be idempotent.
func (b *Bus) Command(ctx context.Context, id campaign.ID, action string, body any, reply any) error {
	missing := campaign.Unavailable("Nobody answers for campaign %v at the moment; try again in a few seconds.", id)
	return b.request(ctx, subjectCommand(id, action), body, reply, commandTry, missing)
}

// Ask asks a role (SubjectRole("scheduler", "stats")) like Command asks an
// owner.
func (b *Bus) Ask(ctx context.Context, subject string, body, reply any) error {
	return b.request(ctx, subject, body, reply, commandTry, silence(subject))
}

// AskOnce is Ask for what takes long to work out: it waits for the answer as long as
// ctx lives, up to commandPatience, and asks again only where nobody listens.
func (b *Bus) AskOnce(ctx context.Context, subject string, body, reply any) error {
	return b.request(ctx, subject, body, reply, commandPatience, silence(subject))
}

func silence(subject string) *campaign.Error {
	return campaign.Unavailable("Nobody answers on %s at the moment; try again in a few seconds.", subject)
}

// Poke tells the owner of a campaign something and waits for nothing.
func (b *Bus) Poke(id campaign.ID, action string) {
	if err := b.nc.Publish(subjectCommand(id, action), nil); err != nil {
		b.log.Warn("a poke was lost", "campaign", id, "action", action, "error", err)
	}
}

func (b *Bus) request(ctx context.Context, subject string, body, reply any, patience time.Duration, missing *campaign.Error) error {
	data, err := marshalBody(body)
	if err != nil {
		return fmt.Errorf("ask %s: %w", subject, err)
	}
	ctx, cancel := context.WithTimeout(ctx, commandPatience)
	defer cancel()
	for {
		answer, err := b.try(ctx, subject, data, patience)
		if err == nil && answer.Header.Get(headerAgain) == "" {
			return decodeAnswer(subject, answer, reply)
		}
		if ctx.Err() != nil || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrMaxPayload) {
			return missing
		}
		b.count.commandRetries.Add(1)
		if errors.Is(err, context.DeadlineExceeded) {
			continue // that was pause enough
		}
		select {
		case <-ctx.Done():
			return missing
		case <-time.After(commandPause):
		}
	}
}

func (b *Bus) try(ctx context.Context, subject string, data []byte, patience time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return b.nc.RequestWithContext(ctx, subject, data)
}

func marshalBody(body any) ([]byte, error) {
	switch v := body.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	case json.RawMessage:
		return v, nil
	}
	return json.Marshal(body)
}

// decodeAnswer tells a refusal by the header that the services API gives it.
func decodeAnswer(subject string, m *nats.Msg, reply any) error {
	if text := m.Header.Get(micro.ErrorHeader); text != "" {
		var r refused
		if err := json.Unmarshal(m.Data, &r); err != nil || r.Message == "" {
			return &campaign.Error{Code: campaign.CodeInternal, Message: text}
		}
		return r.err()
	}
	if reply == nil || len(m.Data) == 0 {
		return nil
	}
	if err := json.Unmarshal(m.Data, reply); err != nil {
		return fmt.Errorf("read the answer of %s: %w", subject, err)
	}
	return nil
}
