package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program that can be started again and again, each time with the same
// arguments.  What it says is appended to one file.
type Process struct {
	Name string
	path string
	args []string
	env  []string
	log  string

	mu    sync.Mutex
	cmd   *exec.Cmd     // of the latest start
	ended chan struct{} // closed when that one has
}

// Start starts it.  It ends with this process, however that one ends.
func (p *Process) Start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // ends with the process, which Close kills
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.ended = cmd, ended
	return nil
}

func (p *Process) latest() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.ended
}

// Running reports whether it has been started and has not ended.
func (p *Process) Running() bool {
	_, ended := p.latest()
	if ended == nil {
		return false
	}
	select {
	case <-ended:
		return false
	default:
		return true
	}
}

// Kill ends it as a crash would, frozen or not, and waits.  It is an error if it was not
// that which ended it.
func (p *Process) Kill() error {
	cmd, ended := p.latest()
	if cmd == nil {
		return fmt.Errorf("kill %s: it was never started", p.Name)
	}
	_ = cmd.Process.Kill() // it may have ended by itself, which is told below
	<-ended
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("kill %s: it had ended before: %v", p.Name, cmd.ProcessState)
	}
	return nil
}

// Terminate asks it to end, and waits; an error if it does not, or not with success.
func (p *Process) Terminate(patience time.Duration) error {
	cmd, ended := p.latest()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("terminate %s: %w", p.Name, err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		return fmt.Errorf("terminate %s: it did not end within %v", p.Name, patience)
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("terminate %s: %v", p.Name, cmd.ProcessState)
	}
	return nil
}

// Freeze has it stand still, and returns when the kernel says so.
func (p *Process) Freeze(ctx context.Context) error {
	cmd, _ := p.latest()
	return freeze(ctx, cmd.Process.Pid)
}

// Thaw has it go on, as if nothing had been.
func (p *Process) Thaw() error {
	cmd, _ := p.latest()
	if !frozen(cmd.Process.Pid) {
		return fmt.Errorf("thaw %s: it does not stand still", p.Name)
	}
	return cmd.Process.Signal(syscall.SIGCONT)
}

func freeze(ctx context.Context, pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("freeze process %d: %w", pid, err)
	}
	for !frozen(pid) {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("process %d does not stand still", pid), ctx.Err())
		}
	}
	return nil
}

// frozen asks the kernel.
func frozen(pid int) bool {
	state, _ := stat(pid)
	return state == "T"
}

// stat is a process's state and its parent; "" when it is gone.
func stat(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	// The name, in parentheses, may have anything in it.
	fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	_, _ = fmt.Sscan(fields[1], &parent) // 0 is no parent of ours
	return fields[0], parent
}
