package api

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

// watch opens a stream and returns its blocks, one a message, until it ends.
func (s *service) watch(ctx context.Context, path string, headers ...string) <-chan string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	require.NoError(s.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.web.Do(r)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, answer.StatusCode)
	require.Equal(s.t, "text/event-stream", answer.Header.Get("Content-Type"))
	out := make(chan string, 100)
	go func() {
		defer close(out)
		defer answer.Body.Close()
		lines, block := bufio.NewScanner(answer.Body), ""
		for lines.Scan() {
			if lines.Text() != "" {
				block += lines.Text() + "\n"
				continue
			}
			out <- block
			block = ""
		}
	}()
	return out
}

func next(t *testing.T, blocks <-chan string) string {
	t.Helper()
	for {
		select {
		case b, ok := <-blocks:
			if !ok {
				return "(end)"
			}
			if strings.HasPrefix(b, ":") || strings.HasPrefix(b, "retry:") {
				continue
			}
			return b
		case <-time.After(5 * time.Second):
			t.Fatal("nothing came")
		}
	}
}

// until waits for a block, whatever comes before it.
func until(t *testing.T, blocks <-chan string, wanted string) {
	t.Helper()
	timeout := time.After(5 * time.Second)
	for {
		select {
		case b, ok := <-blocks:
			require.True(t, ok, "the stream ended before %q", wanted)
			if b == wanted {
				return
			}
		case <-timeout:
			require.Fail(t, "nothing came", wanted)
		}
	}
}

func TestEventsResumeAfterTheLastSeen(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	number, _ := campaign.ParseID(id)
	s.bus.publish(number, "campaign.started", `{"n":1}`)
	s.bus.publish(campaign.Single, "call.ended", `{"n":"another's"}`)
	s.bus.publish(number, "call.ended", "{\"n\":3,\n\"m\":4}")
	blocks := s.watch(t.Context(), "/v1/campaigns/"+id+"/events?until=ended", "Last-Event-ID", "1")
	require.Equal(t, "id: 3\nevent: call.ended\ndata: {\"n\":3,\ndata: \"m\":4}\n", next(t, blocks))
	s.bus.publish(number, "campaign.completed", `{"n":4}`)
	require.Equal(t, "id: 4\nevent: campaign.completed\ndata: {\"n\":4}\n", next(t, blocks))
	require.Equal(t, "(end)", next(t, blocks), "until=ended")
}

func TestEventsEndWithTheClientAndTheService(t *testing.T) {
	s := newService(t, func(c *Config) { c.Heartbeat = 10 * time.Millisecond })
	id := s.campaign(`{"name": "Spring"}`)
	ctx, cancel := context.WithCancel(t.Context())
	blocks := s.watch(ctx, "/v1/campaigns/"+id+"/events")
	require.Equal(t, "retry: 2000\n", <-blocks)
	until(t, blocks, ": connected\n")
	until(t, blocks, ": alive\n")
	cancel()
	for range blocks {
	}
	blocks = s.watch(t.Context(), "/v1/campaigns/"+id+"/events")
	require.Equal(t, "retry: 2000\n", <-blocks)
	until(t, blocks, ": connected\n")
	s.api.Close()
	for range blocks {
	}
	s.get("/v1/campaigns/"+id+"/events").problem(503, campaign.CodeUnavailable)
}

// TestEventsDropAClientThatDoesNotRead fills what lies between until a write blocks.
func TestEventsDropAClientThatDoesNotRead(t *testing.T) {
	s := newService(t)
	s.api.patience = 100 * time.Millisecond
	id := s.campaign(`{"name": "Spring"}`)
	number, _ := campaign.ParseID(id)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /v1/campaigns/%s/events HTTP/1.1\r\nHost: localhost\r\n\r\n", id)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.bus.watchers.Load() == 1 }, 5*time.Second, time.Millisecond)
	large := strings.Repeat("x", 1<<20)
	require.Eventually(t, func() bool {
		s.bus.publish(number, "call.ended", large)
		return s.bus.watchers.Load() == 0
	}, 10*time.Second, 5*time.Millisecond)
}

func TestEventsOfAnEndedCampaignEnd(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	s.end(id)
	blocks := s.watch(t.Context(), "/v1/campaigns/"+id+"/events?until=ended")
	require.Equal(t, "(end)", next(t, blocks))
}

func TestEventsRefuseBadInput(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	s.get("/v1/campaigns/"+id+"/events", "Last-Event-ID", "x").problem(422, campaign.CodeInvalid)
	s.get("/v1/campaigns/"+id+"/events?until=tomorrow").problem(422, campaign.CodeInvalid)
}
