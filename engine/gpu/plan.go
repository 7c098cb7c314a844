package gpu

import (
	"errors"
	"fmt"

	"tabseek/shaders"
)

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
// buffers, for recordings run one after another. It grows: Commands may be called again after more was recorded.
type Plan struct {
	buffers    []*Buffer
	recordings []*Recorder
	device     *Info // whose limits the plan keeps, if not nil
	err        error

	pool      []*Buffer             // of temporaries
	pipelines map[string]PipelineID // by the program's name
	uniforms  map[string]place      // of dispatches' parameters, by their bytes
	made      struct{ buffers, recordings int }
}

// A place is where the parameters of a dispatch lie.
type place struct {
	buffer *Buffer
	offset uint64
}

// NewPlan returns an empty plan.
func NewPlan() *Plan {
	return &Plan{pipelines: map[string]PipelineID{}, uniforms: map[string]place{}}
}

// Within makes Commands refuse what a device does not take.
func (p *Plan) Within(device Info) { p.device = &device }

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

// Commands lays out what was added since the last call, and returns the commands that create it: buffers,
// pipelines, the contents of uniform buffers, recordings.
func (p *Plan) Commands() ([]Command, error) {
	if p.err != nil {
		return nil, p.err
	}
	added := p.recordings[p.made.recordings:]
	if err := p.checkLimits(added); err != nil {
		return nil, err
	}
	p.placeTemps(added)
	writes := p.placeParams(added)
	var commands, recordings []Command
	for _, b := range p.buffers[p.made.buffers:] {
		commands = append(commands, CreateBuffer{b.id, b.usage, b.size, b.label})
	}
	commands = append(commands, writes...)
	known := len(p.pipelines)
	for _, r := range added {
		out := CreateRecording{ID: r.id, Label: r.label}
		for _, c := range r.commands {
			placed := c.place(p)
			if d, ok := c.(interface{ program() *shaders.Program }); ok && len(p.pipelines) > known {
				commands = append(commands, CreatePipeline{PipelineID(known), d.program()})
				known = len(p.pipelines)
			}
			out.Commands = append(out.Commands, placed)
		}
		recordings = append(recordings, out)
	}
	p.made.buffers, p.made.recordings = len(p.buffers), len(p.recordings)
	return append(commands, recordings...), nil
}

// checkLimits compares what was added with the device's limits. The pool's buffers are as large as their largest tenant.
func (p *Plan) checkLimits(added []*Recorder) error {
	if p.device == nil {
		return nil
	}
	most := min(p.device.MaxBindingSize, p.device.MaxBufferSize)
	for _, b := range p.buffers[p.made.buffers:] {
		if b.size > p.device.MaxBufferSize {
			return fmt.Errorf("gpu: buffer %s has %d bytes, device %s takes %d", b.label, b.size, p.device.Name, p.device.MaxBufferSize)
		}
	}
	for _, r := range added {
		for i, c := range r.commands {
			d, ok := c.(interface{ bindings() []Slice })
			if !ok {
				continue
			}
			if n := len(d.bindings()); n > int(p.device.MaxStorageBuffers) {
				return fmt.Errorf("gpu: recording %s: command %d binds %d buffers, device %s takes %d", r.label, i, n, p.device.Name, p.device.MaxStorageBuffers)
			}
			for _, s := range d.bindings() {
				if s.Size > most {
					return fmt.Errorf("gpu: recording %s: command %d binds %d bytes of %s, device %s takes %d", r.label, i, s.Size, s.Buffer.label, p.device.Name, most)
				}
			}
		}
	}
	return nil
}

// pipeline is the id of a program's pipeline, a new one where there is none yet.
func (p *Plan) pipeline(program *shaders.Program) PipelineID {
	id, ok := p.pipelines[program.Name]
	if !ok {
		id = PipelineID(len(p.pipelines))
		p.pipelines[program.Name] = id
	}
	return id
}

// placeTemps gives each temporary a buffer of the pool that is free over its lifetime (linear scan). Whole
// buffers, not ranges of an arena: the usage-scope rule would forbid reading and writing one arena. A buffer that has
// been created already keeps its size.
func (p *Plan) placeTemps(recordings []*Recorder) {
	for _, r := range recordings {
		busyUntil := make([]int, len(p.pool)) // last command of the pool buffer's present tenant
		for i := range busyUntil {
			busyUntil[i] = -1
		}
		for at := range r.commands {
			for _, t := range r.temps {
				if t.first != at {
					continue
				}
				best := -1
				for i, b := range p.pool {
					if busyUntil[i] < at && p.fits(b, t) && (best < 0 || fit(b, t) < fit(p.pool[best], t)) {
						best = i
					}
				}
				if best < 0 {
					best = len(p.pool)
					p.pool = append(p.pool, p.add(fmt.Sprintf("pool.%d", best), 4, Storage))
					busyUntil = append(busyUntil, -1)
				}
				p.pool[best].size = max(p.pool[best].size, t.size)
				busyUntil[best] = t.last
				t.id = p.pool[best].id
			}
		}
	}
}

// fits tells whether a pool buffer is or can still become large enough for a temporary.
func (p *Plan) fits(b, t *Buffer) bool { return b.size >= t.size || int(b.id) >= p.made.buffers }

// fit orders pool buffers for a temporary: the least growth, then the least waste.
func fit(b, t *Buffer) uint64 {
	if b.size >= t.size {
		return b.size - t.size
	}
	return 1<<40 + t.size - b.size
}

// placeParams gathers the parameters of all dispatches in a uniform buffer; equal parameters share a place.
func (p *Plan) placeParams(recordings []*Recorder) []Command {
	var contents []byte
	var added []string
	for _, r := range recordings {
		for _, c := range r.commands {
			d, ok := c.(interface{ params() []byte })
			if !ok || len(d.params()) == 0 {
				continue
			}
			key := string(d.params())
			if _, ok := p.uniforms[key]; ok {
				continue
			}
			p.uniforms[key] = place{offset: uint64(len(contents))}
			added = append(added, key)
			contents = append(contents, key...)
			contents = append(contents, make([]byte, -len(contents)&(OffsetAlign-1))...)
		}
	}
	if contents == nil {
		return nil
	}
	b := p.add("params", uint64(len(contents)), Uniform)
	for _, key := range added {
		p.uniforms[key] = place{b, p.uniforms[key].offset}
	}
	return []Command{Write{b.id, 0, contents}}
}

// ErrUpload is what a Device answers to an Upload: bringing shards is the host's affair.
var ErrUpload = errors.New("gpu: a device cannot upload shards, its host must")
