// Package plot draws what scenarios came to, strategies side by side.
package plot

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"dialtone/actors/scheduler/sim/scenario"
)

const (
	panelWidth  = 10 * vg.Centimeter
	panelHeight = 5.2 * vg.Centimeter
	legendWidth = 5 * vg.Centimeter
	titleHeight = 0.9 * vg.Centimeter
	pngDPI      = 144
)

// canvas is a picture that can be written.
type canvas interface {
	vg.CanvasSizer
	io.WriterTo
}

// Draw draws the results of a scenario, one column for each, to an SVG or PNG file by
// its name.
func Draw(path string, s *scenario.Scenario, results []*scenario.Result) error {
	c, err := newCanvas(path, vg.Length(len(results))*panelWidth+legendWidth, 3*panelHeight+titleHeight)
	if err != nil {
		return err
	}
	if err := paint(draw.New(c), s, results); err != nil {
		return fmt.Errorf("draw the plot: %w", err)
	}
	var picture bytes.Buffer
	if _, err := c.WriteTo(&picture); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	if err := os.WriteFile(path, plainFonts(picture.Bytes()), 0o644); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return nil
}

// plainFonts names fonts that everybody has, beside the one that the drawing was
// measured with, and leaves out what goes without saying.  A PNG has none of it.
func plainFonts(svg []byte) []byte {
	svg = bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return bytes.ReplaceAll(svg, []byte("font-variant:normal;font-weight:normal;font-style:normal;"), nil)
}

func newCanvas(path string, w, h vg.Length) (canvas, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".svg":
		return vgsvg.New(w, h), nil
	case ".png":
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(pngDPI))}, nil
	default:
		return nil, fmt.Errorf("plots are drawn as .svg or .png, not as %q; name the file so", ext)
	}
}

// paint lays out three rows of panels, with the legend beside them.
func paint(c draw.Canvas, s *scenario.Scenario, results []*scenario.Result) error {
	c.SetColor(paper)
	c.Fill(c.Rectangle.Path())
	panels, legends, err := panelsOf(s, results)
	if err != nil {
		return err
	}
	title(draw.Crop(c, 0, 0, c.Size().Y-titleHeight, 0), s)
	body := draw.Crop(c, 0, -legendWidth, 0, -titleHeight)
	tiles := plot.Align(panels, draw.Tiles{
		Rows: len(panels), Cols: len(results),
		PadX: vg.Points(10), PadY: vg.Points(8), PadLeft: vg.Points(6), PadRight: vg.Points(6), PadBottom: vg.Points(4),
	}, body)
	for row := range panels {
		for col := range panels[row] {
			panels[row][col].Draw(tiles[row][col])
		}
		side := draw.Crop(c, c.Size().X-legendWidth, 0, 0, 0)
		side.Min.Y, side.Max.Y = tiles[row][0].Min.Y, tiles[row][0].Max.Y-vg.Points(14)
		legends[row].Draw(side)
	}
	return nil
}

func title(c draw.Canvas, s *scenario.Scenario) {
	style := plot.New().Title.TextStyle
	style.Font = sans(13)
	style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
	c.FillText(style, vg.Point{X: (c.Min.X + c.Max.X) / 2, Y: (c.Min.Y + c.Max.Y) / 2}, s.Name)
}
