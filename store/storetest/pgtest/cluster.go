package pgtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNone: the machine has no PostgreSQL programs.
var ErrNone = errors.New("neither initdb and postgres nor " + EnvURL + " was found")

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 10 * time.Second
	// maxSocket is the longest path of a Unix socket's directory.
	maxSocket = 90
)

// Start makes a cluster in a folder of dir and starts it, with settings of the
// form "name=value" beside the defaults: fully durable, on a Unix socket only,
// without a password.  The server ends with stop, or with this process.
//
// A process of root starts it as the user postgres, or nobody.
func Start(dir string, settings ...string) (address string, stop func(), err error) {
	s, err := Make(dir, settings...)
	if err != nil {
		return "", nil, err
	}
	if err := s.Start(); err != nil {
		return "", nil, err
	}
	return s.Address(), func() { s.Stop(Fast) }, nil
}

// Server is a cluster of PostgreSQL that can be stopped and started again.
type Server struct {
	bin, data string
	who       account
	settings  []string
	cmd       *exec.Cmd // nil while it is down
}

// Make makes a cluster, as Start does, and does not start it.
func Make(dir string, settings ...string) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	data, err := filepath.Abs(filepath.Join(dir, "pg"))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSocket {
		return nil, fmt.Errorf("the path %s is too long for a Unix socket; take a shorter one", data)
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	if err := who.mkdir(data); err != nil {
		return nil, err
	}
	if err := initialise(bin, data, who); err != nil {
		return nil, err
	}
	return &Server{bin: bin, data: data, who: who, settings: settings}, nil
}

func initialise(bin, data string, who account) error {
	cmd := exec.Command(filepath.Join(bin, "initdb"), "--pgdata", data, "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = data, who.process()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make a PostgreSQL cluster: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

// Address is that of its Unix socket: in the host parameter, a path is a socket's
// directory, and the port is part of its name.
func (s *Server) Address() string {
	q := url.Values{"host": {s.data}}
	for _, set := range s.settings {
		if port, is := strings.CutPrefix(set, "port="); is {
			q.Set("port", port)
		}
	}
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: q.Encode()}).String()
}

// Pid is that of the server's first process, the postmaster; 0 while it is down.
func (s *Server) Pid() int {
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Start starts it, and returns when it lets somebody in.
func (s *Server) Start() error {
	args := []string{"-D", s.data, "-k", s.data, "-c", "listen_addresses=", "-c", "shared_buffers=128MB", "-c", "max_connections=200"}
	for _, set := range s.settings {
		args = append(args, "-c", set)
	}
	said, err := os.OpenFile(filepath.Join(filepath.Dir(s.data), "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer said.Close()
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), args...)
	// To a file, not to a buffer: nothing of this process has to copy it.
	s.cmd.Dir, s.cmd.SysProcAttr, s.cmd.Stdout, s.cmd.Stderr = s.data, s.who.process(), said, said
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := answers(s.Address()); err != nil {
		s.Stop(Fast)
		text, _ := os.ReadFile(said.Name())
		return fmt.Errorf("start PostgreSQL: %w: %s", err, bytes.TrimSpace(text))
	}
	return nil
}

// Mode is how a server is stopped.
type Mode os.Signal

// The modes: nobody is waited for; and, as in a crash, nothing is written either, so that
// the next start recovers from the log.
var (
	Fast      Mode = syscall.SIGINT
	Immediate Mode = syscall.SIGQUIT
)

// Stop shuts the server down and waits for it.  It is harmless while it is down.
func (s *Server) Stop(m Mode) {
	if s.cmd == nil {
		return
	}
	cmd := s.cmd
	s.cmd = nil
	_ = cmd.Process.Signal(m) // it may have ended by itself
	kill := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	_ = cmd.Wait()
}

// answers waits until the server lets somebody in.
func answers(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, address)
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// programs is the folder of the newest PostgreSQL.
func programs() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if _, err := exec.LookPath("initdb"); err == nil {
			return filepath.Dir(path), nil
		}
	}
	// Debian keeps them off the PATH.
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", ErrNone
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) })), nil
}
