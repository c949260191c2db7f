package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/cmd/dialtone/app"
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

const patience = 20 * time.Second

// serving starts the service, and returns where its API is and the channel of its exit
// code.
func serving(t *testing.T, flags ...string) (url string, ended <-chan int) {
	t.Helper()
	told, code := make(chan string, 100), make(chan int, 1)
	args := append([]string{"serve", "--http", "127.0.0.1:0", "--nats-listen", "127.0.0.1:-1", "--data", t.TempDir(), "--log-level", "error"}, flags...)
	go func() { code <- run(args, printed{told}, io.Discard) }()
	for out := ""; ; {
		select {
		case line := <-told:
			out += line
			if url = addressIn(out); url != "" {
				return url, code
			}
		case <-time.After(patience):
			require.FailNow(t, "it did not start", out)
		}
	}
}

// terminate ends the service in good order.
func terminate(t *testing.T, ended <-chan int) {
	t.Helper()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	select {
	case code := <-ended:
		require.Zero(t, code)
	case <-time.After(patience):
		require.FailNow(t, "it did not end")
	}
}

// TestServeReadsProvidersAgain: SIGHUP has the file read again, and a bad one leaves
// all as it was.
func TestServeReadsProvidersAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "providers.yaml")
	write := func(names ...string) {
		text := "callback_base_url: http://127.0.0.1:1\nproviders:\n"
		for _, name := range names {
			text += "  - {name: " + name + ", dialect: twilio, base_url: 'http://127.0.0.1:2', account: AC1, token: {value: t0ken}}\n"
		}
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	write("a")
	url, ended := serving(t, "--providers", file)
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
	terminate(t, ended)
}

// TestServeSurvivesSIGHUPWithoutAFile: there is nothing to read again, and calls go on.
func TestServeSurvivesSIGHUPWithoutAFile(t *testing.T) {
	url, ended := serving(t, "--mock-http", "127.0.0.1:0")
	for range 3 {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
		require.Equal(t, []string{"mock"}, providersAt(url))
	}
	terminate(t, ended)
}

// What SIGHUP can't do is told.
func TestServeSaysThatThereIsNoFileToRead(t *testing.T) {
	var log bytes.Buffer
	reload := make(chan os.Signal, 1)
	reload <- syscall.SIGHUP
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := &serve{}
	go func() { ended <- s.wait(ctx, &app.App{}, reload, slog.New(slog.NewTextHandler(&log, nil))) }()
	require.Eventually(t, func() bool { return len(reload) == 0 }, patience, time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	require.Contains(t, log.String(), "There is no providers file to read again; start the service with one.")
}

// Flags of the mock provider that a providers file leaves without effect are told.
func TestServeTellsOfFlagsWithoutEffect(t *testing.T) {
	t.Setenv("DIALTONE_MOCK_SEED", "7")
	for _, c := range []struct{ args, want string }{
		{"--providers f --mock-http 127.0.0.1:1 --callback-base-url http://x --http 127.0.0.1:2", `flags="--callback-base-url --mock-http --mock-seed" file=f`},
		{"--providers=f", `flags=--mock-seed file=f`},
		{"--mock-http 127.0.0.1:1", ""},
	} {
		var all commands
		parser, err := kong.New(&all)
		require.NoError(t, err)
		parsed, err := parser.Parse(append([]string{"serve"}, strings.Fields(c.args)...))
		require.NoError(t, err)
		var log bytes.Buffer
		all.Serve.warnOfIgnored(parsed, slog.New(slog.NewTextHandler(&log, nil)))
		if c.want == "" {
			require.Empty(t, log.String(), c.args)
			continue
		}
		require.Contains(t, log.String(), c.want, c.args)
		require.Contains(t, log.String(), "level=WARN", c.args)
	}
}
