package strategy

// Cost is what was charged.
func (c Charge) Cost() float64 { return c.cost }
