package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sethvargo/go-retry"
)

const (
	// lookPatience bounds one question whether something is there.  A cluster that is
	// electing does not answer, and is asked again rather than waited for.
	lookPatience = time.Second
	// tellEvery is how often a wait says what it is for.
	tellEvery = 10 * time.Second
)

// born notes when a stream was made, and reports whether that is another time than
// before: then whatever was read of it begins anew.
func (b *Bus) born(s jetstream.Stream) (again bool) {
	info := s.CachedInfo()
	before := b.births[info.Config.Name]
	b.births[info.Config.Name] = info.Created
	delete(b.missed, info.Config.Name)
	return !before.IsZero() && !before.Equal(info.Created)
}

// complete looks whether everything is there that was.  What can't be learned now
// is taken to be there: who uses it will miss it.
func (b *Bus) complete(ctx context.Context) bool {
	consumers := map[string]int{streamDial: 1, streamCallback: Partitions}
	for _, cfg := range b.streams() {
		s, err := b.stream(ctx, cfg.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return false
		}
		if err != nil {
			continue
		}
		info := s.CachedInfo()
		if !info.Created.Equal(b.births[cfg.Name]) || info.State.Consumers < consumers[cfg.Name] {
			return false
		}
	}
	return true
}

// needed are the streams that a process without the right to make them uses.
func (b *Bus) needed() []string {
	names := []string{streamCallback}
	if b.cfg.has(RoleCaller) {
		names = append(names, streamDial)
	}
	if b.cfg.has(RoleAPI) {
		names = append(names, streamEvent)
	}
	return names
}

// await waits until everything is there that this process uses and may not make.
func (b *Bus) await(ctx context.Context) (made int, err error) {
	var told time.Time
	var missing error
	backoff := retry.WithCappedDuration(time.Second, retry.NewExponential(50*time.Millisecond))
	err = retry.Do(ctx, backoff, func(ctx context.Context) error {
		n, err := b.look(ctx)
		made += n
		if err == nil || ctx.Err() != nil || b.nc.IsClosed() {
			return err
		}
		missing = err
		b.repair.trying(err)
		if time.Since(told) > tellEvery {
			told = time.Now()
			b.log.Info("waiting for a node with the role actors, which makes what is missing", "missing", err)
		}
		return retry.RetryableError(err)
	})
	if ctx.Err() != nil && missing != nil {
		err = fmt.Errorf("waited in vain for a node with the role actors, which makes what is missing: %w", missing)
	}
	return made, err
}

// look returns everything that is missing as one error, and how many streams were
// made since the last time.
func (b *Bus) look(ctx context.Context) (made int, err error) {
	var missing []string
	for _, name := range b.needed() {
		s, err := b.lookUp(ctx, name)
		if err != nil {
			missing = append(missing, err.Error())
		} else if b.born(s) {
			made++
		}
	}
	if len(missing) > 0 {
		return made, errors.New(strings.Join(missing, "; "))
	}
	return made, nil
}

// lookUp asks for a stream, and for the consumer that callers share.
func (b *Bus) lookUp(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := b.stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, plainly(err))
	}
	if name == streamDial {
		ctx, cancel := context.WithTimeout(ctx, lookPatience)
		defer cancel()
		if _, err := b.js.Consumer(ctx, streamDial, durableCallers); err != nil {
			return nil, fmt.Errorf("consumer %s of %s: %w", durableCallers, name, plainly(err))
		}
	}
	return s, nil
}

// plainly says what a silence may mean: a server that refuses a request for want of
// permission tells the connection, but never answers.
func plainly(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) {
		return errors.New("no answer")
	}
	return err
}
