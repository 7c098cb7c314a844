// Package nullgpu is a gpu.Device that does nothing but count. It keeps no byte, so that it takes a model of any size,
// and what is left of the time an answer takes is the engine's and its host's own.
package nullgpu

import (
	"fmt"
	"math"

	"tabseek/engine/gpu"
)

// A Device counts commands. All that is read back is zero, and nothing takes any time.
type Device struct {
	Counts     Counts
	recordings map[gpu.RecordingID]gpu.CreateRecording
	results    []gpu.Result
}

// Counts are of commands since New; Bytes are those of the buffers.
type Counts struct {
	Buffers, Pipelines, Recordings, Uploads, Writes, Submits, Dispatches, Readbacks int
	Bytes                                                                           uint64
}

// New returns a device that has counted nothing.
func New() *Device { return &Device{recordings: map[gpu.RecordingID]gpu.CreateRecording{}} }

// Info is the minimum profile, but for the sizes of buffers: they have no limit.
func (d *Device) Info() gpu.Info {
	info := gpu.MinimumInfo()
	info.Name, info.Backend = "nothing", "null"
	info.MaxBufferSize, info.MaxBindingSize = math.MaxInt64, math.MaxInt64
	return info
}

// Execute counts a command. It takes an Upload as done: no host needs to bring the bytes.
func (d *Device) Execute(c gpu.Command) error {
	switch c := c.(type) {
	case gpu.CreateBuffer:
		d.Counts.Buffers++
		d.Counts.Bytes += c.Size
	case gpu.CreatePipeline:
		d.Counts.Pipelines++
	case gpu.CreateRecording:
		d.Counts.Recordings++
		d.recordings[c.ID] = c
	case gpu.Upload:
		d.Counts.Uploads++
	case gpu.Write:
		d.Counts.Writes++
	case gpu.Submit:
		d.submit(c)
	case gpu.Reset:
		clear(d.recordings)
		d.results = nil
	default:
		return fmt.Errorf("nullgpu: unknown command %T", c)
	}
	return nil
}

func (d *Device) submit(c gpu.Submit) {
	d.Counts.Submits++
	d.Counts.Readbacks += len(c.Readbacks)
	for _, r := range c.Replays {
		d.Counts.Dispatches += d.recordings[r.Recording].Dispatches(r)
	}
	result := gpu.Result{Ticket: c.Ticket}
	for _, r := range c.Readbacks {
		result.Data = append(result.Data, make([]byte, r.Size))
	}
	d.results = append(d.results, result)
}

// Results returns the results; none is ever pending.
func (d *Device) Results(bool) ([]gpu.Result, error) {
	results := d.results
	d.results = nil
	return results, nil
}

// Close does nothing.
func (d *Device) Close() {}
