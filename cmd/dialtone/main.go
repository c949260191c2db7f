// Command dialtone places outbound voice calls, one by one and in campaigns.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // every zone, on every machine

	"github.com/alecthomas/kong"

	"dialtone/cmd/dialtone/app"
)

// commands is the command line.
type commands struct {
	Serve    serve    `cmd:"" help:"Run the service."`
	Health   health   `cmd:"" help:"Ask a running service whether it is ready, and print what is missing if not."`
	Demo     demo     `cmd:"" help:"Run a campaign of 1,000 numbers against the mock provider, and show it."`
	Simulate simulate `cmd:"" help:"Play a scenario under several strategies, on a virtual clock, and compare them."`
	Bench    bench    `cmd:"" help:"Measure calls per second through the whole service."`
	Key      key      `cmd:"" help:"Create, list and revoke API keys."`
	Version  version  `cmd:"" help:"Print the version."`
}

type version struct{}

func (version) Run() error {
	_, err := fmt.Println("dialtone", app.Version)
	return err
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its surroundings as arguments.  A fault is one line on errs.
func run(args []string, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit := -1
	parser, err := kong.New(&commands{},
		kong.Name("dialtone"),
		kong.Description("Outbound voice calls: one by one, and in campaigns of thousands."),
		kong.Writers(out, errs),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(out, (*io.Writer)(nil)),
	)
	if err != nil {
		return fail(errs, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // help was asked for, and printed
		return exit
	}
	if err != nil {
		return fail(errs, err)
	}
	switch err := parsed.Run(); {
	case err == nil:
		return 0
	case errors.Is(err, errSaid):
		return 1
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return fail(errs, errors.New("interrupted"))
	default:
		return fail(errs, err)
	}
}

// errSaid fails a command that has printed why.
var errSaid = errors.New("see above")

func fail(errs io.Writer, err error) int {
	fmt.Fprintln(errs, "dialtone:", strings.ReplaceAll(err.Error(), "\n", "; "))
	return 1
}
