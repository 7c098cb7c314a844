package engine

import "tabseek/engine/gpu"

// How a trial is measured.
const (
	trialTarget = 20e6 // nanoseconds that a submit of it is to take, to be told from noise
	trialRepeat = 64   // most times in a submit
	trialRuns   = 5    // the first to warm up; the best of the others counts
)

// A trial is a recording, or a part of one, that is timed: repeated in one submit until it takes long enough.
type trial struct {
	replay gpu.Replay // but for how often
	runs   int
	took   float64 // nanoseconds of one replay
}

func (t *trial) done() bool { return t.runs == trialRuns }

// time runs a trial: once to warm up, once to see, and then as often in one submit as it takes.
func (e *Engine) time(t *trial, then func()) {
	times := 1
	if t.runs > 1 {
		times = max(min(int(trialTarget/max(t.took, 1)), trialRepeat), 1)
	}
	replay := t.replay
	replay.Times = uint32(times)
	e.replay([]gpu.Replay{replay}, portion{}, func(r gpu.Result) {
		took := max(float64(r.Nanoseconds)-e.latency, 0) / float64(times)
		if t.runs <= 2 || took < t.took { // the first ones, alone, only said how often to repeat
			t.took = took
		}
		t.runs++
		then()
	})
}
