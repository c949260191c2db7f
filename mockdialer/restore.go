package mockdialer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// record is a line of the journal.
type record struct {
	Key    *string `json:"key"`
	Create *uint32 `json:"create"`
	End    *uint32 `json:"end"`
	Told   *uint32 `json:"told"`
	Forgot *uint32 `json:"forgotten"`

	To       string `json:"to"`
	From     string `json:"from"`
	At       int64  `json:"at"`
	Outcome  Status `json:"outcome"`
	Status   Status `json:"status"`
	Talk     int64  `json:"talk"`
	Callback string `json:"status_callback"`
	Wanted   events `json:"wanted"`
	ByGet    bool   `json:"by_get"`
	Detect   bool   `json:"detect"`
}

// errNoJournal is told before anything is written to a file of another kind.
var errNoJournal = errors.New("this is no ledger of the mock dialer; name another file, or take it away")

// replay repeats what a line of the journal tells.  The first must be the key.
func (b *book) replay(line []byte) error {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("%w: %w", errNoJournal, err)
	}
	switch {
	case r.Key != nil && b.key == 0:
		var err error
		if b.key, err = strconv.ParseUint(*r.Key, 16, 64); err != nil || b.key == 0 {
			return fmt.Errorf("%w: the key %q", errNoJournal, *r.Key)
		}
		return nil
	case b.key == 0:
		return errNoJournal
	case r.Create != nil && int(*r.Create) == b.count && r.Talk >= 0 && r.Outcome.Ended():
		b.insert(r.call(b.caller([]byte(r.From))))
		return nil
	case r.End != nil && int(*r.End) < b.count && b.at(*r.End).ended == 0 && r.Status.Ended():
		b.end(*r.End, r.At, r.Status, r.Talk)
		return nil
	case r.Told != nil && int(*r.Told) < b.count:
		b.at(*r.Told).told = true
		return nil
	case r.Forgot != nil && int(*r.Forgot) <= b.count && *r.Forgot >= b.forgotten.Load():
		b.forgotten.Store(*r.Forgot)
		return nil
	}
	return errors.New("this line does not follow from those before it")
}

func (r *record) call(from string) call {
	return call{
		to: r.To, from: from, callback: r.Callback, received: r.At, talk: r.Talk,
		outcome: r.Outcome, wanted: r.Wanted, byGet: r.ByGet, detect: r.Detect,
	}
}

// resume takes up the calls of a journal: ends what is overdue, sets the timers
// of the others, and returns the ends that nobody was told of.  Callbacks before
// the last whose time has passed count as sent.
func (b *book) resume() (fired []job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for i := range b.count {
		index := uint32(i)
		c := b.at(index)
		over := c.ended != 0
		b.skipPassed(c, now)
		if !over {
			fired = b.advance(index, now, fired)
		} else if !c.told {
			fired = b.fire(index, eventCompleted, c.ended, fired)
		}
	}
	b.journal.flush()
	return fired
}

// skipPassed notes the events before the end whose time is over.
func (b *book) skipPassed(c *call, now int64) {
	if c.ended != 0 {
		now = c.ended
	}
	for {
		event, at := c.moment()
		if event == eventCompleted || at > now {
			return
		}
		c.fired |= event
	}
}

// readLines gives each whole line to a function, and returns their length.
func readLines(r io.Reader, each func([]byte) error) (size int64, err error) {
	in := bufio.NewReaderSize(r, 256<<10)
	for number := 1; ; number++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, fmt.Errorf("line %d: %w", number, err)
		}
		if err := each(line[:len(line)-1]); err != nil {
			return size, fmt.Errorf("line %d: %w", number, err)
		}
		size += int64(len(line))
	}
}
