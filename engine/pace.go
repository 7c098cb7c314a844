package engine

// What a submit may take. Slow drivers reset a GPU after 2 s, and text should stream at least every 100 ms.
const (
	submitTarget  = 100e6 // nanoseconds
	submitMost    = 300e6
	firstCommands = 8 // of the first submit of a step that nothing is known of
)

// A share is what one submit replays of a step: whole steps, or, where one alone takes too long, some of its commands.
type share struct {
	first, count int // commands of the step
	times        int // 1 unless the share is whole steps
}

// end is the command after the share's last.
func (s share) end() int { return s.first + s.count }

// A pace fits submits to time. It learns what the commands of a step cost from what submits of it took.
type pace struct {
	costs   []float64 // of each command, in nanoseconds; right in sum over what was submitted together
	known   int       // commands from the first on whose cost has been seen
	portion int       // commands of a submit as long as some are not known
	steps   int       // whole steps of the last submit
}

func newPace(commands int) *pace {
	return &pace{costs: make([]float64, commands), portion: firstCommands, steps: 1}
}

// next is the share of the next submit, from command first on: at most limit steps, of which the first may be begun.
func (p *pace) next(first, limit int) share {
	all := len(p.costs)
	if p.known < all {
		return share{first, min(p.portion, all-first), 1}
	}
	if total := sum(p.costs); first == 0 && total <= submitTarget {
		fitting := int(submitTarget / max(total, 1))
		return share{0, all, max(min(fitting, 2*p.steps, limit), 1)}
	}
	s, cost := share{first, 1, 1}, p.costs[first]
	for s.end() < all && cost+p.costs[s.end()] <= submitTarget {
		cost += p.costs[s.end()]
		s.count++
	}
	return s
}

// observe learns from what a submitted share took.
func (p *pace) observe(s share, nanoseconds float64) {
	took := nanoseconds / float64(s.times)
	costs := p.costs[s.first:s.end()]
	before := sum(costs)
	for i := range costs {
		switch {
		case s.end() > p.known || before == 0:
			costs[i] = took / float64(len(costs))
		default: // half of the way, so that one slow submit does not decide
			costs[i] *= (1 + took/before) / 2
		}
	}
	if s.end() > p.known {
		p.known = s.end()
		switch {
		case nanoseconds <= submitMost/2:
			p.portion *= 2
		case nanoseconds > submitTarget:
			p.portion = max(int(float64(s.count)*submitTarget/nanoseconds), 1)
		}
	}
	if s.count == len(p.costs) {
		p.steps = s.times
	}
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}
