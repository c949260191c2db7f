package cluster

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Mode is what a Proxy does with what it is given.
type Mode int

// The modes.
const (
	// Open passes everything on.
	Open Mode = iota
	// Cut breaks every connection with a reset, and refuses new ones so.
	Cut
	// Held passes nothing on, and breaks nothing: what comes waits, and goes on its way
	// when the proxy opens, even if who sent it has given up since.
	Held
	// Swallowed passes nothing on; what comes is lost.  When the proxy opens, the
	// connections that lost something are reset, and so are those that were begun.
	Swallowed
)

func (m Mode) String() string { return [...]string{"open", "cut", "held", "swallowed"}[m] }

// Proxy takes TCP connections and passes them on to a target.  ADR 19 says why it is
// ours.
type Proxy struct {
	Name     string
	listener net.Listener
	target   func() string // the address for a new connection; "" refuses it

	mu     sync.Mutex
	mode   Mode
	opened chan struct{} // closed when the mode is Open
	delay  time.Duration // before each piece of data
	links  map[*link]bool
	hit    int // connections that the present mode has broken, held or robbed
	slowed int // pieces of data that have waited for the present delay
	closed bool
	wg     sync.WaitGroup
}

// link is a connection that passes through.
type link struct {
	proxy            *Proxy
	client, upstream *net.TCPConn
	address          string // of upstream
	gone             chan struct{}
	once             sync.Once
	hit, robbed      bool // under the proxy's mu
}

// NewProxy listens on an address and passes on to one.
func NewProxy(name, listen string, target func() string) (*Proxy, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", name, err)
	}
	p := &Proxy{Name: name, listener: l, target: target, opened: make(chan struct{}), links: map[*link]bool{}}
	close(p.opened)
	p.wg.Go(p.accept)
	return p, nil
}

// to is a target that stays the same.
func to(address string) func() string { return func() string { return address } }

// Addr is where it listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes the mode.
func (p *Proxy) Set(m Mode) {
	p.mu.Lock()
	was := p.mode
	p.mode = m
	var broken []*link
	for l := range p.links {
		if m == Cut || m == Open && l.robbed {
			broken = append(broken, l)
		}
		l.hit = false
	}
	if m != Open {
		p.hit = 0
	}
	if m == Cut {
		p.hit = len(broken)
	}
	switch {
	case was == Open && m != Open:
		p.opened = make(chan struct{})
	case was != Open && m == Open:
		close(p.opened)
	}
	p.mu.Unlock()
	for _, l := range broken {
		l.reset()
	}
}

// Delay has each piece of data wait; 0 ends that.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
	if d > 0 {
		p.slowed = 0
	}
}

// Slowed counts the pieces of data that have waited since a delay was set.
func (p *Proxy) Slowed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slowed
}

// Hit counts the connections that the mode has broken, or refused, or whose data it has
// held or swallowed, since it was set.
func (p *Proxy) Hit() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hit
}

// Drop resets the connections to one of the targets.
func (p *Proxy) Drop(address string) {
	p.mu.Lock()
	var of []*link
	for l := range p.links {
		if l.address == address {
			of = append(of, l)
		}
	}
	p.mu.Unlock()
	for _, l := range of {
		l.reset()
	}
}

// Close breaks everything and waits until it is still.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	all := make([]*link, 0, len(p.links))
	for l := range p.links {
		all = append(all, l)
	}
	p.mu.Unlock()
	_ = p.listener.Close() // once
	for _, l := range all {
		l.reset()
	}
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files, say
			time.Sleep(10 * time.Millisecond)
			continue
		}
		p.wg.Go(func() { p.connect(c.(*net.TCPConn)) })
	}
}

// connect passes a connection on until it ends.
func (p *Proxy) connect(c *net.TCPConn) {
	l := &link{proxy: p, client: c, gone: make(chan struct{})}
	p.mu.Lock()
	refused := p.closed || p.mode == Cut
	if p.mode == Cut {
		p.hit++
	}
	if !refused {
		p.links[l] = true
	}
	l.robbed = p.mode == Swallowed // its first word lies in the kernel, and would come late
	p.mu.Unlock()
	if refused {
		abort(c)
		return
	}
	defer func() {
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	}()
	if !l.pass(nil) { // a connection that is held is not made either
		return
	}
	if !l.dial() {
		l.reset()
		return
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { l.pump(l.upstream, l.client) })
	pumps.Go(func() { l.pump(l.client, l.upstream) })
	pumps.Wait()
	l.reset()
}

// dial connects to the target; false if that failed, or is not wanted any more.
func (l *link) dial() bool {
	address := l.proxy.target()
	up, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return false
	}
	l.proxy.mu.Lock()
	l.address, l.upstream = address, up.(*net.TCPConn)
	l.proxy.mu.Unlock()
	select {
	case <-l.gone: // reset in the meantime, when there was no upstream to reset
		abort(l.upstream)
		return false
	default:
		return true
	}
}

// pump carries one direction, up to its end.
func (l *link) pump(dst, src *net.TCPConn) {
	b := make([]byte, 32<<10)
	for {
		n, err := src.Read(b)
		if n > 0 {
			if !l.pass(b[:n]) {
				return
			}
			if _, err := dst.Write(b[:n]); err != nil {
				l.reset()
				return
			}
		}
		if errors.Is(err, io.EOF) {
			if l.pass(nil) {
				_ = dst.CloseWrite() // the other side may be gone already
			}
			return
		}
		if err != nil {
			l.reset()
			return
		}
	}
}

// pass returns when data, or an end, may go on its way; it is false if it never may.
func (l *link) pass(data []byte) bool {
	for {
		p := l.proxy
		p.mu.Lock()
		mode, opened, delay := p.mode, p.opened, p.delay
		if mode != Open && !l.hit {
			l.hit = true
			p.hit++
		}
		if mode == Swallowed && len(data) > 0 {
			l.robbed = true
		}
		if mode == Open && delay > 0 && len(data) > 0 {
			p.slowed++
		}
		p.mu.Unlock()
		wait := opened
		if mode == Open {
			if delay == 0 || len(data) == 0 {
				return true
			}
			wait = nil
		}
		select {
		case <-wait:
			if l.lost() {
				return false
			}
		case <-after(mode == Open, delay):
			return true
		case <-l.gone:
			return false
		}
	}
}

func after(really bool, d time.Duration) <-chan time.Time {
	if !really {
		return nil
	}
	return time.After(d)
}

func (l *link) lost() bool {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	return l.robbed
}

// reset breaks both sides without a farewell.
func (l *link) reset() {
	l.once.Do(func() {
		close(l.gone)
		l.proxy.mu.Lock()
		up := l.upstream
		l.proxy.mu.Unlock()
		abort(l.client)
		if up != nil {
			abort(up)
		}
	})
}

// abort closes a connection with a reset.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
