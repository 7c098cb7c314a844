// Package refgpu is a gpu.Device that runs the Go reference of every kernel: the slow truth, and no GPU needed.
package refgpu

import (
	"bytes"
	"cmp"
	"fmt"
	"time"
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
	for i, command := range c.Commands {
		if err := d.check(command); err != nil {
			return fmt.Errorf("refgpu: recording %s: command %d: %w", c.Label, i, err)
		}
	}
	d.recordings[c.ID] = c
	return nil
}

// check refuses commands on what is not there.
func (d *Device) check(command gpu.Recorded) error {
	switch c := command.(type) {
	case gpu.Dispatch:
		return d.checkDispatch(c.Pipeline, c.Bindings)
	case gpu.DispatchIndirect:
		_, err := d.bytes(c.Arguments, c.Offset, 12)
		return cmp.Or(err, d.checkDispatch(c.Pipeline, c.Bindings))
	case gpu.Copy:
		_, from := d.bytes(c.From, c.FromOffset, c.Size)
		_, to := d.bytes(c.To, c.ToOffset, c.Size)
		return cmp.Or(from, to)
	case gpu.Clear:
		_, err := d.bytes(c.Buffer, c.Offset, c.Size)
		return err
	}
	return fmt.Errorf("unknown command %T", command)
}

func (d *Device) checkDispatch(pipeline gpu.PipelineID, bindings []gpu.BoundRange) error {
	program, ok := d.programs[pipeline]
	if !ok {
		return fmt.Errorf("no pipeline %d", pipeline)
	}
	for _, r := range bindings {
		if _, err := d.bytes(r.Buffer, r.Offset, r.Size); err != nil {
			return fmt.Errorf("%s: binding %d: %w", program.Name, r.Slot, err)
		}
	}
	return nil
}

func (d *Device) submit(c gpu.Submit) error {
	start := time.Now()
	for _, replay := range c.Replays {
		recording, ok := d.recordings[replay.Recording]
		if !ok {
			return fmt.Errorf("refgpu: submit: no recording %d", replay.Recording)
		}
		first, end, ok := replay.Range(len(recording.Commands))
		if !ok {
			return fmt.Errorf("refgpu: submit: recording %s has %d commands, not %d+%d", recording.Label, len(recording.Commands), replay.First, replay.Count)
		}
		for range replay.Times {
			for _, command := range recording.Commands[first:end] {
				d.run(command)
			}
		}
	}
	result := gpu.Result{Ticket: c.Ticket, Nanoseconds: uint64(time.Since(start))}
	for _, r := range c.Readbacks {
		data, err := d.bytes(r.Buffer, r.Offset, r.Size)
		if err != nil {
			return fmt.Errorf("refgpu: readback: %w", err)
		}
		result.Data = append(result.Data, bytes.Clone(data))
	}
	d.results = append(d.results, result)
	return nil
}

// run carries out a command that check has passed.
func (d *Device) run(command gpu.Recorded) {
	switch c := command.(type) {
	case gpu.Dispatch:
		d.dispatch(c.Pipeline, c.Workgroups, c.Bindings)
	case gpu.DispatchIndirect:
		words := d.buffers[c.Arguments][c.Offset/4:]
		d.dispatch(c.Pipeline, shaders.Grid{words[0], words[1], words[2]}, c.Bindings)
	case gpu.Copy:
		from, _ := d.bytes(c.From, c.FromOffset, c.Size)
		to, _ := d.bytes(c.To, c.ToOffset, c.Size)
		copy(to, from)
	case gpu.Clear:
		at, _ := d.bytes(c.Buffer, c.Offset, c.Size)
		clear(at)
	}
}

func (d *Device) dispatch(pipeline gpu.PipelineID, workgroups shaders.Grid, bindings []gpu.BoundRange) {
	if workgroups[0]*workgroups[1]*workgroups[2] == 0 {
		return // references of kernels with one workgroup do not look at the grid
	}
	program := d.programs[pipeline]
	names := map[uint32]string{}
	for _, b := range program.Bindings {
		names[b.Slot] = b.Name
	}
	memory := shaders.Memory{}
	var params []byte
	for _, r := range bindings {
		if r.Slot == 0 {
			params, _ = d.bytes(r.Buffer, r.Offset, r.Size)
			continue
		}
		memory[names[r.Slot]] = d.buffers[r.Buffer][r.Offset/4 : (r.Offset+r.Size)/4]
	}
	program.Run(params, workgroups, memory)
}

// Results returns the results; none is ever pending.
func (d *Device) Results(bool) ([]gpu.Result, error) {
	results := d.results
	d.results = nil
	return results, nil
}

// Close forgets everything.
func (d *Device) Close() { d.reset() }
