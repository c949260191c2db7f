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
	bin, err := programs()
	if err != nil {
		return "", nil, err
	}
	data, err := filepath.Abs(filepath.Join(dir, "pg"))
	if err != nil {
		return "", nil, err
	}
	if len(data) > maxSocket {
		return "", nil, fmt.Errorf("the path %s is too long for a Unix socket; take a shorter one", data)
	}
	who, err := unprivileged()
	if err != nil {
		return "", nil, err
	}
	if err := who.mkdir(data); err != nil {
		return "", nil, err
	}
	if err := initialise(bin, data, who); err != nil {
		return "", nil, err
	}
	return serve(bin, data, who, settings)
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

func serve(bin, data string, who account, settings []string) (address string, stop func(), err error) {
	args := []string{"-D", data, "-k", data, "-c", "listen_addresses=", "-c", "shared_buffers=128MB", "-c", "max_connections=200"}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	said, err := os.Create(filepath.Join(filepath.Dir(data), "postgres.log"))
	if err != nil {
		return "", nil, err
	}
	defer said.Close()
	cmd := exec.Command(filepath.Join(bin, "postgres"), args...)
	// To a file, not to a buffer: nothing of this process has to copy it.
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = data, who.process(), said, said
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	stop = func() { end(cmd) }
	// In the host parameter, a path is a Unix socket's directory.
	address = (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: url.Values{"host": {data}}.Encode()}).String()
	if err := answers(address); err != nil {
		stop()
		text, _ := os.ReadFile(said.Name())
		return "", nil, fmt.Errorf("start PostgreSQL: %w: %s", err, bytes.TrimSpace(text))
	}
	return address, stop, nil
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

// end shuts the server down and waits for it.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(os.Interrupt) // a "fast" shutdown: nobody is waited for
	kill := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	_ = cmd.Wait()
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
