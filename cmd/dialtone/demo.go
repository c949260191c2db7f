package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"dialtone/api/ingest"
	"dialtone/campaign/machine"
	"dialtone/cmd/dialtone/app"
	"dialtone/mockdialer"
)

// demo runs one campaign through the real parts: NATS with JetStream on disk,
// SQLite, and the mock provider over HTTP with callbacks.
type demo struct {
	File        string                   `arg:"" optional:"" default:"examples/numbers.csv" help:"Numbers, as CSV with a column phone."`
	Concurrency int                      `default:"80" help:"Calls up at once."`
	Duration    mockdialer.DurationRange `default:"400ms-1600ms" help:"How long calls last."`
	Outcomes    mockdialer.Outcomes      `default:"completed=70,busy=10,no-answer=10,failed=10" help:"How calls end."`
	Seed        uint64                   `default:"1" help:"What decides each call."`
	Verbose     bool                     `short:"v" help:"Show the service's log."`
}

func (d *demo) Run(ctx context.Context, out io.Writer) error {
	file, err := os.Open(d.File)
	if err != nil {
		return fmt.Errorf("open the numbers: %w", err)
	}
	defer file.Close()
	dir, err := os.MkdirTemp("", "dialtone-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	a, err := app.Start(ctx, d.config(dir))
	if err != nil {
		return err
	}
	err = d.play(ctx, out, file, a)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return errors.Join(err, a.Stop(stopping))
}

func (d *demo) config(dir string) app.Config {
	log := slog.New(slog.DiscardHandler)
	if d.Verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return app.Config{
		HTTP: "127.0.0.1:0", NATSListen: "127.0.0.1:-1", Data: dir, Roles: app.Roles, DefaultRegion: "US",
		Mock:    mockdialer.Config{Addr: "127.0.0.1:0", Duration: d.Duration, Outcomes: d.Outcomes, Seed: d.Seed},
		Machine: machine.Config{},
		Logger:  log,
	}
}

// play is what a user would do with curl.
func (d *demo) play(ctx context.Context, out io.Writer, file io.Reader, a *app.App) error {
	fmt.Fprintf(out, "Dialtone is up: API %s, NATS %s, mock provider %s (no real call is placed).\n", a.URL(), a.NATS(), a.MockURL())
	api := client{a.URL()}
	c, err := api.createCampaign(ctx, map[string]any{
		"name": "Demo", "max_concurrent_calls": d.Concurrency,
		"retry": map[string]any{"max_attempts": 3, "delay": "2s", "jitter": 0.2},
	})
	if err != nil {
		return err
	}
	loaded, err := api.addContacts(ctx, c.ID, "text/csv", file)
	if err != nil {
		return err
	}
	showLoaded(out, d.File, loaded)
	began := time.Now()
	if c, err = api.start(ctx, c.ID); err != nil {
		return err
	}
	view := newProgress(out)
	if c, err = follow(ctx, api, c, view); err != nil {
		return err
	}
	ledger, err := client{a.MockURL()}.ledger(ctx)
	if err != nil {
		return err
	}
	return showResult(out, c, ledger, d.Concurrency, time.Since(began))
}

const followEvery = 200 * time.Millisecond

// follow shows a campaign until it has ended.
func follow(ctx context.Context, api client, c campaignView, view *progress) (campaignView, error) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		view.show(c, time.Now())
		if c.Status.Ended() {
			view.end()
			return c, nil
		}
		select {
		case <-ctx.Done():
			view.end()
			return c, ctx.Err()
		case <-tick.C:
		}
		now, err := api.campaign(ctx, c.ID)
		if err != nil {
			return c, err
		}
		c = now
	}
}

func showLoaded(out io.Writer, name string, r ingest.Result) {
	fmt.Fprintf(out, "%s: %d numbers accepted, %d repeated, %d rejected\n", name, r.Accepted, r.Duplicates, r.Rejected)
	for _, e := range r.Errors[:min(3, len(r.Errors))] {
		fmt.Fprintf(out, "  line %d, %q: %s\n", e.Line, e.Value, e.Reason)
	}
	if more := r.Rejected - min(3, len(r.Errors)); more > 0 {
		fmt.Fprintf(out, "  … and %d more\n", more)
	}
}
