package phone

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// matcher decides whether digits are in the language of a pattern, in one table
// look-up a digit.  It is the deterministic automaton of the pattern by subset
// construction (Rabin and Scott, 1959) over the alphabet 0 to 9.
type matcher struct {
	// next leads from a state by a digit; state 0 is dead, state 1 the start.
	next   [][10]uint16
	accept []bool
	// slow stands in for a pattern with anchors or too many states.
	slow, slowPrefix *regexp.Regexp
}

// limitStates keeps a pattern of unforeseen shape from growing without bound.
// The largest of the present metadata has fewer than three hundred.
const limitStates = 10_000

// newMatcher compiles a pattern of the metadata; its syntax was checked when the
// library was built.
func newMatcher(pattern string) *matcher {
	if m := determinize(pattern); m != nil {
		return m
	}
	return &matcher{
		slow:       regexp.MustCompile("^(?:" + pattern + ")$"),
		slowPrefix: regexp.MustCompile("^(?:" + pattern + ")"),
	}
}

// full reports whether all of the digits match.
func (m *matcher) full(digits []byte) bool {
	if m.slow != nil {
		return m.slow.MatchString(string(digits)) // a copy, lest all digits have to live on the heap
	}
	state := uint16(1)
	for _, d := range digits {
		state = m.next[state][d-'0']
		if state == 0 {
			return false
		}
	}
	return m.accept[state]
}

// prefix reports whether the digits start with a match.
func (m *matcher) prefix(digits []byte) bool { return m.prefixLen(digits) >= 0 }

// prefixLen is the length of the shortest match with which the digits start, -1 if
// there is none.  Where the pattern is slow, it is the length of some match.
func (m *matcher) prefixLen(digits []byte) int {
	if m.slowPrefix != nil {
		return slowLen(m.slowPrefix, digits)
	}
	state := uint16(1)
	for i, d := range digits {
		if m.accept[state] {
			return i
		}
		if state = m.next[state][d-'0']; state == 0 {
			return -1
		}
	}
	if m.accept[state] {
		return len(digits)
	}
	return -1
}

func slowLen(prefix *regexp.Regexp, digits []byte) int {
	if at := prefix.FindStringIndex(string(digits)); at != nil {
		return at[1]
	}
	return -1
}

// determinize returns nil for a pattern that the table can't express.
func determinize(pattern string) *matcher {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil || slices.ContainsFunc(prog.Inst, isAnchor) {
		return nil
	}
	s := &subsets{prog: prog, number: map[string]uint16{}}
	s.add(nil)
	s.add(s.closure([]uint32{uint32(prog.Start)}))
	for i := 1; i < len(s.sets); i++ {
		if len(s.sets) > limitStates {
			return nil
		}
		for d := range 10 {
			to := s.step(s.sets[i], rune('0'+d)) // may grow next
			s.m.next[i][d] = to
		}
	}
	return &s.m
}

func isAnchor(in syntax.Inst) bool { return in.Op == syntax.InstEmptyWidth }

// subsets is a construction under way.
type subsets struct {
	prog   *syntax.Prog
	m      matcher
	sets   [][]uint32 // by state: its instructions, sorted
	number map[string]uint16
}

// add returns the state of a closed set, a new one if need be.
func (s *subsets) add(set []uint32) uint16 {
	key := setKey(set)
	if n, ok := s.number[key]; ok {
		return n
	}
	n := uint16(len(s.sets))
	s.number[key] = n
	s.sets = append(s.sets, set)
	s.m.next = append(s.m.next, [10]uint16{})
	s.m.accept = append(s.m.accept, slices.ContainsFunc(set, func(pc uint32) bool {
		return s.prog.Inst[pc].Op == syntax.InstMatch
	}))
	return n
}

// step is the state after one more digit.
func (s *subsets) step(set []uint32, digit rune) uint16 {
	var out []uint32
	for _, pc := range set {
		if in := &s.prog.Inst[pc]; consumes(in.Op) && in.MatchRune(digit) {
			out = append(out, in.Out)
		}
	}
	return s.add(s.closure(out))
}

// closure follows what consumes nothing and keeps what consumes or matches.
func (s *subsets) closure(from []uint32) []uint32 {
	seen := make(map[uint32]bool, len(from))
	var keep []uint32
	for len(from) > 0 {
		pc := from[len(from)-1]
		from = from[:len(from)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch in := s.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			from = append(from, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			from = append(from, in.Out)
		case syntax.InstFail:
		default:
			keep = append(keep, pc)
		}
	}
	slices.Sort(keep)
	return keep
}

func consumes(op syntax.InstOp) bool {
	switch op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}

func setKey(set []uint32) string {
	var b strings.Builder
	for _, pc := range set {
		b.Write([]byte{byte(pc), byte(pc >> 8), byte(pc >> 16), byte(pc >> 24)})
	}
	return b.String()
}
