package plot

import (
	"fmt"
	"image/color"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	paper = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	ink   = color.NRGBA{0x33, 0x33, 0x33, 0xff}
	// colours can be told apart by the colour-blind too, as far as ten can.
	colours = [mostSeries]color.NRGBA{
		{0x00, 0x72, 0xb2, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff}, {0x56, 0xb4, 0xe9, 0xff},
		{0xd5, 0x5e, 0x00, 0xff}, {0xf0, 0xe4, 0x42, 0xff}, {0x8a, 0x63, 0xb8, 0xff}, {0x7f, 0x7f, 0x7f, 0xff}, {0xbf, 0xbf, 0xbf, 0xff},
	}
)

func colour(i int) color.Color { return colours[i%len(colours)] }

func stroke(c color.Color) draw.LineStyle { return draw.LineStyle{Color: c, Width: vg.Points(1.2)} }

func dashed(c color.Color) draw.LineStyle {
	s := stroke(c)
	s.Dashes = []vg.Length{vg.Points(3), vg.Points(2)}
	return s
}

func sans(points float64) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(points)}
}

// hoursTicks are marks at round times, about six of them.
func hoursTicks(whole time.Duration) plot.Ticker {
	step := time.Duration(0)
	for _, step = range []time.Duration{time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour,
		6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 90 * 24 * time.Hour} {
		if whole/step <= 8 {
			break
		}
	}
	return plot.TickerFunc(func(from, to float64) (out []plot.Tick) {
		for at := time.Duration(0); at.Hours() <= to+1e-9; at += step {
			out = append(out, plot.Tick{Value: at.Hours(), Label: fmt.Sprintf("%.4g", at.Hours())})
		}
		return out
	})
}
