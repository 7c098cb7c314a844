package panel

import (
	"tabseek/engine/message"
	"tabseek/engine/panel/answer"
)

// What a trace is asked for what it would answer now, and how long that may be.
const (
	probing     = `\boxed{`
	probeTokens = 16
)

// leastProbes is how many probes a running trace must have had before they can end a panel.
const leastProbes = 4

// probes are what a trace would have answered, each time that it was asked.
type probes struct {
	keys  []string
	flips int
}

func (p *probes) add(content string) {
	key := answer.Key(probing + content)
	if key == "" {
		key = answer.Key(content)
	}
	if n := len(p.keys); n > 0 && p.keys[n-1] != key {
		p.flips++
	}
	p.keys = append(p.keys, key)
}

func (p *probes) last() string {
	if len(p.keys) == 0 {
		return ""
	}
	return p.keys[len(p.keys)-1]
}

// doubt is how likely the trace is to change its mind, by the rule of succession: of one who did so flips times of those that
// it could.
func (p *probes) doubt() float64 { return float64(p.flips+1) / float64(len(p.keys)+1) }

// prospects count the traces by what they answer, or would answer now.
func prospects(traces []*trace) tally {
	var ballots []ballot
	for _, t := range traces {
		if t.purpose == message.ForAnswer {
			ballots = append(ballots, ballot{t.prospect(), 1})
		}
	}
	return count(ballots)
}

// prospect is what a trace answers, or would answer now.
func (t *trace) prospect() string {
	if t.ended && !t.asked {
		return t.ballot().key
	}
	return t.probes.last()
}

// agreed tells whether no rival, nor an answer that nobody has given yet, is likely to overtake the leader. A running trace
// that doubts moves the margin by two where it leaves the leader for the rival, by one where it leaves another, and the other
// way where it leaves the rival itself.
func agreed(traces []*trace) bool {
	t := prospects(traces)
	key, ok := t.leader()
	if !ok {
		return false
	}
	rivals := []string{""} // an answer that nobody has given
	weight := map[string]float64{}
	for _, g := range t.groups {
		weight[g.Key] = g.Weight
		if g.Key != key {
			rivals = append(rivals, g.Key)
		}
	}
	for _, rival := range rivals {
		margin := weight[key] - weight[rival]
		for _, t := range traces {
			if t.ended && !t.asked {
				continue
			}
			if len(t.probes.keys) < leastProbes {
				return false
			}
			margin -= t.probes.doubt() * swing(t.prospect(), key, rival)
		}
		if margin <= 0 {
			return false
		}
	}
	return true
}

// swing is by how much the margin of a leader over a rival shrinks if a trace's answer changes.
func swing(prospect, leader, rival string) float64 {
	switch {
	case prospect == leader:
		return 2
	case prospect == rival && rival != "":
		return -1
	}
	return 1
}

// probed tells whether the panel's answer may be that of traces that still run.
func (p *Panel) probed() bool { return p.polls() && p.options.ProbeEvery > 0 }
