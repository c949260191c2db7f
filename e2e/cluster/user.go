package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// User asks the API while things break: what is not answered is asked again.
type User struct {
	Base string
}

// askPatience is how long one answer may take.
const askPatience = 20 * time.Second

var userClient = &http.Client{Timeout: askPatience}

// Once asks a single time; status is 0 if there was no answer.
func (u User) Once(ctx context.Context, method, path string, body, into any) (status int, err error) {
	raw, kind, err := encode(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, method, u.Base+path, bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := userClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	if into == nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(answer, into)
}

// encode takes text as CSV, and anything else as JSON.
func encode(body any) (raw []byte, kind string, err error) {
	switch b := body.(type) {
	case nil:
		return nil, "", nil
	case string:
		return []byte(b), "text/csv", nil
	}
	raw, err = json.Marshal(body)
	return raw, "application/json", err
}

// Do asks until there is an answer, as long as ctx lasts.  A refusal is an answer.
func (u User) Do(ctx context.Context, method, path string, body, into any) error {
	for {
		status, err := u.Once(ctx, method, path, body, into)
		if err == nil || status >= 400 && status < 500 {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}
