package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A device that takes its time by a plan: what each command of a step costs, in nanoseconds.
type slowDevice []float64

func (d slowDevice) took(s share) float64 {
	return sum(d[s.first:s.end()]) * float64(s.times)
}

func even(commands int, step float64) slowDevice {
	d := make(slowDevice, commands)
	for i := range d {
		d[i] = step / float64(commands)
	}
	return d
}

// On any device no submit but the very first takes more than the most allowed, if a command alone does not, and a
// submit comes to a fair part of the target wherever the steps fill it.
func TestPace(t *testing.T) {
	head := even(60, 20e6) // a step whose last command is as long as all others
	head[59] += 20e6
	devices := map[string]struct {
		slowDevice
		least float64 // of a submit once the pace is found
	}{
		"a fast GPU":                   {even(216, 1e6), 60e6},
		"as fast as chunks allow":      {even(40, 1e5), 6e6},
		"a tenth of a second a step":   {even(216, 100e6), 50e6},
		"two seconds a step":           {even(216, 2e9), 50e6},
		"thirty seconds a step":        {even(216, 30e9), 50e6},
		"one long command in the end":  {head, 39e6},
		"a step of one command":        {even(1, 3e6), 50e6},
		"a device that takes no time":  {even(10, 0), 0},
		"commands of 0.2 s each":       {even(20, 4e9), 200e6},
		"a step of a third of the aim": {even(100, 34e6), 60e6},
	}
	for name, device := range devices {
		t.Run(name, func(t *testing.T) {
			p := newPace(len(device.slowDevice))
			at := 0
			for submit := range 2000 {
				s := p.next(at, 64)
				require.True(t, s.count >= 1 && s.times >= 1 && s.times <= 64 && s.end() <= len(device.slowDevice))
				require.True(t, s.first == at && (s.times == 1 || s.count == len(device.slowDevice)))
				took := device.took(s)
				if submit > 0 && s.count > 1 {
					require.LessOrEqual(t, took, submitMost, "submit %d: %+v", submit, s)
				}
				if submit > 1500 && s.end() == len(device.slowDevice) && s.first == 0 {
					require.GreaterOrEqual(t, took, device.least, "%+v", s)
				}
				p.observe(s, took)
				at = s.end() % len(device.slowDevice)
			}
		})
	}
}

// A device that becomes slower, as it does when the context grows or other work comes, gets smaller submits.
func TestPaceFollows(t *testing.T) {
	p := newPace(10)
	for range 50 {
		s := p.next(0, 64)
		p.observe(s, even(10, 2e6).took(s))
	}
	require.Equal(t, 50, p.next(0, 64).times)
	for range 20 {
		s := p.next(0, 64)
		p.observe(s, even(10, 25e6).took(s))
	}
	require.Equal(t, 4, p.next(0, 64).times)
	for range 20 {
		s := p.next(0, 64)
		p.observe(s, even(10, 25e6).took(s))
		if s.end() < 10 {
			s = p.next(s.end(), 64)
			p.observe(s, even(10, 25e6).took(s))
		}
	}
}
