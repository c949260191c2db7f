package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"dialtone/campaign"
)

// stage keeps the contacts of an upload until all of it has been read without a
// fault: the first in memory, the others in a temporary file, so that memory stays
// bounded.  It is used by one goroutine.
type stage struct {
	most  int // contacts in memory
	held  []Contact
	file  *os.File // nil while everything is in memory
	out   *bufio.Writer
	in    *bufio.Reader
	count int // contacts in the file

	// The file names zones by their place in this list, which is short: there are
	// some hundred combinations in the world.
	zones  []campaign.Zones
	placed map[campaign.Zones]uint64
}

const stageBuffer = 256 << 10

// add takes contacts; what their elements point to is kept.
func (s *stage) add(contacts []Contact) error {
	if s.file == nil && len(s.held)+len(contacts) <= s.most {
		s.held = append(s.held, contacts...)
		return nil
	}
	if err := s.open(); err != nil {
		return fmt.Errorf("stage contacts on disk: %w", err)
	}
	for i := range contacts {
		if err := s.write(&contacts[i]); err != nil {
			return fmt.Errorf("stage contacts on disk: %w", err)
		}
	}
	return nil
}

func (s *stage) open() (err error) {
	if s.file != nil {
		return nil
	}
	if s.file, err = os.CreateTemp("", "dialtone-upload-*"); err != nil {
		return err
	}
	s.out = bufio.NewWriterSize(s.file, stageBuffer)
	return nil
}

// place is where zones stand in the list.
func (s *stage) place(z campaign.Zones) uint64 {
	at, ok := s.placed[z]
	if !ok {
		if s.placed == nil {
			s.placed = map[campaign.Zones]uint64{}
		}
		at = uint64(len(s.zones))
		z = campaign.Zones(strings.Clone(string(z))) // a part of a row would keep the row
		s.placed[z], s.zones = at, append(s.zones, z)
	}
	return at
}

// write appends a contact: its zones, then number and variables behind the lengths
// of both.
func (s *stage) write(c *Contact) error {
	var numbers [3 * binary.MaxVarintLen32]byte
	head := binary.AppendUvarint(numbers[:0], s.place(c.Zones))
	head = binary.AppendUvarint(head, uint64(len(c.Phone)))
	head = binary.AppendUvarint(head, uint64(len(c.Variables)))
	s.count++
	_, err := s.out.Write(head)
	if err == nil {
		_, err = s.out.WriteString(c.Phone)
	}
	if err == nil {
		_, err = s.out.Write(c.Variables)
	}
	return err
}

// each hands everything on in batches, in the order in which it came.  It may be
// called once.
func (s *stage) each(size int, do func([]Contact) error) error {
	if err := s.rewind(); err != nil {
		return fmt.Errorf("read staged contacts: %w", err)
	}
	batch := make([]Contact, 0, size)
	for left := len(s.held) + s.count; left > 0; left -= len(batch) {
		batch = batch[:0]
		for len(batch) < min(size, left) {
			c, err := s.next()
			if err != nil {
				return fmt.Errorf("read staged contacts: %w", err)
			}
			batch = append(batch, c)
		}
		if err := do(batch); err != nil {
			return err
		}
	}
	return nil
}

// rewind goes from writing the file to reading it.
func (s *stage) rewind() error {
	if s.file == nil {
		return nil
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	s.in = bufio.NewReaderSize(s.file, stageBuffer)
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

func (s *stage) next() (c Contact, err error) {
	if len(s.held) == 0 {
		return s.read()
	}
	c, s.held = s.held[0], s.held[1:]
	return c, nil
}

func (s *stage) read() (c Contact, err error) {
	var numbers [3]uint64 // as write wrote them
	for i := range numbers {
		if numbers[i], err = binary.ReadUvarint(s.in); err != nil {
			return c, err
		}
	}
	text := make([]byte, numbers[1]+numbers[2])
	if _, err := io.ReadFull(s.in, text); err != nil {
		return c, err
	}
	c.Zones, c.Phone = s.zones[numbers[0]], string(text[:numbers[1]])
	if numbers[2] > 0 {
		c.Variables = text[numbers[1]:]
	}
	return c, nil
}

// close removes the file.
func (s *stage) close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}
