package mockdialer

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// The dialect's patience with whoever is called back.
const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 15 * time.Second // in all
	idleTimeout    = 30 * time.Second
	maxAnswer      = 64 << 10 // bytes that are read to use a connection again
)

// connections keeps connections to the receivers of callbacks.  A worker writes a
// ready request and waits for the answer itself; http.Transport, with two
// goroutines for each connection between them, costs three times as much.
type connections struct {
	dialer net.Dialer
	tls    *tls.Config

	mu   sync.Mutex
	idle map[string][]*connection // by origin; the last is the warmest
	open map[*connection]struct{} // idle or in use
	done bool                     // close was called
}

type connection struct {
	net.Conn
	reader *bufio.Reader
	origin string
	used   bool      // it has brought an answer before
	since  time.Time // idle since
	limit  time.Time // the deadline that is set
}

func newConnections(config *tls.Config) *connections {
	return &connections{
		dialer: net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second},
		tls:    config,
		idle:   map[string][]*connection{},
		open:   map[*connection]struct{}{},
	}
}

// errStatus says that the receiver did not take the callback.
var errStatus = errors.New("the receiver answered")

// post sends a request and reads its answer; nil is a 2xx.
func (cs *connections) post(ctx context.Context, t target, request []byte) error {
	deadline := time.Now().Add(answerTimeout)
	for {
		c, err := cs.get(ctx, t, deadline)
		if err != nil {
			return err
		}
		reused := c.used
		status, keep, err := c.exchange(request, deadline)
		cs.put(c, keep && err == nil)
		switch {
		case err != nil && reused && c.reader.Buffered() == 0 && status == 0 && !errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
			// The receiver has closed a kept connection: a fresh one tells whether it is
			// there.  Should it have had the request, the token marks the second.
			continue
		case err != nil:
			return err
		case status/100 != 2:
			return fmt.Errorf("%w %d", errStatus, status)
		}
		return nil
	}
}

// exchange sends a request and reads the whole answer.  status is 0 if none came.
func (c *connection) exchange(request []byte, deadline time.Time) (status int, keep bool, err error) {
	if err := c.patience(deadline); err != nil {
		return 0, false, err
	}
	if _, err := c.Write(request); err != nil {
		return 0, false, err
	}
	for {
		answer, err := http.ReadResponse(c.reader, nil)
		if err != nil {
			return 0, false, err
		}
		if answer.StatusCode/100 == 1 {
			continue // the answer is still to come
		}
		n, err := io.CopyN(io.Discard, answer.Body, maxAnswer)
		whole := errors.Is(err, io.EOF) || (err == nil && n == answer.ContentLength)
		if whole {
			_ = answer.Body.Close() // nothing is left to be read
		}
		c.used = true
		return answer.StatusCode, whole && !answer.Close, nil
	}
}

// patience sets the deadline, give or take a second: setting one costs a
// microsecond, so a busy connection has it set once in a while.
func (c *connection) patience(deadline time.Time) error {
	if late := c.limit.Sub(deadline); late >= 0 && late <= time.Second {
		return nil
	}
	c.limit = deadline.Add(time.Second)
	return c.SetDeadline(c.limit)
}

// get takes a kept connection, or opens one.
func (cs *connections) get(ctx context.Context, t target, deadline time.Time) (*connection, error) {
	cs.mu.Lock()
	idle := cs.idle[t.origin]
	if n := len(idle); n > 0 {
		c := idle[n-1]
		idle[n-1] = nil
		cs.idle[t.origin] = idle[:n-1]
		cs.mu.Unlock()
		return c, nil
	}
	cs.mu.Unlock()
	return cs.dial(ctx, t, deadline)
}

func (cs *connections) dial(ctx context.Context, t target, deadline time.Time) (*connection, error) {
	raw, err := cs.dialer.DialContext(ctx, "tcp", t.address())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &connection{Conn: raw, origin: t.origin}
	if t.secure {
		config := cs.tls.Clone()
		if config == nil {
			config = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(t.address())
		}
		c.Conn = tls.Client(raw, config) // the first write shakes hands, within the deadline
	}
	c.reader = bufio.NewReaderSize(c.Conn, 1<<10)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.done {
		_ = c.Close()
		return nil, context.Canceled
	}
	cs.open[c] = struct{}{}
	return c, nil
}

// put gives a connection back, or closes it.
func (cs *connections) put(c *connection, keep bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !keep || cs.done {
		cs.drop(c)
		return
	}
	c.since = time.Now()
	idle := append(cs.idle[c.origin], c)
	// The coldest goes if nobody has needed it for long.
	if oldest := idle[0]; c.since.Sub(oldest.since) > idleTimeout {
		cs.drop(oldest)
		idle = append(idle[:0], idle[1:]...)
	}
	cs.idle[c.origin] = idle
}

// drop closes a connection that nobody can get any more.
func (cs *connections) drop(c *connection) {
	_ = c.Close()
	delete(cs.open, c)
}

// close ends everything, also what is under way.
func (cs *connections) close() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.done = true
	for c := range cs.open {
		_ = c.Close()
	}
	clear(cs.open)
	clear(cs.idle)
}
