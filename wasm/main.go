//go:build wasip1

// Command wasm is the guest: the engine behind four exports, built once as a wasip1 reactor and loaded alike by
// the page's worker and by the wazero harness. It never waits, never sees weights and touches no GPU: a host
// writes a message into the input buffer, calls tabseek_handle, and carries out what tabseek_output holds.
//
//	tabseek_version() -> number        of the wire: abi.Version
//	tabseek_input(size) -> pointer     room for a message of size bytes
//	tabseek_handle(kind, size)         takes the message; kinds are abi's
//	tabseek_output() -> pointer<<32|n  frames of commands and events, valid until the next call
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"unsafe"

	"tabseek/engine"
	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/panel/remote"
	"tabseek/wasm/abi"
)

// guest is the state between calls.
var guest struct {
	input, output       []byte
	manifest, tokenizer []byte
	engine              *engine.Engine
	panels              remote.Panels // of engines elsewhere
}

func main() {} // a reactor is never run, only called

//go:wasmexport tabseek_version
func version() uint32 { return abi.Version }

//go:wasmexport tabseek_input
func input(size uint32) uint32 {
	if uint32(cap(guest.input)) < size {
		guest.input = make([]byte, size)
	}
	guest.input = guest.input[:size]
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(guest.input))))
}

//go:wasmexport tabseek_handle
func handle(kind, size uint32) {
	if size > uint32(len(guest.input)) {
		report(0, fmt.Errorf("message of %d bytes, the input buffer has %d", size, len(guest.input)))
		return
	}
	if err := take(abi.Message(kind), guest.input[:size]); err != nil {
		report(0, err)
	}
}

//go:wasmexport tabseek_output
func output() uint64 {
	guest.output = guest.output[:0]
	if guest.engine != nil {
		commands, events := guest.engine.Take()
		for _, c := range commands {
			guest.output = abi.Append(guest.output, c)
		}
		for _, e := range events {
			appendEvent(e)
		}
	}
	for _, e := range append(guest.panels.Take(), reports...) {
		appendEvent(e)
	}
	reports = nil
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(guest.output))))<<32 | uint64(len(guest.output))
}

// reports are events of failures before there is an engine to keep them.
var reports []message.Event

func report(id uint32, err error) { reports = append(reports, message.ErrorEvent(id, err)) }

func appendEvent(e message.Event) {
	if l := e.Logits; l != nil {
		guest.output = abi.AppendLogits(guest.output, *l)
		return
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // events are plain structs
	}
	guest.output = abi.AppendEvent(guest.output, text)
}

// opening is the JSON of the message open.
type opening struct {
	Version uint32          `json:"version"`
	Device  gpu.Info        `json:"device"`
	Options json.RawMessage `json:"options"`
}

func take(kind abi.Message, data []byte) error {
	switch kind {
	case abi.Manifest:
		guest.manifest, guest.input = data, nil // the buffer becomes the file's: no second copy of it
		return nil
	case abi.Tokenizer:
		guest.tokenizer, guest.input = data, nil
		return nil
	case abi.Open:
		return open(data)
	}
	var r message.Request
	if kind == abi.Request {
		var err error
		if r, err = message.ParseRequest(data); err != nil {
			report(r.ID, err)
			return nil
		}
		if guest.panels.Request(r) {
			return nil
		}
	}
	if guest.engine == nil {
		return fmt.Errorf("message %d before a model is open", kind)
	}
	switch kind {
	case abi.Request:
		if r.Params.Seed == nil { // the engine has no chance of its own: what it does depends on what it is told
			seed := rand.Uint32()
			r.Params.Seed = &seed
		}
		guest.engine.Request(r)
	case abi.Uploaded:
		shard, err := abi.DecodeUploaded(data)
		if err != nil {
			return err
		}
		guest.engine.Uploaded(shard)
	case abi.Result:
		r, err := abi.DecodeResult(data)
		if err != nil {
			return err
		}
		guest.engine.Result(r)
	default:
		return fmt.Errorf("unknown message %d", kind)
	}
	return nil
}

// open makes the engine. The model's files are not needed after that.
func open(data []byte) error {
	var o opening
	if err := json.Unmarshal(data, &o); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if err := abi.CheckVersion(abi.Version, o.Version); err != nil {
		return err
	}
	options, err := message.ParseOptions(o.Options)
	if err != nil {
		return err
	}
	e, err := engine.Open(guest.manifest, guest.tokenizer, o.Device, options)
	if err != nil {
		return err
	}
	guest.engine, guest.manifest, guest.tokenizer, guest.input = e, nil, nil, nil
	return nil
}
