package abi

import (
	"encoding/binary"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/shaders"
)

// Append adds a command's frame to a stream.
func Append(dst []byte, command gpu.Command) []byte {
	switch c := command.(type) {
	case gpu.CreateBuffer:
		return frame(dst, OpCreateBuffer, func(w *writer) {
			w.u32(uint32(c.ID))
			w.u32(uint32(c.Usage))
			w.u64(c.Size)
			w.text(c.Label)
		})
	case gpu.CreatePipeline:
		return frame(dst, OpCreatePipeline, func(w *writer) { w.pipeline(c) })
	case gpu.CreateRecording:
		return frame(dst, OpCreateRecording, func(w *writer) { w.recording(c) })
	case gpu.Upload:
		return frame(dst, OpUpload, func(w *writer) {
			w.u32(c.Shard)
			w.u32(uint32(c.Buffer))
			w.u64(c.Offset)
			w.u64(c.Size)
			w.text(c.File)
			w.text(c.SHA256)
		})
	case gpu.Write:
		return frame(dst, OpWrite, func(w *writer) {
			w.u32(uint32(c.Buffer))
			w.u64(c.Offset)
			w.text(string(c.Data))
		})
	case gpu.Submit:
		return frame(dst, OpSubmit, func(w *writer) { w.submit(c) })
	case gpu.Reset:
		return frame(dst, OpReset, func(*writer) {})
	}
	panic("abi: unknown command") // the set is closed
}

// AppendEvent adds an event, which is JSON.
func AppendEvent(dst, event []byte) []byte {
	return frame(dst, OpEvent, func(w *writer) { w.out = append(w.out, event...) })
}

// AppendLogits adds a row of logits.
func AppendLogits(dst []byte, l message.LogitsRow) []byte {
	return frame(dst, OpLogits, func(w *writer) {
		w.u32(l.ID)
		w.u32(l.Row)
		w.bool(l.Draft)
		w.out = append(w.out, l.Values...)
	})
}

// AppendUploaded is the payload of the message Uploaded.
func AppendUploaded(dst []byte, shard uint32) []byte {
	return binary.LittleEndian.AppendUint32(dst, shard)
}

// AppendResult is the payload of the message Result.
func AppendResult(dst []byte, r gpu.Result) []byte {
	w := &writer{dst}
	w.u32(r.Ticket)
	w.u64(r.Nanoseconds)
	w.u32(uint32(len(r.Data)))
	for _, data := range r.Data {
		w.text(string(data))
	}
	return w.out
}

type writer struct{ out []byte }

// frame writes the head, the payload and the padding.
func frame(dst []byte, op Opcode, payload func(*writer)) []byte {
	w := &writer{dst}
	w.u32(uint32(op))
	w.u32(0)
	start := len(w.out)
	payload(w)
	binary.LittleEndian.PutUint32(w.out[start-4:], uint32(len(w.out)-start))
	w.pad()
	return w.out
}

func (w *writer) u32(v uint32) { w.out = binary.LittleEndian.AppendUint32(w.out, v) }
func (w *writer) u64(v uint64) { w.out = binary.LittleEndian.AppendUint64(w.out, v) }

func (w *writer) bool(v bool) {
	if v {
		w.u32(1)
	} else {
		w.u32(0)
	}
}

func (w *writer) text(s string) {
	w.u32(uint32(len(s)))
	w.out = append(w.out, s...)
	w.pad()
}

// pad fills up to 4 bytes; frames begin at a multiple of 4.
func (w *writer) pad() {
	for len(w.out)%4 != 0 {
		w.out = append(w.out, 0)
	}
}

func (w *writer) pipeline(c gpu.CreatePipeline) {
	w.u32(uint32(c.ID))
	w.text(c.Program.Name)
	w.text(c.Program.Source)
	accesses := programAccesses(c.Program)
	w.u32(uint32(len(accesses)))
	for _, a := range accesses {
		w.u32(a.slot)
		w.u32(uint32(a.access))
	}
}

type slotAccess struct {
	slot   uint32
	access Access
}

// programAccesses lists a program's bindings with the uniform, by slot.
func programAccesses(p *shaders.Program) []slotAccess {
	var out []slotAccess
	if p.ParamsSize() > 0 {
		out = append(out, slotAccess{0, Uniform})
	}
	for _, b := range p.Bindings {
		access := ReadOnly
		if b.Writable {
			access = ReadWrite
		}
		out = append(out, slotAccess{b.Slot, access})
	}
	return out
}

func (w *writer) recording(c gpu.CreateRecording) {
	w.u32(uint32(c.ID))
	w.text(c.Label)
	w.u32(uint32(len(c.Commands)))
	for _, command := range c.Commands {
		w.recorded(command)
	}
}

func (w *writer) recorded(command gpu.Recorded) {
	switch c := command.(type) {
	case gpu.Dispatch:
		w.u32(uint32(Dispatch))
		w.u32(uint32(c.Pipeline))
		for _, n := range c.Workgroups {
			w.u32(n)
		}
		w.bindings(c.Bindings)
	case gpu.DispatchIndirect:
		w.u32(uint32(DispatchIndirect))
		w.u32(uint32(c.Pipeline))
		w.u32(uint32(c.Arguments))
		w.u64(c.Offset)
		w.bindings(c.Bindings)
	case gpu.Copy:
		w.u32(uint32(Copy))
		w.u32(uint32(c.From))
		w.u64(c.FromOffset)
		w.u32(uint32(c.To))
		w.u64(c.ToOffset)
		w.u64(c.Size)
	case gpu.Clear:
		w.u32(uint32(Clear))
		w.u32(uint32(c.Buffer))
		w.u64(c.Offset)
		w.u64(c.Size)
	default:
		panic("abi: unknown recorded command") // the set is closed
	}
}

func (w *writer) bindings(ranges []gpu.BoundRange) {
	w.u32(uint32(len(ranges)))
	for _, b := range ranges {
		w.u32(b.Slot)
		w.u32(uint32(b.Buffer))
		w.u64(b.Offset)
		w.u64(b.Size)
	}
}

func (w *writer) submit(c gpu.Submit) {
	w.u32(c.Ticket)
	w.u32(uint32(len(c.Replays)))
	for _, r := range c.Replays {
		w.u32(uint32(r.Recording))
		w.u32(r.Times)
		w.u32(r.First)
		w.u32(r.Count)
	}
	w.u32(uint32(len(c.Readbacks)))
	for _, r := range c.Readbacks {
		w.u32(uint32(r.Buffer))
		w.u64(r.Offset)
		w.u64(r.Size)
	}
}
