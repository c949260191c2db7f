package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// addressIn is where the greeting says that the API is.
func addressIn(out string) string {
	_, after, _ := strings.Cut(out, "API ")
	address, _, whole := strings.Cut(strings.TrimSpace(after), "\n")
	if !whole {
		return ""
	}
	return address
}

// printed collects what is printed.
type printed struct{ told chan string }

func (l printed) Write(b []byte) (int, error) { l.told <- string(b); return len(b), nil }

// providersAt lists their names.
func providersAt(url string) (names []string) {
	answer, err := http.Get(url + "/v1/providers")
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	var list struct{ Providers []struct{ Name string } }
	_ = json.NewDecoder(answer.Body).Decode(&list)
	for _, p := range list.Providers {
		names = append(names, p.Name)
	}
	return names
}

// TestServeReadsProvidersAgain: SIGHUP has the file read again, and a bad one leaves
// all as it was.
func TestServeReadsProvidersAgain(t *testing.T) {
	const patience = 20 * time.Second
	file := filepath.Join(t.TempDir(), "providers.yaml")
	write := func(names ...string) {
		text := "callback_base_url: http://127.0.0.1:1\nproviders:\n"
		for _, name := range names {
			text += "  - {name: " + name + ", dialect: twilio, base_url: 'http://127.0.0.1:2', account: AC1, token: {value: t0ken}}\n"
		}
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	write("a")
	told, ended := make(chan string, 100), make(chan int, 1)
	go func() {
		ended <- run([]string{"serve", "--http", "127.0.0.1:0", "--nats-listen", "127.0.0.1:-1", "--data", t.TempDir(), "--providers", file, "--log-level", "error"},
			printed{told}, io.Discard)
	}()
	out, url := "", ""
	for url == "" {
		select {
		case line := <-told:
			out += line
			url = addressIn(out)
		case <-time.After(patience):
			require.FailNow(t, "it did not start", out)
		}
	}
	hangUp := func(want ...string) {
		t.Helper()
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
		require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, want, providersAt(url)) }, patience, 10*time.Millisecond)
	}
	require.Equal(t, []string{"a"}, providersAt(url))
	write("b", "a")
	hangUp("b", "a")
	write("B")
	hangUp("b", "a")
	write("c")
	hangUp("c")

	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	select {
	case code := <-ended:
		require.Zero(t, code)
	case <-time.After(patience):
		require.FailNow(t, "it did not end")
	}
}
