package cluster

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers each line with itself, and keeps what it was told.
type echo struct {
	net.Listener
	mu   sync.Mutex
	said []string
	wg   sync.WaitGroup
}

func newEcho(t *testing.T) *echo {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &echo{Listener: l}
	e.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			e.wg.Go(func() { e.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); e.wg.Wait() })
	return e
}

func (e *echo) serve(c net.Conn) {
	defer c.Close()
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		e.mu.Lock()
		e.said = append(e.said, lines.Text())
		e.mu.Unlock()
		if _, err := c.Write([]byte(lines.Text() + "\n")); err != nil {
			return
		}
	}
}

func (e *echo) heard() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.said, " ")
}

// talk is a client of an echo.
type talk struct {
	t *testing.T
	net.Conn
	in     *bufio.Reader
	broken error
}

// dial connects; a reset may come so soon that it is the connecting that fails.
func dial(t *testing.T, p *Proxy) *talk {
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		require.ErrorIs(t, err, syscall.ECONNRESET)
		return &talk{t: t, broken: err}
	}
	t.Cleanup(func() { _ = c.Close() })
	return &talk{t: t, Conn: c, in: bufio.NewReader(c)}
}

func (c *talk) say(line string) { _, _ = c.Write([]byte(line + "\n")) }

// hear is the next line, or what went wrong within the patience.
func (c *talk) hear(patience time.Duration) string {
	if c.broken != nil {
		return c.broken.Error()
	}
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	line, err := c.in.ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(line, "\n")
}

const short, long = 100 * time.Millisecond, 5 * time.Second

func through(t *testing.T) (*echo, *Proxy, *talk) {
	e := newEcho(t)
	p, err := NewProxy("test", "127.0.0.1:0", to(e.Addr().String()))
	require.NoError(t, err)
	t.Cleanup(p.Close)
	c := dial(t, p)
	c.say("one")
	require.Equal(t, "one", c.hear(long))
	return e, p, c
}

func TestProxyCut(t *testing.T) {
	_, p, c := through(t)
	p.Set(Cut)
	assert.Contains(t, c.hear(long), "reset")
	assert.Equal(t, 1, p.Hit(), "the connection that there was")
	other := dial(t, p)
	assert.Contains(t, other.hear(long), "reset")
	assert.Equal(t, 2, p.Hit(), "and the one that was refused")
	p.Set(Open)
	c = dial(t, p)
	c.say("two")
	assert.Equal(t, "two", c.hear(long))
}

// What was held arrives, in order, whether or not who sent it is still there.
func TestProxyHeld(t *testing.T) {
	e, p, c := through(t)
	p.Set(Held)
	assert.Zero(t, p.Hit())
	c.say("two")
	other := dial(t, p)
	other.say("three")
	assert.Contains(t, c.hear(short), "timeout")
	assert.Equal(t, 2, p.Hit())
	assert.Equal(t, "one", e.heard())
	require.NoError(t, other.Close())
	p.Set(Open)
	assert.Equal(t, "two", c.hear(long))
	require.Eventually(t, func() bool { return strings.Contains(e.heard(), "three") }, long, time.Millisecond)
}

// What was swallowed never arrives, and its connection is not used again.
func TestProxySwallowed(t *testing.T) {
	e, p, c := through(t)
	quiet := dial(t, p)
	quiet.say("quiet")
	require.Equal(t, "quiet", quiet.hear(long))
	p.Set(Swallowed)
	c.say("two")
	assert.Contains(t, c.hear(short), "timeout")
	assert.Equal(t, 1, p.Hit())
	begun := dial(t, p)
	begun.say("begun")
	assert.Contains(t, begun.hear(short), "timeout")
	assert.Equal(t, 2, p.Hit())
	p.Set(Open)
	assert.Contains(t, c.hear(long), "reset")
	assert.Contains(t, begun.hear(long), "reset")
	quiet.say("three")
	assert.Equal(t, "three", quiet.hear(long), "who said nothing lost nothing")
	assert.Equal(t, "one quiet three", e.heard())
}

func TestProxyDelay(t *testing.T) {
	_, p, c := through(t)
	assert.Zero(t, p.Slowed())
	p.Delay(short)
	began := time.Now()
	c.say("two")
	assert.Equal(t, "two", c.hear(long))
	assert.GreaterOrEqual(t, time.Since(began), 2*short, "there and back")
	assert.Positive(t, p.Slowed())
}

// A proxy whose target is not there breaks off, and one that is closed while it holds a
// connection ends all the same.
func TestProxyEnds(t *testing.T) {
	e, p, c := through(t)
	require.NoError(t, e.Close())
	assert.NotContains(t, dial(t, p).hear(long), "timeout")
	p.Set(Held)
	c.say("two")
	p.Close()
	assert.Contains(t, c.hear(long), "reset")
}

// A front deals out connections to those who are well.
func TestFront(t *testing.T) {
	var ill sync.Map
	backend := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, is := ill.Load(name); is && r.URL.Path == "/healthz" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			_, _ = w.Write([]byte(name))
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	f, err := NewFront("127.0.0.1:0", []string{backend("a"), backend("b"), "127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(f.Close)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func() string {
		resp, err := client.Get("http://" + f.Addr())
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		b := make([]byte, 1)
		_, _ = resp.Body.Read(b)
		return string(b)
	}
	asked := func() map[string]int {
		out := map[string]int{}
		for range 12 {
			out[ask()]++
		}
		return out
	}
	require.Eventually(t, func() bool { n := asked(); return n[""] == 0 && n["a"] > 0 && n["b"] > 0 }, long, short)
	ill.Store("a", true)
	require.Eventually(t, func() bool { return asked()["b"] == 12 }, long, short)
	ill.Delete("a")
	require.Eventually(t, func() bool { return asked()["a"] > 0 }, long, short)
}
