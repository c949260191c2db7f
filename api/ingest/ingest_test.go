package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dialtone/api/ingest"
	"dialtone/campaign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a sink that knows what it has.
type memory struct {
	known   map[string]bool
	order   []ingest.Contact
	batches []int
}

func (m *memory) sink(_ context.Context, batch []ingest.Contact) (int, error) {
	if m.known == nil {
		m.known = map[string]bool{}
	}
	m.batches = append(m.batches, len(batch))
	added := 0
	for _, c := range batch {
		if !m.known[c.Phone] {
			m.known[c.Phone] = true
			m.order = append(m.order, c)
			added++
		}
	}
	return added, nil
}

// lines writes each contact as "number variables".
func (m *memory) lines() []string {
	out := []string{}
	for _, c := range m.order {
		out = append(out, strings.TrimSpace(c.Phone+" "+string(c.Variables)))
	}
	return out
}

func read(t *testing.T, format ingest.Format, text string, opts ingest.Options) (*memory, ingest.Result, error) {
	t.Helper()
	m := &memory{}
	result, err := ingest.Read(t.Context(), strings.NewReader(text), format, opts, m.sink)
	return m, result, err
}

var us = ingest.Options{DefaultRegion: "US"}

func TestExampleNumbers(t *testing.T) {
	f, err := os.Open("../../examples/numbers.csv")
	require.NoError(t, err)
	defer f.Close()
	m := &memory{}
	result, err := ingest.Read(t.Context(), f, ingest.FormatCSV, us, m.sink)
	require.NoError(t, err)
	assert.Equal(t, []int{980, 12, 8}, []int{result.Accepted, result.Duplicates, result.Rejected})
	assert.Len(t, result.Errors, 8)
	assert.Contains(t, m.order[0].Phone, "+")
	assert.Regexp(t, `^\{"name":".+","language":"(en|es|fr)"\}$`, string(m.order[0].Variables))
}

func TestCSV(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"numbers alone", "phone\n+12125550147\n2125550148\n", []string{"+12125550147", "+12125550148"}},
		{"no line end at the end", "phone\n+12125550147", []string{"+12125550147"}},
		{"variables", "name,phone,age\nAda,+12125550147,36\n", []string{`+12125550147 {"name":"Ada","age":"36"}`}},
		{"semicolons", "phone;name\n+12125550147;Doe, Jo\n", []string{`+12125550147 {"name":"Doe, Jo"}`}},
		{"tabs, an empty cell", "phone\tname\tcity\n+12125550147\t\tParis\n", []string{`+12125550147 {"name":"","city":"Paris"}`}},
		{"a comma in a name among semicolons", "phone;\"last, first\"\n+12125550147;x\n", []string{`+12125550147 {"last, first":"x"}`}},
		{"byte order mark, CRLF, letters of any case", "\ufeff PHONE ,name\r\n+12125550147,Ada\r\n", []string{`+12125550147 {"name":"Ada"}`}},
		{"white space after commas", "phone, name\n+12125550147, \"Ada\"\n", []string{`+12125550147 {"name":"Ada"}`}},
		{"quotes, line ends and escapes", "phone,x\n+12125550147,\"a \"\"b\"\" \\\nc\té\x01\"\n", []string{`+12125550147 {"x":"a \"b\" \\\nc\té\u0001"}`}},
		{"blank rows", "phone,name\n\n+12125550147,Ada\n,\n\n", []string{`+12125550147 {"name":"Ada"}`}},
		{"a row that ends early, one with spare separators", "phone,name\n+12125550147\n+12125550148,Jo,,\n", []string{`+12125550147 {"name":""}`, `+12125550148 {"name":"Jo"}`}},
		{"a header over two lines", "phone,\"first\nname\"\n+12125550147,Ada\n", []string{`+12125550147 {"first\nname":"Ada"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, result, err := read(t, ingest.FormatCSV, tt.text, us)
			require.NoError(t, err)
			assert.Empty(t, result.Errors)
			assert.Equal(t, tt.want, m.lines())
		})
	}
}

func TestNDJSON(t *testing.T) {
	m, result, err := read(t, ingest.FormatNDJSON, "\ufeff"+`{"phone": "(212) 555-0147", "variables": {"name" : "Ada", "age": 36, "to": ["a", null]}}

"+12125550148"
{"phone":"+12125550149","variables":{}}`+"\r\n"+`{"phone":"+12125550150","variables":null}
{"phone":"+12125550151","variables":{"half":"\ud800","n":1e400}}`, us)
	require.NoError(t, err)
	assert.Empty(t, result.Errors)
	assert.Equal(t, []string{
		`+12125550147 {"name":"Ada","age":36,"to":["a",null]}`, "+12125550148", "+12125550149", "+12125550150",
		"+12125550151 {\"half\":\"\ufffd\",\"n\":1e400}",
	}, m.lines())
}

func TestJSON(t *testing.T) {
	for _, text := range []string{
		`["+12125550147", {"phone": "2125550148", "variables": {"name": "Ada"}}]`,
		"\ufeff" + `{"contacts": [{"phone": "+12125550147"}, {"phone": "+12125550148", "variables": {"name": "Ada"}}]}` + "\n",
	} {
		m, result, err := read(t, ingest.FormatJSON, text, us)
		require.NoError(t, err)
		assert.Empty(t, result.Errors)
		assert.Equal(t, []string{"+12125550147", `+12125550148 {"name":"Ada"}`}, m.lines())
	}
}

func TestDuplicatesAreWhatTheSinkDidNotAdd(t *testing.T) {
	m, result, err := read(t, ingest.FormatCSV, "phone\n+12125550147\n(212) 555-0147\n+12125550148\n", us)
	require.NoError(t, err)
	assert.Equal(t, ingest.Result{Accepted: 2, Duplicates: 1, Errors: []ingest.RowError{}}, result)
	assert.Equal(t, []int{3}, m.batches)
}

func TestRowsAreRefusedWithTheirLine(t *testing.T) {
	big := strings.Repeat("x", 5000)
	for _, tt := range []struct {
		name   string
		format ingest.Format
		text   string
		line   int
		value  string
		reason string
	}{
		{"number", ingest.FormatCSV, "phone,name\n+12125550147,\"two\nlines\"\n12,Ada\n", 4, "12", "digits"},
		{"no number", ingest.FormatCSV, "phone,name\n\n,Ada\n", 3, "", "empty"},
		{"too many fields", ingest.FormatCSV, "phone,name\n+12125550147,Doe, Jo\n", 2, "+12125550147", "3 fields and the header 2 columns"},
		{"too many fields for one", ingest.FormatCSV, "phone\n+12125550147,Doe\n", 2, "+12125550147", "2 fields and the header 1 column:"},
		{"variables too long", ingest.FormatCSV, "phone,name\n+12125550147," + big + "\n", 2, "+12125550147", "may take 4096"},
		{"zero character", ingest.FormatCSV, "phone,name\n+12125550147,a\x00b\n", 2, "+12125550147", "zero character"},
		{"long value is cut", ingest.FormatCSV, "phone\n" + big + "\n", 2, big[:64] + "…", "not a phone number|too many digits"},
		{"unknown key", ingest.FormatNDJSON, "\n{\"phone\":\"+12125550147\",\"name\":\"Ada\"}", 2, "+12125550147", `no "name"`},
		{"no phone", ingest.FormatNDJSON, `{"variables":{}}`, 1, `{"variables":{}}`, `no "phone"`},
		{"phone is a quantity", ingest.FormatNDJSON, `{"phone":12125550147}`, 1, "12125550147", "quotation marks"},
		{"phone is null", ingest.FormatNDJSON, `{"phone":null}`, 1, "null", "quotation marks"},
		{"not an object", ingest.FormatNDJSON, `[1]`, 1, "[1]", "a number in quotation marks, or an object"},
		{"variables are no object", ingest.FormatNDJSON, `{"phone":"+12125550147","variables":[1]}`, 1, "+12125550147", "must be an object"},
		{"JSON variables too long", ingest.FormatNDJSON, `{"phone":"+12125550147","variables":{"x":"` + big + `"}}`, 1, "+12125550147", "may take 4096"},
		{"JSON zero character", ingest.FormatNDJSON, `{"phone":"+12125550147","variables":{"x":"\\\u0000"}}`, 1, "+12125550147", "zero character"},
		{"element", ingest.FormatJSON, "[\n\"+12125550147\",\n\n  \"12\" ,\n\"+12125550148\"]", 4, "12", "digits"},
		{"element of contacts", ingest.FormatJSON, "{\"contacts\":\n[ {\n\"phone\": \"+12125550147\"},\n {\n\"phone\":\n \"12\"}\n]}", 4, "12", "digits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, result, err := read(t, tt.format, tt.text, us)
			require.NoError(t, err)
			require.Len(t, result.Errors, 1)
			assert.Equal(t, 1, result.Rejected)
			got := result.Errors[0]
			assert.Equal(t, tt.line, got.Line)
			assert.Equal(t, tt.value, got.Value)
			assert.Regexp(t, tt.reason, got.Reason)
		})
	}
}

func TestBackslashBeforeU0000IsText(t *testing.T) {
	m, _, err := read(t, ingest.FormatNDJSON, `{"phone":"+12125550147","variables":{"x":"\\u0000"}}`, us)
	require.NoError(t, err)
	assert.Equal(t, []string{`+12125550147 {"x":"\\u0000"}`}, m.lines())
}

func TestOnlyTheFirstErrorsAreTold(t *testing.T) {
	_, result, err := read(t, ingest.FormatCSV, "phone\n"+strings.Repeat("12\n", 1500), us)
	require.NoError(t, err)
	assert.Equal(t, 1500, result.Rejected)
	require.Len(t, result.Errors, 1000)
	for i, e := range result.Errors {
		require.Equal(t, i+2, e.Line)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, _, err := read(t, ingest.FormatCSV, "phone\n", ingest.Options{DefaultRegion: "UK"})
	assert.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
	_, _, err = read(t, ingest.FormatCSV, "phone\n", ingest.Options{Workers: -1})
	assert.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
	_, _, err = read(t, 0, "phone\n", us)
	assert.Error(t, err)
}

func TestFormatOf(t *testing.T) {
	for contentType, want := range map[string]ingest.Format{
		"text/csv": ingest.FormatCSV, "Text/CSV; charset=UTF-8; header=present": ingest.FormatCSV,
		"text/tab-separated-values": ingest.FormatCSV, "application/x-ndjson": ingest.FormatNDJSON, "application/json": ingest.FormatJSON,
	} {
		got, err := ingest.FormatOf(contentType)
		require.NoError(t, err, contentType)
		assert.Equal(t, want, got, contentType)
	}
	for _, contentType := range []string{"", "text/plain", "multipart/form-data; boundary=x", "text/csv; charset=iso-8859-1", "csv;;"} {
		_, err := ingest.FormatOf(contentType)
		var fault *ingest.FormatError
		assert.True(t, errors.As(err, &fault), contentType)
	}
}

// numbers are n different numbers as a CSV of two columns.
func numbers(n int) string {
	var b strings.Builder
	b.WriteString("phone,name\n")
	for i := range n {
		fmt.Fprintf(&b, "+1212%d%06d,Person %d\n", 2+i/1_000_000, i%1_000_000, i)
	}
	return b.String()
}
