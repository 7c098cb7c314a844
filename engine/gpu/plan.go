package gpu

import (
	"errors"
	"fmt"

	"tabseek/shaders"
)

// offsetAlign is the alignment of bound ranges that every WebGPU device accepts (minStorageBufferOffsetAlignment).
const offsetAlign = 256

// A Buffer is a buffer of a Plan. Temporaries of a recording have no id until Commands has placed them.
type Buffer struct {
	label string
	size  uint64
	usage Usage
	id    BufferID

	owner       *Recorder // of a temporary
	first, last int       // a temporary's lifetime: indices of the dispatches that use it first and last
}

// Size is the buffer's size in bytes.
func (b *Buffer) Size() uint64 { return b.size }

// ID is the buffer's id for commands. It is known at once for buffers of Plan.Buffer.
func (b *Buffer) ID() BufferID { return b.id }

// A Slice is a range of a buffer, in bytes. The zero Slice stands for "not there".
type Slice struct {
	Buffer       *Buffer
	Offset, Size uint64
}

// All is the whole buffer.
func (b *Buffer) All() Slice { return Slice{b, 0, b.size} }

// Slice is the range [offset, offset+size).
func (b *Buffer) Slice(offset, size uint64) Slice { return Slice{b, offset, size} }

// Bind maps the names of a program's WGSL variables to what is bound there. Zero slices are left out.
type Bind map[string]Slice

// A Plan collects buffers and recordings, and lays them out. Temporaries of all recordings share a pool of
// buffers, for recordings run one after another.
type Plan struct {
	buffers    []*Buffer
	recordings []*Recorder
	err        error
}

// NewPlan returns an empty plan.
func NewPlan() *Plan { return &Plan{} }

// Buffer adds a lasting buffer of size bytes, rounded up to a multiple of 4.
func (p *Plan) Buffer(label string, size uint64) *Buffer { return p.add(label, size, Storage) }

func (p *Plan) add(label string, size uint64, usage Usage) *Buffer {
	b := &Buffer{label: label, size: (max(size, 4) + 3) &^ 3, usage: usage, id: BufferID(len(p.buffers))}
	p.buffers = append(p.buffers, b)
	return b
}

// Record starts a recording. Its ID is valid at once.
func (p *Plan) Record(label string) *Recorder {
	r := &Recorder{plan: p, label: label, id: RecordingID(len(p.recordings))}
	p.recordings = append(p.recordings, r)
	return r
}

// A Recorder notes dispatches. It keeps the first error and hands it over at Plan.Commands, so that the code
// that records a layer reads like the paper.
type Recorder struct {
	plan       *Plan
	label      string
	id         RecordingID
	temps      []*Buffer
	dispatches []recorded
}

type recorded struct {
	dispatch shaders.Dispatch
	bind     []Slice // in the order of the program's bindings
	params   uint64  // offset in the plan's uniform buffer
}

// ID is the recording's id for Submit.
func (r *Recorder) ID() RecordingID { return r.id }

// Len is the number of dispatches recorded so far.
func (r *Recorder) Len() int { return len(r.dispatches) }

// Temp is a scratch buffer of n 32-bit words that lives from its first to its last use in this recording.
func (r *Recorder) Temp(label string, words int) Slice {
	b := &Buffer{label: r.label + "." + label, size: 4 * uint64(max(words, 1)), owner: r, first: -1}
	r.temps = append(r.temps, b)
	return b.All()
}

// Dispatch notes one dispatch with its bindings by WGSL name.
func (r *Recorder) Dispatch(d shaders.Dispatch, bind Bind) {
	if err := r.record(d, bind); err != nil && r.plan.err == nil {
		r.plan.err = fmt.Errorf("gpu: recording %s: dispatch %d (%s): %w", r.label, len(r.dispatches), d.Program.Name, err)
	}
}

func (r *Recorder) record(d shaders.Dispatch, bind Bind) error {
	entry := recorded{dispatch: d}
	known := map[string]bool{}
	for _, binding := range d.Program.Bindings {
		known[binding.Name] = true
		s, ok := bind[binding.Name]
		if !ok || s.Buffer == nil {
			return fmt.Errorf("nothing bound to %s", binding.Name)
		}
		if s.Offset%offsetAlign != 0 || s.Size == 0 || s.Offset > s.Buffer.size || s.Size > s.Buffer.size-s.Offset {
			return fmt.Errorf("%s: range %d+%d of %s (%d bytes) is unaligned or outside", binding.Name, s.Offset, s.Size, s.Buffer.label, s.Buffer.size)
		}
		if s.Buffer.owner != nil && s.Buffer.owner != r {
			return fmt.Errorf("%s: %s is a temporary of another recording", binding.Name, s.Buffer.label)
		}
		entry.bind = append(entry.bind, s)
	}
	for name, s := range bind {
		if !known[name] && s.Buffer != nil {
			return fmt.Errorf("%s is bound but not declared in the WGSL", name)
		}
	}
	if err := checkAliasing(d.Program.Bindings, entry.bind); err != nil {
		return err
	}
	for _, w := range d.Workgroups {
		if w == 0 || w > 65535 {
			return fmt.Errorf("%v workgroups: each dimension must be 1 to 65535", d.Workgroups)
		}
	}
	for _, s := range entry.bind {
		if s.Buffer.first < 0 {
			s.Buffer.first = len(r.dispatches)
		}
		s.Buffer.last = len(r.dispatches)
	}
	r.dispatches = append(r.dispatches, entry)
	return nil
}

// checkAliasing refuses a buffer bound for writing beside any other binding of it: WebGPU counts usage by the
// whole buffer (the usage-scope rule), so even separate ranges may not mix reading and writing.
func checkAliasing(bindings []shaders.Binding, bound []Slice) error {
	for i, a := range bound {
		for j, b := range bound {
			if i != j && a.Buffer == b.Buffer && bindings[i].Writable {
				return fmt.Errorf("%s is written while %s binds the same buffer %s", bindings[i].Name, bindings[j].Name, a.Buffer.label)
			}
		}
	}
	return nil
}

// Commands lays everything out and returns the commands that create it: buffers, pipelines, the uniform
// buffer's contents, recordings. It may be called once.
func (p *Plan) Commands() ([]Command, error) {
	if p.err != nil {
		return nil, p.err
	}
	p.placeTemps()
	uniforms, contents := p.placeParams()
	var commands []Command
	for _, b := range p.buffers {
		commands = append(commands, CreateBuffer{b.id, b.usage, b.size, b.label})
	}
	if uniforms != nil {
		commands = append(commands, Write{uniforms.id, 0, contents})
	}
	pipelines := map[string]PipelineID{}
	var recordings []Command
	for _, r := range p.recordings {
		out := CreateRecording{ID: r.id, Label: r.label}
		for _, entry := range r.dispatches {
			program := entry.dispatch.Program
			id, ok := pipelines[program.Name]
			if !ok {
				id = PipelineID(len(pipelines))
				pipelines[program.Name] = id
				commands = append(commands, CreatePipeline{id, program})
			}
			out.Dispatches = append(out.Dispatches, RecordedDispatch{id, entry.dispatch.Workgroups, entry.ranges(uniforms)})
		}
		recordings = append(recordings, out)
	}
	return append(commands, recordings...), nil
}

func (e recorded) ranges(uniforms *Buffer) []BoundRange {
	var ranges []BoundRange
	if size := len(e.dispatch.Params); size > 0 {
		ranges = append(ranges, BoundRange{0, uniforms.id, e.params, uint64(size)})
	}
	for i, s := range e.bind {
		ranges = append(ranges, BoundRange{e.dispatch.Program.Bindings[i].Slot, s.Buffer.id, s.Offset, s.Size})
	}
	return ranges
}

// placeTemps gives each temporary a buffer of the pool that is free over its lifetime (linear scan). Whole
// buffers, not ranges of an arena: the usage-scope rule would forbid reading and writing one arena.
func (p *Plan) placeTemps() {
	var pool []*Buffer
	for _, r := range p.recordings {
		busyUntil := make([]int, len(pool)) // last dispatch of the pool buffer's present tenant
		for i := range busyUntil {
			busyUntil[i] = -1
		}
		for at := range r.dispatches {
			for _, t := range r.temps {
				if t.first != at {
					continue
				}
				slot := -1
				for i := range pool {
					if busyUntil[i] < at && (slot < 0 || fit(pool[i], t) < fit(pool[slot], t)) {
						slot = i
					}
				}
				if slot < 0 {
					slot = len(pool)
					pool = append(pool, p.add(fmt.Sprintf("pool.%d", slot), 4, Storage))
					busyUntil = append(busyUntil, -1)
				}
				pool[slot].size = max(pool[slot].size, t.size)
				busyUntil[slot] = t.last
				t.id = pool[slot].id
			}
		}
	}
}

// fit orders pool buffers for a temporary: the least growth, then the least waste.
func fit(b, t *Buffer) uint64 {
	if b.size >= t.size {
		return b.size - t.size
	}
	return 1<<40 + t.size - b.size
}

// placeParams gathers the parameters of all dispatches in one uniform buffer; equal parameters share a place.
func (p *Plan) placeParams() (*Buffer, []byte) {
	places := map[string]uint64{}
	var contents []byte
	for _, r := range p.recordings {
		for i := range r.dispatches {
			params := r.dispatches[i].dispatch.Params
			if len(params) == 0 {
				continue
			}
			at, ok := places[string(params)]
			if !ok {
				at = uint64(len(contents))
				places[string(params)] = at
				padded := make([]byte, (len(params)+offsetAlign-1)/offsetAlign*offsetAlign)
				copy(padded, params)
				contents = append(contents, padded...)
			}
			r.dispatches[i].params = at
		}
	}
	if contents == nil {
		return nil, nil
	}
	return p.add("params", uint64(len(contents)), Uniform), contents
}

// ErrUpload is what a Device answers to an Upload: bringing shards is the host's affair.
var ErrUpload = errors.New("gpu: a device cannot upload shards, its host must")
