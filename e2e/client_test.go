package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

// client is a user of the API.
type client struct {
	t    *testing.T
	base string
}

// campaignJSON and callJSON are what the tests read of the resources.
type campaignJSON struct {
	ID                 string          `json:"id"`
	Status             campaign.Status `json:"status"`
	MaxConcurrentCalls int             `json:"max_concurrent_calls"`
	Stats              campaign.Stats  `json:"stats"`
	WaitingReason      campaign.Rule   `json:"waiting_reason"`
	WaitingUntil       time.Time       `json:"waiting_until"`
}

type callJSON struct {
	ID       string              `json:"id"`
	To       string              `json:"to"`
	Status   campaign.CallStatus `json:"status"`
	Reason   string              `json:"reason"`
	Attempts []struct {
		Number         int                  `json:"number"`
		ProviderCallID string               `json:"provider_call_id"`
		Disposition    campaign.Disposition `json:"disposition"`
	} `json:"attempts"`
}

// ask sends a request and returns the status and the body.
func (c client) ask(method, path, contentType string, body []byte) (int, []byte) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, bytes.NewReader(body))
	require.NoError(c.t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return resp.StatusCode, answer
}

// do expects success and decodes the answer.
func (c client) do(method, path string, body, into any) {
	c.t.Helper()
	var raw []byte
	contentType := ""
	if body != nil {
		var err error
		raw, err = json.Marshal(body)
		require.NoError(c.t, err)
		contentType = "application/json"
	}
	status, answer := c.ask(method, path, contentType, raw)
	require.Less(c.t, status, 300, "%s %s: %s", method, path, answer)
	if into != nil {
		require.NoError(c.t, json.Unmarshal(answer, into), "%s", answer)
	}
}

type settings = map[string]any

// load creates a campaign with the numbers, if any.
func (c client) load(s settings, numbers []string) string {
	c.t.Helper()
	if s["name"] == nil {
		s["name"] = c.t.Name()
	}
	var made campaignJSON
	c.do(http.MethodPost, "/v1/campaigns", s, &made)
	if len(numbers) > 0 {
		c.add(made.ID, numbers)
	}
	return made.ID
}

func (c client) add(id string, numbers []string) {
	c.t.Helper()
	c.upload(id, "phone\n"+strings.Join(numbers, "\n")+"\n")
}

func (c client) upload(id, csv string) {
	c.t.Helper()
	status, answer := c.ask(http.MethodPost, "/v1/campaigns/"+id+"/contacts", "text/csv", []byte(csv))
	require.Equal(c.t, http.StatusOK, status, "%s", answer)
}

func (c client) command(id, verb string) campaignJSON {
	c.t.Helper()
	var now campaignJSON
	c.do(http.MethodPost, "/v1/campaigns/"+id+"/"+verb, nil, &now)
	return now
}

func (c client) campaign(id string) (now campaignJSON) {
	c.t.Helper()
	c.do(http.MethodGet, "/v1/campaigns/"+id, nil, &now)
	return now
}

func (c client) explain(path string) (e campaign.Explanation) {
	c.t.Helper()
	c.do(http.MethodGet, path+"/explain", nil, &e)
	return e
}

// calls reads all calls of a campaign, page by page.
func (c client) calls(id string) (all []callJSON) {
	c.t.Helper()
	cursor := ""
	for {
		var page struct {
			Calls      []callJSON `json:"calls"`
			NextCursor string     `json:"next_cursor"`
		}
		c.do(http.MethodGet, "/v1/campaigns/"+id+"/calls?limit=500"+cursor, nil, &page)
		all = append(all, page.Calls...)
		if page.NextCursor == "" {
			return all
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

// until polls the campaign until it is as wanted.
func (c client) until(id string, patience time.Duration, wanted func(campaignJSON) bool) campaignJSON {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		now := c.campaign(id)
		if wanted(now) {
			return now
		}
		require.True(c.t, time.Now().Before(deadline), "campaign %s after %v: %+v", id, patience, now)
		pause(c.t, 20*time.Millisecond)
	}
}

func ended(c campaignJSON) bool { return c.Status.Ended() }

// pause waits between two polls of something that can't signal.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// berlin is n valid numbers, distinct for each area.
func berlin(area, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%05d", prefix(area), i)
	}
	return out
}

// prefix begins the numbers of an area, and no others.
func prefix(area int) string { return fmt.Sprintf("+4930%03d", 200+area) }
