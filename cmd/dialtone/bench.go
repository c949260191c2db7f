package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"dialtone/cmd/dialtone/app"
	"dialtone/store/storetest/pgtest"
)

// bench measures the whole service: contacts in over HTTP, calls of no length
// out to a mock provider in a process of its own, callbacks back in.
type bench struct {
	Calls       int      `default:"100000" help:"Calls in all."`
	Campaigns   int      `default:"10" help:"Campaigns that share them."`
	Concurrency int      `default:"200" help:"Calls up at once, for each campaign."`
	Store       []string `default:"sqlite,postgres" enum:"sqlite,postgres" help:"Stores to measure, one after the other."`
	Database    string   `placeholder:"URL" env:"DIALTONE_DATABASE" help:"PostgreSQL to use; without it a private cluster is started."`
	Mockdialer  string   `default:"bin/mockdialer" help:"The mock provider's program."`
	CPUProfile  string   `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the service."`
	Verbose     bool     `short:"v" help:"Show the service's log."`
}

func (b *bench) Run(ctx context.Context, out io.Writer) error {
	for _, kind := range b.Store {
		if err := b.measure(ctx, out, kind); err != nil {
			return fmt.Errorf("bench on %s: %w", kind, err)
		}
	}
	return nil
}

// measure runs one store's benchmark from an empty folder.
func (b *bench) measure(ctx context.Context, out io.Writer, kind string) (err error) {
	dir, err := os.MkdirTemp("", "dialtone-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	database, stopDatabase, err := b.database(kind, dir)
	if err != nil {
		return err
	}
	defer stopDatabase()
	mock, err := startMock(ctx, b.Mockdialer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mock.stop()) }()
	providers, err := mock.providers(dir)
	if err != nil {
		return err
	}
	a, err := app.Start(ctx, b.config(dir, database, providers))
	if err != nil {
		return err
	}
	err = b.load(ctx, out, kind, a, mock)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return errors.Join(err, a.Stop(stopping))
}

func (b *bench) config(dir, database, providers string) app.Config {
	log := slog.New(slog.DiscardHandler)
	if b.Verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return app.Config{
		HTTP: benchAddr, NATSListen: "127.0.0.1:-1", Data: filepath.Join(dir, "data"),
		Database: database, Providers: providers, Roles: app.Roles, Logger: log,
	}
}

// benchAddr is where the API of a benchmark listens: the providers file must
// name it before it is open.
const benchAddr = "127.0.0.1:18080"

// database is "" for SQLite.
func (b *bench) database(kind, dir string) (url string, stop func(), err error) {
	if kind == "sqlite" {
		return "", func() {}, nil
	}
	if b.Database != "" {
		return b.Database, func() {}, nil
	}
	return pgtest.Start(dir)
}

// load puts the calls in, runs them, and prints what was measured.
func (b *bench) load(ctx context.Context, out io.Writer, kind string, a *app.App, mock *mockProcess) error {
	api := client{a.URL()}
	began := time.Now()
	ids, err := b.fill(ctx, api)
	if err != nil {
		return err
	}
	filled := time.Since(began)
	stopProfile, err := b.profile(kind)
	if err != nil {
		return err
	}
	transactions, began := a.Store().Transactions(), time.Now()
	cpu := cpuTime()
	if err := b.dial(ctx, api, ids); err != nil {
		return err
	}
	took := time.Since(began)
	cpu = cpuTime() - cpu
	stopProfile()
	transactions = a.Store().Transactions() - transactions

	ledger, err := client{mock.url}.ledger(ctx)
	if err != nil {
		return err
	}
	if ledger.Created != b.Calls {
		return fmt.Errorf("the provider placed %d calls, not %d", ledger.Created, b.Calls)
	}
	fmt.Fprintf(out, "dialtone %s: %d calls in %.2f s = %.0f calls/s\n", kind, b.Calls, took.Seconds(), float64(b.Calls)/took.Seconds())
	fmt.Fprintf(out, "  %.3f transactions a call, %.0f µs of CPU a call, peak memory %d MiB, ingest of %d numbers in %.2f s\n",
		float64(transactions)/float64(b.Calls), float64(cpu.Microseconds())/float64(b.Calls), peakMemory(), b.Calls, filled.Seconds())
	return nil
}

// fill creates the campaigns and sends each its numbers as a CSV.
func (b *bench) fill(ctx context.Context, api client) (ids []string, err error) {
	each := b.Calls / b.Campaigns
	for i := range b.Campaigns {
		c, err := api.createCampaign(ctx, map[string]any{
			"name": fmt.Sprintf("bench %d", i), "from": "+12025550100", "max_concurrent_calls": b.Concurrency,
			"retry": map[string]any{"max_attempts": 1},
		})
		if err != nil {
			return nil, err
		}
		count := each
		if i == 0 {
			count += b.Calls % b.Campaigns
		}
		r, err := api.addContacts(ctx, c.ID, "text/csv", numbers(count))
		if err != nil {
			return nil, err
		}
		if r.Accepted != count {
			return nil, fmt.Errorf("%d of %d numbers were accepted", r.Accepted, count)
		}
		ids = append(ids, c.ID)
	}
	return ids, nil
}

// numbers is a CSV of valid German fixed-line numbers, each once.
func numbers(n int) io.Reader {
	var s strings.Builder
	s.WriteString("phone\n")
	for i := range n {
		fmt.Fprintf(&s, "+49302%07d\n", i)
	}
	return strings.NewReader(s.String())
}

// dial starts all campaigns and waits for the last to end.
func (b *bench) dial(ctx context.Context, api client, ids []string) error {
	for _, id := range ids {
		if _, err := api.start(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range ids {
		for {
			c, err := api.campaign(ctx, id)
			if err != nil {
				return err
			}
			if c.Status.Ended() {
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

func (b *bench) profile(kind string) (stop func(), err error) {
	if b.CPUProfile == "" {
		return func() {}, nil
	}
	f, err := os.Create(b.CPUProfile + "." + kind)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most that this process had resident, in MiB.
func peakMemory() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss >> 10
}

// mockProcess is a mock provider in a process of its own.
type mockProcess struct {
	cmd *exec.Cmd
	url string
}

// startMock starts the program on a free port and reads its address from what it
// prints.
func startMock(ctx context.Context, program string) (*mockProcess, error) {
	cmd := exec.CommandContext(ctx, program, "--http", "127.0.0.1:0", "--duration", "0s", "--outcomes", "completed=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the mock provider (build it with make build): %w", err)
	}
	m := &mockProcess{cmd: cmd}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if i := strings.Index(lines.Text(), "http://"); i >= 0 {
			m.url = strings.Fields(lines.Text()[i:])[0]
			break
		}
	}
	if m.url == "" {
		return nil, errors.Join(errors.New("the mock provider did not say where it listens"), m.stop())
	}
	go io.Copy(io.Discard, stdout) // ends with the process, which stop waits for
	return m, nil
}

func (m *mockProcess) stop() error {
	_ = m.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	_, err := m.cmd.Process.Wait()
	return err
}

// providers writes a providers file for it.
func (m *mockProcess) providers(dir string) (string, error) {
	path := filepath.Join(dir, "providers.yaml")
	text := fmt.Sprintf("callback_base_url: http://%s\nproviders:\n  - name: mock\n    dialect: twilio\n    base_url: %s\n    account: AC00000000000000000000000000000001\n    token: {value: mocktoken}\n", benchAddr, m.url)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
