package judge

import (
	"fmt"
	"strings"
)

// Verdict is what was found of one promise.
type Verdict struct {
	// Promise is its name in the design.
	Promise string
	// Checked counts what was looked at, and What says what that is.  A verdict on
	// nothing shows nothing.
	Checked int
	What    string
	// Broken counts those that broke the promise; Examples are some of them.
	Broken   int
	Examples []string
	// Note is a figure of interest: how near it came to breaking.
	Note string
}

// mostExamples is how many a verdict keeps.
const mostExamples = 5

// breaks notes one that broke the promise.
func (v *Verdict) breaks(format string, args ...any) {
	v.Broken++
	if len(v.Examples) < mostExamples {
		v.Examples = append(v.Examples, fmt.Sprintf(format, args...))
	}
}

// Held reports whether the promise was kept by something, and broken by nothing.
func (v Verdict) Held() bool { return v.Checked > 0 && v.Broken == 0 }

// String is the verdict on one line.
func (v Verdict) String() string {
	out := fmt.Sprintf("%-13s %7d %-22s %d broken", v.Promise, v.Checked, v.What, v.Broken)
	if v.Note != "" {
		out += "; " + v.Note
	}
	if len(v.Examples) > 0 {
		out += ": " + strings.Join(v.Examples, "; ")
	}
	return out
}

// add takes in a verdict on more of the same.
func (v Verdict) add(other Verdict) Verdict {
	v.Checked += other.Checked
	v.Broken += other.Broken
	v.Examples = append(v.Examples, other.Examples...)
	v.Examples = v.Examples[:min(len(v.Examples), mostExamples)]
	if other.Note != "" {
		v.Note = strings.TrimPrefix(v.Note+", "+other.Note, ", ")
	}
	return v
}

// Sum is one verdict out of several on the same promise.
func Sum(of ...Verdict) Verdict {
	sum := Verdict{}
	for i, v := range of {
		if i == 0 {
			sum.Promise, sum.What = v.Promise, v.What
		}
		sum = sum.add(v)
	}
	return sum
}

// Verdicts are those on all promises.
type Verdicts []Verdict

// Held reports whether every promise was kept.
func (vs Verdicts) Held() bool {
	for _, v := range vs {
		if !v.Held() {
			return false
		}
	}
	return len(vs) > 0
}

// String has a line for each.
func (vs Verdicts) String() string {
	var b strings.Builder
	for _, v := range vs {
		fmt.Fprintln(&b, v)
	}
	return b.String()
}

// Table is the same as a table in Markdown.
func (vs Verdicts) Table() string {
	var b strings.Builder
	b.WriteString("| promise | checked | broken | |\n|---|---|---|---|\n")
	for _, v := range vs {
		note := strings.Join(append([]string{v.Note}, v.Examples...), "; ")
		fmt.Fprintf(&b, "| %s | %d %s | %d | %s |\n", v.Promise, v.Checked, v.What, v.Broken, strings.TrimPrefix(note, "; "))
	}
	return b.String()
}
