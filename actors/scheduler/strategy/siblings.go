package strategy

// siblings is a heap of eligible nodes: newcomers, then by (v, last).
type siblings []*node

func (h siblings) Len() int { return len(h) }
func (h siblings) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.served != b.served {
		return b.served
	}
	if a.v != b.v {
		return a.v < b.v
	}
	return a.last < b.last
}
func (h siblings) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *siblings) Push(x any) {
	n := x.(*node)
	n.at = len(*h)
	*h = append(*h, n)
}
func (h *siblings) Pop() any {
	old := *h
	n := old[len(old)-1]
	n.at = -1
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return n
}
