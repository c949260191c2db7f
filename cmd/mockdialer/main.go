// Command mockdialer runs the provider's stand-in by itself.  Its flags can also
// be given as environment variables: MOCKDIALER_HTTP for --http, and so on.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"dialtone/campaign"
	"dialtone/mockdialer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, help, err := parse(args, stdout)
	if help {
		return 0
	}
	switch {
	case err != nil:
	case o.Health:
		err = health(ctx, o.HTTP)
	default:
		err = serve(ctx, o, stdout, slog.New(slog.NewTextHandler(stderr, nil)))
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "mockdialer:", oneLine(err))
		return 1
	}
	return 0
}

// parse reads flags and environment.  help is true if help was all that was asked
// for.
func parse(args []string, stdout io.Writer) (o options, help bool, err error) {
	parser, err := kong.New(&o,
		kong.Name("mockdialer"),
		kong.Description("A telephony provider that calls nobody: Twilio's voice API over HTTP, with a ledger of every call it was asked for at /ledger and /ledger/summary, and faults on demand at /faults."),
		kong.DefaultEnvars("MOCKDIALER"),
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { help = true }),
	)
	if err != nil {
		return o, false, err
	}
	_, err = parser.Parse(args)
	return o, help, err
}

// stopTimeout bounds a clean stop; then what is under way is broken off.
const stopTimeout = 5 * time.Second

// serve runs until ctx is done.
func serve(ctx context.Context, o options, stdout io.Writer, log *slog.Logger) error {
	if err := o.safe(); err != nil {
		return err
	}
	config := o.config(log)
	var err error
	if config.Faults, err = o.plan(); err != nil {
		return err
	}
	server, err := mockdialer.New(config)
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return errors.Join(err, server.Stop(ctx))
	}
	o.print(stdout, server.URL(), config.Faults.Seed)
	<-ctx.Done()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Stop(limited); err != nil {
		// Asked to stop, it has stopped: what was broken off is no failure.
		log.Warn("stopped in the middle of requests or callbacks", "error", err)
	}
	return nil
}

// oneLine tells every fault on one line, after what was said about them all.
func oneLine(err error) string {
	var faults campaign.Errors
	if errors.As(err, &faults) {
		lines := make([]string, len(faults))
		for i, f := range faults {
			lines[i] = f.Error()
		}
		return strings.TrimSuffix(err.Error(), faults.Error()) + strings.Join(lines, " ")
	}
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}
