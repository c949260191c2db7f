package twilio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

const (
	// idleTimeout is below the shortest time after which common servers drop an
	// idle connection (5 s), so that we drop it first: a request that crosses with
	// the server's farewell is Ambiguous.
	idleTimeout = 4 * time.Second

	limitAnswer = 64 << 10 // bytes of an answer about one call
	limitPage   = 4 << 20  // bytes of a page of a list
)

// newTransport is tuned for many small requests to one host.
func newTransport(c Config, timeout time.Duration, connections int) *http.Transport {
	var http1 http.Protocols
	http1.SetHTTP1(true) // why not HTTP/2: see the package comment
	secure := c.TLS.Clone()
	if secure != nil {
		// What it offers goes out even where HTTP/2 is off, and is taken at its word.
		secure.NextProtos = []string{"http/1.1"}
	}
	dialer := &net.Dialer{Timeout: timeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        secure,
		TLSHandshakeTimeout:    timeout,
		Protocols:              &http1,
		MaxConnsPerHost:        connections,
		MaxIdleConns:           connections,
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true, // answers are small
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// answer is what the provider said.
type answer struct {
	status int
	header http.Header
	// body is valid until release.
	body *bytes.Buffer
}

// buffers are reused, as every call reads an answer of about the same size.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// release gives the body back.  A large one is left to the collector.
func (a *answer) release() {
	if a.body != nil && a.body.Cap() <= limitAnswer {
		a.body.Reset()
		buffers.Put(a.body)
	}
	a.body = nil
}

// errTooLong says that an answer was cut.
var errTooLong = errors.New("the answer is too long")

// ask sends one request and reads the answer.  form is the body of a POST, or
// nil for a GET.  After an error, sent tells whether the request may have been
// written, in part or whole; it is false only if no connection was had.
func (p *Provider) ask(ctx context.Context, target *url.URL, form []byte, limit int64) (a answer, sent bool, err error) {
	req := p.request(target, form)
	// GotConn is called in this goroutine, before RoundTrip hands the request to
	// the connection's writer.
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent = true }}
	resp, err := p.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		return answer{}, sent, err
	}
	defer resp.Body.Close()
	body := buffers.Get().(*bytes.Buffer)
	a = answer{status: resp.StatusCode, header: resp.Header, body: body}
	// Reading to the end, not just to the limit, is what lets the connection be
	// used again.
	n, err := body.ReadFrom(io.LimitReader(resp.Body, limit+1))
	if err == nil && n > limit {
		err = errTooLong
	}
	if err != nil {
		a.release()
		return answer{}, sent, fmt.Errorf("read the answer (%d): %w", resp.StatusCode, err)
	}
	return a, sent, nil
}

// request is built by hand: the URL is parsed once, and the headers are the
// same for all.  A RoundTripper only reads them.
func (p *Provider) request(target *url.URL, form []byte) *http.Request {
	req := &http.Request{
		Method: http.MethodGet, URL: target, Host: target.Host, Header: p.headers.get,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if form == nil {
		return req
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(form)), nil }
	req.Method, req.Header = http.MethodPost, p.headers.post
	req.ContentLength = int64(len(form))
	req.Body, _ = open()
	// For a POST, GetBody is used only where a kept connection broke before a
	// byte of the request was written to it: see the package comment.
	req.GetBody = open
	return req
}
