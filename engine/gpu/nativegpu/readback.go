//go:build cgo

package nativegpu

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/cogentcore/webgpu/wgpu"

	"tabseek/engine/gpu"
)

// A readback is a copy under way into a staging buffer.
type readback struct {
	ticket uint32
	size   uint64
	buffer *wgpu.Buffer
	submit wgpu.SubmissionIndex
}

// stage finds a staging buffer for each readback.
func (d *Device) stage(readbacks []gpu.Readback) ([]readback, error) {
	copies := make([]readback, 0, len(readbacks))
	for _, r := range readbacks {
		_, err := d.checked(r.Buffer, r.Offset, r.Size)
		if err == nil && (r.Size == 0 || r.Size%4 != 0 || r.Offset%4 != 0) {
			err = fmt.Errorf("range %d+%d of buffer %d is empty or not in whole words", r.Offset, r.Size, r.Buffer)
		}
		var target *wgpu.Buffer
		if err == nil {
			target, err = d.stagingBuffer(r.Size)
		}
		if err != nil {
			d.unstage(copies)
			return nil, err
		}
		copies = append(copies, readback{ticket: r.Ticket, size: r.Size, buffer: target})
	}
	return copies, nil
}

func (d *Device) unstage(copies []readback) {
	for _, r := range copies {
		d.staging[r.size] = append(d.staging[r.size], r.buffer)
	}
}

func (d *Device) stagingBuffer(size uint64) (*wgpu.Buffer, error) {
	if idle := d.staging[size]; len(idle) > 0 {
		d.staging[size] = idle[:len(idle)-1]
		return idle[len(idle)-1], nil
	}
	return d.device.CreateBuffer(&wgpu.BufferDescriptor{Label: "staging", Size: size, Usage: wgpu.BufferUsageMapRead | wgpu.BufferUsageCopyDst})
}

// Results waits for the oldest submit that reads back, not for those queued behind it, and returns its results.
// Without wait there are some only when the queue has run dry: the binding cannot tell more without blocking.
func (d *Device) Results(wait bool) ([]gpu.Result, error) {
	if len(d.pending) == 0 {
		return nil, nil
	}
	count := len(d.pending)
	if wait {
		oldest := d.pending[0].submit
		d.device.Poll(true, d.after(oldest))
		for count = 1; count < len(d.pending) && d.pending[count].submit == oldest; {
			count++
		}
	} else if !d.device.Poll(false, nil) {
		return nil, nil
	}
	finished := d.pending[:count]
	d.pending = append([]readback(nil), d.pending[count:]...)
	results := make([]gpu.Result, 0, count)
	for i, r := range finished {
		data, err := d.read(r)
		if err != nil {
			for _, lost := range finished[i:] {
				lost.buffer.Release()
			}
			return nil, fmt.Errorf("nativegpu: readback %d: %w", r.ticket, err)
		}
		results = append(results, gpu.Result{Ticket: r.ticket, Data: data})
	}
	d.unstage(finished)
	return results, nil
}

func (d *Device) after(submit wgpu.SubmissionIndex) *wgpu.WrappedSubmissionIndex {
	return &wgpu.WrappedSubmissionIndex{Queue: d.queue, SubmissionIndex: submit}
}

// read maps the staging buffer of a copy that has been made, and takes the bytes out.
func (d *Device) read(r readback) ([]byte, error) {
	status, called := wgpu.BufferMapAsyncStatusUnknown, false
	resume := pauseCollection()
	err := r.buffer.MapAsync(wgpu.MapModeRead, 0, r.size, func(s wgpu.BufferMapAsyncStatus) { status, called = s, true })
	if err == nil && !called {
		d.device.Poll(true, d.after(r.submit))
	}
	resume()
	switch {
	case err != nil:
		return nil, err
	case !called:
		return nil, errors.New("the driver did not answer a map request")
	case status != wgpu.BufferMapAsyncStatusSuccess:
		return nil, fmt.Errorf("map request refused: %v", status)
	}
	data := append([]byte(nil), r.buffer.GetMappedRange(0, uint(r.size))...)
	return data, r.buffer.Unmap()
}

// collection counts who needs the garbage collector to stand still.
var collection struct {
	sync.Mutex
	pauses  int
	percent int
}

// pauseCollection keeps the garbage collector from starting until the returned function is called. The binding
// leaves the address of a Go variable with C until a callback comes, and nothing else refers to that variable.
func pauseCollection() (resume func()) {
	collection.Lock()
	defer collection.Unlock()
	if collection.pauses++; collection.pauses == 1 {
		collection.percent = debug.SetGCPercent(-1)
	}
	return func() {
		collection.Lock()
		defer collection.Unlock()
		if collection.pauses--; collection.pauses == 0 {
			debug.SetGCPercent(collection.percent)
		}
	}
}
