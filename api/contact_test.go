package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

func TestUploadContacts(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	for contentType, body := range map[string]string{
		"text/csv":             "phone,name\n(212) 555-0147,Ada\n+12125550148,Bob\n12,Eve\n+12125550147,Ada\n",
		"application/x-ndjson": "{\"phone\":\"+12125550147\"}\n\"+12125550148\"\n\"12\"\n\"+12125550148\"\n",
		"application/json":     `["+12125550147", {"phone": "+12125550148"}, "12", "+12125550147"]`,
	} {
		id := s.campaign(`{"name": "Spring"}`)
		r := s.send(http.MethodPost, "/v1/campaigns/"+id+"/contacts", contentType, body)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		out := r.json()
		require.EqualValues(t, []any{2.0, 1.0, 1.0}, []any{out["accepted"], out["duplicates"], out["rejected"]}, contentType)
		require.Len(t, out["errors"], 1)
		_, pokes, _ := s.bus.sent()
		require.Contains(t, pokes, id+" refresh")
	}
	require.EqualValues(t, 1, s.csv(id, "phone\n+12125550147\n").json()["accepted"])
	again := s.csv(id, "phone\n+12125550147\n").json()
	require.EqualValues(t, 1, again["duplicates"], "sending it again is harmless")
	require.EqualValues(t, 1, s.get("/v1/campaigns/" + id + "/stats").json()["total"])
}

func TestUploadRefusesBadInput(t *testing.T) {
	s := newService(t, func(c *Config) { c.MaxUpload = 4 << 10 })
	id := s.campaign(`{"name": "Spring"}`)
	before := s.everything()
	for name, c := range map[string]struct {
		contentType, body string
		status            int
		code              campaign.Code
		line              float64
	}{
		"no phone column": {"text/csv", "name,number\nAda,+12125550147\n", 422, campaign.CodeInvalid, 1},
		"broken quoting":  {"text/csv", "phone,name\n+12125550147,Ada\n+12125550148,\"Bob\n", 422, campaign.CodeInvalid, 3},
		"empty":           {"text/csv", "", 422, campaign.CodeInvalid, 0},
		"header alone":    {"text/csv", "phone\n", 422, campaign.CodeInvalid, 0},
		"empty list":      {"application/json", "[]", 422, campaign.CodeInvalid, 0},
		"broken JSON":     {"application/json", "[\"+12125550147\",\n}", 422, campaign.CodeInvalid, 2},
		"no type":         {"", "phone\n+12125550147\n", 415, codeMediaType, 0},
		"another type":    {"application/xml", "<phone/>", 415, codeMediaType, 0},
		"another charset": {"text/csv; charset=latin1", "phone\n+12125550147\n", 415, codeMediaType, 0},
		"too large":       {"text/csv", "phone\n" + strings.Repeat("+12125550147\n", 1000), 413, codeTooLarge, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.in(t).send(http.MethodPost, "/v1/campaigns/"+id+"/contacts", c.contentType, c.body)
			p := r.problem(c.status, c.code)
			if c.line > 0 {
				require.Equal(t, c.line, r.json()["line"], "%s", r.body)
				require.Contains(t, p.Detail, fmt.Sprintf("Line %v", c.line))
			}
			if c.status == 415 && c.contentType != "text/csv" {
				require.Contains(t, p.Detail, "text/csv")
			}
		})
	}
	s.send(http.MethodPost, "/v1/campaigns/"+id+"/contacts", "text/csv", "phone\n1\n", "Content-Encoding", "gzip").problem(415, codeMediaType)
	s.csv("cmp_1", "phone\n+12125550147\n").problem(409, campaign.CodeConflict)
	require.Equal(t, before, s.everything(), "something changed")
}

// TestUploadOverTheLimitTellsWhatItTook sends a body that does not say its length.
func TestUploadOverTheLimitTellsWhatItTook(t *testing.T) {
	s := newService(t, func(c *Config) { c.MaxUpload = 256 << 10 })
	id := s.campaign(`{"name": "Spring"}`)
	var body bytes.Buffer
	body.WriteString("phone\n")
	for i := range 30_000 {
		fmt.Fprintf(&body, "+1212%07d\n", 2000000+i)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/campaigns/"+id+"/contacts", io.MultiReader(&body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "text/csv")
	answer, err := s.web.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	got := reply{t, answer.StatusCode, answer.Header, text}
	got.problem(413, codeTooLarge)
	require.Contains(t, got.json(), "result")
}

func TestUploadRefusesBeforeReadingTheBody(t *testing.T) {
	s := newService(t)
	id := s.campaign(`{"name": "Spring"}`)
	s.end(id)
	for path, status := range map[string]int{id: 409, "cmp_99": 404, "cmp_1": 409} {
		body := &untouched{}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/campaigns/"+path+"/contacts", body)
		require.NoError(t, err)
		r.Host = "localhost"
		r.Header.Set("Content-Type", "text/csv")
		w := newRecorder()
		s.api.Handler().ServeHTTP(w, r)
		require.Equal(t, status, w.Code, "%s", w.Body)
		require.False(t, body.read, "the body was read")
	}
}

// untouched is a body that notes being read.
type untouched struct{ read bool }

func (u *untouched) Read([]byte) (int, error) { u.read = true; return 0, io.EOF }

// TestUploadMayBeSlow writes with pauses that are longer, together, than the
// server's patience with a request.
func TestUploadMayBeSlow(t *testing.T) {
	s := newService(t)
	server := NewServer(s.api.Handler())
	server.ReadTimeout, server.WriteTimeout = 1500*time.Millisecond, 1500*time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	id := s.campaign(`{"name": "Spring"}`)

	body, feed := io.Pipe()
	go func() {
		defer feed.Close()
		_, _ = io.WriteString(feed, "phone\n")
		for i := range 5 {
			time.Sleep(500 * time.Millisecond) // the slowness is what is tested
			_, _ = fmt.Fprintf(feed, "+1212555014%d\n", i)
		}
	}()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+listener.Addr().String()+"/v1/campaigns/"+id+"/contacts", body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "text/csv")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
	require.Contains(t, string(text), `"accepted":5`)
}
