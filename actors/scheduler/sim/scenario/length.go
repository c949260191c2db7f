package scenario

import (
	"strings"
	"time"

	"dialtone/actors/scheduler/sim"
	"dialtone/internal/yamlfile"
)

// defaultSigma makes the longest tenth of lognormal calls six times as long as the
// middle one, or more.
const defaultSigma = 1.0

// readLength reads 10s, 2s-90s, or a distribution.
func readLength(f yamlfile.Section, key string) sim.Lengths {
	if f.IsMapping(key) {
		return readDistribution(f.Section(key))
	}
	text := f.Required(key)
	if text == "" {
		return nil
	}
	from, to, ranged := strings.Cut(text, "-")
	least, err := time.ParseDuration(strings.TrimSpace(from))
	most := least
	if ranged && err == nil {
		most, err = time.ParseDuration(strings.TrimSpace(to))
	}
	if err != nil || least <= 0 || most < least || most > LimitLength {
		f.Fault(key, "Write a length above 0s and up to %v (10s), a range (2s-90s), or {distribution: lognormal, mean: 40s}, not %q.", LimitLength, text)
		return nil
	}
	if !ranged {
		return sim.Fixed(least)
	}
	return sim.Uniform{Min: least, Max: most}
}

// distributions are the ways to write one, with the keys of each.
var distributions = map[string][]string{
	"fixed":       {"mean"},
	"uniform":     {"min", "max"},
	"exponential": {"mean"},
	"lognormal":   {"mean", "sigma"},
}

func readDistribution(f yamlfile.Section) sim.Lengths {
	name := f.Required("distribution")
	keys, ok := distributions[name]
	if !ok {
		if name != "" {
			f.Fault("distribution", "There is no distribution %q; take one of fixed, uniform, exponential, lognormal.", name)
		}
		return nil
	}
	f.Known(append([]string{"distribution"}, keys...)...)
	length := func(key string) time.Duration {
		if f.Missing(key) {
			return 0
		}
		return f.Duration(key, LimitLength)
	}
	switch name {
	case "fixed":
		return sim.Fixed(length("mean"))
	case "uniform":
		u := sim.Uniform{Min: length("min"), Max: length("max")}
		if u.Max < u.Min {
			f.Fault("max", "The longest, %v, is below the shortest, %v; swap them.", u.Max, u.Min)
		}
		return u
	case "exponential":
		return sim.Exponential{Mean: length("mean")}
	}
	l := sim.Lognormal{Mean: length("mean"), Sigma: defaultSigma}
	if f.Has("sigma") {
		l.Sigma = f.Number("sigma", 0, 3)
	}
	return l
}
