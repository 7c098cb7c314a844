package panel

// A text goes in circles if its end is the same stretch of tokens again and again: at least so many times over, and over so
// many tokens.
const (
	longestPeriod = 128
	leastRepeats  = 6
	leastRepeated = 96
)

// A loopGuard notices a trace that repeats itself.
type loopGuard struct {
	recent [longestPeriod]int
	run    [longestPeriod + 1]int // by period: for how many tokens each has been the one a period before
	count  int
}

// take adds a token and tells whether the trace goes in circles.
func (g *loopGuard) take(id int) bool {
	circling := false
	for period := 1; period <= min(longestPeriod, g.count); period++ {
		if g.recent[(g.count-period)%longestPeriod] != id {
			g.run[period] = 0
			continue
		}
		g.run[period]++
		repeated := g.run[period] + period
		circling = circling || repeated >= max(leastRepeats*period, leastRepeated)
	}
	g.recent[g.count%longestPeriod] = id
	g.count++
	return circling
}
