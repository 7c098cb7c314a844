// Package gpu says what a GPU is to do, as data: buffers, programs, recordings of dispatches, and the commands
// that create, fill, replay and read them. It touches no GPU. A Device executes commands: gpu/refgpu in Go,
// gpu/nativegpu on Vulkan, gpu/nullgpu not at all, and the page's worker through wasm/abi.
//
// Start with Plan: it hands out buffers, records dispatches, and yields the commands that set everything up.
// After that, work is nothing but Write and Submit.
package gpu

import (
	"errors"

	"tabseek/shaders"
)

// Ids are chosen by the Plan, counted from 0, and are valid until Reset.
type (
	BufferID    uint32
	PipelineID  uint32
	RecordingID uint32
)

// Usage tells what a buffer is bound as.
type Usage uint32

// The usages. Every buffer can also be copied from and to; those of Storage hold the arguments of indirect dispatches too.
const (
	Storage Usage = iota
	Uniform
)

// A Command is one order to a Device. Commands are executed in the order given.
type Command interface{ command() }

// CreateBuffer makes a zeroed buffer of Size bytes, a multiple of 4.
type CreateBuffer struct {
	ID    BufferID
	Usage Usage
	Size  uint64
	Label string
}

// CreatePipeline compiles a program; the entry point is main, the bind group layout follows the WGSL.
type CreatePipeline struct {
	ID      PipelineID
	Program *shaders.Program
}

// CreateRecording prepares a sequence of commands (bind groups are made here) to be replayed by Submit.
type CreateRecording struct {
	ID       RecordingID
	Label    string
	Commands []Recorded
}

// A Recorded is one command of a recording, on real buffers: Dispatch, DispatchIndirect, Copy or Clear.
type Recorded interface{ recorded() }

// Dispatch runs a pipeline.
type Dispatch struct {
	Pipeline   PipelineID
	Workgroups shaders.Grid
	Bindings   []BoundRange
}

// DispatchIndirect runs a pipeline with as many workgroups as three words at Offset of Arguments say when it is its turn.
type DispatchIndirect struct {
	Pipeline  PipelineID
	Arguments BufferID
	Offset    uint64
	Bindings  []BoundRange
}

// Copy copies Size bytes, a multiple of 4, from one buffer to another.
type Copy struct {
	From       BufferID
	FromOffset uint64
	To         BufferID
	ToOffset   uint64
	Size       uint64
}

// Clear sets Size bytes, a multiple of 4, to zero.
type Clear struct {
	Buffer       BufferID
	Offset, Size uint64
}

func (Dispatch) recorded()         {}
func (DispatchIndirect) recorded() {}
func (Copy) recorded()             {}
func (Clear) recorded()            {}

// A BoundRange is a range of a buffer at a @binding slot of group 0.
type BoundRange struct {
	Slot         uint32
	Buffer       BufferID
	Offset, Size uint64
}

// Upload asks the host to bring a whole shard of the model, verify it, and write it at Offset of Buffer.
// The bytes never enter the guest. The host reports the shard when it is written.
type Upload struct {
	Shard  uint32 // index into the manifest's shards
	File   string
	SHA256 string // lower-case hex
	Size   uint64
	Buffer BufferID
	Offset uint64
}

// Write puts Data at Offset of Buffer before the next Submit.
type Write struct {
	Buffer BufferID
	Offset uint64
	Data   []byte
}

// Submit replays recordings in order and then reads ranges back. It has exactly one Result, of the same Ticket.
type Submit struct {
	Ticket    uint32
	Replays   []Replay
	Readbacks []Readback
}

// A Replay runs a recording Times times in a row; or, where Count is not 0, its commands from First to First+Count.
type Replay struct {
	Recording    RecordingID
	Times        uint32
	First, Count uint32
}

// Range is the run of commands that each time takes, of a recording of n commands; false if they are not all there.
func (r Replay) Range(n int) (first, end int, ok bool) {
	if r.Count == 0 {
		return 0, n, true
	}
	return int(r.First), int(r.First) + int(r.Count), uint64(r.First)+uint64(r.Count) <= uint64(n)
}

// Dispatches counts the dispatches of a replay of the recording.
func (c CreateRecording) Dispatches(r Replay) int {
	first, end, ok := r.Range(len(c.Commands))
	if !ok {
		return 0
	}
	n := 0
	for _, command := range c.Commands[first:end] {
		switch command.(type) {
		case Dispatch, DispatchIndirect:
			n++
		}
	}
	return n * int(r.Times)
}

// A Readback copies a range of a buffer out, after all replays of its Submit.
type Readback struct {
	Buffer       BufferID
	Offset, Size uint64
}

// Reset destroys every buffer, pipeline and recording.
type Reset struct{}

func (CreateBuffer) command()    {}
func (CreatePipeline) command()  {}
func (CreateRecording) command() {}
func (Upload) command()          {}
func (Write) command()           {}
func (Submit) command()          {}
func (Reset) command()           {}

// A Result is the outcome of a Submit.
type Result struct {
	Ticket      uint32
	Nanoseconds uint64   // what the GPU took for it, as well as the device can tell
	Data        [][]byte // of each readback, in order
}

// ErrDeviceLost is what a Device answers once the GPU is lost, or has been silent for too long.
var ErrDeviceLost = errors.New("the GPU is lost")

// A Device executes commands. It is not safe for concurrent use.
type Device interface {
	Info() Info
	// Execute carries a command out, or queues it. A Device answers ErrUpload to an Upload: the host brings the bytes.
	// One that needs none takes it as done.
	Execute(Command) error
	// Results returns the submits finished so far; with wait it blocks until there is at least one, unless none is pending.
	Results(wait bool) ([]Result, error)
	Close()
}

// Info describes a device: what decides which variants of the kernels are used.
type Info struct {
	Name    string `json:"name"`    // e.g. "llvmpipe (LLVM 15.0.6, 256 bits)"
	Backend string `json:"backend"` // reference, vulkan, chromium, firefox ...

	ShaderF16 bool `json:"shader_f16"`
	Subgroups bool `json:"subgroups"`
	DP4A      bool `json:"dp4a"`

	MaxBufferSize       uint64 `json:"max_buffer_size"`
	MaxBindingSize      uint64 `json:"max_binding_size"`
	MaxStorageBuffers   uint32 `json:"max_storage_buffers"`
	MaxWorkgroupStorage uint32 `json:"max_workgroup_storage"`
	MaxInvocations      uint32 `json:"max_invocations"`
}

// Features are what programs may use on the device.
func (i Info) Features() shaders.Features {
	return shaders.Features{F16: i.ShaderF16, Subgroups: i.Subgroups, DP4A: i.DP4A}
}

// What every WebGPU device has, and nothing here asks more of.
const (
	OffsetAlign   = 256   // bytes, of the offset of a bound range
	MaxWorkgroups = 65535 // in each dimension of a dispatch
)

// MinimumInfo is the profile on which everything must run: WebGPU's default limits and no optional feature.
func MinimumInfo() Info {
	return Info{
		Name: "minimum profile", MaxBufferSize: 256 << 20, MaxBindingSize: 128 << 20, MaxStorageBuffers: 8,
		MaxWorkgroupStorage: 16 << 10, MaxInvocations: 256,
	}
}
