package main

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"os"
	"slices"
	"strings"
)

// The picture's measures, in its own units.
const (
	plotWidth, plotHeight             = 860, 520
	plotLeft, plotTop                 = 64, 56
	plotRight, plotBottom             = 170, 56
	plotInnerWidth, plotInnerHeight   = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
	plotInk, plotGrey, plotBackground = "#1f2328", "#57606a", "#ffffff"
)

// plotColours are those of modes, in the order in which they come; they can be told apart by people who see no red.
var plotColours = []string{"#2f6fde", "#d97706", "#0f9d76", "#b4447f", "#6b5bd2", "#64748b", "#a16207"}

// writePlot draws accuracy over tokens a question, with the standard error of each accuracy.
func writePlot(file, title string, scores []score, questions int) error {
	return os.WriteFile(file, []byte(plot(title, scores, questions)), 0o644)
}

func plot(title string, scores []score, questions int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13" role="img">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"%s\"/>\n", html.EscapeString(title), plotBackground)
	fmt.Fprintf(&b, `<text x="%d" y="28" font-size="16" fill="%s">Accuracy over tokens: %s</text>`+"\n", plotLeft, plotInk, html.EscapeString(title))
	x, y := plotScales(scores, questions)
	x.lines(&b, false)
	y.lines(&b, true)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" fill="%s">tokens a question (mean, all traces)</text>`+"\n", plotLeft+plotInnerWidth/2, plotHeight-14, plotGrey)
	series := map[string][]score{}
	var modes []string
	for _, s := range scores {
		mode := plotSeries(s.Name)
		if series[mode] == nil {
			modes = append(modes, mode)
		}
		series[mode] = append(series[mode], s)
	}
	labels := &plotLabels{}
	for i, mode := range modes {
		colour := plotColours[i%len(plotColours)]
		list := series[mode]
		slices.SortStableFunc(list, func(a, b score) int { return cmp.Compare(a.Tokens, b.Tokens) })
		var points []string
		for _, s := range list {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x.at(s.tokensOf(questions)), y.at(100*s.Accuracy)))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5" opacity="0.6"/>`+"\n", strings.Join(points, " "), colour)
		for _, s := range list {
			px, py := x.at(s.tokensOf(questions)), y.at(100*s.Accuracy)
			e := plotError(s.Accuracy, questions)
			fmt.Fprintf(&b, `<path d="M%.1f %.1fV%.1f" stroke="%s" opacity="0.35"/><circle cx="%.1f" cy="%.1f" r="4" fill="%s"><title>%s: %.1f %% ± %.1f, %d tokens</title></circle>`+"\n",
				px, y.at(100*(s.Accuracy+e)), y.at(100*(s.Accuracy-e)), colour, px, py, colour, html.EscapeString(s.Name), 100*s.Accuracy, 100*e, s.Tokens)
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s" stroke="%s" stroke-width="3" paint-order="stroke">%s</text>`+"\n", px+8, labels.place(px, py+4), colour, plotBackground, html.EscapeString(s.Name))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// plotSeries is what a strategy's points are joined by: its name without the numbers.
func plotSeries(name string) string {
	var parts []string
	for _, part := range strings.Split(name, ":") {
		if strings.Trim(part, "0123456789") != "" {
			word, _, _ := strings.Cut(part, "=")
			parts = append(parts, word)
		}
	}
	return strings.Join(parts, ":")
}

// tokensOf is how many tokens a question took; 1 at least, for the axis is logarithmic.
func (s *score) tokensOf(questions int) float64 { return max(1, float64(s.Tokens)/float64(questions)) }

// plotError is the standard error of an accuracy.
func plotError(accuracy float64, questions int) float64 {
	return math.Sqrt(accuracy * (1 - accuracy) / float64(questions))
}

// A plotScale is an axis.
type plotScale struct {
	least, most, step float64
	from, length      float64
	logarithmic       bool
	unit              string
}

func (s plotScale) at(v float64) float64 {
	if s.logarithmic {
		return s.from + s.length*(math.Log(v)-math.Log(s.least))/(math.Log(s.most)-math.Log(s.least))
	}
	return s.from + s.length*(min(max(v, s.least), s.most)-s.least)/(s.most-s.least)
}

func plotScales(scores []score, questions int) (x, y plotScale) {
	x = plotScale{least: math.Inf(1), most: 1, from: plotLeft, length: plotInnerWidth, logarithmic: true}
	y = plotScale{least: 100, most: 0, step: 10, from: plotTop + plotInnerHeight, length: -plotInnerHeight, unit: " %"}
	for _, s := range scores {
		tokens := s.tokensOf(questions)
		x.least, x.most = min(x.least, tokens), max(x.most, tokens)
		e := plotError(s.Accuracy, questions)
		y.least, y.most = min(y.least, 100*(s.Accuracy-e)), max(y.most, 100*(s.Accuracy+e))
	}
	x.least, x.most = x.least/1.25, x.most*1.25
	y.least, y.most = max(0, 10*math.Floor(y.least/10-0.2)), min(100, 10*math.Ceil(y.most/10+0.2))
	return x, y
}

// lines draws an axis's lines with what they stand for.
func (s plotScale) lines(b *strings.Builder, horizontal bool) {
	for _, v := range s.ticks() {
		at := s.at(v)
		if horizontal {
			fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#e4e7eb"/><text x="%d" y="%.1f" text-anchor="end" fill="#57606a">%g%s</text>`+"\n", plotLeft, at, plotInnerWidth, plotLeft-8, at+4, v, s.unit)
			continue
		}
		fmt.Fprintf(b, `<path d="M%.1f %dv%d" stroke="#e4e7eb"/><text x="%.1f" y="%d" text-anchor="middle" fill="#57606a">%g</text>`+"\n", at, plotTop, plotInnerHeight, at, plotTop+plotInnerHeight+20, v)
	}
}

func (s plotScale) ticks() []float64 {
	var list []float64
	if !s.logarithmic {
		for v := s.least; v <= s.most; v += s.step {
			list = append(list, v)
		}
		return list
	}
	for power := 1.0; power <= s.most; power *= 10 {
		for _, digit := range []float64{1, 2, 5} {
			if v := digit * power; v >= s.least && v <= s.most {
				list = append(list, v)
			}
		}
	}
	return list
}

// plotLabels keep the names of points from lying on each other.
type plotLabels struct{ placed [][2]float64 }

// place is where a name goes whose point is at a height: there, or as near above or below as there is room.
func (l *plotLabels) place(x, y float64) float64 {
	const wide, high = 130, 14
	free := func(at float64) bool {
		return !slices.ContainsFunc(l.placed, func(p [2]float64) bool { return math.Abs(p[0]-x) < wide && math.Abs(p[1]-at) < high })
	}
	at := y
	for tries := 1; tries < 20 && !free(at); tries++ {
		offset := float64((tries + 1) / 2 * high)
		if tries%2 == 1 {
			offset = -offset
		}
		at = y + offset
	}
	l.placed = append(l.placed, [2]float64{x, at})
	return at
}
