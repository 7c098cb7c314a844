// Package harness runs engine.wasm outside a browser: wazero for the guest, any gpu.Device for its commands.
//
// It knows the wire and nothing else: it feeds the guest a packed model's two text files, executes the commands
// that come back, brings the shards to the device, and hands on events. What the page's worker does in a tab,
// this does in a process, with the same bytes of the guest, and for many callers at once.
package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"time"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/wasm/abi"
)

// Options say what to run on what.
type Options struct {
	Wasm   []byte     // engine.wasm
	Model  fs.FS      // a packed model's folder
	Device gpu.Device // stays the caller's to close
	Log    io.Writer  // what the guest prints: nothing, unless it dies

	Context int // positions of a sequence; 0: the engine's default
	Chunk   int // tokens decoded in one submit; 0: the engine's default
	// Sequences is how many answers are computed side by side; 0: the engine's default.
	Sequences int
	// Profile is the choice of kernels, as Tuned told it before; empty: they are timed.
	Profile string
}

// A Host is a loaded model. Any number of goroutines may ask it things at once. Guest and device belong to the one that
// loads the model, and then to a goroutine of the host's own (worker.go).
type Host struct {
	guest       *guest
	device      gpu.Device
	model       fs.FS
	recordings  map[gpu.RecordingID]gpu.CreateRecording
	total       counters // since the start
	info        message.ModelInfo
	tuned       string
	loadSeconds float64
	lastRequest atomic.Uint32
	mailbox     *mailbox
	ended       chan struct{} // closed when the host's goroutine has ended
}

// Open starts the guest and loads the model; it returns when all weights are on the device.
func Open(ctx context.Context, o Options) (*Host, error) {
	start := time.Now()
	manifest, tokenizer, err := readModel(o.Model)
	if err != nil {
		return nil, err
	}
	opening, err := json.Marshal(map[string]any{"version": abi.Version, "device": o.Device.Info(), "options": message.Options{Context: o.Context, Chunk: o.Chunk, Sequences: o.Sequences, Profile: o.Profile}})
	if err != nil {
		return nil, err
	}
	g, err := newGuest(ctx, o.Wasm, o.Log)
	if err != nil {
		return nil, err
	}
	h := &Host{guest: g, device: o.Device, model: o.Model, recordings: map[gpu.RecordingID]gpu.CreateRecording{}, mailbox: newMailbox(), ended: make(chan struct{})}
	if err := h.load(ctx, manifest, tokenizer, opening); err != nil {
		return nil, errors.Join(err, g.close(ctx))
	}
	h.loadSeconds = time.Since(start).Seconds()
	go h.work()
	return h, nil
}

func (h *Host) load(ctx context.Context, manifest, tokenizer, opening []byte) error {
	for _, m := range []struct {
		kind abi.Message
		data []byte
	}{{abi.Manifest, manifest}, {abi.Tokenizer, tokenizer}, {abi.Open, opening}} {
		if err := h.guest.send(ctx, m.kind, m.data); err != nil {
			return err
		}
	}
	for {
		b, err := h.step(ctx, nil)
		if err != nil {
			return err
		}
		for _, e := range b.events {
			switch {
			case e.Type == message.Failed:
				return failureOf(e)
			case e.Type == message.Tuned:
				h.tuned = e.Profile
			case e.Type == message.Ready && e.Model != nil:
				h.info = *e.Model
				return nil
			}
		}
		if b.worked {
			continue
		}
		results, err := h.results()
		if err != nil {
			return err
		}
		if len(results) == 0 {
			return errors.New("engine.wasm: the model is not loaded, and nothing is left to do for it")
		}
		for _, r := range results {
			if err := h.guest.send(ctx, abi.Result, abi.AppendResult(nil, r)); err != nil {
				return err
			}
		}
	}
}

// Tuned is the profile that won when the kernels were timed, worth remembering for the device; empty if they were not.
func (h *Host) Tuned() string { return h.tuned }

// Model describes the loaded model.
func (h *Host) Model() message.ModelInfo { return h.info }

// Close ends what is under way, with ErrClosed, and frees the guest. The device keeps what is on it until its own Close
// or the next model's Open.
func (h *Host) Close(ctx context.Context) error {
	h.mailbox.close(ErrClosed)
	<-h.ended
	return h.guest.close(ctx)
}

// A batch is what one look at the guest's output brought.
type batch struct {
	events []message.Event
	start  counters // before any of its commands was executed
	worked bool     // there was something in it
}

// step carries out what the guest wants done. Rows of logits go to onLogits; they are valid only while it runs.
func (h *Host) step(ctx context.Context, onLogits func(message.LogitsRow)) (batch, error) {
	frames, err := h.guest.take(ctx)
	if err != nil {
		return batch{}, err
	}
	b := batch{start: h.counters(), worked: len(frames) > 0}
	var missing, there []gpu.Upload // shards whose bytes the device waits for, and those it does without
	for _, f := range frames {
		switch {
		case f.Event != nil:
			var e message.Event
			if err := json.Unmarshal(f.Event, &e); err != nil {
				return b, fmt.Errorf("engine.wasm: event: %w", err)
			}
			b.events = append(b.events, e)
		case f.Logits != nil && onLogits == nil:
			return b, errors.New("engine.wasm: logits that nobody asked for")
		case f.Logits != nil:
			onLogits(*f.Logits)
		default:
			u, isUpload := f.Command.(gpu.Upload)
			switch err = h.execute(f.Command); {
			case isUpload && err == nil:
				there = append(there, u)
			case isUpload && errors.Is(err, gpu.ErrUpload):
				missing, err = append(missing, u), nil
			}
		}
		if err != nil {
			return b, err
		}
	}
	for _, u := range there {
		if err := h.uploaded(ctx, u); err != nil {
			return b, err
		}
	}
	return b, h.upload(ctx, missing)
}

// execute passes a command to the device and counts it.
func (h *Host) execute(c gpu.Command) error {
	if err := h.device.Execute(c); err != nil {
		return deviceError(err)
	}
	switch c := c.(type) {
	case gpu.CreateRecording:
		h.recordings[c.ID] = c
	case gpu.Submit:
		h.total.submits++
		h.total.readbacks += len(c.Readbacks)
		for _, r := range c.Replays {
			h.total.dispatches += h.recordings[r.Recording].Dispatches(r)
		}
	}
	return nil
}

// upload brings shards to the device. Every one is checked against its size and SHA-256 before any byte is written.
func (h *Host) upload(ctx context.Context, shards []gpu.Upload) error {
	return readShards(ctx, h.model, shards, func(s gpu.Upload, data []byte) error {
		if err := h.execute(gpu.Write{Buffer: s.Buffer, Offset: s.Offset, Data: data}); err != nil {
			return err
		}
		return h.uploaded(ctx, s)
	})
}

func (h *Host) uploaded(ctx context.Context, s gpu.Upload) error {
	return h.guest.send(ctx, abi.Uploaded, abi.AppendUploaded(nil, s.Shard))
}

// results waits for the device.
func (h *Host) results() ([]gpu.Result, error) {
	results, err := h.device.Results(true)
	return results, deviceError(err)
}

// deviceError gives the loss of a device its code.
func deviceError(err error) error {
	if errors.Is(err, gpu.ErrDeviceLost) {
		return &message.Error{Code: message.DeviceLost, Err: err}
	}
	return err
}

// Ended is closed when the host takes no more requests: it is closed, or its device or guest has failed.
func (h *Host) Ended() <-chan struct{} { return h.ended }

// Err is why the host takes no more requests; nil while it does.
func (h *Host) Err() error { return h.mailbox.failure() }
