package scheduler_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
	"dialtone/bus/bustest"
	"dialtone/provider"
)

// written is a log that may be read while it is written.
type written struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

// about are the lines that hold a word, without their times.
func (w *written) about(word string) (lines []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(w.text.String()) {
		if _, told, _ := strings.Cut(strings.TrimSpace(line), " "); strings.Contains(told, word) {
			lines = append(lines, told)
		}
	}
	return lines
}

// The log has one line for what happens to a provider, with what there is to say.
func TestTheLogTellsOnceOfAProvider(t *testing.T) {
	b, log := bustest.Start(t), &written{}
	c := scheduler.NewCandidate(scheduler.Config{
		Node: "n1", Bus: b, Settings: &settings{}, Limits: map[string]provider.Limits{"a": {Channels: 5}},
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	require.NoError(t, c.Start(t.Context()))
	defer c.Stop()
	require.Eventually(t, func() bool { return len(c.Health()) == 1 }, soon, often)
	for _, state := range []string{"drained", "enabled"} {
		_, err := ask[scheduler.ProviderStatus](t, b, "providers", scheduler.ProviderChange{Provider: "a", State: state})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(log.about("provider."+state)) > 0 }, soon, often)
	}
	require.Equal(t, []string{
		"level=INFO msg=provider.drained part=scheduler provider=a", "level=INFO msg=provider.enabled part=scheduler provider=a",
	}, log.about("provider="))
}

// What is known of a provider's trouble is told with it, and nothing else is.
func TestAttributesOfAProvider(t *testing.T) {
	until := time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)
	for _, c := range []struct {
		is   scheduler.ProviderStatus
		want []any
	}{
		{scheduler.ProviderStatus{Provider: "a"}, []any{"provider", "a"}},
		{scheduler.ProviderStatus{Provider: "a", PausedUntil: until}, []any{"provider", "a", "until", until}},
		{scheduler.ProviderStatus{Provider: "a", Failures: 3, LastFailure: "broken", BreakerUntil: until, PausedUntil: until.Add(-time.Second)},
			[]any{"provider", "a", "failures", uint64(3), "last_failure", "broken", "until", until}},
	} {
		require.Equal(t, c.want, scheduler.Attributes(&c.is))
	}
}
