package cluster

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"dialtone/store/storetest/pgtest"
)

// Postgres is the database's server.
type Postgres struct {
	*pgtest.Server
	listen string
}

func newPostgres(c *Cluster) (*Postgres, error) {
	listen := c.port()
	_, port, _ := strings.Cut(listen, ":")
	// What a drill does to it is no power failure: the kernel keeps what was written.
	server, err := pgtest.Make(c.cfg.Dir, "listen_addresses=127.0.0.1", "port="+port, "fsync=off", "full_page_writes=off")
	if err != nil {
		return nil, err
	}
	return &Postgres{server, listen}, nil
}

// Freeze has the postmaster and every process of its stand still.
func (p *Postgres) Freeze(ctx context.Context) error {
	if err := freeze(ctx, p.Pid()); err != nil {
		return err
	}
	// There are no new ones from here on; some may be about to end.
	for _, pid := range p.children() {
		if err := freeze(ctx, pid); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// Frozen reports whether all of them do.
func (p *Postgres) Frozen() bool {
	for _, pid := range append(p.children(), p.Pid()) {
		if !frozen(pid) {
			return false
		}
	}
	return true
}

// Thaw has them go on.
func (p *Postgres) Thaw() error {
	var errs []error
	for _, pid := range append(p.children(), p.Pid()) {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// children are the processes that the postmaster has started.
func (p *Postgres) children() (out []int) {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	for _, dir := range all {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if state, parent := stat(pid); parent == p.Pid() && state != "Z" && state != "" {
			out = append(out, pid)
		}
	}
	return out
}
