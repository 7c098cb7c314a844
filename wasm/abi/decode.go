package abi

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/shaders"
)

// A Frame is a decoded frame: exactly one field is set.
type Frame struct {
	Command gpu.Command
	Event   []byte // JSON
	Logits  *message.LogitsRow
}

// Decode reads a whole stream. Event, Logits and Write data share memory with the stream.
func Decode(stream []byte) ([]Frame, error) {
	var frames []Frame
	r := &reader{data: stream}
	for len(r.data) > 0 {
		f, err := r.frame()
		if err != nil {
			return nil, fmt.Errorf("abi: frame %d: %w", len(frames), err)
		}
		frames = append(frames, f)
	}
	return frames, nil
}

// DecodeUploaded reads the payload of the message Uploaded.
func DecodeUploaded(data []byte) (shard uint32, err error) {
	if len(data) != 4 {
		return 0, fmt.Errorf("abi: uploaded: %d bytes, want 4", len(data))
	}
	return binary.LittleEndian.Uint32(data), nil
}

// DecodeResult reads the payload of the message Result; the data shares its memory.
func DecodeResult(data []byte) (gpu.Result, error) {
	r := &reader{data: data}
	result := gpu.Result{Ticket: r.u32(), Nanoseconds: r.u64()}
	for range r.count(4) {
		result.Data = append(result.Data, r.bytes(int64(r.u32())))
	}
	if r.err == nil && len(r.data) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.data))
	}
	if r.err != nil {
		return gpu.Result{}, fmt.Errorf("abi: result: %w", r.err)
	}
	return result, nil
}

var errShort = errors.New("ends too early")

// A reader takes values from the front of its data; the first shortage sticks.
type reader struct {
	data []byte
	err  error
}

func (r *reader) frame() (Frame, error) {
	op, size := Opcode(r.u32()), r.u32()
	payload := &reader{data: r.bytes(int64(size))}
	if r.err != nil {
		return Frame{}, r.err
	}
	f, err := payload.decode(op)
	if err == nil {
		err = payload.err
	}
	if err == nil && len(payload.data) > 0 {
		err = fmt.Errorf("opcode %d: %d bytes too many", op, len(payload.data))
	}
	return f, err
}

func (r *reader) decode(op Opcode) (Frame, error) {
	switch op {
	case OpCreateBuffer:
		return r.command(gpu.CreateBuffer{ID: gpu.BufferID(r.u32()), Usage: gpu.Usage(r.u32()), Size: r.u64(), Label: r.text()})
	case OpCreatePipeline:
		return r.pipeline()
	case OpCreateRecording:
		return r.recording()
	case OpUpload:
		u := gpu.Upload{Shard: r.u32(), Buffer: gpu.BufferID(r.u32()), Offset: r.u64(), Size: r.u64()}
		u.File, u.SHA256 = r.text(), r.text()
		return r.command(u)
	case OpWrite:
		w := gpu.Write{Buffer: gpu.BufferID(r.u32()), Offset: r.u64()}
		w.Data = r.bytes(int64(r.u32()))
		return r.command(w)
	case OpSubmit:
		return r.submit()
	case OpReset:
		return r.command(gpu.Reset{})
	case OpEvent:
		return Frame{Event: r.rest()}, nil
	case OpLogits:
		return Frame{Logits: &message.LogitsRow{ID: r.u32(), Row: r.u32(), Draft: r.u32() == 1, Values: r.rest()}}, nil
	}
	return Frame{}, fmt.Errorf("unknown opcode %d", op)
}

func (r *reader) command(c gpu.Command) (Frame, error) { return Frame{Command: c}, r.err }

// pipeline finds the program by its name, and refuses one whose text is another than ours: guest and host would
// not be of the same build.
func (r *reader) pipeline() (Frame, error) {
	id, name, source := gpu.PipelineID(r.u32()), r.text(), r.text()
	for range r.count(8) {
		r.u32()
		r.u32()
	}
	if r.err != nil {
		return Frame{}, r.err
	}
	program, err := shaders.Lookup(name)
	if err != nil {
		return Frame{}, err
	}
	if program.Source != source {
		return Frame{}, fmt.Errorf("program %s is not the one this host was built with", name)
	}
	return Frame{Command: gpu.CreatePipeline{ID: id, Program: program}}, nil
}

func (r *reader) recording() (Frame, error) {
	c := gpu.CreateRecording{ID: gpu.RecordingID(r.u32()), Label: r.text()}
	for range r.count(16) {
		command, err := r.recorded()
		if err != nil {
			return Frame{}, err
		}
		c.Commands = append(c.Commands, command)
	}
	return r.command(c)
}

func (r *reader) recorded() (gpu.Recorded, error) {
	switch kind := RecordedKind(r.u32()); kind {
	case Dispatch:
		return gpu.Dispatch{Pipeline: gpu.PipelineID(r.u32()), Workgroups: shaders.Grid{r.u32(), r.u32(), r.u32()}, Bindings: r.bindings()}, r.err
	case DispatchIndirect:
		return gpu.DispatchIndirect{Pipeline: gpu.PipelineID(r.u32()), Arguments: gpu.BufferID(r.u32()), Offset: r.u64(), Bindings: r.bindings()}, r.err
	case Copy:
		return gpu.Copy{From: gpu.BufferID(r.u32()), FromOffset: r.u64(), To: gpu.BufferID(r.u32()), ToOffset: r.u64(), Size: r.u64()}, r.err
	case Clear:
		return gpu.Clear{Buffer: gpu.BufferID(r.u32()), Offset: r.u64(), Size: r.u64()}, r.err
	default:
		return nil, cmp.Or(r.err, fmt.Errorf("unknown recorded command %d", kind))
	}
}

func (r *reader) bindings() []gpu.BoundRange {
	var ranges []gpu.BoundRange
	for range r.count(24) {
		ranges = append(ranges, gpu.BoundRange{Slot: r.u32(), Buffer: gpu.BufferID(r.u32()), Offset: r.u64(), Size: r.u64()})
	}
	return ranges
}

func (r *reader) submit() (Frame, error) {
	c := gpu.Submit{Ticket: r.u32()}
	for range r.count(16) {
		c.Replays = append(c.Replays, gpu.Replay{Recording: gpu.RecordingID(r.u32()), Times: r.u32(), First: r.u32(), Count: r.u32()})
	}
	for range r.count(20) {
		c.Readbacks = append(c.Readbacks, gpu.Readback{Buffer: gpu.BufferID(r.u32()), Offset: r.u64(), Size: r.u64()})
	}
	return r.command(c)
}

// count reads how many items of at least size bytes follow, and refuses more than there is room for.
func (r *reader) count(size int) int {
	n := int64(r.u32())
	if n*int64(size) > int64(len(r.data)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) fail() {
	r.data = nil
	if r.err == nil {
		r.err = errShort
	}
}

func (r *reader) u32() uint32 {
	if len(r.data) < 4 {
		r.fail()
		return 0
	}
	v := binary.LittleEndian.Uint32(r.data)
	r.data = r.data[4:]
	return v
}

func (r *reader) u64() uint64 {
	low := uint64(r.u32())
	return low | uint64(r.u32())<<32
}

// bytes takes n bytes and the padding after them.
func (r *reader) bytes(n int64) []byte {
	padded := (n + 3) &^ 3
	if n < 0 || padded > int64(len(r.data)) {
		r.fail()
		return nil
	}
	out := r.data[:n]
	r.data = r.data[padded:]
	return out
}

func (r *reader) text() string { return string(r.bytes(int64(r.u32()))) }

func (r *reader) rest() []byte {
	out := r.data
	r.data = nil
	return out
}
