package engine

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/shaders"
)

// probes is how often the latency is measured.
const probes = 2

// A tuning is the task between the last upload and the event ready: it finds out what a submit costs that does
// nothing, and which profile of the kernels is the fastest on this device for the model's own shapes, among those that
// give known answers.
//
// Each candidate runs a layer and the head, as decoding does; what a token would take by that decides. The state it
// computes on is whatever lies in the buffers, and what it leaves there no answer reads.
type tuning struct {
	engine     *Engine
	candidates []shaders.Profile
	at         int           // of candidates
	answers    []knownAnswer // of the candidate, still to be checked
	trials     []*weighed    // of the candidate
	timed      []timed       // candidates that have been
	confirmed  bool          // that the best of them multiplies with many vectors as well
	wrong      error         // what the last candidate that is out got wrong
	probed     int
	pending    bool
}

// A knownAnswer is a case on the device.
type knownAnswer struct {
	shaders.Case
	recording gpu.RecordingID
	y         *gpu.Buffer
}

// A timed is a candidate with what a token would take by it, in nanoseconds.
type timed struct {
	profile shaders.Profile
	took    float64
}

// A weighed is a trial with how often a token does it.
type weighed struct {
	trial
	weight float64
}

func newTuning(e *Engine) *tuning {
	t := &tuning{engine: e}
	if e.options.Profile == "" {
		t.candidates = shaders.Candidates(e.device.Features())
	}
	return t
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
	case t.addInt8():
		t.try()
	case len(t.timed) > 0 && !t.confirmed:
		t.confirm()
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

// try makes the candidate's recordings, checks its answers, and then times one recording after the other.
func (t *tuning) try() {
	e := t.engine
	if t.trials == nil && !t.record() {
		return
	}
	if len(t.answers) > 0 {
		t.check(t.advance)
		return
	}
	for _, trial := range t.trials {
		if !trial.done() {
			t.pending = true
			e.time(&trial.trial, func() { t.pending = false })
			return
		}
	}
	total := 0.0
	for _, trial := range t.trials {
		total += trial.weight * trial.took
	}
	t.timed = append(t.timed, timed{e.model.Profile, max(total, 1)})
	t.advance()
}

// best is the place of the best candidate among those that have been timed.
func (t *tuning) best() int {
	best := 0
	for i, c := range t.timed {
		if c.took < t.timed[best].took*worth(c.profile) {
			best = i
		}
	}
	return best
}

// worth is the part of the best time so far below which a profile is chosen: what rounds must gain a tenth for that.
func worth(p shaders.Profile) float64 {
	if p.DP4A {
		return 0.9
	}
	return 1
}

// addInt8 adds the best profile as a candidate that multiplies as int8, if there are weights to do so with.
func (t *tuning) addInt8() bool {
	if len(t.timed) == 0 {
		return false
	}
	p, ok := t.timed[t.best()].profile.WithInt8(t.engine.device.Features())
	formats := t.engine.model.Weights.Formats()
	if !ok || slices.Contains(t.candidates, p) || !slices.Contains(formats, shaders.Q4_0) && !slices.Contains(formats, shaders.Q8_0) {
		return false
	}
	t.candidates = append(t.candidates, p)
	return true
}

// advance goes on to the next candidate.
func (t *tuning) advance() {
	t.at, t.answers, t.trials = t.at+1, nil, nil
	t.next()
}

func (t *tuning) record() bool {
	e := t.engine
	e.model.Profile = t.candidates[t.at]
	layer := e.model.Plan.Record(fmt.Sprintf("tune.%d.layer", t.at))
	e.architecture.Layer(layer, 1)
	head := e.model.Plan.Record(fmt.Sprintf("tune.%d.head", t.at))
	e.model.Head(head, 1, e.model.Residual, e.model.FinalNorm())
	t.trials = []*weighed{
		{trial{replay: gpu.Replay{Recording: layer.ID()}}, float64(e.sizes.Layers)},
		{trial{replay: gpu.Replay{Recording: head.ID()}}, 1},
	}
	return t.lay(1)
}

// confirm checks that the best candidate multiplies with many vectors as well as with one. That is left to the end, for such programs take a
// driver long to compile; one that is wrong is out.
func (t *tuning) confirm() {
	best := t.best()
	if t.answers == nil {
		t.engine.model.Profile = t.timed[best].profile
		if !t.lay(shaders.MaxBatch) {
			return
		}
	}
	if len(t.answers) > 0 {
		t.check(func() {
			t.timed, t.answers = slices.Delete(t.timed, best, best+1), nil
			t.next()
		})
		return
	}
	t.confirmed = true
	t.next()
}

// lay lays out what the candidate is to answer, for a number of vectors.
func (t *tuning) lay(vectors int) bool {
	e := t.engine
	t.answers = []knownAnswer{}
	var writes []gpu.Command
	for _, format := range e.model.Weights.Formats() {
		answer, w := t.place(shaders.KnownAnswer(e.model.Profile, format, vectors))
		t.answers = append(t.answers, answer)
		writes = append(writes, w...)
	}
	if !e.create() {
		return false
	}
	e.commands = append(e.commands, writes...)
	return true
}

// place lays a case out on the device.
func (t *tuning) place(c shaders.Case) (knownAnswer, []gpu.Command) {
	plan := t.engine.model.Plan
	bind := gpu.Bind{}
	var writes []gpu.Command
	for _, name := range slices.Sorted(maps.Keys(c.Buffers)) {
		words := c.Buffers[name]
		if len(words) == 0 { // a format without scales
			continue
		}
		b := plan.Buffer("known."+name, uint64(4*len(words)))
		bind[name] = b.All()
		writes = append(writes, gpu.Write{Buffer: b.ID(), Data: c.Buffers.Bytes(name)})
	}
	r := plan.Record("known." + c.Name)
	r.Dispatch(c.Dispatch, bind)
	return knownAnswer{c, r.ID(), bind["y"].Buffer}, writes
}

// check runs the next case. A candidate that gives another answer is out.
func (t *tuning) check(out func()) {
	k := t.answers[0]
	t.answers = t.answers[1:]
	t.pending = true
	t.engine.replay([]gpu.Replay{{Recording: k.recording, Times: 1}}, portion{}, func(r gpu.Result) {
		t.pending = false
		if err := k.compare(r.Data[0]); err != nil {
			t.wrong = fmt.Errorf("device %s computes wrong numbers: %s: %w", t.engine.device.Name, k.Name, err)
			out()
		}
	}, gpu.Readback{Buffer: k.y.ID(), Size: k.y.Size()})
}

func (k knownAnswer) compare(data []byte) error {
	got := make([]uint32, len(data)/4)
	for i := range got {
		got[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return k.Compare(shaders.Binding{Name: "y", Writable: true}, got, k.Want()["y"])
}

// choose settles the profile, and opens the engine.
func (t *tuning) choose() {
	e := t.engine
	switch {
	case len(t.candidates) > 0 && len(t.timed) == 0:
		e.task = nil
		e.events = append(e.events, message.ErrorEvent(0, &message.Error{Code: message.WrongResults, Err: t.wrong}))
		return
	case len(t.candidates) > 0:
		e.model.Profile = t.timed[t.best()].profile
		e.events = append(e.events, message.Event{Type: message.Tuned, Profile: e.model.Profile.String()})
	default:
		e.model.Profile, _ = shaders.ParseProfile(e.options.Profile) // settle has checked it
	}
	e.open()
}
