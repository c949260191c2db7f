package mockdialer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// line is where the API is listened for.  It can be cut, so that connections are
// refused and those there are break, and mended, on the same address.
type line struct {
	handler http.Handler
	log     *slog.Logger
	cuts    atomic.Int64 // so far

	loops sync.WaitGroup // one for each server, until it accepts no more
	// connections counts those of all servers: http.Server.Close waits for none.
	connections sync.WaitGroup

	mu      sync.Mutex // guards what follows
	address string     // "" before open
	server  *http.Server
	forced  bool // GoDown wants it cut
	planned bool // the plan wants it cut
	closed  bool
}

// open listens for the first time.
func (l *line) open(ctx context.Context, address string) (net.Addr, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, err := l.listen(ctx, address)
	if err != nil {
		return nil, err
	}
	l.address = at.String()
	return at, l.settle(ctx)
}

// force is for somebody outside the plan.
func (l *line) force(ctx context.Context, cut bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forced = cut
	return l.settle(ctx)
}

// plan is for the plan.
func (l *line) plan(ctx context.Context, cut bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.planned = cut
	return l.settle(ctx)
}

// settle cuts or mends the line if somebody wants it otherwise than it is.
func (l *line) settle(ctx context.Context) error {
	up := !l.forced && !l.planned
	if l.address == "" || l.closed || up == (l.server != nil) {
		return nil
	}
	if up {
		_, err := l.listen(ctx, l.address)
		return err
	}
	l.cuts.Add(1)
	_ = l.server.Close() // the connections are to be broken anyway
	l.server = nil
	return nil
}

// listen begins to serve.
func (l *line) listen(ctx context.Context, address string) (net.Addr, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler: l.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(l.log.Handler(), slog.LevelWarn), ConnState: l.count,
	}
	l.server = server
	l.loops.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			l.log.Error("the mock dialer listens no more", "error", err)
		}
	})
	return listener.Addr(), nil
}

func (l *line) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		l.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		l.connections.Done()
	}
}

// close answers the requests under way, or breaks them off when ctx is done.  It
// returns when the last has come to its end.
func (l *line) close(ctx context.Context) error {
	l.mu.Lock()
	server := l.server
	l.server, l.closed = nil, true
	l.mu.Unlock()
	var err error
	if server != nil {
		if err = server.Shutdown(ctx); err != nil {
			_ = server.Close()
		}
	}
	l.loops.Wait()
	l.connections.Wait()
	return err
}
