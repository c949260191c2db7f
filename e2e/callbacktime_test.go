package e2e

import (
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/mockdialer"
)

// Callbacks are accepted in under 5 ms, all but one in a hundred, while a thousand calls
// a second are dialled.
func TestMeasureCallbacksAccepted(t *testing.T) {
	measured(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as serve has it
	tr := newTrunks(t, mockdialer.Config{
		Seed: 3, Outcomes: mockdialer.Outcomes{Completed: 70, Busy: 30}, Duration: mockdialer.DurationRange{Min: 200 * time.Millisecond, Max: 400 * time.Millisecond},
	}, []trunk{{name: "a", channels: 330}})
	id := tr.load(settings{"max_concurrent_calls": 1000, "retry": settings{"max_attempts": 1}}, berlin(0, 20_000))
	tr.command(id, "start")
	from := time.Now()
	c := tr.until(id, time.Minute, ended)
	rate := float64(c.Stats.Attempts) / time.Since(from).Seconds()
	quick, all := tr.callbacksWithin("0.005")
	t.Logf("%.0f calls/s; %d of %d callbacks accepted within 5 ms: %.2f %%", rate, quick, all, 100*float64(quick)/float64(all))
	require.GreaterOrEqual(t, all, c.Stats.Attempts)
	assert.GreaterOrEqual(t, float64(quick), 0.99*float64(all))
}

var histogramLine = regexp.MustCompile(`(?m)^dialtone_http_request_seconds_bucket\{route="/callbacks/[^"]*",le="([^"]*)"\} ([0-9.e+]+)$`)

// callbacksWithin counts the callbacks answered in a time, and all of them, as the
// service itself tells.
func (tr *trunks) callbacksWithin(seconds string) (quick, all int) {
	status, body := tr.ask(http.MethodGet, "/metrics", "", nil)
	require.Equal(tr.t, http.StatusOK, status)
	for _, m := range histogramLine.FindAllStringSubmatch(strings.ReplaceAll(string(body), "\r", ""), -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		require.NoError(tr.t, err)
		switch m[1] {
		case seconds:
			quick = int(n)
		case "+Inf":
			all = int(n)
		}
	}
	require.Positive(tr.t, all, "there is such a metric")
	return quick, all
}
