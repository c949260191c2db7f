package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dialtone/mockdialer"
)

// asCommand makes the test's binary be the command.
const asCommand = "TEST_AS_MOCKDIALER"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

func TestFlagsAndEnvironment(t *testing.T) {
	o, _, err := parse(nil, io.Discard)
	require.NoError(t, err)
	c := o.config(nil)
	require.Equal(t, mockdialer.Config{
		Addr: "127.0.0.1:8081", Account: mockdialer.DefaultAccount, Token: mockdialer.DefaultToken, Seed: 1,
		Duration: mockdialer.Fixed(10 * time.Second), Outcomes: mockdialer.DefaultOutcomes, CallbackRetries: 1,
	}, c)

	t.Setenv("MOCKDIALER_DURATION", "2s-90s")
	t.Setenv("MOCKDIALER_SEED", "7")
	o, _, err = parse([]string{"--seed", "9", "--outcomes", "busy=1", "--channels=5", "--ledger=x", "--callback-retries=0", "--durations=+4930=400ms,+49=2s-90s"}, io.Discard)
	require.NoError(t, err)
	c = o.config(nil)
	require.Equal(t, mockdialer.DurationRange{Min: 2 * time.Second, Max: 90 * time.Second}, c.Duration)
	require.Equal(t, mockdialer.Durations{"+4930": mockdialer.Fixed(400 * time.Millisecond), "+49": {Min: 2 * time.Second, Max: 90 * time.Second}}, c.Durations)
	require.Equal(t, uint64(9), c.Seed, "a flag goes before the environment")
	require.Equal(t, mockdialer.Outcomes{Busy: 1}, c.Outcomes)
	require.Equal(t, 5, c.Channels)
	require.Equal(t, "x", c.LedgerFile)
	require.Equal(t, mockdialer.NoRetries, c.CallbackRetries)
}

func TestBadInputIsOneLineAndExitsWithOne(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	note := filepath.Join(t.TempDir(), "note")
	require.NoError(t, os.WriteFile(note, []byte("remember the milk"), 0o600))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":     {[]string{"--colour"}, "--colour"},
		"argument":         {[]string{"run"}, "run"},
		"duration":         {[]string{"--duration", "5x"}, `"5x"`},
		"durations":        {[]string{"--durations", "+4930=1s,49=1s"}, `"49"`},
		"outcomes":         {[]string{"--outcomes", "completed=70,buzy=1"}, `"buzy=1"`},
		"seed":             {[]string{"--seed", "-1"}, "seed"},
		"two faults":       {[]string{"--channels=-1", "--account", "a/b"}, "channels: "},
		"port in use":      {[]string{"--http", taken.Addr().String()}, "in use"},
		"address":          {[]string{"--http", "8081"}, "--http"},
		"all interfaces":   {[]string{"--http", ":8081"}, "--token"},
		"another address":  {[]string{"--http", "192.0.2.1:8081"}, "--token"},
		"empty token":      {[]string{"--token="}, "--token"},
		"no ledger":        {[]string{"--http", "127.0.0.1:0", "--ledger", note}, "no ledger"},
		"ledger elsewhere": {[]string{"--http", "127.0.0.1:0", "--ledger", note + "/x"}, "ledger file"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, 1, run(t.Context(), c.args, &stdout, &stderr))
			require.Contains(t, stderr.String(), c.want)
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "%q", stderr.String())
			require.Empty(t, stdout.String())
		})
	}
}

// A bad plan tells its file, and every fault with line and field.
func TestBadPlanTellsEveryFault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.yaml")
	require.NoError(t, os.WriteFile(file, []byte("rates:\n  500: 2\n  501: 1\ndown: {after: 1s}\n"), 0o600))
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{"--http", "127.0.0.1:0", "--faults", file}, &stdout, &stderr))
	for _, want := range []string{"--faults " + file + ": ", "rates.500: line 2: ", "rates.501: line 3: ", "down.for: line 4: "} {
		require.Contains(t, stderr.String(), want)
	}
	require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "%q", stderr.String())
	require.Equal(t, 1, run(t.Context(), []string{"--http", "127.0.0.1:0", "--faults", file + "x"}, &stdout, &stderr))
}

func TestPlanAndItsSeed(t *testing.T) {
	for name, text := range map[string]string{
		"plan.yaml": "seed: 7\nrates: {500_after: 0.5}\n", "plan.json": `{"seed": 7, "rates": {"500_after": 0.5}}`,
	} {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		for args, seed := range map[string]uint64{"": 7, "--fault-seed=0": 0, "--fault-seed=9": 9} {
			o, _, err := parse(strings.Fields("--faults "+file+" "+args), io.Discard)
			require.NoError(t, err)
			plan, err := o.plan()
			require.NoError(t, err)
			require.Equal(t, mockdialer.FaultPlan{Seed: seed, Rates: mockdialer.FaultRates{mockdialer.Fault500After: 0.5}}, plan)
		}
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"--help"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "MOCKDIALER_CHANNELS")
	require.Contains(t, stdout.String(), "--fault-seed")
	require.Empty(t, stderr.String())
}

func TestOtherAddressesWithATokenOfOnesOwn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(ctx, []string{"--http", "127.0.0.1:0", "--token", "s3cret"}, &stdout, &stderr), stderr.String())
	require.NoError(t, (&options{HTTP: "0.0.0.0:1", Token: "s3cret"}).safe())
	require.NoError(t, (&options{HTTP: "localhost:1", Token: mockdialer.DefaultToken}).safe())
	require.NoError(t, (&options{HTTP: "[::1]:1", Token: mockdialer.DefaultToken}).safe())
}

func TestSignalsStopTheProcessCleanly(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		cmd := exec.Command(os.Args[0], "--http", "127.0.0.1:0", "--token", "s3cret")
		cmd.Env = append(os.Environ(), asCommand+"=1")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		lines := bufio.NewReader(out)
		values, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.NotContains(t, values, "s3cret")
		require.Contains(t, values, "duration=10s")
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		target := line[strings.Index(line, "http://") : len(line)-1]
		resp, err := http.Get(target + "/ledger/summary")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, cmd.Process.Signal(signal))
		require.NoError(t, cmd.Wait(), "exit code 0")
	}
}
