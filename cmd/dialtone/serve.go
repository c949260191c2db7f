package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"dialtone/cmd/dialtone/app"
	"dialtone/mockdialer"
)

// serve runs the service until it is told to stop.
type serve struct {
	HTTP            string        `name:"http" placeholder:"HOST:PORT" env:"DIALTONE_HTTP" help:"Where the API listens, by default on 127.0.0.1:8080; without the role api, where health and metrics are, by default nowhere."`
	Data            string        `default:"./data" env:"DIALTONE_DATA" help:"Folder of all that is kept: database, streams, the node's name."`
	NATS            string        `name:"nats" placeholder:"URL" env:"DIALTONE_NATS" help:"NATS server or cluster; without it one runs inside the process."`
	NATSListen      string        `name:"nats-listen" default:"127.0.0.1:4222" env:"DIALTONE_NATS_LISTEN" help:"Where the NATS server inside the process listens."`
	NATSPassword    string        `name:"nats-password-file" placeholder:"FILE" env:"DIALTONE_NATS_PASSWORD_FILE" help:"Password of the user in --nats, where it is not in the URL."`
	NATSReplicas    int           `name:"nats-replicas" default:"1" env:"DIALTONE_NATS_REPLICAS" help:"On how many servers of a NATS cluster each stream is kept when it is made: 1, 3 or 5."`
	LeaseTTL        time.Duration `name:"lease-ttl" placeholder:"D" env:"DIALTONE_LEASE_TTL" help:"After how long without a word a node's campaigns are taken over; by default 15s where NATS is a cluster, else 5s."`
	Database        string        `placeholder:"URL" env:"DIALTONE_DATABASE" help:"PostgreSQL; without it SQLite in the data folder."`
	Roles           string        `default:"api,actors,caller" env:"DIALTONE_ROLES" help:"What this process does."`
	Providers       string        `placeholder:"FILE" env:"DIALTONE_PROVIDERS" help:"Providers file (YAML), read again on SIGHUP; without it the built-in mock provider, which calls nobody."`
	CallbackBaseURL string        `name:"callback-base-url" placeholder:"URL" env:"DIALTONE_CALLBACK_BASE_URL" help:"Where the mock provider reaches the API; by default where it listens. A providers file has its own."`
	DefaultRegion   string        `placeholder:"US" env:"DIALTONE_DEFAULT_REGION" help:"Country of numbers without a country code; without it they are refused."`
	LogLevel        string        `default:"info" enum:"debug,info,warn,error" env:"DIALTONE_LOG_LEVEL" help:"debug, info, warn or error."`
	LogFormat       string        `default:"text" enum:"text,json" env:"DIALTONE_LOG_FORMAT" help:"text or json."`

	MockHTTP     string                   `name:"mock-http" default:"127.0.0.1:8081" env:"DIALTONE_MOCK_HTTP" help:"Where the mock provider listens."`
	MockDuration mockdialer.DurationRange `name:"mock-duration" default:"10s" env:"DIALTONE_MOCK_DURATION" help:"How long its calls last: 10s, or 2s-90s."`
	MockOutcomes mockdialer.Outcomes      `name:"mock-outcomes" default:"completed=70,busy=10,no-answer=10,failed=10" env:"DIALTONE_MOCK_OUTCOMES" help:"How its calls end."`
	MockSeed     uint64                   `name:"mock-seed" default:"1" env:"DIALTONE_MOCK_SEED" help:"What decides each call; the same seed, the same calls."`
	MockChannels int                      `name:"mock-channels" default:"0" env:"DIALTONE_MOCK_CHANNELS" help:"How many calls it takes at once; 0 is no limit."`
}

// defaultHTTP is where the API listens.
const defaultHTTP = "127.0.0.1:8080"

// stopPatience is how long an end in good order may take.
const stopPatience = 9 * time.Second

func (s *serve) Run(ctx context.Context, out io.Writer, parsed *kong.Context) error {
	collectLess()
	log := s.logger()
	s.warnOfIgnored(parsed, log)
	cfg := s.config(log)
	// Heard from the beginning on, and without a file as well: unheard, it ends the
	// process, and whoever sends it wants the calls to go on.
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	a, err := app.Start(ctx, cfg)
	if err != nil && ctx.Err() != nil {
		log.Info("stopped while starting")
		return nil
	}
	if err != nil {
		return err
	}
	s.greet(out, a)
	err = s.wait(ctx, a, reload, log)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	if stopErr := a.Stop(stopping); err == nil {
		err = stopErr
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// wait returns when the service is to stop, or can't go on.
func (s *serve) wait(ctx context.Context, a *app.App, reload <-chan os.Signal, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			log.Info("stopping: no new calls; what is in hand is being committed")
			return nil
		case err := <-a.Failed():
			return err
		case <-reload:
			if err := a.Reload(); err != nil {
				log.Error("the providers stay as they were", "error", err)
			}
		}
	}
}

// garbage is how much of it may come, in per cent of what lives, before it is
// collected.  So little lives that by Go's 100 % it would be collected many times a
// second, at the cost of who is to be dialled just then.
const garbage = 400

// collectLess is in force unless $GOGC says otherwise.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}

func (s *serve) config(log *slog.Logger) app.Config {
	cfg := app.Config{
		HTTP: s.HTTP, Data: s.Data, NATS: s.NATS, NATSListen: s.NATSListen, Database: s.Database,
		NATSPasswordFile: s.NATSPassword, NATSReplicas: s.NATSReplicas, LeaseTTL: s.LeaseTTL,
		Providers: s.Providers, CallbackBaseURL: s.CallbackBaseURL, DefaultRegion: s.DefaultRegion,
		Mock: mockdialer.Config{
			Addr: s.MockHTTP, Duration: s.MockDuration, Outcomes: s.MockOutcomes,
			Seed: s.MockSeed, Channels: s.MockChannels,
		},
		Wait:   true,
		Logger: log,
	}
	for _, r := range strings.Split(s.Roles, ",") {
		cfg.Roles = append(cfg.Roles, app.Role(strings.TrimSpace(r)))
	}
	if cfg.HTTP == "" && slices.Contains(cfg.Roles, app.RoleAPI) {
		cfg.HTTP = defaultHTTP
	}
	return cfg
}

func (s *serve) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // the parser has checked it
	options := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// greet prints the values in force; a URL's password is not among them.
func (s *serve) greet(out io.Writer, a *app.App) {
	fmt.Fprintf(out, "Dialtone %s\n", app.Version)
	line := func(what, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-10s %s\n", what, value)
		}
	}
	line("roles", s.Roles)
	line("API", a.URL())
	if a.URL() != "" {
		line("docs", a.URL()+"/docs")
	} else if a.HealthURL() != "" {
		line("health", a.HealthURL()+"/readyz")
	}
	line("NATS", a.NATS())
	line("store", a.Store().Driver())
	line("data", s.Data)
	if mock := a.MockURL(); mock != "" {
		line("provider", "mock at "+mock+", calls of "+s.MockDuration.String()+", "+s.MockOutcomes.String())
		fmt.Fprintln(out, "No real call is placed: the built-in mock provider answers instead. Give real ones with --providers.")
	} else {
		line("provider", s.Providers)
	}
}
