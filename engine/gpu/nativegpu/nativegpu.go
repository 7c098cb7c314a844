// Package nativegpu is a gpu.Device on Vulkan, through github.com/cogentcore/webgpu (wgpu-native). It is the only
// importer of that binding.
package nativegpu

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/cogentcore/webgpu/wgpu"

	"tabseek/engine/gpu"
)

// Options for Open.
type Options struct {
	// Minimum asks for WebGPU's default limits, whatever the adapter could do: the profile everything must run on.
	Minimum bool
}

// ErrNoAdapter tells that the machine has no usable GPU driver.
var ErrNoAdapter = errors.New("nativegpu: no GPU adapter (on Debian, mesa-vulkan-drivers brings a software one)")

// A Device executes commands on a GPU.
type Device struct {
	info     gpu.Info
	instance *wgpu.Instance
	adapter  *wgpu.Adapter
	device   *wgpu.Device
	queue    *wgpu.Queue

	buffers    map[gpu.BufferID]*wgpu.Buffer
	pipelines  map[gpu.PipelineID]pipeline
	recordings map[gpu.RecordingID][]dispatch
	staging    map[uint64][]*wgpu.Buffer // idle readback buffers by size: none is created once decoding is steady
	pending    []readback
}

type pipeline struct {
	name     string
	pipeline *wgpu.ComputePipeline
	layout   *wgpu.BindGroupLayout
}

type dispatch struct {
	pipeline   *wgpu.ComputePipeline
	group      *wgpu.BindGroup
	workgroups [3]uint32
}

// A readback is a copy under way into a staging buffer.
type readback struct {
	ticket uint32
	size   uint64
	buffer *wgpu.Buffer
}

// Open finds an adapter and makes a device.
func Open(options Options) (*Device, error) {
	wgpu.SetLogLevel(wgpu.LogLevelOff)
	if os.Getenv("XDG_RUNTIME_DIR") == "" {
		os.Setenv("XDG_RUNTIME_DIR", os.TempDir()) // drivers that look for a display complain on stderr otherwise
	}
	d := &Device{instance: wgpu.CreateInstance(nil)}
	adapter, err := d.instance.RequestAdapter(&wgpu.RequestAdapterOptions{PowerPreference: wgpu.PowerPreferenceHighPerformance})
	if err != nil || adapter == nil {
		return nil, ErrNoAdapter
	}
	d.adapter = adapter
	limits := wantedLimits(adapter.GetLimits().Limits, options)
	device, err := adapter.RequestDevice(&wgpu.DeviceDescriptor{RequiredLimits: &wgpu.RequiredLimits{Limits: limits}})
	if err != nil {
		return nil, fmt.Errorf("nativegpu: request device: %w", err)
	}
	d.device, d.queue = device, device.GetQueue()
	info := adapter.GetInfo()
	d.info = gpu.Info{
		Name: strings.TrimSpace(info.Name), Backend: "vulkan",
		MaxBufferSize: limits.MaxBufferSize, MaxBindingSize: limits.MaxStorageBufferBindingSize,
		MaxStorageBuffers: limits.MaxStorageBuffersPerShaderStage, MaxWorkgroupStorage: limits.MaxComputeWorkgroupStorageSize,
		MaxInvocations: limits.MaxComputeInvocationsPerWorkgroup, MaxWorkgroupsPerDim: limits.MaxComputeWorkgroupsPerDimension,
		StorageOffsetAlign: limits.MinStorageBufferOffsetAlignment, UniformOffsetAlign: limits.MinUniformBufferOffsetAlignment,
	}
	d.forget()
	return d, nil
}

// wantedLimits are what the kernels depend on: as much as the adapter has, or WebGPU's defaults. Everything else
// stays undefined, for the binding passes garbage on where it does not know the adapter's value.
func wantedLimits(adapter wgpu.Limits, options Options) wgpu.Limits {
	least := gpu.MinimumInfo()
	limits := wgpu.DefaultLimits()
	limits.MaxPushConstantSize = 0
	limits.MaxBufferSize, limits.MaxStorageBufferBindingSize = adapter.MaxBufferSize, adapter.MaxStorageBufferBindingSize
	limits.MaxStorageBuffersPerShaderStage = adapter.MaxStorageBuffersPerShaderStage
	limits.MaxComputeWorkgroupStorageSize = adapter.MaxComputeWorkgroupStorageSize
	limits.MaxComputeInvocationsPerWorkgroup = adapter.MaxComputeInvocationsPerWorkgroup
	if options.Minimum {
		limits.MaxBufferSize, limits.MaxStorageBufferBindingSize = least.MaxBufferSize, least.MaxBindingSize
		limits.MaxStorageBuffersPerShaderStage = least.MaxStorageBuffers
		limits.MaxComputeWorkgroupStorageSize = least.MaxWorkgroupStorage
		limits.MaxComputeInvocationsPerWorkgroup = least.MaxInvocations
	}
	limits.MaxComputeWorkgroupsPerDimension = least.MaxWorkgroupsPerDim
	limits.MinStorageBufferOffsetAlignment, limits.MinUniformBufferOffsetAlignment = least.StorageOffsetAlign, least.UniformOffsetAlign
	return limits
}

// Info describes the adapter and the limits asked for.
func (d *Device) Info() gpu.Info { return d.info }

func (d *Device) forget() {
	d.buffers = map[gpu.BufferID]*wgpu.Buffer{}
	d.pipelines = map[gpu.PipelineID]pipeline{}
	d.recordings = map[gpu.RecordingID][]dispatch{}
	d.staging = map[uint64][]*wgpu.Buffer{}
	d.pending = nil
}

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
		b, err := d.checked(c.Buffer, c.Offset, uint64(len(c.Data)))
		if err == nil && len(c.Data) > 0 {
			err = d.queue.WriteBuffer(b, c.Offset, c.Data)
		}
		if err != nil {
			return fmt.Errorf("nativegpu: write: %w", err)
		}
		return nil
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

func (d *Device) checked(id gpu.BufferID, offset, size uint64) (*wgpu.Buffer, error) {
	b, ok := d.buffers[id]
	if !ok {
		return nil, fmt.Errorf("no buffer %d", id)
	}
	if total := b.GetSize(); offset > total || size > total-offset {
		return nil, fmt.Errorf("range %d+%d is outside buffer %d of %d bytes", offset, size, id, total)
	}
	return b, nil
}

func (d *Device) createBuffer(c gpu.CreateBuffer) error {
	usage := wgpu.BufferUsageStorage
	if c.Usage == gpu.Uniform {
		usage = wgpu.BufferUsageUniform
	}
	if c.Size > d.info.MaxBufferSize {
		return fmt.Errorf("nativegpu: buffer %s of %d bytes, the device takes %d", c.Label, c.Size, d.info.MaxBufferSize)
	}
	b, err := d.device.CreateBuffer(&wgpu.BufferDescriptor{Label: c.Label, Size: c.Size, Usage: usage | wgpu.BufferUsageCopySrc | wgpu.BufferUsageCopyDst})
	if err != nil {
		return fmt.Errorf("nativegpu: buffer %s of %d bytes: %w", c.Label, c.Size, err)
	}
	d.buffers[c.ID] = b
	return nil
}

// createPipeline compiles a program with an explicit layout: an automatic one would leave out unused bindings.
func (d *Device) createPipeline(c gpu.CreatePipeline) error {
	name := c.Program.Name
	module, err := d.device.CreateShaderModule(&wgpu.ShaderModuleDescriptor{Label: name, WGSLDescriptor: &wgpu.ShaderModuleWGSLDescriptor{Code: c.Program.Source}})
	if err != nil {
		return fmt.Errorf("nativegpu: compile %s: %w", name, err)
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
		return fmt.Errorf("nativegpu: layout of %s: %w", name, err)
	}
	whole, err := d.device.CreatePipelineLayout(&wgpu.PipelineLayoutDescriptor{BindGroupLayouts: []*wgpu.BindGroupLayout{layout}})
	if err != nil {
		return fmt.Errorf("nativegpu: layout of %s: %w", name, err)
	}
	defer whole.Release()
	p, err := d.device.CreateComputePipeline(&wgpu.ComputePipelineDescriptor{
		Label: name, Layout: whole, Compute: wgpu.ProgrammableStageDescriptor{Module: module, EntryPoint: "main"},
	})
	if err != nil {
		return fmt.Errorf("nativegpu: compile %s: %w", name, err)
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
			return fmt.Errorf("nativegpu: recording %s: dispatch %d (%s): %w", c.Label, i, p.name, err)
		}
		dispatches = append(dispatches, dispatch{p.pipeline, group, recorded.Workgroups})
	}
	d.recordings[c.ID] = dispatches
	return nil
}

// submit encodes all replays in one compute pass, then the copies to staging buffers.
func (d *Device) submit(c gpu.Submit) error {
	encoder, err := d.device.CreateCommandEncoder(nil)
	if err != nil {
		return fmt.Errorf("nativegpu: submit: %w", err)
	}
	defer encoder.Release()
	if err := d.encodePass(encoder, c.Replays); err != nil {
		return fmt.Errorf("nativegpu: submit: %w", err)
	}
	first := len(d.pending)
	for _, r := range c.Readbacks {
		source, err := d.checked(r.Buffer, r.Offset, r.Size)
		if err != nil {
			return fmt.Errorf("nativegpu: readback: %w", err)
		}
		target, err := d.stagingBuffer(r.Size)
		if err != nil {
			return fmt.Errorf("nativegpu: readback of %d bytes: %w", r.Size, err)
		}
		if err := encoder.CopyBufferToBuffer(source, r.Offset, target, 0, r.Size); err != nil {
			return fmt.Errorf("nativegpu: readback: %w", err)
		}
		d.pending = append(d.pending, readback{r.Ticket, r.Size, target})
	}
	commands, err := encoder.Finish(nil)
	if err != nil {
		d.pending = d.pending[:first]
		return fmt.Errorf("nativegpu: submit: %w", err)
	}
	defer commands.Release()
	d.queue.Submit(commands)
	return nil
}

func (d *Device) encodePass(encoder *wgpu.CommandEncoder, replays []gpu.Replay) error {
	if len(replays) == 0 {
		return nil
	}
	pass := encoder.BeginComputePass(nil)
	defer pass.Release()
	for _, replay := range replays {
		dispatches, ok := d.recordings[replay.Recording]
		if !ok {
			return errors.Join(fmt.Errorf("no recording %d", replay.Recording), pass.End())
		}
		for range replay.Times {
			for _, it := range dispatches {
				pass.SetPipeline(it.pipeline)
				pass.SetBindGroup(0, it.group, nil)
				pass.DispatchWorkgroups(it.workgroups[0], it.workgroups[1], it.workgroups[2])
			}
		}
	}
	return pass.End()
}

func (d *Device) stagingBuffer(size uint64) (*wgpu.Buffer, error) {
	if idle := d.staging[size]; len(idle) > 0 {
		d.staging[size] = idle[:len(idle)-1]
		return idle[len(idle)-1], nil
	}
	return d.device.CreateBuffer(&wgpu.BufferDescriptor{Label: "staging", Size: size, Usage: wgpu.BufferUsageMapRead | wgpu.BufferUsageCopyDst})
}

// Results maps the oldest readback and waits for it. Mapping does not overlap with later submits' work: those
// are already queued.
func (d *Device) Results(wait bool) ([]gpu.Result, error) {
	if !wait || len(d.pending) == 0 {
		return nil, nil
	}
	r := d.pending[0]
	d.pending = d.pending[1:]
	// The binding keeps the address of a Go variable in C until the callback has run: no collection until then.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	status := wgpu.BufferMapAsyncStatusUnknown
	done := false
	if err := r.buffer.MapAsync(wgpu.MapModeRead, 0, r.size, func(s wgpu.BufferMapAsyncStatus) { status, done = s, true }); err != nil {
		return nil, fmt.Errorf("nativegpu: readback: %w", err)
	}
	for !done {
		d.device.Poll(true, nil)
	}
	if status != wgpu.BufferMapAsyncStatusSuccess {
		return nil, fmt.Errorf("nativegpu: readback: map status %v", status)
	}
	data := append([]byte(nil), r.buffer.GetMappedRange(0, uint(r.size))...)
	if err := r.buffer.Unmap(); err != nil {
		return nil, fmt.Errorf("nativegpu: readback: %w", err)
	}
	d.staging[r.size] = append(d.staging[r.size], r.buffer)
	return []gpu.Result{{Ticket: r.ticket, Data: data}}, nil
}

func (d *Device) reset() {
	for _, b := range d.buffers {
		b.Release()
	}
	for _, p := range d.pipelines {
		p.pipeline.Release()
		p.layout.Release()
	}
	for _, dispatches := range d.recordings {
		for _, it := range dispatches {
			it.group.Release()
		}
	}
	for _, r := range d.pending {
		r.buffer.Release()
	}
	for _, idle := range d.staging {
		for _, b := range idle {
			b.Release()
		}
	}
	d.forget()
}

// Close frees everything.
func (d *Device) Close() {
	d.reset()
	d.queue.Release()
	d.device.Release()
	d.adapter.Release()
	d.instance.Release()
}
