package engine

import (
	"fmt"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/shaders"
)

// Tuning's measurements: a trial is repeated in one submit until it takes long enough to be told from noise.
const (
	trialTarget = 20e6 // nanoseconds
	trialRepeat = 64   // most times
	trialRuns   = 5    // the first to warm up; the best of the others counts
	probes      = 2    // of the latency
)

// A tuning is the task between the last upload and the event ready: it finds out what a submit costs that does
// nothing, and which profile of the kernels is the fastest on this device for the model's own shapes.
//
// Each candidate runs a layer and the head, as decoding does; what a token would take by that decides. The state it
// computes on is whatever lies in the buffers, and what it leaves there no answer reads.
type tuning struct {
	engine     *Engine
	candidates []shaders.Profile
	at         int      // of candidates
	trials     []*trial // of the candidate
	best       shaders.Profile
	bestTime   float64
	probed     int
	pending    bool
}

// A trial is a recording being timed.
type trial struct {
	recording gpu.RecordingID
	weight    float64 // how often a token does it
	runs      int
	took      float64 // nanoseconds of one replay
}

func newTuning(e *Engine) *tuning {
	t := &tuning{engine: e}
	if e.options.Profile == "" {
		t.candidates = shaders.Candidates(e.features())
	}
	return t
}

// features are what programs may use on this device.
func (e *Engine) features() shaders.Features {
	return shaders.Features{F16: e.device.ShaderF16, Subgroups: e.device.Subgroups, DP4A: e.device.DP4A}
}

func (t *tuning) id() uint32 { return 0 }
func (t *tuning) abort()     {}

func (t *tuning) next() {
	switch {
	case t.pending:
	case t.probed < probes:
		t.probe()
	case t.at < len(t.candidates):
		t.try()
	default:
		t.choose()
	}
}

// probe measures a submit that does nothing.
func (t *tuning) probe() {
	e := t.engine
	t.pending = true
	e.replay(nil, portion{}, func(r gpu.Result) {
		t.pending = false
		if ns := float64(r.Nanoseconds); t.probed == 0 || ns < e.latency {
			e.latency = ns
		}
		t.probed++
	})
}

// try makes the candidate's recordings, and then times one after the other.
func (t *tuning) try() {
	e := t.engine
	if t.trials == nil && !t.record() {
		return
	}
	for _, trial := range t.trials {
		if trial.runs < trialRuns {
			t.time(trial)
			return
		}
	}
	total := 0.0
	for _, trial := range t.trials {
		total += trial.weight * trial.took
	}
	if t.at == 0 || total < t.bestTime {
		t.best, t.bestTime = e.model.Profile, total
	}
	t.at, t.trials = t.at+1, nil
	t.next()
}

func (t *tuning) record() bool {
	e := t.engine
	e.model.Profile = t.candidates[t.at]
	layer := e.model.Plan.Record(fmt.Sprintf("tune.%d.layer", t.at))
	e.model.Layer(layer, 1)
	head := e.model.Plan.Record(fmt.Sprintf("tune.%d.head", t.at))
	e.model.Head(head, 1, e.model.Residual, e.model.FinalNorm())
	t.trials = []*trial{
		{recording: layer.ID(), weight: float64(e.config.NumHiddenLayers)},
		{recording: head.ID(), weight: 1},
	}
	return e.create()
}

// time runs a trial: once to warm up, once to see, and then as often in one submit as it takes.
func (t *tuning) time(trial *trial) {
	times := 1
	if trial.runs > 1 {
		times = max(min(int(trialTarget/max(trial.took, 1)), trialRepeat), 1)
	}
	t.pending = true
	t.engine.replay([]gpu.Replay{{Recording: trial.recording, Times: uint32(times)}}, portion{}, func(r gpu.Result) {
		t.pending = false
		took := max(float64(r.Nanoseconds)-t.engine.latency, 0) / float64(times)
		if trial.runs < 2 || took < trial.took {
			trial.took = took
		}
		trial.runs++
	})
}

// choose settles the profile, and opens the engine.
func (t *tuning) choose() {
	e := t.engine
	switch {
	case len(t.candidates) > 0:
		e.model.Profile = t.best
		e.events = append(e.events, message.Event{Type: message.Tuned, Profile: t.best.String()})
	default:
		e.model.Profile, _ = shaders.ParseProfile(e.options.Profile) // settle has checked it
	}
	e.open()
}
