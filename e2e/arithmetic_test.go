package e2e

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// quantile is the smallest of the durations that the part p of them does not exceed.
func quantile(of []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}

// jain is Jain's index of fairness (Jain, Chiu, Hawe 1984): 1 if all have the same, 1/n
// if one has everything.
func jain(shares []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	return sum * sum / (float64(len(shares)) * squares)
}

func TestArithmeticOfQuantiles(t *testing.T) {
	ms := time.Millisecond
	took := []time.Duration{500 * ms, 250 * ms, 0}
	assert.Equal(t, 250*ms, quantile(took, 0.5))
	assert.Equal(t, 500*ms, quantile(took, 0.99))
	assert.Equal(t, 7*ms, quantile([]time.Duration{7 * ms}, 0.5))
}

func TestArithmeticOfJain(t *testing.T) {
	assert.InDelta(t, 1, jain([]float64{3, 3, 3}), 1e-9)
	assert.InDelta(t, 0.25, jain([]float64{0, 0, 7, 0}), 1e-9)
	assert.InDelta(t, 0.9, jain([]float64{1, 2}), 1e-9)
}
