package gpu

import (
	"cmp"
	"fmt"
	"slices"

	"tabseek/shaders"
)

// A Recorder notes commands. It keeps the first error and hands it over at Plan.Commands, so that the code
// that records a layer reads like the paper.
type Recorder struct {
	plan     *Plan
	label    string
	id       RecordingID
	temps    []*Buffer
	commands []recordable
}

// A recordable is a command whose buffers may have no ids yet.
type recordable interface {
	slices() []Slice
	place(p *Plan) Recorded // once they have
}

// ID is the recording's id for Submit.
func (r *Recorder) ID() RecordingID { return r.id }

// Len is the number of commands recorded so far.
func (r *Recorder) Len() int { return len(r.commands) }

// Temp is a scratch buffer of n 32-bit words that lives from its first to its last use in this recording.
func (r *Recorder) Temp(label string, words int) Slice {
	b := &Buffer{label: r.label + "." + label, size: 4 * uint64(max(words, 1)), owner: r, first: -1}
	r.temps = append(r.temps, b)
	return b.All()
}

// Dispatch notes one dispatch with its bindings by WGSL name.
func (r *Recorder) Dispatch(d shaders.Dispatch, bind Bind) {
	entry, err := r.bound(d, bind)
	for _, w := range d.Workgroups {
		if err == nil && (w == 0 || w > MaxWorkgroups) {
			err = fmt.Errorf("%v workgroups: each dimension must be 1 to %d", d.Workgroups, MaxWorkgroups)
		}
	}
	r.note(d.Program.Name, entry, err)
}

// DispatchIndirect notes a dispatch whose workgroups are the first three words of arguments; d's own do not matter.
func (r *Recorder) DispatchIndirect(d shaders.Dispatch, arguments Slice, bind Bind) {
	entry, err := r.bound(d, bind)
	if err == nil {
		err = r.checkRange("arguments", arguments, 4)
	}
	if err == nil && arguments.Size < 12 {
		err = fmt.Errorf("arguments: %d bytes, want 3 words", arguments.Size)
	}
	for i, s := range entry.bind {
		if err == nil && s.Buffer == arguments.Buffer && d.Program.Bindings[i].Writable {
			err = fmt.Errorf("%s is written while it holds the arguments", d.Program.Bindings[i].Name)
		}
	}
	r.note(d.Program.Name, indirectDispatch{entry, arguments}, err)
}

// Copy notes a copy of as many bytes as both slices have.
func (r *Recorder) Copy(to, from Slice) {
	err := cmp.Or(r.checkRange("to", to, 4), r.checkRange("from", from, 4))
	switch {
	case err != nil:
	case to.Size != from.Size:
		err = fmt.Errorf("%d bytes to a range of %d", from.Size, to.Size)
	case to.Buffer == from.Buffer:
		err = fmt.Errorf("from and to are the same buffer %s", to.Buffer.label)
	}
	r.note("copy", copied{to, from}, err)
}

// Clear notes that a range becomes zero.
func (r *Recorder) Clear(s Slice) { r.note("clear", cleared{s}, r.checkRange("range", s, 4)) }

// note adds a command, unless there is something wrong with it.
func (r *Recorder) note(what string, c recordable, err error) {
	if err != nil {
		if r.plan.err == nil {
			r.plan.err = fmt.Errorf("gpu: recording %s: command %d (%s): %w", r.label, len(r.commands), what, err)
		}
		return
	}
	for _, s := range c.slices() {
		if s.Buffer.first < 0 {
			s.Buffer.first = len(r.commands)
		}
		s.Buffer.last = len(r.commands)
	}
	r.commands = append(r.commands, c)
}

// A Noted command is what a recorder knows of a dispatch: its program and what is bound.
type Noted struct {
	Program *shaders.Program // nil: it is a copy or a clearing
	Params  []byte
	Slices  []Slice
}

// Command is the command of that number.
func (r *Recorder) Command(i int) Noted {
	if d, ok := r.commands[i].(interface {
		program() *shaders.Program
		params() []byte
	}); ok {
		return Noted{d.program(), d.params(), r.commands[i].slices()}
	}
	return Noted{Slices: r.commands[i].slices()}
}

// checkRange refuses ranges that are unaligned, empty, outside their buffer or of another recording.
func (r *Recorder) checkRange(name string, s Slice, align uint64) error {
	switch {
	case s.Buffer == nil:
		return fmt.Errorf("nothing bound to %s", name)
	case s.Offset%align != 0 || s.Size%4 != 0 || s.Size == 0 || s.Offset > s.Buffer.size || s.Size > s.Buffer.size-s.Offset:
		return fmt.Errorf("%s: range %d+%d of %s (%d bytes) is unaligned or outside", name, s.Offset, s.Size, s.Buffer.label, s.Buffer.size)
	case s.Buffer.owner != nil && s.Buffer.owner != r:
		return fmt.Errorf("%s: %s is a temporary of another recording", name, s.Buffer.label)
	}
	return nil
}

// bound finds a dispatch's bindings.
func (r *Recorder) bound(d shaders.Dispatch, bind Bind) (boundDispatch, error) {
	entry := boundDispatch{dispatch: d}
	known := map[string]bool{}
	for _, binding := range d.Program.Bindings {
		known[binding.Name] = true
		s := bind[binding.Name]
		if err := r.checkRange(binding.Name, s, OffsetAlign); err != nil {
			return entry, err
		}
		entry.bind = append(entry.bind, s)
	}
	for name, s := range bind {
		if !known[name] && s.Buffer != nil {
			return entry, fmt.Errorf("%s is bound but not declared in the WGSL", name)
		}
	}
	return entry, checkAliasing(d.Program.Bindings, entry.bind)
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

// A boundDispatch is a dispatch with its bindings in the order of the program's.
type boundDispatch struct {
	dispatch shaders.Dispatch
	bind     []Slice
}

func (d boundDispatch) slices() []Slice           { return d.bind }
func (d boundDispatch) bindings() []Slice         { return d.bind }
func (d boundDispatch) params() []byte            { return d.dispatch.Params }
func (d boundDispatch) program() *shaders.Program { return d.dispatch.Program }

func (d boundDispatch) place(p *Plan) Recorded {
	return Dispatch{p.pipeline(d.dispatch.Program), d.dispatch.Workgroups, d.ranges(p)}
}

func (d boundDispatch) ranges(p *Plan) []BoundRange {
	var ranges []BoundRange
	if size := len(d.dispatch.Params); size > 0 {
		at := p.uniforms[string(d.dispatch.Params)]
		ranges = append(ranges, BoundRange{0, at.buffer.id, at.offset, uint64(size)})
	}
	for i, s := range d.bind {
		ranges = append(ranges, BoundRange{d.dispatch.Program.Bindings[i].Slot, s.Buffer.id, s.Offset, s.Size})
	}
	return ranges
}

type indirectDispatch struct {
	boundDispatch
	arguments Slice
}

func (d indirectDispatch) slices() []Slice { return append(slices.Clone(d.bind), d.arguments) }

func (d indirectDispatch) place(p *Plan) Recorded {
	return DispatchIndirect{p.pipeline(d.dispatch.Program), d.arguments.Buffer.id, d.arguments.Offset, d.ranges(p)}
}

type copied struct{ to, from Slice }

func (c copied) slices() []Slice { return []Slice{c.to, c.from} }

func (c copied) place(*Plan) Recorded {
	return Copy{c.from.Buffer.id, c.from.Offset, c.to.Buffer.id, c.to.Offset, c.to.Size}
}

type cleared struct{ Slice }

func (c cleared) slices() []Slice { return []Slice{c.Slice} }

func (c cleared) place(*Plan) Recorded { return Clear{c.Buffer.id, c.Offset, c.Size} }
