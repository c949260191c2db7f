package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"dialtone/api/ingest"
	"dialtone/campaign"
)

// client speaks to the API as any user would.
type client struct{ base string }

// campaignView is what the commands read of a campaign.
type campaignView struct {
	ID     string          `json:"id"`
	Status campaign.Status `json:"status"`
	Stats  campaign.Stats  `json:"stats"`
}

func (c client) createCampaign(ctx context.Context, settings map[string]any) (v campaignView, err error) {
	body, err := json.Marshal(settings)
	if err != nil {
		return v, err
	}
	err = c.do(ctx, http.MethodPost, "/v1/campaigns", "application/json", bytes.NewReader(body), &v)
	return v, err
}

func (c client) addContacts(ctx context.Context, id, contentType string, body io.Reader) (r ingest.Result, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/campaigns/"+id+"/contacts", contentType, body, &r)
	return r, err
}

func (c client) start(ctx context.Context, id string) (v campaignView, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/campaigns/"+id+"/start", "", nil, &v)
	return v, err
}

func (c client) campaign(ctx context.Context, id string) (v campaignView, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/campaigns/"+id, "", nil, &v)
	return v, err
}

// ledgerView is the mock provider's own count.
type ledgerView struct {
	Created    int            `json:"created"`
	PeakActive int            `json:"peak_active"`
	ByStatus   map[string]int `json:"by_status"`
}

// ledger reads it; the client's base is the provider's.
func (c client) ledger(ctx context.Context) (s ledgerView, err error) {
	err = c.do(ctx, http.MethodGet, "/ledger/summary", "", nil, &s)
	return s, err
}

func (c client) do(ctx context.Context, method, path, contentType string, body io.Reader, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return problemOf(method, path, resp)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return nil
}

func problemOf(method, path string, resp *http.Response) error {
	var p struct{ Title, Detail string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&p); err != nil {
		p.Title = "no explanation"
	}
	return fmt.Errorf("%s %s: %s: %s %s", method, path, resp.Status, p.Title, p.Detail)
}
