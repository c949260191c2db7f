package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

// series are the time series of a process, each as a line of /metrics has it.
func series(t *testing.T) []string {
	t.Helper()
	cfg := Config{
		HTTP: "127.0.0.1:0", NATSListen: "127.0.0.1:-1", Data: t.TempDir(), Roles: Roles, Logger: slog.New(slog.DiscardHandler),
		Mock: mockdialer.Config{Addr: "127.0.0.1:0"},
	}
	require.NoError(t, cfg.Mock.Duration.UnmarshalText([]byte("10ms")))
	require.NoError(t, cfg.Mock.Outcomes.UnmarshalText([]byte("completed=1")))
	a, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, a.Stop(ctx))
	}()
	get := func(path string) string {
		resp, err := http.Get(a.URL() + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(body)
	}
	resp, err := http.Post(a.URL()+"/v1/calls", "application/json", strings.NewReader(`{"to": "+4930123456"}`))
	require.NoError(t, err)
	var call struct{ ID string }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&call))
	resp.Body.Close()
	require.Eventually(t, func() bool { return strings.Contains(get("/v1/calls/"+call.ID), `"status":"completed"`) }, 20*time.Second, 20*time.Millisecond)
	var text string
	require.Eventually(t, func() bool {
		text = get("/metrics")
		for _, line := range []string{
			"dialtone_scheduler_granting 1", `dialtone_attempts_ended_total{disposition="completed"} 1`, "dialtone_partitions_owned 64",
			"dialtone_ready 1", `dialtone_missing{part="store"} 0`,
		} {
			if !strings.Contains(text, "\n"+line+"\n") {
				return false
			}
		}
		return true
	}, 20*time.Second, 100*time.Millisecond, "a call was dialled to its end")
	require.Contains(t, text, "process_resident_memory_bytes")
	return strings.Split(text, "\n")
}

var (
	named   = regexp.MustCompile(`(dialtone_\w+)(?:\{([^}]*)\})?`)
	matcher = regexp.MustCompile(`(\w+)(=~|=)"([^"]*)"`)
)

// Every metric and label that the shipped alerts look at exists, and every alert is
// explained.
func TestAlertsLookAtWhatThereIs(t *testing.T) {
	lines := series(t)
	rules, err := os.ReadFile("../../../examples/alerts.yml")
	require.NoError(t, err)
	page, err := os.ReadFile("../../../docs/operations.md")
	require.NoError(t, err)
	looked := 0
	for _, m := range named.FindAllStringSubmatch(string(rules), -1) {
		looked++
		var labels []string
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if l[2] == "=" && l[1] != "status" { // no callback has failed here
				labels = append(labels, l[1]+`="`+l[3]+`"`)
			} else {
				labels = append(labels, l[1]+`="`)
			}
		}
		require.True(t, there(lines, m[1], labels), "there is no series %s", m[0])
	}
	require.Greater(t, looked, 15)
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	require.NotEmpty(t, alerts)
	for _, a := range alerts {
		require.Contains(t, string(page), "| `"+a[1]+"` |", "docs/operations.md explains it")
	}
	// And what the page names exists.
	for _, m := range named.FindAllStringSubmatch(string(page), -1) {
		require.True(t, there(lines, m[1], nil), "there is no metric %s", m[1])
	}
}

func there(lines []string, name string, labels []string) bool {
	for _, line := range lines {
		rest, is := strings.CutPrefix(line, name)
		if !is || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		all := true
		for _, l := range labels {
			all = all && strings.Contains(rest, l)
		}
		if all {
			return true
		}
	}
	return false
}
