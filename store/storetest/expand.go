package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Rules say what a driver's migrations may do while nodes of the version before go on.
type Rules struct {
	// Concurrently demands that indexes on tables that hold something are built beside
	// the writers.  Else there are none: one process has the database.
	Concurrently bool
	// Exempt are migrations from before the rules, by their number.
	Exempt []int
}

// sums is where the released migrations are on record, as in go.sum.
const sums = "migrations/released.sum"

// Migrations holds the files in the folder "migrations" to the rules of docs/adr/0018:
// released ones are never changed, and each leaves a schema with which nodes of the
// version before can work.
func Migrations(t *testing.T, rules Rules) {
	released := readSums(t)
	files, err := filepath.Glob("migrations/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for i, path := range files {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		name := filepath.Base(path)
		number, err := strconv.Atoi(name[:5])
		require.NoError(t, err, name)
		assert.Equal(t, i+1, number, "%s: number the migrations without a gap", name)
		checkSum(t, released, name, text)
		if slices.Contains(rules.Exempt, number) {
			continue
		}
		for _, fault := range rules.faults(string(text)) {
			assert.Fail(t, fault, name)
		}
	}
	for name := range released {
		assert.FileExists(t, "migrations/"+name, "it was released")
	}
}

func readSums(t *testing.T) map[string]string {
	text, err := os.ReadFile(sums)
	require.NoError(t, err)
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		require.Len(t, fields, 2, "%s: a line is a name and a sum", sums)
		out[fields[0]] = fields[1]
	}
	return out
}

func checkSum(t *testing.T, released map[string]string, name string, text []byte) {
	sum := sha256.Sum256(text)
	is := hex.EncodeToString(sum[:])
	switch was, ok := released[name]; {
	case !ok:
		assert.Fail(t, "a migration is not on record", "When it is final, add this line to %s:\n%s %s", sums, name, is)
	case was != is:
		assert.Fail(t, "a released migration was changed", "%s: databases have it as it was; put it back, and write a new one.", name)
	}
}

// statement is one of a migration, in lower case and without its comments.
type statement struct {
	text string
	// why is the reason given for an exception, "" for none.
	why string
}

// exception begins the comment that gives the reason.
const exception = "-- old nodes:"

var (
	lineComment = regexp.MustCompile(`--[^\n]*`)
	quoted      = regexp.MustCompile(`'(?:[^']|'')*'`)
	blanks      = regexp.MustCompile(`\s+`)
)

// statements are those of the way up.
func statements(text string) (out []statement) {
	up, _, _ := strings.Cut(text, "-- +goose Down")
	// Texts may have anything in them, and none of it matters here.
	up = lineComment.ReplaceAllStringFunc(up, func(c string) string {
		if strings.HasPrefix(c, exception) {
			return exception + " " + strings.ReplaceAll(strings.TrimSpace(c[len(exception):]), ";", ",")
		}
		return ""
	})
	up = quoted.ReplaceAllString(up, "''")
	for _, part := range strings.Split(up, ";") {
		var s statement
		for line := range strings.Lines(part) {
			if why, ok := strings.CutPrefix(strings.TrimSpace(line), exception); ok {
				s.why += strings.TrimSpace(why)
				continue
			}
			s.text += line
		}
		if s.text = strings.TrimSpace(blanks.ReplaceAllString(strings.ToLower(s.text), " ")); s.text != "" {
			out = append(out, s)
		}
	}
	return out
}

var (
	createTable = regexp.MustCompile(`^create table (?:if not exists )?(\w+) ?\(`)
	createIndex = regexp.MustCompile(`^create (unique )?index (concurrently )?(?:if not exists )?(\w+) on (\w+) `)
	dropIndex   = regexp.MustCompile(`^drop index concurrently if exists (\w+)$`)
	insertInto  = regexp.MustCompile(`^insert into (\w+) ?\(`)
	alterTable  = regexp.MustCompile(`^alter table (?:only )?(\w+) (.*)$`)
	addColumn   = regexp.MustCompile(`^add column (?:if not exists )?(\w+) (.*)$`)
	// plain is a column that binds nobody and rewrites no row: its default, if any, is a
	// constant, which stands in the catalogue.
	plain = regexp.MustCompile(`^(?:double precision|\w+)(?: ?\([0-9, ]+\))?(?:\[\])?((?: not null| null| default (?:''|-?[0-9.]+|true|false)(?:::\w+)?)*)$`)
)

// faults tells, a sentence each, what a migration may not do: anything but what is known
// to be harmless.
func (r Rules) faults(text string) (out []string) {
	parts := statements(text)
	own := map[string]bool{}     // tables made here, which nobody uses yet
	dropped := map[string]bool{} // indexes of a broken-off try
	concurrent := 0
	for _, s := range parts {
		if s.why != "" {
			continue
		}
		if m := createTable.FindStringSubmatch(s.text); m != nil {
			own[m[1]] = true
			continue
		}
		if m := dropIndex.FindStringSubmatch(s.text); m != nil {
			dropped[m[1]] = true
			continue
		}
		if m := createIndex.FindStringSubmatch(s.text); m != nil {
			if m[2] != "" {
				concurrent++
			}
			out = append(out, r.index(s.text, m, own, dropped)...)
			continue
		}
		if m := insertInto.FindStringSubmatch(s.text); m != nil && own[m[1]] {
			continue
		}
		if m := alterTable.FindStringSubmatch(s.text); m != nil {
			out = append(out, alter(m[1], m[2], own)...)
			continue
		}
		out = append(out, fmt.Sprintf("%q: nodes of the version before may not bear it. Expand now and contract a release later, or say in a comment %q why they don't mind", s.text, exception))
	}
	if alone := strings.Contains(text, "-- +goose NO TRANSACTION"); concurrent > 0 && (!alone || len(parts) != 2 || concurrent != 1) {
		out = append(out, "an index is built concurrently in a file of its own, with -- +goose NO TRANSACTION and its own drop before it: it may be broken off half way, and is tried again")
	} else if alone && concurrent == 0 {
		out = append(out, "-- +goose NO TRANSACTION is for indexes that are built concurrently: anything else is done whole or not at all")
	}
	return out
}

func (r Rules) index(text string, m []string, own, dropped map[string]bool) (out []string) {
	unique, concurrently, name, table := m[1] != "", m[2] != "", m[3], m[4]
	switch {
	case own[table]:
		return nil
	case unique:
		return []string{fmt.Sprintf("%q: nodes of the version before may write what it refuses", text)}
	case r.Concurrently && !concurrently:
		return []string{fmt.Sprintf("%q: nobody can write to %s while it is built; build it concurrently", text, table)}
	case concurrently && !dropped[name]:
		return []string{fmt.Sprintf("%q: a try that was broken off leaves an invalid index; drop index concurrently if exists %s before it", text, name)}
	}
	return nil
}

// alter allows new columns, of which nodes of the version before need not know.
func alter(table, rest string, own map[string]bool) (out []string) {
	if own[table] {
		return nil
	}
	for _, action := range split(rest) {
		m := addColumn.FindStringSubmatch(action)
		if m == nil {
			out = append(out, fmt.Sprintf("%q on %s: nodes of the version before use the table as it is. Add columns and tables only; take away a release later", action, table))
			continue
		}
		column := plain.FindStringSubmatch(m[2])
		switch {
		case column == nil:
			out = append(out, fmt.Sprintf("%q on %s: a new column binds nobody and rewrites nothing; give it a type and perhaps a constant default, no more", action, table))
		case strings.Contains(column[1], "not null") && !strings.Contains(column[1], "default"):
			out = append(out, fmt.Sprintf("%q on %s: nodes of the version before write rows without it; give it a constant default", action, table))
		}
	}
	return out
}

// split parts the actions of an ALTER TABLE at the commas outside of parentheses.
func split(list string) (out []string) {
	depth, from := 0, 0
	for i, c := range list {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(list[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(list[from:]))
}
