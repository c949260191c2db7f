package mockdialer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// Server is one account at a provider.
type Server struct {
	config   *Config
	book     *book
	delivery *delivery
	faults   *faults
	line     *line
	agenda   *agenda
	requests atomic.Int64 // under way

	accountPath, createPath, callPrefix string

	credentials []byte // the whole Authorization header
	handler     http.Handler
	resources   http.Handler

	mu      sync.Mutex // guards what follows
	stopped bool
	url     string
	halt    context.CancelFunc // stops the clock and the agenda
	abort   context.CancelFunc // stops the workers in the middle of a callback
	loops   sync.WaitGroup     // the clock and the agenda
	workers sync.WaitGroup
	done    chan struct{} // closed by the Stop that did it
}

// New checks the configuration and reads the ledger file, if there is one.  Calls
// of it whose time has passed end now; their callbacks go out from Start on.  An
// error of the configuration is campaign.Errors with all faults.  A server that
// was made must be stopped.
func New(c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	b, err := openBook(&c)
	if err != nil {
		return nil, err
	}
	f := &faults{halt: make(chan struct{})}
	s := &Server{
		config:      &c,
		book:        b,
		delivery:    newDelivery(b, &c, f),
		faults:      f,
		line:        &line{log: c.Logger},
		accountPath: apiPrefix + "Accounts/" + c.Account,
		credentials: []byte("Basic " + base64.StdEncoding.EncodeToString([]byte(c.Account+":"+c.Token))),
		done:        make(chan struct{}),
	}
	s.createPath, s.callPrefix = s.accountPath+"/Calls.json", s.accountPath+"/Calls/"
	s.resources = s.newResources()
	s.handler = s.newHandler()
	s.line.handler = s.handler
	s.agenda = newAgenda(s.line, b)
	s.agenda.follow(s.faults.set(c.Faults))
	s.delivery.push(b.resume())
	return s, nil
}

// openBook makes an empty book, or that of the ledger file.
func openBook(c *Config) (*book, error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	key := binary.LittleEndian.Uint64(random[:]) | 1
	if c.LedgerFile == "" {
		return newBook(c, key), nil
	}
	b := newBook(c, 0) // the file's first line brings the key
	j, err := openJournal(c.LedgerFile, key, c.Logger, b.replay)
	if err != nil {
		return nil, err
	}
	b.journal = j
	return b, nil
}

// errStopped is told by a Start that comes too late.
var errStopped = errors.New("the mock dialer was stopped; make a new one")

// errStarted is told by a second Start.
var errStarted = errors.New("the mock dialer runs already")

// Start listens, and returns when requests are answered.  ctx bounds the start
// alone.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return errStopped
	case s.url != "":
		return errStarted
	}
	at, err := s.line.open(ctx, s.config.Addr)
	if err != nil {
		return err
	}
	s.url = "http://" + reachable(at)
	halted, halt := context.WithCancel(context.Background())
	aborted, abort := context.WithCancel(context.Background())
	s.halt, s.abort = halt, abort
	for range s.config.CallbackWorkers {
		s.workers.Go(func() { s.delivery.work(aborted) })
	}
	s.loops.Go(func() { s.delivery.clock(halted) })
	s.loops.Go(func() { s.agenda.work(halted) })
	return nil
}

// reachable is a listener's address, as somebody on this machine can dial it.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
}

// URL is where the API's paths begin, without a slash at its end; "" before
// Start.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// Stop answers the requests under way, lets no further call end, delivers the
// callbacks that are due, and closes the ledger file.  When ctx is done, requests
// and callbacks are broken off, and its error is returned.  Retries that wait are
// dropped, and so are requests that hang.  Stop may come twice, and before Start.
func (s *Server) Stop(ctx context.Context) error {
	if !s.beginStop() {
		<-s.done
		return nil
	}
	defer close(s.done)
	s.faults.stop()
	if s.halt == nil {
		return s.book.close()
	}
	err := s.line.close(ctx)
	s.halt()
	s.loops.Wait()
	s.delivery.close()
	release := context.AfterFunc(ctx, func() {
		s.abort()
		s.delivery.connections.close()
	})
	s.workers.Wait()
	if !release() && err == nil {
		err = ctx.Err()
	}
	s.abort()
	s.delivery.connections.close()
	if err != nil {
		err = fmt.Errorf("stop the mock dialer: %w", err)
	}
	return errors.Join(err, s.book.close())
}

// beginStop is true for the first.
func (s *Server) beginStop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.stopped
	s.stopped = true
	return first
}

// close closes the ledger file.
func (b *book) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.journal.close(); err != nil {
		return fmt.Errorf("close the ledger file: %w", err)
	}
	return nil
}
