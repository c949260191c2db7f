package strategy

// Cost is what was charged.
func (c Charge) Cost() float64 { return c.cost }

// Remembered is how many campaigns a strategy knows.
func Remembered(s Strategy) int {
	switch s := s.(type) {
	case fair:
		return len(s.campaigns)
	case *deadline:
		return len(s.of) + len(s.campaigns)
	case *priority:
		n := len(s.of)
		for _, b := range s.bands {
			n += len(b.campaigns)
		}
		return n
	case *remaining:
		return len(s.of)
	case *roundRobin:
		return len(s.of)
	}
	panic("a strategy that is not listed here")
}

// Groups counts the groups that a fair strategy remembers.
func Groups(s Strategy) int { return len(s.(fair).groups) }
