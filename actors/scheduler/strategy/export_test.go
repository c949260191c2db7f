package strategy

// Cost is what was charged.
func (c Charge) Cost() float64 { return c.cost }

// Groups counts the groups that a fair strategy remembers.
func Groups(s Strategy) int { return len(s.(fair).groups) }
