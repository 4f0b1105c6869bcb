package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A point is what one event costs in seconds where a log has so many events.
type point struct{ events, seconds float64 }

// A curve is one line of a plot.
type curve struct {
	name   string
	class  string // of its colour: a, b or c
	points []point
}

// The plot's measures, in its own units.
const (
	plotWide, plotHigh           = 720, 400
	plotLeft, plotRight          = 70, 24
	plotTop, plotBottom          = 56, 52
	innerWide, innerHigh float64 = plotWide - plotLeft - plotRight, plotHigh - plotTop - plotBottom
)

// Ink, paper and lines follow the reader's theme; each line has a mark of its own
// shape beside its colour.
const plotStyle = `<style>
svg{--paper:#fff;--ink:#1f2328;--faint:#d0d7de;--a:#0a58ca;--b:#b35900;--c:#1a7f37}
@media (prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--faint:#30363d;--a:#79b8ff;--b:#ffab70;--c:#7ee787}}
.paper{fill:var(--paper)}text{fill:var(--ink);font:13px sans-serif}.grid{stroke:var(--faint)}
.line{fill:none;stroke-width:2}.a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c)}.mark{fill:var(--paper);stroke-width:2}
</style>
`

// plotOf draws what an event costs against how many there are: powers of ten to
// the right, microseconds from 0 upwards.
func plotOf(title string, curves []curve) string {
	lowest, highest, most := math.Inf(1), 1.0, 0.0
	for _, c := range curves {
		for _, p := range c.points {
			lowest, highest, most = min(lowest, p.events), max(highest, p.events), max(most, p.seconds*1e6)
		}
	}
	decades := [2]float64{math.Floor(math.Log10(lowest)), math.Ceil(math.Log10(highest))}
	step := tick(most)
	top := step * math.Ceil(most/step)
	x := func(events float64) float64 {
		return plotLeft + innerWide*(math.Log10(events)-decades[0])/(decades[1]-decades[0])
	}
	y := func(seconds float64) float64 { return plotTop + innerHigh*(1-seconds*1e6/top) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n"+plotStyle, plotWide, plotHigh, title)
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/><text x="%d" y="20">%s</text>`+"\n", plotWide, plotHigh, plotLeft, title)
	for v := 0.0; v <= top*1.001; v += step {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%g µs</text>`+"\n", plotLeft, y(v/1e6), plotWide-plotRight, plotLeft-8, y(v/1e6)+4, v)
	}
	for d := decades[0]; d <= decades[1]; d++ {
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %dV%d"/><text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x(math.Pow(10, d)), plotTop, plotHigh-plotBottom, x(math.Pow(10, d)), plotHigh-plotBottom+20, math.Pow(10, d))
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">events in the log</text>`+"\n", plotLeft+innerWide/2, plotHigh-12)
	for n, c := range curves {
		b.WriteString(drawn(c, x, y))
		at := plotLeft + float64(n)*innerWide/float64(len(curves))
		fmt.Fprintf(&b, `%s<text x="%.1f" y="42">%s</text>`+"\n", markOf(c.class, at+6, 38), at+18, c.name)
	}
	return b.String() + "</svg>\n"
}

func drawn(c curve, x, y func(float64) float64) string {
	var path, marks strings.Builder
	for n, p := range c.points {
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(n, 1)], x(p.events), y(p.seconds))
		marks.WriteString(markOf(c.class, x(p.events), y(p.seconds)))
	}
	return fmt.Sprintf(`<path class="line %s" d="%s"/>%s`+"\n", c.class, &path, &marks)
}

// markOf is a circle, a square or a triangle.
func markOf(class string, x, y float64) string {
	shape := map[string]string{"a": "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", "b": "m-4 -4h8v8h-8z", "c": "m0 -5l5 9h-10z"}[class]
	return fmt.Sprintf(`<path class="mark %s" d="M%.1f %.1f%s"/>`, class, x, y, shape)
}

// tick is a round distance between lines of which 4 to 8 reach up to most.
func tick(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most/4)))
	for _, times := range []float64{5, 2} {
		if most/(times*power) >= 4 {
			return times * power
		}
	}
	return power
}

// plotCosts writes the plot of a run beside its table, if that is kept.
func plotCosts(s setting, sites []*site, appends, reopens []row) error {
	if s.keep == "" {
		return nil
	}
	last := sites[len(sites)-1]
	curves := []curve{{"while the largest was written", "a", last.costs}, {"appended to each", "b", nil}, {"read to reopen it", "c", nil}}
	for n, t := range sites {
		curves[1].points = append(curves[1].points, point{float64(t.size), median(appends[n].values) / 1e6})
		if len(reopens[n].values) == 0 {
			continue
		}
		curves[2].points = append(curves[2].points, point{float64(t.size), median(reopens[n].values) / 1e3 / float64(t.size)})
	}
	curves = slices.DeleteFunc(curves, func(c curve) bool { return len(c.points) == 0 })
	title := "What one event costs, by the size of the log"
	if s.quick {
		title += " (small form)"
	}
	return os.WriteFile(filepath.Join(s.keep, "cost.svg"), []byte(plotOf(title, curves)), 0o644)
}
