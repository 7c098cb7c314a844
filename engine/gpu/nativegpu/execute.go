//go:build cgo

package nativegpu

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cogentcore/webgpu/wgpu"

	"tabseek/engine/gpu"
)

const maxQueuedWrites = 128 << 20 // bytes

// Execute carries out or queues one command.
func (d *Device) Execute(c gpu.Command) error {
	switch c := c.(type) {
	case gpu.CreateBuffer:
		return d.createBuffer(c)
	case gpu.CreatePipeline:
		return d.createPipeline(c)
	case gpu.CreateRecording:
		return d.createRecording(c)
	case gpu.Write:
		return d.write(c)
	case gpu.Submit:
		return d.submit(c)
	case gpu.Reset:
		d.reset()
		return nil
	case gpu.Upload:
		return gpu.ErrUpload
	}
	return fmt.Errorf("nativegpu: unknown command %T", c)
}

// checked is a buffer, if the range lies in it.
func (d *Device) checked(id gpu.BufferID, offset, size uint64) (*wgpu.Buffer, error) {
	b, ok := d.buffers[id]
	if !ok {
		return nil, fmt.Errorf("no buffer %d", id)
	}
	if offset > b.size || size > b.size-offset {
		return nil, fmt.Errorf("range %d+%d is outside buffer %d of %d bytes", offset, size, id, b.size)
	}
	return b.Buffer, nil
}

// write queues a write. What is queued lies in staging memory until a submit: writes of a whole model are submitted
// and waited for now and then.
func (d *Device) write(c gpu.Write) error {
	b, err := d.checked(c.Buffer, c.Offset, uint64(len(c.Data)))
	if err == nil && len(c.Data) > 0 {
		err = d.queue.WriteBuffer(b, c.Offset, c.Data)
	}
	if err != nil {
		return fmt.Errorf("nativegpu: write: %w", plain(err))
	}
	if d.written += len(c.Data); d.written >= maxQueuedWrites {
		d.device.Poll(true, d.after(d.queue.Submit()))
		d.written = 0
	}
	return nil
}

func (d *Device) createBuffer(c gpu.CreateBuffer) error {
	usage, ok := map[gpu.Usage]wgpu.BufferUsage{gpu.Storage: wgpu.BufferUsageStorage, gpu.Uniform: wgpu.BufferUsageUniform}[c.Usage]
	if !ok {
		return fmt.Errorf("nativegpu: buffer %s: unknown usage %d", c.Label, c.Usage)
	}
	if old, ok := d.buffers[c.ID]; ok {
		old.Release()
		delete(d.buffers, c.ID)
	}
	if c.Size > d.info.MaxBufferSize {
		return fmt.Errorf("nativegpu: buffer %s of %d bytes, the device takes %d", c.Label, c.Size, d.info.MaxBufferSize)
	}
	b, err := d.device.CreateBuffer(&wgpu.BufferDescriptor{Label: c.Label, Size: c.Size, Usage: usage | wgpu.BufferUsageCopySrc | wgpu.BufferUsageCopyDst})
	if err != nil {
		return fmt.Errorf("nativegpu: buffer %s of %d bytes: %w", c.Label, c.Size, plain(err))
	}
	d.buffers[c.ID] = buffer{b, c.Size}
	return nil
}

// createPipeline compiles a program with an explicit layout: an automatic one would leave out unused bindings.
func (d *Device) createPipeline(c gpu.CreatePipeline) error {
	name := c.Program.Name
	module, err := d.device.CreateShaderModule(&wgpu.ShaderModuleDescriptor{Label: name, WGSLDescriptor: &wgpu.ShaderModuleWGSLDescriptor{Code: c.Program.Source}})
	if err != nil {
		return fmt.Errorf("nativegpu: compile %s: %w", name, plain(err))
	}
	defer module.Release()
	var entries []wgpu.BindGroupLayoutEntry
	entry := func(slot uint32, kind wgpu.BufferBindingType) {
		entries = append(entries, wgpu.BindGroupLayoutEntry{Binding: slot, Visibility: wgpu.ShaderStageCompute, Buffer: wgpu.BufferBindingLayout{Type: kind}})
	}
	if c.Program.ParamsSize() > 0 {
		entry(0, wgpu.BufferBindingTypeUniform)
	}
	for _, b := range c.Program.Bindings {
		kind := wgpu.BufferBindingTypeReadOnlyStorage
		if b.Writable {
			kind = wgpu.BufferBindingTypeStorage
		}
		entry(b.Slot, kind)
	}
	layout, err := d.device.CreateBindGroupLayout(&wgpu.BindGroupLayoutDescriptor{Label: name, Entries: entries})
	if err != nil {
		return fmt.Errorf("nativegpu: layout of %s: %w", name, plain(err))
	}
	whole, err := d.device.CreatePipelineLayout(&wgpu.PipelineLayoutDescriptor{BindGroupLayouts: []*wgpu.BindGroupLayout{layout}})
	if err != nil {
		return fmt.Errorf("nativegpu: layout of %s: %w", name, plain(err))
	}
	defer whole.Release()
	p, err := d.device.CreateComputePipeline(&wgpu.ComputePipelineDescriptor{
		Label: name, Layout: whole, Compute: wgpu.ProgrammableStageDescriptor{Module: module, EntryPoint: "main"},
	})
	if err != nil {
		return fmt.Errorf("nativegpu: compile %s: %w", name, plain(err))
	}
	d.pipelines[c.ID] = pipeline{name, p, layout}
	return nil
}

func (d *Device) createRecording(c gpu.CreateRecording) error {
	var dispatches []dispatch
	for i, recorded := range c.Dispatches {
		p, ok := d.pipelines[recorded.Pipeline]
		if !ok {
			return fmt.Errorf("nativegpu: recording %s: dispatch %d: no pipeline %d", c.Label, i, recorded.Pipeline)
		}
		var entries []wgpu.BindGroupEntry
		for _, r := range recorded.Bindings {
			b, err := d.checked(r.Buffer, r.Offset, r.Size)
			if err != nil {
				return fmt.Errorf("nativegpu: recording %s: dispatch %d (%s): binding %d: %w", c.Label, i, p.name, r.Slot, err)
			}
			entries = append(entries, wgpu.BindGroupEntry{Binding: r.Slot, Buffer: b, Offset: r.Offset, Size: r.Size})
		}
		group, err := d.device.CreateBindGroup(&wgpu.BindGroupDescriptor{Layout: p.layout, Entries: entries})
		if err != nil {
			return fmt.Errorf("nativegpu: recording %s: dispatch %d (%s): %w", c.Label, i, p.name, plain(err))
		}
		dispatches = append(dispatches, dispatch{p.pipeline, group, recorded.Workgroups})
	}
	d.recordings[c.ID] = dispatches
	return nil
}

// submit encodes all replays in one compute pass, then the copies to staging buffers. Whatever could be wrong shows
// when the encoder is finished: the binding can report that, while an error of the queue would end the process.
func (d *Device) submit(c gpu.Submit) error {
	copies, err := d.stage(c.Readbacks)
	if err != nil {
		return fmt.Errorf("nativegpu: readback: %w", err)
	}
	commands, err := d.encode(c, copies)
	if err != nil {
		d.unstage(copies)
		return fmt.Errorf("nativegpu: submit: %w", plain(err))
	}
	defer commands.Release()
	index := d.queue.Submit(commands)
	d.written = 0
	for i := range copies {
		copies[i].submit = index
	}
	d.pending = append(d.pending, copies...)
	return nil
}

func (d *Device) encode(c gpu.Submit, copies []readback) (*wgpu.CommandBuffer, error) {
	encoder, err := d.device.CreateCommandEncoder(nil)
	if err != nil {
		return nil, err
	}
	defer encoder.Release()
	if err := d.encodePass(encoder, c.Replays); err != nil {
		return nil, err
	}
	for i, r := range c.Readbacks {
		if err := encoder.CopyBufferToBuffer(d.buffers[r.Buffer].Buffer, r.Offset, copies[i].buffer, 0, r.Size); err != nil {
			return nil, err
		}
	}
	return encoder.Finish(nil)
}

func (d *Device) encodePass(encoder *wgpu.CommandEncoder, replays []gpu.Replay) error {
	for _, replay := range replays {
		if _, ok := d.recordings[replay.Recording]; !ok {
			return fmt.Errorf("no recording %d", replay.Recording)
		}
	}
	if len(replays) == 0 {
		return nil
	}
	pass := encoder.BeginComputePass(nil)
	defer pass.Release()
	var current *wgpu.ComputePipeline
	for _, replay := range replays {
		dispatches := d.recordings[replay.Recording]
		for range replay.Times {
			for i := range dispatches {
				it := &dispatches[i]
				if it.pipeline != current {
					current = it.pipeline
					pass.SetPipeline(current)
				}
				pass.SetBindGroup(0, it.group, nil)
				pass.DispatchWorkgroups(it.workgroups[0], it.workgroups[1], it.workgroups[2])
			}
		}
	}
	return pass.End()
}

// plain brings an error of the binding on one line, without the binding's name for the call.
func plain(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if _, after, ok := strings.Cut(text, "(): "); ok && strings.HasPrefix(text, "wgpu.") {
		text = strings.TrimPrefix(strings.TrimPrefix(after, "Validation Error "), "Caused by: ")
		return errors.New(text)
	}
	return err
}
