//go:build cgo

package nativegpu

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/cogentcore/webgpu/wgpu"

	"tabseek/engine/gpu"
)

// A Device executes commands on a GPU. It is not safe for concurrent use.
type Device struct {
	info     gpu.Info
	instance *wgpu.Instance
	adapter  *wgpu.Adapter
	device   *wgpu.Device
	queue    *wgpu.Queue

	buffers    map[gpu.BufferID]buffer
	pipelines  map[gpu.PipelineID]pipeline
	recordings map[gpu.RecordingID][]command
	staging    map[uint64][]*wgpu.Buffer // idle readback buffers by size: none is created once decoding is steady
	running    *submission               // what the GPU works on: one submit at a time, so that each is timed by itself
	results    []gpu.Result              // of submits that are done
	written    int                       // bytes of writes queued since the last submit
	lost       error                     // what the device answers since it is lost
}

type buffer struct {
	*wgpu.Buffer
	size uint64
}

type pipeline struct {
	name     string
	pipeline *wgpu.ComputePipeline
	layout   *wgpu.BindGroupLayout
}

// A command of a recording: a dispatch, unless group is nil; then a copy, or, without from, a clearing.
type command struct {
	pipeline   *wgpu.ComputePipeline
	group      *wgpu.BindGroup
	workgroups [3]uint32
	arguments  *wgpu.Buffer // of an indirect dispatch, in place of workgroups
	offset     uint64       // of the arguments, or of from

	from, to       *wgpu.Buffer
	toOffset, size uint64
}

func (p pipeline) release() {
	p.pipeline.Release()
	p.layout.Release()
}

func release(commands []command) {
	for _, c := range commands {
		if c.group != nil {
			c.group.Release()
		}
	}
}

// opening is held while an instance, the entry to the drivers, is made or released: the drivers' code for their start
// and end does not bear running twice at once. Each Device has an instance of its own, for a device made on a used one
// is taken for its predecessor.
var opening sync.Mutex

func newInstance() *wgpu.Instance {
	wgpu.SetLogLevel(wgpu.LogLevelOff)
	if os.Getenv("XDG_RUNTIME_DIR") == "" {
		os.Setenv("XDG_RUNTIME_DIR", os.TempDir()) // drivers that look for a display complain on stderr otherwise
	}
	return wgpu.CreateInstance(nil)
}

// Open finds an adapter and makes a device.
func Open(options Options) (*Device, error) {
	opening.Lock()
	defer opening.Unlock()
	instance := newInstance()
	d, err := open(instance, options)
	if err != nil {
		instance.Release()
	}
	return d, err
}

func open(instance *wgpu.Instance, options Options) (*Device, error) {
	resume := pauseCollection()
	defer resume()
	adapter, err := instance.RequestAdapter(&wgpu.RequestAdapterOptions{PowerPreference: wgpu.PowerPreferenceHighPerformance})
	if err != nil || adapter == nil {
		return nil, ErrNoAdapter
	}
	d := &Device{instance: instance}
	d.adapter = adapter
	limits := wantedLimits(adapter.GetLimits().Limits, options)
	device, err := adapter.RequestDevice(&wgpu.DeviceDescriptor{RequiredLimits: &wgpu.RequiredLimits{Limits: limits}})
	if err != nil {
		adapter.Release()
		return nil, fmt.Errorf("nativegpu: request device: %w", err)
	}
	d.device, d.queue = device, device.GetQueue()
	info := adapter.GetInfo() // its Name is the device's number, its DriverDescription the name
	d.info = gpu.Info{
		Name: strings.TrimSpace(info.DriverDescription), Backend: info.BackendType.String(),
		MaxBufferSize: limits.MaxBufferSize, MaxBindingSize: limits.MaxStorageBufferBindingSize,
		MaxStorageBuffers: limits.MaxStorageBuffersPerShaderStage, MaxWorkgroupStorage: limits.MaxComputeWorkgroupStorageSize,
		MaxInvocations: limits.MaxComputeInvocationsPerWorkgroup,
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
	limits.MaxComputeWorkgroupsPerDimension = gpu.MaxWorkgroups
	limits.MinStorageBufferOffsetAlignment, limits.MinUniformBufferOffsetAlignment = gpu.OffsetAlign, gpu.OffsetAlign
	return limits
}

// Info describes the adapter and the limits asked for.
func (d *Device) Info() gpu.Info { return d.info }

func (d *Device) forget() {
	d.buffers = map[gpu.BufferID]buffer{}
	d.pipelines = map[gpu.PipelineID]pipeline{}
	d.recordings = map[gpu.RecordingID][]command{}
	d.staging = map[uint64][]*wgpu.Buffer{}
	d.running, d.results = nil, nil
}

// reset frees everything on the device. Nothing may be under way.
func (d *Device) reset() {
	for _, b := range d.buffers {
		b.Release()
	}
	for _, p := range d.pipelines {
		p.release()
	}
	for _, commands := range d.recordings {
		release(commands)
	}
	for _, idle := range d.staging {
		for _, b := range idle {
			b.Release()
		}
	}
	d.forget()
}

// Close frees everything. Of a lost device nothing is freed: the driver may still be at work on it.
func (d *Device) Close() {
	if d.running != nil && d.finish() != nil || d.lost != nil {
		return
	}
	d.reset()
	d.queue.Release()
	d.device.Release()
	d.adapter.Release()
	opening.Lock()
	defer opening.Unlock()
	d.instance.Release()
}
