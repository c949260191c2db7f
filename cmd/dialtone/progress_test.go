package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/campaign"
)

var halfway = campaign.Stats{Total: 980, Queued: 400, InProgress: 80, RetryWait: 10, Completed: 440, Failed: 50, Attempts: 500}

func TestTheLineFitsTheTerminal(t *testing.T) {
	line := progressLine(halfway, 75.4)
	assert.Equal(t, "490/980 ·  80 up ·   75/s · 440 completed ·  50 failed ·  10 to retry", line)
	early := progressLine(campaign.Stats{Total: 980, Queued: 980}, 0)
	assert.Len(t, []rune(early), len([]rune(line)), "it does not jump")
	for _, width := range []int{1, 20, 40, 64, 72, 80, 120, 300} {
		shown := fit(halfway, line, width)
		assert.Less(t, utf8.RuneCountInString(shown), max(width, 1), "%d columns: %s", width, shown)
	}
	assert.Equal(t, "[███░░░░] "+line, fit(halfway, line, 80))
	assert.Equal(t, 15, strings.Count(fit(halfway, line, 200), "█"), "half of the widest bar")
}

// Without a terminal there is a plain line every two seconds, and one at the end.
func TestPlainLinesWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	view := campaignView{Status: campaign.StatusInProgress, Stats: halfway}
	for i := range 30 { // 200 ms apart: 5.8 s
		view.Stats.Attempts = 500 + 15*i
		p.show(view, p.began.Add(time.Duration(i)*200*time.Millisecond))
	}
	view.Status = campaign.StatusCompleted
	p.show(view, p.began.Add(5900*time.Millisecond))
	p.end()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 4, "%s", out.String())
	assert.Contains(t, lines[2], "75/s", "15 attempts every 200 ms")
	assert.NotContains(t, out.String(), "\x1b")
}

func TestDisagreementWithTheLedgerIsAnError(t *testing.T) {
	done := campaign.Stats{Total: 3, Completed: 2, Failed: 1, Attempts: 5, Retries: 2}
	ledger := ledgerView{Created: 5, PeakActive: 2}
	assert.NoError(t, disagreement(done, ledger, 2))
	assert.Error(t, disagreement(done, ledger, 1), "more up than the limit")
	assert.Error(t, disagreement(done, ledgerView{Created: 6, PeakActive: 2}, 2), "a call more at the provider")
	lost := done
	lost.Failed = 0
	assert.Error(t, disagreement(lost, ledger, 2), "a call is lost")
}

func TestACommandLineThatIsWrongIsOneLineAndExitOne(t *testing.T) {
	for _, args := range [][]string{{"dial"}, {"serve", "--colour"}, {"demo", "--duration", "soon"}, {"demo", "/nowhere.csv"}} {
		var out, errs bytes.Buffer
		assert.Equal(t, 1, run(args, &out, &errs), "%v", args)
		assert.Equal(t, 1, strings.Count(errs.String(), "\n"), "%s", errs.String())
		assert.True(t, strings.HasPrefix(errs.String(), "dialtone: "), "%s", errs.String())
	}
	var out, errs bytes.Buffer
	assert.Zero(t, run([]string{"--help"}, &out, &errs))
	assert.Contains(t, out.String(), "serve")
}
