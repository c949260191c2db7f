package ingest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dialtone/api/ingest"
)

func TestFileFaults(t *testing.T) {
	const good = "+12125550147,Ada\n"
	for _, tt := range []struct {
		name   string
		format ingest.Format
		text   string
		line   int
		says   string
	}{
		{"nothing", ingest.FormatCSV, "", 0, "no contacts"},
		{"a header alone", ingest.FormatCSV, "phone,name\n", 0, "no contacts"},
		{"blank rows alone", ingest.FormatCSV, "phone,name\n,\n\n", 0, "no contacts"},
		{"no phone column", ingest.FormatCSV, "\nnumber,name\n" + good, 2, `no column "phone".*"number,name"`},
		{"no header", ingest.FormatCSV, good, 1, `must name the columns.*"\+12125550147,Ada"`},
		{"another separator", ingest.FormatCSV, "phone|name\n+12125550147|Ada\n", 1, "commas, semicolons or tabs"},
		{"JSON sent as CSV", ingest.FormatCSV, `[{"phone":"+12125550147"}]`, 1, "quotation mark|no column"},
		{"two phone columns", ingest.FormatCSV, "phone,Phone\n", 1, `two columns "Phone"`},
		{"two columns of time zones", ingest.FormatCSV, "phone,time_zone,Time_Zone\n" + good, 1, `two columns "Time_Zone"`},
		{"time zones without the line", ingest.FormatCSV, "\nphone,timezone\n" + good, 2, `"timezone" is not read.*rename it to time_zone, so that hours go by it, or to something else if it is for the script only`},
		{"time zones with a space", ingest.FormatCSV, "phone;time zone\n+12125550147;UTC\n", 1, `"time zone".*rename it to time_zone`},
		{"time zones with a dash", ingest.FormatCSV, "time-zone,phone\nUTC,+12125550147\n", 1, "rename it to time_zone"},
		{"time zones in camels", ingest.FormatCSV, "phone,TimeZone\n" + good, 1, `"TimeZone".*rename it to time_zone`},
		{"time zones in short", ingest.FormatCSV, "phone,TZ\n" + good, 1, `"TZ".*rename it to time_zone`},
		{"two columns of a name", ingest.FormatCSV, "phone,name, name\n" + good, 1, `two columns "name"`},
		{"a column without a name", ingest.FormatCSV, "phone,name,\n" + good, 1, "Column 3"},
		{"quote that is not closed", ingest.FormatCSV, "phone,name\n" + good + "+12125550148,\"Jo\n" + good, 3, "not closed"},
		{"text after a quote", ingest.FormatCSV, "phone,name\n+12125550148,\"Jo\" Doe\n", 2, "quotation mark"},
		{"quote inside a field", ingest.FormatCSV, "phone,name\n+12125550148,Jo \"J\" Doe\n", 2, "inside a field"},
		{"broken header", ingest.FormatCSV, "phone,\"name\n" + good, 1, "not closed"},
		{"quote that swallows the file", ingest.FormatCSV, "phone,name\n" + good + "+12125550148,\"Jo\n" + strings.Repeat(good, 9_000), 3, "longer than 64 KiB"},
		{"endless header", ingest.FormatCSV, strings.Repeat("x", 100_000), 1, "longer than 64 KiB"},
		{"Latin-1", ingest.FormatCSV, "phone,name\n" + good + "+12125550148,Zo\xeb\n", 3, "UTF-8"},
		{"Latin-1 header", ingest.FormatCSV, "phone,pr\xe9nom\n" + good, 1, "UTF-8"},
		{"UTF-16", ingest.FormatCSV, "\xff\xfep\x00h\x00", 0, "UTF-16"},
		{"spreadsheet", ingest.FormatCSV, "PK\x03\x04\x14\x00", 0, "spreadsheet"},
		{"compressed", ingest.FormatNDJSON, "\x1f\x8b\x08\x00", 0, "compressed"},
		{"bare carriage returns", ingest.FormatCSV, "phone,name\r+12125550147,Ada\r", 1, "carriage returns"},

		{"no lines", ingest.FormatNDJSON, "\n \n", 0, "no contacts"},
		{"not JSON", ingest.FormatNDJSON, "\"+12125550147\"\n{\"phone\": +1}\n", 2, "not a JSON value"},
		{"cut off", ingest.FormatNDJSON, "\"+12125550147\"\n{\"phone\": \"+1", 2, "not a JSON value"},
		{"line not UTF-8", ingest.FormatNDJSON, "\"Zo\xeb\"", 1, "UTF-8"},
		{"endless line", ingest.FormatNDJSON, "\"+12125550147\"\n\"" + strings.Repeat("x", 200_000), 2, "longer than 64 KiB"},

		{"empty document", ingest.FormatJSON, " ", 0, "no contacts"},
		{"empty array", ingest.FormatJSON, "[]", 0, "no contacts"},
		{"empty contacts", ingest.FormatJSON, `{"contacts":[]}`, 0, "no contacts"},
		{"one object", ingest.FormatJSON, `{"phone":"+12125550147"}`, 1, "Send an array"},
		{"a string", ingest.FormatJSON, `"+12125550147"`, 1, "Send an array"},
		{"contacts are no array", ingest.FormatJSON, `{"contacts":{}}`, 1, "Send an array"},
		{"more than contacts", ingest.FormatJSON, `{"contacts":["+12125550147"],"name":"x"}`, 1, "nothing but such an array"},
		{"broken element", ingest.FormatJSON, "[\n\"+12125550147\",\n\n {\"phone\": oops}]", 4, "not JSON"},
		{"missing comma", ingest.FormatJSON, "[\"+12125550147\"\n\"+12125550148\"]", 2, "not JSON"},
		{"document cut off in an element", ingest.FormatJSON, "[\n\"+12125550147\",\n\"+1", 3, "ends in the middle"},
		{"document cut off between elements", ingest.FormatJSON, "[\n\"+12125550147\"\n", 3, "ends in the middle"},
		{"wrapper not closed", ingest.FormatJSON, `{"contacts":["+12125550147"]`, 1, "ends in the middle"},
		{"two documents", ingest.FormatJSON, "[\"+12125550147\"]\n[\"+12125550148\"]", 2, "follows the end"},
		{"text after the document", ingest.FormatJSON, "[\"+12125550147\"]\noops", 2, "not JSON|follows"},
		{"element not UTF-8", ingest.FormatJSON, "[\"+12125550147\",\n\"Zo\xeb\"]", 2, "UTF-8"},
		{"endless element", ingest.FormatJSON, "[\"+12125550147\",\n\"" + strings.Repeat("x", 200_000), 2, "longer than 64 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, result, err := read(t, tt.format, tt.text, us)
			var fault *ingest.FileError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, tt.line, fault.Line)
			assert.Regexp(t, tt.says, fault.Error())
			assert.Empty(t, m.batches, "a small file that is wrong changes nothing")
			assert.Zero(t, result.Accepted)
		})
	}
}

func TestRecordsOfTheAllowedLengthPass(t *testing.T) {
	note := strings.Repeat("x", 65_000)
	opts := ingest.Options{LimitVariables: 1 << 20}
	for format, text := range map[ingest.Format]string{
		ingest.FormatCSV:    "phone,name\n" + strings.Repeat("+12125550147,"+note+"\n", 5),
		ingest.FormatNDJSON: strings.Repeat(`{"phone":"+12125550147","variables":{"x":"`+note+`"}}`+"\n", 5),
		ingest.FormatJSON:   `["+12125550147"` + strings.Repeat(`,{"phone":"+12125550147","variables":{"x":"`+note+`"}}`, 5) + "]",
	} {
		_, result, err := read(t, format, text, opts)
		require.NoError(t, err)
		assert.Equal(t, 1, result.Accepted)
		assert.Zero(t, result.Rejected)
	}
}

// What bad input gets: a broken file changes nothing, however far behind its start
// the fault is, and leaves nothing behind.
func TestLongFileThatIsBrokenChangesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	m, result, err := read(t, ingest.FormatCSV, numbers(30_000)+"+12125550147,\"oops", us)
	var fault *ingest.FileError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, 30_002, fault.Line)
	assert.Empty(t, m.batches)
	assert.Zero(t, result.Accepted)
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	assert.Empty(t, left, "the stage is removed")
}

// Contacts beyond the stage's room in memory take the way over the disk, whole.
func TestStagedOnDiskWithVariables(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	text := "phone,name\n+12125550100,\n" + strings.Repeat("+12125550147,Ada\n", 600) + "+12125550148,\"Zoë \"\"Z\"\"\"\n"
	var staged, all []ingest.Contact
	for _, rows := range []int{1, 1_000_000} {
		files := 0
		_, err := ingest.Read(t.Context(), strings.NewReader(text), ingest.FormatCSV, ingest.Options{DefaultRegion: "US", StageRows: rows},
			func(_ context.Context, batch []ingest.Contact) (int, error) {
				entries, err := os.ReadDir(dir)
				files = len(entries)
				staged = append(staged, batch...)
				return len(batch), err
			})
		require.NoError(t, err)
		assert.Equal(t, rows == 1, files == 1, "it went over the disk only where it had to")
		if all == nil {
			all, staged = staged, nil
		}
	}
	require.Len(t, all, 602)
	assert.Equal(t, staged, all)
}

func TestBatchesAreFullInOrderAndComplete(t *testing.T) {
	m, result, err := read(t, ingest.FormatCSV, numbers(12_345), ingest.Options{BatchSize: 1_000, StageRows: 3_000, Workers: 4})
	require.NoError(t, err)
	assert.Equal(t, 12_345, result.Accepted)
	assert.Len(t, m.batches, 13)
	assert.Equal(t, 345, m.batches[12])
	for i, c := range m.order {
		require.Regexp(t, `^\+1212`, c.Phone)
		if i > 0 {
			require.Less(t, m.order[i-1].Phone, c.Phone)
		}
	}
}

func TestReadersErrorsPassThrough(t *testing.T) {
	text := map[ingest.Format]string{
		ingest.FormatCSV:    numbers(100),
		ingest.FormatNDJSON: strings.Repeat("\"+12125550147\"\n", 100),
		ingest.FormatJSON:   "[" + strings.Repeat("\"+12125550147\",\n", 100),
	}
	for format, text := range text {
		for _, at := range []int64{0, 1, 3, 20, 500} {
			m := &memory{}
			body := http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader(text)), at)
			_, err := ingest.Read(t.Context(), body, format, us, m.sink)
			var tooLarge *http.MaxBytesError
			require.ErrorAs(t, err, &tooLarge, "format %d, %d bytes", format, at)
			assert.Empty(t, m.batches)

			broken := io.MultiReader(strings.NewReader(text[:at]), iotest.ErrReader(io.ErrUnexpectedEOF))
			_, err = ingest.Read(t.Context(), broken, format, us, m.sink)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.Empty(t, m.batches)
		}
	}
}

func TestContextEndsReading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &memory{}
	_, err := ingest.Read(ctx, strings.NewReader(numbers(50_000)), ingest.FormatCSV, us, func(ctx context.Context, batch []ingest.Contact) (int, error) {
		cancel()
		return m.sink(ctx, batch)
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Len(t, m.batches, 1)
}

func TestSinksErrorEndsReading(t *testing.T) {
	full := errors.New("disk full")
	calls := 0
	result, err := ingest.Read(t.Context(), strings.NewReader(numbers(50_000)), ingest.FormatCSV, us, func(_ context.Context, batch []ingest.Contact) (int, error) {
		if calls++; calls == 3 {
			return 0, full
		}
		return len(batch), nil
	})
	require.ErrorIs(t, err, full)
	assert.Equal(t, 4_000, result.Accepted)
}
