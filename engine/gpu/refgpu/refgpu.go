// Package refgpu is a gpu.Device that runs the Go reference of every kernel: the slow truth, and no GPU needed.
package refgpu

import (
	"fmt"
	"unsafe"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// A Device executes commands in Go, at once and in order.
type Device struct {
	buffers    map[gpu.BufferID][]uint32
	programs   map[gpu.PipelineID]*shaders.Program
	recordings map[gpu.RecordingID]gpu.CreateRecording
	results    []gpu.Result
}

// New returns an empty device.
func New() *Device {
	d := &Device{}
	d.reset()
	return d
}

func (d *Device) reset() {
	d.buffers = map[gpu.BufferID][]uint32{}
	d.programs = map[gpu.PipelineID]*shaders.Program{}
	d.recordings = map[gpu.RecordingID]gpu.CreateRecording{}
	d.results = nil
}

// Info is the minimum profile: what runs here runs everywhere.
func (d *Device) Info() gpu.Info {
	info := gpu.MinimumInfo()
	info.Name, info.Backend = "Go reference", "reference"
	return info
}

// Execute carries out one command.
func (d *Device) Execute(c gpu.Command) error {
	switch c := c.(type) {
	case gpu.CreateBuffer:
		d.buffers[c.ID] = make([]uint32, c.Size/4)
	case gpu.CreatePipeline:
		d.programs[c.ID] = c.Program
	case gpu.CreateRecording:
		return d.createRecording(c)
	case gpu.Write:
		at, err := d.bytes(c.Buffer, c.Offset, uint64(len(c.Data)))
		if err != nil {
			return fmt.Errorf("refgpu: write: %w", err)
		}
		copy(at, c.Data)
	case gpu.Submit:
		return d.submit(c)
	case gpu.Reset:
		d.reset()
	case gpu.Upload:
		return gpu.ErrUpload
	default:
		return fmt.Errorf("refgpu: unknown command %T", c)
	}
	return nil
}

// bytes is a checked range of a buffer.
func (d *Device) bytes(id gpu.BufferID, offset, size uint64) ([]byte, error) {
	words, ok := d.buffers[id]
	if !ok {
		return nil, fmt.Errorf("no buffer %d", id)
	}
	if total := 4 * uint64(len(words)); offset > total || size > total-offset {
		return nil, fmt.Errorf("range %d+%d is outside buffer %d of %d bytes", offset, size, id, total)
	}
	all := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 4*len(words))
	return all[offset : offset+size], nil
}

func (d *Device) createRecording(c gpu.CreateRecording) error {
	for i, dispatch := range c.Dispatches {
		program, ok := d.programs[dispatch.Pipeline]
		if !ok {
			return fmt.Errorf("refgpu: recording %s: dispatch %d: no pipeline %d", c.Label, i, dispatch.Pipeline)
		}
		for _, r := range dispatch.Bindings {
			if _, err := d.bytes(r.Buffer, r.Offset, r.Size); err != nil {
				return fmt.Errorf("refgpu: recording %s: dispatch %d (%s): binding %d: %w", c.Label, i, program.Name, r.Slot, err)
			}
		}
	}
	d.recordings[c.ID] = c
	return nil
}

func (d *Device) submit(c gpu.Submit) error {
	for _, replay := range c.Replays {
		recording, ok := d.recordings[replay.Recording]
		if !ok {
			return fmt.Errorf("refgpu: submit: no recording %d", replay.Recording)
		}
		for range replay.Times {
			for _, dispatch := range recording.Dispatches {
				d.run(dispatch)
			}
		}
	}
	for _, r := range c.Readbacks {
		data, err := d.bytes(r.Buffer, r.Offset, r.Size)
		if err != nil {
			return fmt.Errorf("refgpu: readback: %w", err)
		}
		d.results = append(d.results, gpu.Result{Ticket: r.Ticket, Data: append([]byte(nil), data...)})
	}
	return nil
}

func (d *Device) run(dispatch gpu.RecordedDispatch) {
	program := d.programs[dispatch.Pipeline]
	names := map[uint32]string{}
	for _, b := range program.Bindings {
		names[b.Slot] = b.Name
	}
	memory := shaders.Memory{}
	var params []byte
	for _, r := range dispatch.Bindings {
		if r.Slot == 0 {
			params, _ = d.bytes(r.Buffer, r.Offset, r.Size)
			continue
		}
		memory[names[r.Slot]] = d.buffers[r.Buffer][r.Offset/4 : (r.Offset+r.Size)/4]
	}
	program.Run(params, dispatch.Workgroups, memory)
}

// Results returns the readbacks; none is ever pending.
func (d *Device) Results(bool) ([]gpu.Result, error) {
	results := d.results
	d.results = nil
	return results, nil
}

// Close forgets everything.
func (d *Device) Close() { d.reset() }
