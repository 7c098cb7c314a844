package engine

import (
	"fmt"
	"slices"
	"strings"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/record"
	"tabseek/shaders"
)

// A measuring is the task that times kernels: two probes of what the device can do at most, and then what a step of decoding
// consists of, each kind of dispatch once, in the order of the step; or, in place of the step, one product.
type measuring struct {
	engine  *Engine
	request uint32
	run     run
	left    []*timing
	pending bool
}

// A timing is a trial of a dispatch, with what is told of it.
type timing struct {
	trial
	measured message.Measured
}

// The probes' sizes: of what is read, and how much is computed.
const (
	probeRounds = 64
)

func (e *Engine) beginMeasuring(r message.Request) error {
	m := message.Measure{}
	if r.Measure != nil {
		m = *r.Measure
	}
	if m.Batch = max(m.Batch, 1); m.Batch > record.MaxRows {
		return message.Refuse("measure.batch", "is %d, a step has %d rows at most", m.Batch, record.MaxRows)
	}
	if m.Depth == 0 {
		m.Depth = e.options.Context / 2
	}
	if m.Depth >= e.options.Context {
		return message.Refuse("measure.depth", "is %d, the context has %d positions", m.Depth, e.options.Context)
	}
	t := &measuring{engine: e, request: r.ID, run: run{cached: e.cache.Fresh()}}
	t.probe()
	if m.Rows > 0 {
		if err := t.product(m); err != nil {
			return err
		}
	} else {
		t.step(m)
	}
	if !e.create() {
		return message.Errorf(message.Internal, "the measurement could not be laid out")
	}
	e.task = t
	t.next()
	return nil
}

func (t *measuring) id() uint32 { return t.request }

func (t *measuring) abort() { t.finish(message.Abort) }

func (t *measuring) finish(reason message.FinishReason) {
	t.run.cached.Drop()
	t.engine.decoder.prompt = nowhere
	t.engine.finish(message.Event{Type: message.Done, ID: t.request, FinishReason: reason, Usage: &message.Usage{}})
}

// next times what is left, and tells of each when it is done.
func (t *measuring) next() {
	switch {
	case t.pending:
	case len(t.left) == 0:
		t.finish(message.Stopped)
	case t.left[0].done():
		measured := t.left[0].measured
		measured.Nanoseconds = t.left[0].took
		t.engine.events = append(t.engine.events, message.Event{Type: message.Timed, ID: t.request, Measured: &measured})
		t.left = t.left[1:]
		t.next()
	default:
		t.pending = true
		t.engine.time(&t.left[0].trial, func() { t.pending = false })
	}
}

// alone is the trial of one command of a recording.
func alone(recording gpu.RecordingID, command int) trial {
	return trial{replay: gpu.Replay{Recording: recording, First: uint32(command), Count: 1}}
}

// add has a dispatch timed that has a recording of its own, which is laid out once.
//
// A probe is timed once: what the device can do stays the same.
func (t *measuring) add(name string, layOut func() (d shaders.Dispatch, bind gpu.Bind, bytes, flops int)) {
	known, ok := t.engine.measures[name]
	if !ok {
		d, bind, bytes, flops := layOut()
		r := t.engine.model.Plan.Record("measure." + name)
		r.Dispatch(d, bind)
		kernel, variant, _ := strings.Cut(d.Program.Name, " ")
		known = &timing{alone(r.ID(), 0), message.Measured{Kernel: kernel, Program: variant, Count: 1, Bytes: int64(bytes), Flops: int64(flops)}}
		t.engine.measures[name] = known
	} else if !strings.HasPrefix(name, "probe.") {
		known.runs = 0
	}
	t.left = append(t.left, known)
}

// probe adds the probes.
func (t *measuring) probe() {
	e := t.engine
	plan := e.model.Plan
	t.add("probe.read", func() (shaders.Dispatch, gpu.Bind, int, int) {
		bytes := int(min(shaders.ProbeBytes, e.device.MaxBindingSize)) &^ 15
		bind := gpu.Bind{"x": plan.Buffer("probe.x", uint64(bytes)).All(), "y": plan.Buffer("probe.sums", 4*shaders.ProbeGroups).All()}
		return shaders.ProbeRead(bytes, shaders.ProbeGroups), bind, bytes, 0
	})
	t.add("probe.fma", func() (shaders.Dispatch, gpu.Bind, int, int) {
		y := plan.Buffer("probe.y", uint64(4*shaders.ProbeWords(shaders.ProbeGroups)))
		return shaders.ProbeFMA(probeRounds, shaders.ProbeGroups), gpu.Bind{"y": y.All()}, 0, shaders.ProbeFlops(probeRounds, shaders.ProbeGroups)
	})
}

// product adds a product of a matrix whose numbers are whatever lies there, with a batch of vectors.
func (t *measuring) product(m message.Measure) error {
	e := t.engine
	format := shaders.Format(m.Format)
	if !slices.Contains(shaders.Formats, format) {
		return message.Refuse("measure.format", "is %q, must be one of %v", m.Format, shaders.Formats)
	}
	if format.Width(m.Columns) != m.Columns {
		return message.Refuse("measure.columns", "is %d, %s takes multiples of %d", m.Columns, format, format.Width(1))
	}
	quants, scales := format.PlaneBytes(m.Rows, m.Columns)
	if most := min(e.device.MaxBindingSize, e.device.MaxBufferSize); uint64(quants) > most {
		return message.Refuse("measure.rows", "is %d: the matrix has %d bytes, device %s binds %d", m.Rows, quants, e.device.Name, most)
	}
	t.add(fmt.Sprintf("%s.%dx%d.%d", format, m.Rows, m.Columns, m.Batch), func() (shaders.Dispatch, gpu.Bind, int, int) {
		plan, stride := e.model.Plan, record.Align4(m.Columns)
		bind := gpu.Bind{
			"weights": plan.Buffer("measure.weights", uint64(quants)).All(),
			"x":       plan.Buffer("measure.x", uint64(4*m.Batch*stride)).All(), "y": plan.Buffer("measure.y", uint64(4*m.Batch*m.Rows)).All(),
		}
		if scales > 0 {
			bind["scales"] = plan.Buffer("measure.scales", uint64(scales)).All()
		}
		d := shaders.MatVec(e.model.Profile, format, false, shaders.MatVecParams{
			Rows: uint32(m.Rows), Width: uint32(m.Columns), Vectors: uint32(m.Batch), XStride: uint32(stride), YStride: uint32(m.Rows), Scale: 1,
		})
		return d, bind, quants + scales, 2 * m.Batch * m.Rows * m.Columns
	})
	return nil
}

// step adds the dispatches of a step of decoding, of sequences that have all come to the same position: like ones once.
func (t *measuring) step(m message.Measure) {
	e := t.engine
	e.clearList(t.run.slot)
	e.reserve(&t.run, m.Depth+1)
	shape := record.Shape{Kind: record.Decode, Width: m.Batch}
	e.make(shape)
	step := e.steps.Step(shape)
	var rows []uint32
	for range record.MaxRows {
		rows = append(rows, uint32(t.run.slot), uint32(m.Depth))
	}
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Rows.ID(), Data: words(rows...)})

	known := map[string]*timing{}
	for i := range step.Commands {
		noted := step.Recorder.Command(i)
		if noted.Program == nil {
			continue
		}
		d := &timing{alone(step.ID, i), t.cost(noted, m)}
		key := fmt.Sprint(noted.Program.Name, noted.Params, d.measured.Bytes)
		if like, ok := known[key]; ok {
			like.measured.Count++
			continue
		}
		known[key] = d
		t.left = append(t.left, d)
	}
}

// cost is what a dispatch must read of weights and cache, and compute with them.
func (t *measuring) cost(noted gpu.Noted, m message.Measure) message.Measured {
	e := t.engine
	kernel, variant, _ := strings.Cut(noted.Program.Name, " ")
	out := message.Measured{Kernel: kernel, Program: variant, Count: 1}
	if kernel == "embed" { // a row of the table
		return out
	}
	for _, s := range noted.Slices {
		if share, ok := e.shares()[[2]uint64{uint64(s.Buffer.ID()), s.Offset}]; ok {
			read := min(share.active*float64(m.Batch), 1)
			out.Bytes += int64(float64(s.Size) * read)
			out.Flops += int64(2 * float64(m.Batch) * share.params * share.active)
		}
	}
	if kernel == "mla_decode" || kernel == "gqa_decode" {
		positions := m.Depth + 1
		out.Bytes = int64(m.Batch * positions * 4 * e.sizes.CacheWidth)
		if kernel == "gqa_decode" { // of each head, as many for its key as for its value
			out.Flops = int64(m.Batch * positions * 2 * e.sizes.FullWidth)
		} else {
			out.Flops = int64(m.Batch * positions * 4 * e.sizes.CacheWidth * max(e.sizes.Heads, 1))
		}
	}
	return out
}

// A share is how much of a plane of weights a token reads, and how many weights lie in it.
type weightShare struct{ active, params float64 }

// shares are those of all planes, by buffer and offset.
func (e *Engine) shares() map[[2]uint64]weightShare {
	if e.weightShares != nil {
		return e.weightShares
	}
	e.weightShares = map[[2]uint64]weightShare{}
	for _, slot := range e.config.Shapes() {
		tensor, ok := e.manifest.Tensor(slot.Name)
		if !ok {
			continue
		}
		active, of := slot.Share()
		n, rows, k := tensor.Dims()
		for _, p := range tensor.Pieces {
			params := float64(p.Count) * float64(k)
			if n > 1 || slot.Stacked {
				params *= float64(rows)
			}
			share := weightShare{float64(active) / float64(of), params}
			e.weightShares[[2]uint64{uint64(p.Quants.Buffer), uint64(p.Quants.Offset)}] = share
			if p.Scales != nil {
				e.weightShares[[2]uint64{uint64(p.Scales.Buffer), uint64(p.Scales.Offset)}] = weightShare{active: share.active}
			}
		}
	}
	return e.weightShares
}
