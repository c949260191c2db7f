package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// nats-server writes to a stream no more once a write has failed, as on a full disk, until
// JetStream starts anew; by itself it never does.  So the embedded one is looked after:
// when one of its streams has failed, and its folder can be written to again, JetStream is
// stopped and started.  That takes the streams from the folder as they were written last,
// and makes the consumers, which are kept in memory, again: nothing more than after a
// restart of the server.

const (
	mendEvery = 2 * time.Second
	// mendRoom is how much must fit on the disk again before anything is written there.
	mendRoom = 1 << 20
)

// mend looks after JetStream until ctx ends, and tells when it has started it anew.
func (s *Server) mend(ctx context.Context) {
	tick := time.NewTicker(mendEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		fault := s.failed()
		if fault == nil {
			continue
		}
		s.log.Error("JetStream can't write to its folder; trying again until it can", "error", fault)
		if err := s.writable(); err != nil {
			continue
		}
		if err := s.reopen(); err != nil {
			s.log.Error("JetStream could not be started anew; trying again", "error", err)
			continue
		}
		s.log.Info("JetStream writes to its folder again")
		s.tell()
	}
}

// onMended has fn called, from the mending goroutine, whenever JetStream was started
// anew.
func (s *Server) onMended(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mended = fn
}

func (s *Server) tell() {
	s.mu.Lock()
	fn := s.mended
	s.mu.Unlock()
	if fn != nil {
		fn()
	}
}

// failed is why JetStream does not work, or nil.
func (s *Server) failed() error {
	if !s.srv.JetStreamEnabled() {
		return errors.New("JetStream is off")
	}
	for _, e := range s.srv.Healthz(&server.HealthzOptions{Details: true}).Errors {
		if e.Type != server.HealthzErrorStream || s.has(e.Stream) {
			return errors.New(e.Error)
		}
		// It is being deleted, or only its folder is left: whoever needs it makes it again.
	}
	return nil
}

// has reports whether there is such a stream.
func (s *Server) has(stream string) bool {
	info, err := s.srv.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil {
		return true // it was said to have failed
	}
	for _, account := range info.AccountDetails {
		if slices.ContainsFunc(account.Streams, func(d server.StreamDetail) bool { return d.Name == stream }) {
			return true
		}
	}
	return false
}

// writable tries whether there is room on the disk.
func (s *Server) writable() error {
	probe := filepath.Join(s.dir, ".room")
	defer os.Remove(probe)
	return os.WriteFile(probe, make([]byte, mendRoom), 0o600)
}

func (s *Server) reopen() error {
	if err := s.srv.ShutdownJetStream(); err != nil {
		return fmt.Errorf("stop JetStream: %w", err)
	}
	return s.srv.EnableJetStream(&server.JetStreamConfig{StoreDir: s.dir, Strict: true})
}
