package providertest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// server is an API that misbehaves to order.
type server struct {
	*httptest.Server
	// creates counts the POST requests whose body was read to the end.
	creates atomic.Int32
	// gone is closed when the test is over, and lets hanging answers go.
	gone chan struct{}
}

// serve starts a server that reads each request whole, counts it, and then does
// as it is told.
func serve(t *testing.T, behave http.HandlerFunc) *server {
	t.Helper()
	s := &server{gone: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		if err == nil && r.Method == http.MethodPost {
			s.creates.Add(1)
		}
		behave(w, r)
	}))
	t.Cleanup(func() {
		close(s.gone)
		s.Close()
	})
	return s
}

// seen asserts how many create requests arrived.
func (s *server) seen(t *testing.T, want int) {
	t.Helper()
	require.EqualValues(t, want, s.creates.Load(), "create requests that arrived")
}

// say answers.
func say(a Answer) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range a.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.Status)
		_, _ = io.WriteString(w, a.Body)
	}
}

// hang answers nothing until the client has gone.
func hang(s **server) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-(*s).gone:
		}
	}
}

// reset breaks the connection with a TCP reset.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn := hijack(w)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// hangUp closes the connection in an orderly way, without an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) { _ = hijack(w).Close() }

// send writes bytes in place of an answer, and closes.
func send(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn := hijack(w)
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err) // the test's own server can always be hijacked
	}
	return conn
}

// deadURL is an address where nobody listens.
func deadURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	return "http://" + addr
}
