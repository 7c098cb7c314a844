//go:build cgo

package nativegpu

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cogentcore/webgpu/wgpu"

	"tabseek/engine/gpu"
)

// silence is how long the GPU may work on one submit before it counts as lost.
var silence = 60 * time.Second

// A submission is a submit that the GPU works on, or has done.
type submission struct {
	ticket uint32
	copies []staged
	start  time.Time
}

// A staged readback is a copy into a staging buffer.
type staged struct {
	size   uint64
	buffer *wgpu.Buffer
}

// stage finds a staging buffer for each readback.
func (d *Device) stage(readbacks []gpu.Readback) ([]staged, error) {
	copies := make([]staged, 0, len(readbacks))
	for _, r := range readbacks {
		_, err := d.words(r.Buffer, r.Offset, r.Size)
		var target *wgpu.Buffer
		if err == nil {
			target, err = d.stagingBuffer(r.Size)
		}
		if err != nil {
			d.unstage(copies)
			return nil, err
		}
		copies = append(copies, staged{r.Size, target})
	}
	return copies, nil
}

func (d *Device) unstage(copies []staged) {
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

// Results returns the submits that are done; with wait it blocks until there is at least one, unless none is under way.
func (d *Device) Results(wait bool) ([]gpu.Result, error) {
	if d.lost != nil {
		return nil, d.lost
	}
	if len(d.results) == 0 && d.running != nil && (wait || d.device.Poll(false, nil)) {
		if err := d.finish(); err != nil {
			return nil, err
		}
	}
	results := d.results
	d.results = nil
	return results, nil
}

// finish waits for the submit under way, if there is one, and keeps its result.
func (d *Device) finish() error {
	s := d.running
	if s == nil {
		return nil
	}
	if err := d.idle(s.start); err != nil {
		return err
	}
	d.running = nil
	result := gpu.Result{Ticket: s.ticket, Nanoseconds: uint64(time.Since(s.start))}
	for i, r := range s.copies {
		data, err := d.read(r)
		if err != nil {
			for _, rest := range s.copies[i:] {
				rest.buffer.Release()
			}
			return fmt.Errorf("nativegpu: readback %d of submit %d: %w", i, s.ticket, err)
		}
		result.Data = append(result.Data, data)
		d.unstage(s.copies[i : i+1])
	}
	d.results = append(d.results, result)
	return nil
}

// idle returns when the GPU has done all that was submitted. It asks again and again: a waiting Poll of the binding
// gives up after 5 s, calls the work done, and frees its memory under the driver.
func (d *Device) idle(start time.Time) error {
	pause := 20 * time.Microsecond
	for !d.device.Poll(false, nil) {
		if time.Since(start) > silence {
			d.lost = fmt.Errorf("nativegpu: %s has not answered for %v: %w", d.info.Name, silence, gpu.ErrDeviceLost)
			return d.lost
		}
		time.Sleep(pause)
		pause = min(pause*5/4, time.Millisecond)
	}
	return nil
}

// read maps the staging buffer of a copy that has been made, and takes the bytes out.
func (d *Device) read(r staged) ([]byte, error) {
	status, called := wgpu.BufferMapAsyncStatusUnknown, false
	resume := pauseCollection()
	err := r.buffer.MapAsync(wgpu.MapModeRead, 0, r.size, func(s wgpu.BufferMapAsyncStatus) { status, called = s, true })
	if err == nil && !called {
		d.device.Poll(false, nil) // the queue is empty: this only calls back
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
