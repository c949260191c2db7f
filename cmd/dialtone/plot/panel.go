package plot

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"dialtone/actors/scheduler/sim/scenario"
)

// panelsOf are the rows: shares, waits, utilisation; and the legend of each.
func panelsOf(s *scenario.Scenario, results []*scenario.Result) (rows [][]*plot.Plot, legends []plot.Legend, err error) {
	series := seriesOf(s)
	longest := longestWait(results)
	for _, make := range []func(*scenario.Result) (*plot.Plot, error){
		func(r *scenario.Result) (*plot.Plot, error) { return sharePanel(series, r) },
		func(r *scenario.Result) (*plot.Plot, error) { return waitPanel(series, r, longest) },
		func(r *scenario.Result) (*plot.Plot, error) { return usePanel(s, r) },
	} {
		var row []*plot.Plot
		for _, r := range results {
			p, err := make(r)
			if err != nil {
				return nil, nil, err
			}
			p.X.Min, p.X.Max = 0, s.Duration.Hours()
			p.X.Tick.Marker = hoursTicks(s.Duration)
			row = append(row, p)
		}
		legends = append(legends, row[0].Legend)
		for _, p := range row {
			p.Legend = plot.NewLegend() // the row has one, beside it
		}
		rows = append(rows, row)
	}
	for i, p := range rows[0] {
		p.Title.Text = results[i].Label()
	}
	for _, p := range rows[len(rows)-1] {
		p.X.Label.Text = "hours"
	}
	return rows, legends, nil
}

func newPanel(y string) *plot.Plot {
	p := plot.New()
	p.Y.Label.Text = y
	p.Title.TextStyle.Font = sans(11)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = sans(9)
		a.Tick.Label.Font = sans(8)
		a.Padding = 0
	}
	p.Legend = newLegend()
	return p
}

func newLegend() plot.Legend {
	l := plot.NewLegend()
	l.TextStyle.Font = sans(9)
	l.Top, l.Left = true, true
	l.ThumbnailWidth = vg.Points(14)
	l.Padding = vg.Points(2)
	return l
}

// series is what is drawn in one colour: some lines of the scenario.
type series struct {
	name  string
	lines []int
}

// mostSeries is how many colours there are.
const mostSeries = 10

// seriesOf takes each line for itself; where they are too many, each group; and what
// is beyond the colours together.
func seriesOf(s *scenario.Scenario) []series {
	byLine := func(c *scenario.Campaign) string { return c.Name }
	if len(s.Campaigns) > mostSeries {
		byLine = func(c *scenario.Campaign) string {
			if c.Group != "" {
				return c.Group
			}
			return c.Name
		}
	}
	var out []series
	for i := range s.Campaigns {
		name := byLine(&s.Campaigns[i])
		at := slices.IndexFunc(out, func(x series) bool { return x.name == name })
		if at < 0 && len(out) == mostSeries {
			at = mostSeries - 1
			out[at].name = "others"
		}
		if at < 0 {
			at = len(out)
			out = append(out, series{name: name})
		}
		out[at].lines = append(out[at].lines, i)
	}
	return out
}

// sharePanel stacks what each had of all that was used.
func sharePanel(all []series, r *scenario.Result) (*plot.Plot, error) {
	p := newPanel("share of what is used, %")
	base := make([]float64, len(r.Windows))
	for i, s := range all {
		points := make(plotter.XYs, 0, 2*len(r.Windows)+2)
		low := slices.Clone(base)
		for w, window := range r.Windows {
			sum, own := 0.0, 0.0
			for line, part := range window.Lines {
				sum += part.Cost
				if slices.Contains(s.lines, line) {
					own += part.Cost
				}
			}
			if sum > 0 {
				base[w] += 100 * own / sum
			}
		}
		for w := range r.Windows {
			points = append(points, plotter.XY{X: middle(r, w), Y: base[w]})
		}
		for w := len(r.Windows) - 1; w >= 0; w-- {
			points = append(points, plotter.XY{X: middle(r, w), Y: low[w]})
		}
		area, err := plotter.NewPolygon(points)
		if err != nil {
			return nil, err
		}
		area.Color, area.LineStyle.Width = colour(i), 0
		p.Add(area)
		defer p.Legend.Add(s.name, area) // the topmost first
	}
	p.Y.Min, p.Y.Max = 0, 100
	return p, nil
}

// middle is a window's, in hours.
func middle(r *scenario.Result, w int) float64 {
	from := time.Duration(0)
	if w > 0 {
		from = r.Windows[w-1].Until
	}
	return (from + (r.Windows[w].Until-from)/2).Hours()
}

// leastWait is the bottom of the scale of waits, which is logarithmic.
const leastWait = 0.1

// waitPanel draws the longest wait for a token.
func waitPanel(all []series, r *scenario.Result, longest float64) (*plot.Plot, error) {
	p := newPanel("longest wait, s")
	for i, s := range all {
		err := line(p, r, s.name, stroke(colour(i)), func(w scenario.Window) float64 {
			most := time.Duration(0)
			for _, l := range s.lines {
				most = max(most, w.Lines[l].Longest)
			}
			if most == 0 {
				return math.NaN() // nobody waited
			}
			return max(most.Seconds(), leastWait)
		})
		if err != nil {
			return nil, err
		}
	}
	p.Y.Min, p.Y.Max = leastWait, longest
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = plot.LogTicks{Prec: -1}
	return p, nil
}

// longestWait of all strategies is the top of the scale, so that they can be compared.
func longestWait(results []*scenario.Result) float64 {
	most := time.Second
	for _, r := range results {
		for _, w := range r.Windows {
			for _, l := range w.Lines {
				most = max(most, l.Longest)
			}
		}
	}
	top := 1.0
	for top < most.Seconds() {
		top *= 10
	}
	return top
}

// usePanel draws how much of what there is was used, and how evenly.
func usePanel(s *scenario.Scenario, r *scenario.Result) (*plot.Plot, error) {
	p := newPanel("%")
	for _, k := range []struct {
		name  string
		shown bool
		look  draw.LineStyle
		of    func(scenario.Window) float64
	}{
		{"channels in use", s.Channels > 0, stroke(colour(0)), func(w scenario.Window) float64 { return 100 * w.ChannelsUsed }},
		{"calls per second used", s.CallsPerSecond > 0, stroke(colour(1)), func(w scenario.Window) float64 { return 100 * w.RateUsed }},
		{"Jain's index × 100", true, dashed(ink), func(w scenario.Window) float64 {
			if w.Contended < leastContended {
				return math.NaN()
			}
			return 100 * w.Jain
		}},
	} {
		if !k.shown {
			continue
		}
		if err := line(p, r, k.name, k.look, k.of); err != nil {
			return nil, err
		}
	}
	p.Y.Min, p.Y.Max = 0, 105
	return p, nil
}

// leastContended is for how much of a window somebody must have waited for the index
// to mean anything.
const leastContended = 0.1

// line draws a curve; it is interrupted where there is no number.
func line(p *plot.Plot, r *scenario.Result, name string, look draw.LineStyle, of func(scenario.Window) float64) error {
	var piece plotter.XYs
	sample := &plotter.Line{LineStyle: look}
	p.Legend.Add(name, sample)
	finish := func() error {
		if len(piece) < 2 {
			return nil
		}
		l, err := plotter.NewLine(piece)
		if err != nil {
			return err
		}
		l.LineStyle = look
		p.Add(l)
		return nil
	}
	for w := range r.Windows {
		if y := of(r.Windows[w]); !math.IsNaN(y) {
			piece = append(piece, plotter.XY{X: middle(r, w), Y: y})
			continue
		}
		if err := finish(); err != nil {
			return err
		}
		piece = nil
	}
	return finish()
}
