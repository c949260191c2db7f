package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Server is a NATS server inside this process, with JetStream in a folder and
// the account's mapping of commands.
type Server struct {
	srv   *server.Server
	dir   string
	log   *slog.Logger
	fatal chan string // what the server would have ended the process for

	stop    context.CancelFunc // ends mending
	mending sync.WaitGroup

	mu     sync.Mutex
	mended func() // told when JetStream was started anew; may be nil
}

// StartServer starts what Open embeds, on its own, from the Config's StoreDir,
// Listen, Name and Logger; Open then takes its URL.  It returns when the server
// takes connections and JetStream is on.
func StartServer(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	opts, err := serverOptions(cfg)
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("start the embedded NATS server: %w", err)
	}
	s := &Server{srv: srv, dir: cfg.StoreDir, log: cfg.Logger, fatal: make(chan string, 1), stop: func() {}}
	srv.SetLoggerV2(&serverLog{log: cfg.Logger, fatal: s.fatal}, false, false, false)
	if err := srv.GlobalAccount().AddMapping(commandsAsked, commandsMapped()); err != nil {
		return nil, fmt.Errorf("map command subjects: %w", err)
	}
	srv.Start()
	if err := s.ready(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start the embedded NATS server on %s with data in %s: %w", cfg.Listen, cfg.StoreDir, err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.mending.Go(func() { s.mend(run) })
	return s, nil
}

func serverOptions(cfg Config) (*server.Options, error) {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address %q of the embedded NATS server: write it like 127.0.0.1:4222", cfg.Listen)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < -1 || n > 65535 {
		return nil, fmt.Errorf("listen address %q of the embedded NATS server: %q is no port", cfg.Listen, port)
	}
	if n == 0 {
		n = server.RANDOM_PORT
	}
	opts := &server.Options{
		ServerName: cfg.Name,
		Host:       host, Port: n,
		JetStream: true, StoreDir: cfg.StoreDir,
		NoSigs: true, NoLog: true, DisableJetStreamBanner: true,
		MaxPayload: maxPayload,
		// Above the publisher's window, so that a burst is queued and not refused.
		StreamMaxBufferedMsgs: 4 * publishWindow,
	}
	opts.JetStreamLimits.DefaultMaxConsumers = -1 // one per watched event stream, and 64 partitions
	return opts, nil
}

func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case msg := <-s.fatal:
			return errors.New(msg)
		default:
		}
		if s.srv.ReadyForConnections(time.Millisecond) && s.srv.JetStreamEnabled() {
			return nil
		}
		select {
		case msg := <-s.fatal:
			return errors.New(msg)
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("it was not ready in time")
		}
	}
}

// URL is where clients connect.
func (s *Server) URL() string { return s.srv.ClientURL() }

// Stop closes all connections, writes what JetStream holds, and waits for the
// end.
func (s *Server) Stop() {
	s.stop()
	s.mending.Wait()
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}

// serverLog passes on what the server has to say.  Where nats-server's own
// logger ends the process, this one hands the reason to whoever started it.
type serverLog struct {
	log   *slog.Logger
	fatal chan<- string
}

func (l *serverLog) Fatalf(format string, v ...any) {
	msg := fmt.Sprintf(format, v...)
	select {
	case l.fatal <- msg:
	default:
	}
	l.log.Error("nats-server gave up", "reason", msg)
}

func (l *serverLog) Errorf(format string, v ...any) {
	l.log.Error("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l *serverLog) Warnf(format string, v ...any) {
	l.log.Warn("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l *serverLog) Debugf(string, ...any) {}
func (l *serverLog) Tracef(string, ...any) {}
