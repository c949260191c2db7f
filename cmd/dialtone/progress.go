package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"dialtone/campaign"
)

// progress shows a campaign at work: a line that renews itself on a terminal,
// else a plain line every few seconds.
type progress struct {
	out      io.Writer
	terminal bool
	next     time.Time // of the next plain line
	began    time.Time
	marks    []mark // of the last seconds, for the rate
}

// mark is how many attempts had ended at a moment.
type mark struct {
	at    time.Time
	ended int
}

const (
	widestBar  = 30
	plainEvery = 2 * time.Second
	rateOver   = 3 * time.Second
)

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	return &progress{out: out, terminal: ok && term.IsTerminal(int(f.Fd())), began: time.Now()}
}

func (p *progress) show(c campaignView, now time.Time) {
	rate := p.rate(c.Stats.Attempts, now)
	if !p.terminal && now.Before(p.next) && !c.Status.Ended() {
		return
	}
	p.next = now.Add(plainEvery)
	line := progressLine(c.Stats, rate)
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K", fit(c.Stats, line, p.width()))
		return
	}
	fmt.Fprintf(p.out, "%5.1fs %s\n", now.Sub(p.began).Seconds(), line)
}

// width is that of the terminal now: it may be resized at any time.
func (p *progress) width() int {
	if f, ok := p.out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// fit puts a bar before the line, as wide as there is room, and cuts what does not
// fit: a line that wraps can't be renewed.
func fit(s campaign.Stats, line string, width int) string {
	text := []rune(line)
	room := width - 1 // some terminals wrap at the last column
	if bar := min(widestBar, room-len(text)-3); bar >= 4 {
		return bars(s, bar) + " " + line
	}
	return string(text[:max(0, min(len(text), room))])
}

func (p *progress) end() {
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}

// rate is the attempts ended a second, over the last few.
func (p *progress) rate(ended int, now time.Time) float64 {
	p.marks = append(p.marks, mark{now, ended})
	for len(p.marks) > 1 && now.Sub(p.marks[0].at) > rateOver {
		p.marks = p.marks[1:]
	}
	first := p.marks[0]
	if span := now.Sub(first.at).Seconds(); span > 0 {
		return float64(ended-first.ended) / span
	}
	return 0
}

// progressLine keeps its length while the numbers grow, so that nothing jumps.
func progressLine(s campaign.Stats, rate float64) string {
	n := len(strconv.Itoa(s.Total))
	return fmt.Sprintf("%*d/%d · %*d up · %4.0f/s · %*d completed · %*d failed · %*d to retry",
		n, s.Total-s.Open(), s.Total, n, s.InProgress, rate, n, s.Completed, n, s.Failed, n, s.RetryWait)
}

// bars is full when every call is terminal.
func bars(s campaign.Stats, width int) string {
	full := width
	if s.Total > 0 {
		full = width * (s.Total - s.Open()) / s.Total
	}
	return "[" + strings.Repeat("█", full) + strings.Repeat("░", width-full) + "]"
}

// showResult prints the end, and holds it against the provider's own ledger.
func showResult(out io.Writer, c campaignView, ledger ledgerView, limit int, took time.Duration) error {
	s := c.Stats
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	row := func(what string, n int) { fmt.Fprintf(w, "%s\t%d\t\n", what, n) }
	fmt.Fprintf(out, "\nCampaign %s %s in %.1f s\n", c.ID, c.Status, took.Seconds())
	row("calls", s.Total)
	row("completed", s.Completed)
	row("failed", s.Failed)
	row("attempts", s.Attempts)
	row("of them retries", s.Retries)
	fmt.Fprintln(w, "by the provider's ledger\t\t")
	row("calls placed", ledger.Created)
	for _, status := range slices.Sorted(maps.Keys(ledger.ByStatus)) {
		row("ended "+status, ledger.ByStatus[status])
	}
	row("most up at once", ledger.PeakActive)
	if err := w.Flush(); err != nil {
		return err
	}
	return disagreement(s, ledger, limit)
}

// disagreement is what the service counted otherwise than the provider did.
func disagreement(s campaign.Stats, ledger ledgerView, limit int) error {
	switch {
	case !s.AddsUp():
		return fmt.Errorf("the statistics don't add up: %+v", s)
	case ledger.Created != s.Attempts:
		return fmt.Errorf("the provider placed %d calls, but %d attempts were counted", ledger.Created, s.Attempts)
	case ledger.PeakActive > limit:
		return fmt.Errorf("%d calls were up at once; the limit is %d", ledger.PeakActive, limit)
	}
	return nil
}
