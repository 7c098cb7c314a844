//go:build cgo

package nativegpu

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cogentcore/webgpu/wgpu"

	"tabseek/engine/gpu"
)

const maxQueuedWrites = 128 << 20 // bytes

// Execute carries out or queues one command.
func (d *Device) Execute(c gpu.Command) error {
	if d.lost != nil {
		return d.lost
	}
	err := d.execute(c)
	if errors.Is(err, gpu.ErrDeviceLost) {
		d.lost = err
	}
	return err
}

func (d *Device) execute(c gpu.Command) error {
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
		if err := d.finish(); err != nil {
			return err
		}
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

// words is checked, for what has to begin and end between two words of 32 bits.
func (d *Device) words(id gpu.BufferID, offset, size uint64) (*wgpu.Buffer, error) {
	b, err := d.checked(id, offset, size)
	if err == nil && (size == 0 || size%4 != 0 || offset%4 != 0) {
		err = fmt.Errorf("range %d+%d of buffer %d is empty or not in whole words", offset, size, id)
	}
	return b, err
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
	if d.written += len(c.Data); d.written < maxQueuedWrites {
		return nil
	}
	if err := d.finish(); err != nil {
		return err
	}
	d.queue.Submit()
	d.written = 0
	return d.idle(time.Now())
}

func (d *Device) createBuffer(c gpu.CreateBuffer) error {
	usage, ok := map[gpu.Usage]wgpu.BufferUsage{gpu.Storage: wgpu.BufferUsageStorage | wgpu.BufferUsageIndirect, gpu.Uniform: wgpu.BufferUsageUniform}[c.Usage]
	if !ok {
		return fmt.Errorf("nativegpu: buffer %s: unknown usage %d", c.Label, c.Usage)
	}
	if old, ok := d.buffers[c.ID]; ok {
		if err := d.finish(); err != nil {
			return err
		}
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
		layout.Release()
		return fmt.Errorf("nativegpu: layout of %s: %w", name, plain(err))
	}
	defer whole.Release()
	p, err := d.device.CreateComputePipeline(&wgpu.ComputePipelineDescriptor{
		Label: name, Layout: whole, Compute: wgpu.ProgrammableStageDescriptor{Module: module, EntryPoint: "main"},
	})
	if err != nil {
		layout.Release()
		return fmt.Errorf("nativegpu: compile %s: %w", name, plain(err))
	}
	if old, ok := d.pipelines[c.ID]; ok {
		old.release()
	}
	d.pipelines[c.ID] = pipeline{name, p, layout}
	return nil
}

func (d *Device) createRecording(c gpu.CreateRecording) error {
	commands := make([]command, 0, len(c.Commands))
	for i, recorded := range c.Commands {
		prepared, err := d.prepare(recorded)
		if err != nil {
			release(commands)
			return fmt.Errorf("nativegpu: recording %s: command %d: %w", c.Label, i, err)
		}
		commands = append(commands, prepared)
	}
	release(d.recordings[c.ID])
	d.recordings[c.ID] = commands
	return nil
}

func (d *Device) prepare(recorded gpu.Recorded) (command, error) {
	switch c := recorded.(type) {
	case gpu.Dispatch:
		return d.prepareDispatch(command{workgroups: c.Workgroups}, c.Pipeline, c.Bindings)
	case gpu.DispatchIndirect:
		arguments, err := d.words(c.Arguments, c.Offset, 12)
		if err != nil {
			return command{}, err
		}
		return d.prepareDispatch(command{arguments: arguments, offset: c.Offset}, c.Pipeline, c.Bindings)
	case gpu.Copy:
		from, errFrom := d.words(c.From, c.FromOffset, c.Size)
		to, errTo := d.words(c.To, c.ToOffset, c.Size)
		return command{from: from, offset: c.FromOffset, to: to, toOffset: c.ToOffset, size: c.Size}, cmp.Or(errFrom, errTo)
	case gpu.Clear:
		to, err := d.words(c.Buffer, c.Offset, c.Size)
		return command{to: to, toOffset: c.Offset, size: c.Size}, err
	}
	return command{}, fmt.Errorf("unknown command %T", recorded)
}

func (d *Device) prepareDispatch(c command, id gpu.PipelineID, bindings []gpu.BoundRange) (command, error) {
	p, ok := d.pipelines[id]
	if !ok {
		return c, fmt.Errorf("no pipeline %d", id)
	}
	var entries []wgpu.BindGroupEntry
	for _, r := range bindings {
		b, err := d.checked(r.Buffer, r.Offset, r.Size)
		if err != nil {
			return c, fmt.Errorf("%s: binding %d: %w", p.name, r.Slot, err)
		}
		entries = append(entries, wgpu.BindGroupEntry{Binding: r.Slot, Buffer: b, Offset: r.Offset, Size: r.Size})
	}
	group, err := d.device.CreateBindGroup(&wgpu.BindGroupDescriptor{Layout: p.layout, Entries: entries})
	if err != nil {
		return c, fmt.Errorf("%s: %w", p.name, plain(err))
	}
	c.pipeline, c.group = p.pipeline, group
	return c, nil
}

// submit encodes all replays and the copies to staging buffers. Whatever could be wrong shows
// when the encoder is finished: the binding can report that, while an error of the queue would end the process.
// It goes out when the submit before it is done; encoding takes place meanwhile.
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
	if err := d.finish(); err != nil {
		d.unstage(copies)
		return err
	}
	d.running = &submission{c.Ticket, copies, time.Now()}
	d.queue.Submit(commands)
	d.written = 0
	return nil
}

func (d *Device) encode(c gpu.Submit, copies []staged) (*wgpu.CommandBuffer, error) {
	encoder, err := d.device.CreateCommandEncoder(nil)
	if err != nil {
		return nil, err
	}
	defer encoder.Release()
	e := encoding{encoder: encoder}
	for _, replay := range c.Replays {
		commands, ok := d.recordings[replay.Recording]
		if !ok {
			return nil, fmt.Errorf("no recording %d", replay.Recording)
		}
		first, end, ok := replay.Range(len(commands))
		if !ok {
			return nil, fmt.Errorf("recording %d has %d commands, not %d+%d", replay.Recording, len(commands), replay.First, replay.Count)
		}
		for range replay.Times {
			for i := range commands[first:end] {
				if err := e.add(&commands[first+i]); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := e.endPass(); err != nil {
		return nil, err
	}
	for i, r := range c.Readbacks {
		if err := encoder.CopyBufferToBuffer(d.buffers[r.Buffer].Buffer, r.Offset, copies[i].buffer, 0, r.Size); err != nil {
			return nil, err
		}
	}
	return encoder.Finish(nil)
}

// An encoding is a submit being encoded: one compute pass, as long as nothing but dispatches comes.
type encoding struct {
	encoder *wgpu.CommandEncoder
	pass    *wgpu.ComputePassEncoder
	current *wgpu.ComputePipeline
}

func (e *encoding) add(c *command) error {
	if c.group == nil {
		if err := e.endPass(); err != nil {
			return err
		}
		if c.from == nil {
			return e.encoder.ClearBuffer(c.to, c.toOffset, c.size)
		}
		return e.encoder.CopyBufferToBuffer(c.from, c.offset, c.to, c.toOffset, c.size)
	}
	if e.pass == nil {
		e.pass = e.encoder.BeginComputePass(nil)
	}
	if c.pipeline != e.current {
		e.current = c.pipeline
		e.pass.SetPipeline(c.pipeline)
	}
	e.pass.SetBindGroup(0, c.group, nil)
	if c.arguments != nil {
		e.pass.DispatchWorkgroupsIndirect(c.arguments, c.offset)
	} else {
		e.pass.DispatchWorkgroups(c.workgroups[0], c.workgroups[1], c.workgroups[2])
	}
	return nil
}

func (e *encoding) endPass() error {
	if e.pass == nil {
		return nil
	}
	err := e.pass.End()
	e.pass.Release()
	e.pass, e.current = nil, nil
	return err
}

// plain brings an error of the binding on one line, without the binding's name for the call.
func plain(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if strings.Contains(text, "device is lost") { // wgpu's words
		return gpu.ErrDeviceLost
	}
	if _, after, ok := strings.Cut(text, "(): "); ok && strings.HasPrefix(text, "wgpu.") {
		text = strings.TrimPrefix(strings.TrimPrefix(after, "Validation Error "), "Caused by: ")
		return errors.New(text)
	}
	return err
}
