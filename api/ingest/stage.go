package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
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

// write appends a contact: number and variables, each behind its length.
func (s *stage) write(c *Contact) error {
	var length [2 * binary.MaxVarintLen32]byte
	head := binary.AppendUvarint(length[:0], uint64(len(c.Phone)))
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
		return readContact(s.in)
	}
	c, s.held = s.held[0], s.held[1:]
	return c, nil
}

func readContact(in *bufio.Reader) (c Contact, err error) {
	number, err := binary.ReadUvarint(in)
	if err != nil {
		return c, err
	}
	variables, err := binary.ReadUvarint(in)
	if err != nil {
		return c, err
	}
	text := make([]byte, number+variables)
	if _, err := io.ReadFull(in, text); err != nil {
		return c, err
	}
	c.Phone = string(text[:number])
	if variables > 0 {
		c.Variables = text[number:]
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
