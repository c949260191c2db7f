package mockdialer

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
)

// journal appends what happens to a file, as told in the package comment.  It is
// used under the book's mutex, so that the file has the order in which things
// happened.  A nil journal keeps nothing.
type journal struct {
	file   *os.File
	size   int64 // of the whole lines in it
	buffer []byte
	log    *slog.Logger
	broken bool // the last write was in vain, and that was logged
}

// created appends a call's plan before there is a call.
func (j *journal) created(index uint32, c *call) error {
	if j == nil {
		return nil
	}
	j.buffer = appendCreated(j.buffer[:0], index, c)
	return j.write()
}

func appendCreated(b []byte, index uint32, c *call) []byte {
	b = appendInt(b, `{"create":`, int64(index))
	b = appendField(b, `,"to":`, c.to)
	b = appendField(b, `,"from":`, c.from)
	b = appendInt(b, `,"at":`, c.received)
	b = appendField(b, `,"outcome":`, c.outcome.String())
	b = appendInt(b, `,"talk":`, c.talk)
	if c.callback != "" {
		b = appendField(b, `,"status_callback":`, c.callback)
		b = appendInt(b, `,"wanted":`, int64(c.wanted))
	}
	if c.byGet {
		b = append(b, `,"by_get":true`...)
	}
	if c.detect {
		b = append(b, `,"detect":true`...)
	}
	return append(b, "}\n"...)
}

// ended gathers a call's end for the next flush.
func (j *journal) ended(index uint32, c *call) {
	if j == nil {
		return
	}
	j.buffer = appendInt(j.buffer, `{"end":`, int64(index))
	j.buffer = appendInt(j.buffer, `,"at":`, c.ended)
	j.buffer = appendField(j.buffer, `,"status":`, c.final.String())
	j.buffer = appendInt(j.buffer, `,"talk":`, c.talk)
	j.buffer = append(j.buffer, "}\n"...)
}

// told gathers that a call's last callback is done with.
func (j *journal) told(index uint32) {
	if j == nil {
		return
	}
	j.buffer = appendInt(j.buffer, `{"told":`, int64(index))
	j.buffer = append(j.buffer, "}\n"...)
}

// forgot gathers that the calls before an index are forgotten.
func (j *journal) forgot(index uint32) {
	if j == nil {
		return
	}
	j.buffer = appendInt(j.buffer, `{"forgotten":`, int64(index))
	j.buffer = append(j.buffer, "}\n"...)
}

// flush writes what was gathered.  What can't be written is lost to the file, not
// to the running server.
func (j *journal) flush() {
	if j == nil || len(j.buffer) == 0 {
		return
	}
	if err := j.write(); err != nil && !j.broken {
		j.log.Error("the ledger file takes no more; ends of calls are missing in it", "error", err)
		j.broken = true
	}
}

// write is one write(2).  After a write that was cut the file is cut back to its
// whole lines, or the next line would be glued to half a one.
func (j *journal) write() error {
	n, err := j.file.Write(j.buffer)
	j.buffer = j.buffer[:0]
	if err != nil {
		if n > 0 {
			_ = j.file.Truncate(j.size) // as good as can be: the disk is failing
		}
		return fmt.Errorf("write the ledger file: %w", err)
	}
	j.size += int64(n)
	j.broken = false
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}

// openJournal opens or begins a ledger file, and leaves it positioned at its end.
// replay is given each whole line; the last, if it was cut, is taken away.
func openJournal(path string, newKey uint64, log *slog.Logger, replay func(line []byte) error) (j *journal, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the ledger file: %w", err)
	}
	j = &journal{file: file, log: log}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	if j.size, err = readLines(file, replay); err != nil {
		return nil, fmt.Errorf("read the ledger file %s: %w", path, err)
	}
	if j.size == 0 && hasBytes(file) {
		return nil, fmt.Errorf("read the ledger file %s: %w", path, errNoJournal)
	}
	if err := file.Truncate(j.size); err != nil {
		return nil, fmt.Errorf("cut the ledger file %s after its last whole line: %w", path, err)
	}
	if j.size > 0 {
		return j, nil
	}
	first := appendField(nil, `{"key":`, strconv.FormatUint(newKey, 16))
	first = append(first, "}\n"...)
	j.buffer = first
	if err := j.write(); err != nil {
		return nil, err
	}
	return j, replay(first[:len(first)-1])
}

// hasBytes reports whether a file is not empty; one that can't be asked counts as
// such, since an empty one is going to be written to.
func hasBytes(file *os.File) bool {
	info, err := file.Stat()
	return err != nil || info.Size() > 0
}
