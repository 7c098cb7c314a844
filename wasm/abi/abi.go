// Package abi is the one wire format between the guest and its hosts.
//
// Guest to host: a stream of frames, each an opcode, the payload's length in bytes, and the payload, padded to 4 bytes.
// Host to guest: a message's kind and its bytes. All numbers are little-endian u32 unless said otherwise; a u64 is
// its low and its high half; text is its length and its bytes, padded to 4.
//
//	CreateBuffer     id, usage, size u64, label text
//	CreatePipeline   id, name text, WGSL text, entries count, of each: slot, access
//	CreateRecording  id, label text, commands count, of each its kind and
//	                 Dispatch: pipeline, workgroups x y z, bindings
//	                 DispatchIndirect: pipeline, arguments buffer, offset u64, bindings
//	                 Copy: from buffer, offset u64, to buffer, offset u64, size u64
//	                 Clear: buffer, offset u64, size u64
//	                 where bindings are a count, of each: slot, buffer, offset u64, size u64
//	Upload           shard, buffer, offset u64, size u64, file text, SHA-256 text (hex)
//	Write            buffer, offset u64, data text
//	Submit           ticket, replays count, of each: recording, times, first, count; readbacks count, of each:
//	                 buffer, offset u64, size u64
//	Reset            nothing
//	Event            JSON
//	Logits           request, row, draft 0 or 1, float32 values
//
// web/src/host/abi.ts decodes the same frames; its constants are generated from this package, and both decode the
// golden stream in testdata/abi.
package abi

import "fmt"

//go:generate go run ./gen

// Version is the wire's: it grows with every change of a frame, a message, or the JSON in them. The guest exports its
// own, and Open carries the host's, so that each side refuses a partner of another build before anything is loaded.
const Version = 2

// CheckVersion refuses a partner that speaks another version.
func CheckVersion(guest, host uint32) error {
	if guest != host {
		return fmt.Errorf("the guest speaks version %d of the wire and the host version %d: they are not of the same build", guest, host)
	}
	return nil
}

// An Opcode says what a frame holds.
type Opcode uint32

// The opcodes.
const (
	OpCreateBuffer Opcode = iota + 1
	OpCreatePipeline
	OpCreateRecording
	OpUpload
	OpWrite
	OpSubmit
	OpReset
	OpEvent
	OpLogits
)

// Opcodes lists the opcodes by name, for the generator.
var Opcodes = []struct {
	Name string
	Op   Opcode
}{
	{"CreateBuffer", OpCreateBuffer}, {"CreatePipeline", OpCreatePipeline}, {"CreateRecording", OpCreateRecording}, {"Upload", OpUpload},
	{"Write", OpWrite}, {"Submit", OpSubmit}, {"Reset", OpReset}, {"Event", OpEvent}, {"Logits", OpLogits},
}

// An Access is how a pipeline uses a binding.
type Access uint32

// The accesses.
const (
	Uniform Access = iota
	ReadOnly
	ReadWrite
)

// Accesses lists the accesses by name, for the generator.
var Accesses = []struct {
	Name   string
	Access Access
}{{"Uniform", Uniform}, {"ReadOnly", ReadOnly}, {"ReadWrite", ReadWrite}}

// A RecordedKind says what a command of a recording is.
type RecordedKind uint32

// The kinds of recorded commands.
const (
	Dispatch RecordedKind = iota + 1
	DispatchIndirect
	Copy
	Clear
)

// RecordedKinds lists the kinds by name, for the generator.
var RecordedKinds = []struct {
	Name string
	Kind RecordedKind
}{{"Dispatch", Dispatch}, {"DispatchIndirect", DispatchIndirect}, {"Copy", Copy}, {"Clear", Clear}}

// A Message is the kind of a message from host to guest.
type Message uint32

// The messages.
const (
	Manifest  Message = iota + 1 // model.json
	Tokenizer                    // tokenizer.bin
	Open                         // JSON: version, device, options
	Request                      // JSON: message.Request
	Uploaded                     // shard
	Result                       // ticket, nanoseconds u64, readbacks count, of each: its bytes as a text
)

// Messages lists the messages by name, for the generator.
var Messages = []struct {
	Name    string
	Message Message
}{
	{"Manifest", Manifest}, {"Tokenizer", Tokenizer}, {"Open", Open}, {"Request", Request}, {"Uploaded", Uploaded}, {"Result", Result},
}
