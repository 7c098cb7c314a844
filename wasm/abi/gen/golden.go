package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/shaders"
	"tabseek/wasm/abi"
)

// A golden is a frame of the golden stream, and what web/src/host/abi.ts makes of it.
type golden struct {
	append func([]byte) []byte
	twin   object
}

// object is a JSON object.
type object map[string]any

// goldens has every kind of frame, with the edges that decoders get wrong: lengths that are no multiple of 4, text
// that is not ASCII, empty lists and texts, numbers past 32 bits.
func goldens() ([]golden, error) {
	program, err := shaders.Lookup("copy_pages") // it has every access
	if err != nil {
		return nil, err
	}
	var list []golden
	command := func(c gpu.Command, twin object) {
		list = append(list, golden{func(dst []byte) []byte { return abi.Append(dst, c) }, twin})
	}
	event := func(text string) {
		list = append(list, golden{func(dst []byte) []byte { return abi.AppendEvent(dst, []byte(text)) }, object{"op": "event", "event": json.RawMessage(text)}})
	}
	logits := func(l message.LogitsRow, twin object) {
		list = append(list, golden{func(dst []byte) []byte { return abi.AppendLogits(dst, l) }, twin})
	}
	bound := func(slot, buffer, offset, size uint64) object {
		return object{"slot": slot, "buffer": buffer, "offset": offset, "size": size}
	}

	command(gpu.Reset{}, object{"op": "reset"})
	command(gpu.CreateBuffer{ID: 0, Usage: gpu.Storage, Size: 1 << 33, Label: "weights 0"}, object{"op": "buffer", "id": 0, "uniform": false, "size": 1 << 33, "label": "weights 0"})
	command(gpu.CreateBuffer{ID: 1, Usage: gpu.Uniform, Size: 256, Label: "größe ｜"}, object{"op": "buffer", "id": 1, "uniform": true, "size": 256, "label": "größe ｜"})
	command(gpu.CreateBuffer{ID: 4294967295, Size: 4}, object{"op": "buffer", "id": 4294967295, "uniform": false, "size": 4, "label": ""})
	command(gpu.CreatePipeline{ID: 7, Program: program}, object{"op": "pipeline", "id": 7, "name": program.Name, "source": program.Source, "bindings": []object{
		{"slot": 0, "access": abi.Uniform}, {"slot": 1, "access": abi.ReadOnly}, {"slot": 2, "access": abi.ReadWrite},
	}})
	command(gpu.CreateRecording{ID: 2, Label: "step", Commands: []gpu.Recorded{
		gpu.Dispatch{Pipeline: 7, Workgroups: shaders.Grid{65535, 2, 3}, Bindings: []gpu.BoundRange{{Slot: 0, Buffer: 1, Offset: 256, Size: 16}, {Slot: 3, Buffer: 0, Offset: 5 << 32, Size: 1<<32 + 4}}},
		gpu.Dispatch{Pipeline: 8, Workgroups: shaders.Grid{1, 1, 1}},
		gpu.DispatchIndirect{Pipeline: 7, Arguments: 4, Offset: 1 << 32, Bindings: []gpu.BoundRange{{Slot: 1, Buffer: 2, Offset: 0, Size: 4}}},
		gpu.Copy{From: 1, FromOffset: 4, To: 2, ToOffset: 1 << 33, Size: 1<<32 + 8},
		gpu.Clear{Buffer: 3, Offset: 8, Size: 1 << 34},
	}}, object{"op": "recording", "id": 2, "label": "step", "commands": []object{
		{"kind": "dispatch", "pipeline": 7, "workgroups": []int{65535, 2, 3}, "bindings": []object{bound(0, 1, 256, 16), bound(3, 0, 5<<32, 1<<32+4)}},
		{"kind": "dispatch", "pipeline": 8, "workgroups": []int{1, 1, 1}, "bindings": []object{}},
		{"kind": "indirect", "pipeline": 7, "arguments": 4, "offset": 1 << 32, "bindings": []object{bound(1, 2, 0, 4)}},
		{"kind": "copy", "from": 1, "fromOffset": 4, "to": 2, "toOffset": 1 << 33, "size": 1<<32 + 8},
		{"kind": "clear", "buffer": 3, "offset": 8, "size": 1 << 34},
	}})
	command(gpu.CreateRecording{ID: 3}, object{"op": "recording", "id": 3, "label": "", "commands": []object{}})
	command(gpu.Upload{Shard: 9, Buffer: 0, Offset: 32 << 20, Size: 1 << 25, File: "sha256-ab.bin", SHA256: "ab"},
		object{"op": "upload", "shard": 9, "buffer": 0, "offset": 32 << 20, "size": 1 << 25, "file": "sha256-ab.bin", "sha256": "ab"})
	command(gpu.Write{Buffer: 1, Offset: 8, Data: []byte{1, 2, 3, 4, 5}}, object{"op": "write", "buffer": 1, "offset": 8, "data": []int{1, 2, 3, 4, 5}})
	command(gpu.Write{Buffer: 1}, object{"op": "write", "buffer": 1, "offset": 0, "data": []int{}})
	command(gpu.Submit{
		Ticket:    11,
		Replays:   []gpu.Replay{{Recording: 2, Times: 8}, {Recording: 3, Times: 1, First: 5, Count: 6}},
		Readbacks: []gpu.Readback{{Buffer: 0, Offset: 1 << 32, Size: 32}, {Buffer: 1, Size: 4}},
	}, object{
		"op": "submit", "ticket": 11, "replays": []object{{"recording": 2, "times": 8, "first": 0, "count": 0}, {"recording": 3, "times": 1, "first": 5, "count": 6}},
		"readbacks": []object{{"buffer": 0, "offset": 1 << 32, "size": 32}, {"buffer": 1, "offset": 0, "size": 4}},
	})
	command(gpu.Submit{}, object{"op": "submit", "ticket": 0, "replays": []object{}, "readbacks": []object{}})
	event(`{"type":"delta","id":1,"content":"né\n"}`)
	event(`{}`)
	logits(message.LogitsRow{ID: 3, Row: 4, Values: []byte{0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0}}, object{"op": "logits", "request": 3, "row": 4, "draft": false, "values": []float64{1, -2.5}})
	logits(message.LogitsRow{ID: 3, Row: 0, Draft: true}, object{"op": "logits", "request": 3, "row": 0, "draft": true, "values": []float64{}})
	return list, nil
}

// stream is the golden stream: its bytes, and a JSON list of its frames as TypeScript decodes them, bytes and
// float32 as lists of numbers.
func stream() (binary, twins []byte, err error) {
	list, err := goldens()
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	b.WriteString("[\n")
	for i, g := range list {
		binary = g.append(binary)
		text, err := json.Marshal(g.twin)
		if err != nil {
			return nil, nil, fmt.Errorf("golden %d: %w", i, err)
		}
		b.Write(text)
		if i < len(list)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	return binary, b.Bytes(), nil
}
