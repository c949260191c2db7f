package integration

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
	"dialtone/e2e/judge"
)

// api asks whichever node answers, as a client behind a load balancer does.
type api struct {
	t     *testing.T
	nodes []string
	key   string
	http  http.Client
	next  int
}

func newAPI(s *settings) *api {
	return &api{t: s.t, nodes: s.nodeURLs(), key: s.key(), http: http.Client{Timeout: 6 * time.Second}}
}

// apiPatience is how long a request is tried again: longer than any single fault keeps
// the service from answering.
const apiPatience = 90 * time.Second

// ask repeats a request until it is answered, and decodes the answer.  What creates
// carries the same idempotency key each time, so that it creates once.
func (a *api) ask(method, path, contentType string, body []byte, into any) {
	a.t.Helper()
	once := rand.Text()
	eventually(a.t, apiPatience, func() (bool, string) {
		status, answer, err := a.try(method, path, contentType, once, body)
		if err != nil || status >= 500 || status == http.StatusTooManyRequests {
			a.next++
			return false, fmt.Sprintf("%s %s: %d %s %v", method, path, status, answer, err)
		}
		require.Less(a.t, status, 300, "%s %s: %s", method, path, answer)
		if into != nil {
			require.NoError(a.t, json.Unmarshal(answer, into), "%s", answer)
		}
		return true, ""
	})
}

func (a *api) try(method, path, contentType, once string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.nodes[a.next%len(a.nodes)]+path, bytes.NewReader(body))
	require.NoError(a.t, err)
	req.Header.Set("Authorization", "Bearer "+a.key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", once)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

func (a *api) get(path string, into any) {
	a.t.Helper()
	a.ask(http.MethodGet, path, "", nil, into)
}

func (a *api) create(path string, body, into any) {
	a.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(a.t, err)
	a.ask(http.MethodPost, path, "application/json", text, into)
}

// state is what the tests read of a campaign.
type state struct {
	ID            campaign.ID     `json:"id"`
	Status        campaign.Status `json:"status"`
	Stats         campaign.Stats  `json:"stats"`
	WaitingReason campaign.Rule   `json:"waiting_reason"`
}

func (a *api) campaign(id campaign.ID) (now state) {
	a.t.Helper()
	a.get("/v1/campaigns/"+id.String(), &now)
	return now
}

func (a *api) add(id campaign.ID, numbers []string) {
	a.t.Helper()
	csv := "phone\n" + strings.Join(numbers, "\n") + "\n"
	a.ask(http.MethodPost, "/v1/campaigns/"+id.String()+"/contacts", "text/csv", []byte(csv), nil)
}

// command returns when the campaign is as asked for.  An answer that got lost shows as
// a conflict at the next try.
func (a *api) command(id campaign.ID, verb string, wanted campaign.Status) {
	a.t.Helper()
	eventually(a.t, apiPatience, func() (bool, string) {
		status, answer, err := a.try(http.MethodPost, "/v1/campaigns/"+id.String()+"/"+verb, "", rand.Text(), nil)
		if err == nil && status < 300 || status == http.StatusConflict && a.campaign(id).Status == wanted {
			return true, ""
		}
		a.next++
		return false, fmt.Sprintf("%s %s: %d %s %v", verb, id, status, answer, err)
	})
}

// records reads all calls of a campaign, page by page.
func (a *api) records(id campaign.ID) (all []judge.Record) {
	a.t.Helper()
	for cursor := ""; ; {
		var page struct {
			Calls      []judge.Record `json:"calls"`
			NextCursor string         `json:"next_cursor"`
		}
		a.get("/v1/campaigns/"+id.String()+"/calls?limit=500"+cursor, &page)
		all = append(all, page.Calls...)
		if page.NextCursor == "" {
			return all
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

// leader is the node that leads the scheduler.
func (a *api) leader() string {
	a.t.Helper()
	var s struct {
		Leader string `json:"leader"`
	}
	a.get("/v1/scheduler", &s)
	return serviceOf(a.t, s.Leader)
}

// serviceOf finds the service of a node's name, which begins with its host's.
func serviceOf(t *testing.T, node string) string {
	t.Helper()
	for _, n := range nodes {
		if strings.HasPrefix(node, n+"-") {
			return n
		}
	}
	require.Fail(t, "no service of the cluster", "node %q", node)
	return ""
}

// providers are those of the service with their limits.
func (a *api) providers() (list []judge.Provider) {
	a.t.Helper()
	var answer struct {
		Providers []struct {
			Name           string  `json:"name"`
			Channels       int     `json:"channels"`
			CallsPerSecond float64 `json:"calls_per_second"`
		} `json:"providers"`
	}
	a.get("/v1/providers", &answer)
	for _, p := range answer.Providers {
		list = append(list, judge.Provider{Name: p.Name, Channels: p.Channels, CallsPerSecond: int(p.CallsPerSecond)})
	}
	return list
}
