package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
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

// Events reads what is still kept of the events of a campaign that has ended: the data of
// those of one type.
func (u User) Events(ctx context.Context, id, kind string, each func(data []byte) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Base+"/v1/campaigns/"+id+"/events?until=ended", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Last-Event-ID", "1") // from the beginning on
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", req.URL, resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	of := ""
	for lines.Scan() {
		if name, is := strings.CutPrefix(lines.Text(), "event: "); is {
			of = name
		}
		if text, is := strings.CutPrefix(lines.Text(), "data: "); is && of == kind {
			var event struct {
				Data json.RawMessage `json:"data"`
			}
			if err := json.Unmarshal([]byte(text), &event); err != nil {
				return err
			}
			if err := each(event.Data); err != nil {
				return err
			}
		}
	}
	return lines.Err()
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
