package cluster

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A plan is the same for the same seed, and has every kind as often as every other, within
// one.
func TestPlan(t *testing.T) {
	node := func(name string) *Node {
		return &Node{Process: &Process{Name: name}, NATS: []*Proxy{{}}, Postgres: &Proxy{}, Providers: map[string]*Proxy{"alpha": {}}}
	}
	c := &Cluster{
		Nodes: []*Node{node("node-1"), node("node-2")}, Callers: []*Node{node("caller-1")},
		NATS: &NATS{Servers: []*NATSServer{{Process: &Process{Name: "nats-1"}}}}, Postgres: &Postgres{}, Front: &Front{Proxy: &Proxy{}},
		cfg: Config{Trunks: []Trunk{{Name: "alpha"}}},
	}
	plan := func(seed uint64) (out []string, times map[string]int) {
		times = map[string]int{}
		for _, f := range c.Plan(rand.New(rand.NewPCG(seed, 0)), 100) {
			out = append(out, f.String())
			times[f.Kind]++
			assert.NotNil(t, f.Happen, f)
			assert.NotNil(t, f.Prove, f)
			assert.NotNil(t, f.Heal, f)
		}
		return out, times
	}
	one, times := plan(1)
	again, _ := plan(1)
	other, _ := plan(2)
	assert.Len(t, one, 100)
	assert.Equal(t, one, again)
	assert.NotEqual(t, one, other)
	assert.Len(t, times, len(Kinds()))
	for kind, n := range times {
		assert.Contains(t, []int{100 / len(kinds), 100/len(kinds) + 1}, n, kind)
	}
}
