package ingest

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However long a file is, no more is remembered of its lines than of what is read
// ahead.
func TestMemoryOfLinesIsBounded(t *testing.T) {
	src, err := open(strings.NewReader(strings.Repeat("\n", 4<<20)+"\"+12125550147\"\n"), FormatNDJSON, 1<<10)
	require.NoError(t, err)
	lines := src.(*linesSource)
	r, err := lines.next()
	require.NoError(t, err)
	assert.Equal(t, 4<<20+1, r.line)
	_, err = lines.next()
	require.True(t, errors.Is(err, io.EOF))
	assert.LessOrEqual(t, cap(lines.w.breaks), 4*readAhead)
}
