package ingest_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dialtone/api/ingest"
)

// person is a random contact; the number names it.
type person struct {
	number    string
	variables map[string]string
}

// text is any text that survives a CSV cell: trimmed, and without carriage
// returns, which encoding/csv folds into line feeds.
func text(t *rapid.T, label string) string {
	s := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("\"\\,;\t\n{}<>&'\u2028é")))).Draw(t, label)
	s = strings.ToValidUTF8(strings.NewReplacer("\r", "", "\x00", "").Replace(s), "")
	return strings.TrimSpace(s)
}

func people(t *rapid.T, names []string) []person {
	out := make([]person, rapid.IntRange(1, 40).Draw(t, "rows"))
	for i := range out {
		out[i] = person{fmt.Sprintf("+1212555%04d", 100+i), map[string]string{}}
		for _, name := range names {
			out[i].variables[name] = text(t, name)
		}
	}
	return out
}

// write renders people in a format.
func write(t *rapid.T, format ingest.Format, people []person, names []string) string {
	var b bytes.Buffer
	if format == ingest.FormatCSV {
		w := csv.NewWriter(&b)
		w.Comma = rapid.SampledFrom([]rune{',', ';', '\t'}).Draw(t, "comma")
		w.UseCRLF = rapid.Bool().Draw(t, "crlf")
		require.NoError(t, w.Write(append([]string{"Phone"}, names...)))
		for _, p := range people {
			row := []string{p.number}
			for _, name := range names {
				row = append(row, p.variables[name])
			}
			require.NoError(t, w.Write(row))
		}
		w.Flush()
		return b.String()
	}
	var rows []string
	for _, p := range people {
		row, err := json.Marshal(map[string]any{"phone": p.number, "variables": p.variables})
		require.NoError(t, err)
		rows = append(rows, string(row))
	}
	if format == ingest.FormatNDJSON {
		return strings.Join(rows, "\n")
	}
	return "[" + strings.Join(rows, ",\n") + "]"
}

// What was written comes out, through readers that give a byte or half at a time.
func TestRoundTrip(t *testing.T) {
	for _, format := range []ingest.Format{ingest.FormatCSV, ingest.FormatNDJSON, ingest.FormatJSON} {
		rapid.Check(t, func(t *rapid.T) {
			names := []string{"name", "say \"hi\"", "Zoë's, city"}[:rapid.IntRange(0, 3).Draw(t, "columns")]
			want := people(t, names)
			var r io.Reader = strings.NewReader(write(t, format, want, names))
			switch rapid.IntRange(0, 2).Draw(t, "reader") {
			case 1:
				r = iotest.OneByteReader(r)
			case 2:
				r = iotest.DataErrReader(iotest.HalfReader(r))
			}
			m := &memory{}
			result, err := ingest.Read(t.Context(), r, format, ingest.Options{BatchSize: 7, StageRows: 10, LimitVariables: 1 << 20}, m.sink)
			require.NoError(t, err)
			require.Equal(t, ingest.Result{Accepted: len(want), Errors: []ingest.RowError{}}, result)
			for i, p := range want {
				require.Equal(t, p.number, m.order[i].Phone)
				var got map[string]string
				if m.order[i].Variables != nil {
					require.NoError(t, json.Unmarshal(m.order[i].Variables, &got))
				}
				if len(names) > 0 {
					require.Equal(t, p.variables, got)
				}
			}
		})
	}
}

// Whatever is sent, Read ends, and its counts are those of the sink.
func TestNoiseIsSurvived(t *testing.T) {
	pieces := []string{"phone", "name", ",", ";", "\t", "\n", "\r\n", "\"", "+12125550147", "12", "{", "}", "[", "]", ":", "\"phone\"", "\"contacts\"",
		"\"variables\"", "\"+12125550148\"", "null", "\\u0000", "\xff", "\ufeff", " "}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "pieces"), "")
		format := rapid.SampledFrom([]ingest.Format{ingest.FormatCSV, ingest.FormatNDJSON, ingest.FormatJSON}).Draw(t, "format")
		if format == ingest.FormatCSV && rapid.Bool().Draw(t, "header") {
			text = "phone,name\n" + text
		}
		m := &memory{}
		result, err := ingest.Read(t.Context(), strings.NewReader(text), format, us, m.sink)
		require.Len(t, m.order, result.Accepted)
		require.Len(t, result.Errors, result.Rejected)
		if err != nil {
			require.Empty(t, m.batches)
			require.Regexp(t, `^(Line \d+: )?[A-Z]`, err.Error(), "a sentence")
		}
	})
}

// endless writes rows as they are read, so that only Read's own memory counts.
type endless struct {
	rows, left int
	buf        []byte
	highest    uint64
}

func (e *endless) Read(p []byte) (int, error) {
	for len(e.buf) < len(p) && e.left > 0 {
		i := e.rows - e.left
		e.left--
		e.buf = fmt.Appendf(e.buf, "+1212%07d,%s\n", 2_000_000+i, strings.Repeat("x", 80))
		if i%20_000 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			e.highest = max(e.highest, m.HeapAlloc)
		}
	}
	n := copy(p, e.buf)
	e.buf = e.buf[:copy(e.buf, e.buf[n:])]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestMemoryIsBounded(t *testing.T) {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	accepted := 0
	body := &endless{rows: 200_000, left: 200_000, buf: []byte("phone,name\n")}
	result, err := ingest.Read(t.Context(), body, ingest.FormatCSV, us, func(_ context.Context, batch []ingest.Contact) (int, error) {
		accepted += len(batch)
		return len(batch), nil
	})
	require.NoError(t, err)
	assert.Equal(t, 200_000, result.Accepted)
	assert.Equal(t, accepted, result.Accepted)
	grown := int64(body.highest) - int64(before.HeapAlloc)
	t.Logf("20 MB in 200,000 rows held %d KiB at most", grown>>10)
	assert.Less(t, grown, int64(16<<20))
}

func BenchmarkRead(b *testing.B) {
	const rows = 100_000
	csvText := numbers(rows)
	var lines strings.Builder
	for _, row := range strings.Split(strings.TrimSpace(csvText), "\n")[1:] {
		number, name, _ := strings.Cut(row, ",")
		fmt.Fprintf(&lines, "{\"phone\":%q,\"variables\":{\"name\":%q}}\n", number, name)
	}
	array := "[" + strings.ReplaceAll(strings.TrimSpace(lines.String()), "\n", ",\n") + "]"
	national := strings.ReplaceAll(csvText, "+1212", "(212) ")
	for _, bb := range []struct {
		name   string
		format ingest.Format
		text   string
	}{
		{"CSV", ingest.FormatCSV, csvText},
		{"CSV/national", ingest.FormatCSV, national},
		{"NDJSON", ingest.FormatNDJSON, lines.String()},
		{"JSON", ingest.FormatJSON, array},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				result, err := ingest.Read(b.Context(), strings.NewReader(bb.text), bb.format, us, func(_ context.Context, batch []ingest.Contact) (int, error) {
					return len(batch), nil
				})
				require.NoError(b, err)
				require.Equal(b, rows, result.Accepted)
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
