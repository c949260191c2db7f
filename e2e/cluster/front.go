package cluster

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	frontEvery    = 250 * time.Millisecond
	frontPatience = 500 * time.Millisecond
)

// Front stands for a load balancer: it deals connections to those backends that answer
// /healthz, and breaks those to one that has ceased to.  It is there before they are.
type Front struct {
	*Proxy
	backends []string
	up       []atomic.Bool
	next     atomic.Uint64
	client   http.Client
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

// NewFront listens on an address.
func NewFront(listen string, backends []string) (*Front, error) {
	f := &Front{
		backends: backends, up: make([]atomic.Bool, len(backends)),
		// A connection for each question: one that is kept says nothing of new ones.
		client: http.Client{Timeout: frontPatience, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	var err error
	if f.Proxy, err = NewProxy("front", listen, f.choose); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.stop = cancel
	for i := range backends {
		f.wg.Go(func() { f.watch(ctx, i) })
	}
	return f, nil
}

// Close ends it.
func (f *Front) Close() {
	f.stop()
	f.wg.Wait()
	f.Proxy.Close()
}

// choose takes the next backend that is up, or the next one.
func (f *Front) choose() string {
	n := f.next.Add(1)
	for i := range f.backends {
		if at := (int(n) + i) % len(f.backends); f.up[at].Load() {
			return f.backends[at]
		}
	}
	return f.backends[int(n)%len(f.backends)]
}

func (f *Front) watch(ctx context.Context, i int) {
	tick := time.NewTicker(frontEvery)
	defer tick.Stop()
	for {
		now := f.healthy(ctx, f.backends[i])
		if was := f.up[i].Swap(now); was && !now {
			f.Drop(f.backends[i])
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (f *Front) healthy(ctx context.Context, backend string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+backend+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
