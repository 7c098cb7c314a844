package abi_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/shaders"
	"tabseek/wasm/abi"
)

func program(t testing.TB) *shaders.Program {
	p, err := shaders.Lookup("copy_pages")
	require.NoError(t, err)
	return p
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name    string
		command gpu.Command
	}{
		{"create buffer", gpu.CreateBuffer{ID: 3, Usage: gpu.Uniform, Size: 1 << 40, Label: "a"}},
		{"create buffer without a label", gpu.CreateBuffer{ID: math.MaxUint32, Size: math.MaxUint64}},
		{"create pipeline", gpu.CreatePipeline{ID: 1, Program: program(t)}},
		{"create recording", gpu.CreateRecording{ID: 2, Label: "größe", Commands: []gpu.Recorded{
			gpu.Dispatch{Pipeline: 1, Workgroups: shaders.Grid{1, 2, 3}, Bindings: []gpu.BoundRange{{Slot: 1, Buffer: 2, Offset: 1 << 33, Size: 4}, {Slot: 2}}}, gpu.Dispatch{Pipeline: 9},
			gpu.DispatchIndirect{Pipeline: 1, Arguments: 3, Offset: 1 << 40, Bindings: []gpu.BoundRange{{Slot: 3}}},
			gpu.Copy{From: 1, FromOffset: 1 << 33, To: 2, ToOffset: 4, Size: 1 << 34}, gpu.Clear{Buffer: 4, Offset: 1 << 35, Size: 8},
		}}},
		{"create recording of nothing", gpu.CreateRecording{}},
		{"upload", gpu.Upload{Shard: 1, File: "sha256-1.bin", SHA256: "1", Size: 1 << 25, Buffer: 2, Offset: 1 << 35}},
		{"write", gpu.Write{Buffer: 1, Offset: 1 << 34, Data: []byte{1, 2, 3, 4, 5, 6, 7}}},
		{"write of nothing", gpu.Write{Data: []byte{}}},
		{"submit", gpu.Submit{Ticket: 4, Replays: []gpu.Replay{{Recording: 1, Times: 2}, {Recording: 3, First: 5, Count: 6}}, Readbacks: []gpu.Readback{{Buffer: 5, Offset: 1 << 36, Size: 7}}}},
		{"submit of nothing", gpu.Submit{}},
		{"reset", gpu.Reset{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stream := abi.Append(nil, c.command)
			require.Zero(t, len(stream)%4, "frames are aligned")
			frames, err := abi.Decode(stream)
			require.NoError(t, err)
			require.Equal(t, []abi.Frame{{Command: c.command}}, frames)
		})
	}
	for _, event := range []string{"", "{}", `{"a":"ä"}`} {
		frames, err := abi.Decode(abi.AppendEvent(nil, []byte(event)))
		require.NoError(t, err)
		require.Equal(t, []abi.Frame{{Event: []byte(event)}}, frames)
	}
	for _, l := range []message.LogitsRow{{ID: 1, Row: 2, Draft: true, Values: []byte{1, 2, 3, 4}}, {Values: []byte{}}} {
		frames, err := abi.Decode(abi.AppendLogits(nil, l))
		require.NoError(t, err)
		require.Equal(t, []abi.Frame{{Logits: &l}}, frames)
	}
}

// A stream keeps the order of its frames, whatever their lengths.
func TestStream(t *testing.T) {
	var stream []byte
	for size := range 9 {
		stream = abi.Append(stream, gpu.Write{Data: make([]byte, size)})
		stream = abi.AppendEvent(stream, bytes.Repeat([]byte("e"), size))
	}
	frames, err := abi.Decode(stream)
	require.NoError(t, err)
	require.Len(t, frames, 18)
	for size := range 9 {
		require.Len(t, frames[2*size].Command.(gpu.Write).Data, size)
		require.Len(t, frames[2*size+1].Event, size)
	}
	frames, err = abi.Decode(nil)
	require.NoError(t, err)
	require.Empty(t, frames)
}

func TestMessages(t *testing.T) {
	shard, err := abi.DecodeUploaded(abi.AppendUploaded(nil, 1<<31))
	require.NoError(t, err)
	require.Equal(t, uint32(1<<31), shard)
	for _, size := range []int{0, 3, 5} {
		_, err = abi.DecodeUploaded(make([]byte, size))
		require.ErrorContains(t, err, "want 4")
	}

	for _, want := range []gpu.Result{{Ticket: 7, Nanoseconds: 1 << 40, Data: [][]byte{{1, 2, 3}, {}, {4, 5, 6, 7}}}, {Ticket: 1}} {
		got, err := abi.DecodeResult(abi.AppendResult(nil, want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	whole := abi.AppendResult(nil, gpu.Result{Ticket: 7, Data: [][]byte{{1, 2, 3}}})
	for n := range whole {
		_, err = abi.DecodeResult(whole[:n])
		require.ErrorContains(t, err, "ends too early", "%d bytes", n)
	}
	_, err = abi.DecodeResult(append(whole, 0))
	require.ErrorContains(t, err, "1 bytes too many")
}

// words is a stream of u32.
func words(list ...uint32) []byte {
	var out []byte
	for _, w := range list {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}

func TestDecodeRefuses(t *testing.T) {
	const huge = math.MaxUint32
	pipeline := func(source string) []byte {
		p := *program(t)
		p.Source = source
		return abi.Append(nil, gpu.CreatePipeline{Program: &p})
	}
	named := func(name string) []byte {
		p := *program(t)
		p.Name = name
		return abi.Append(nil, gpu.CreatePipeline{Program: &p})
	}
	for _, c := range []struct {
		name   string
		stream []byte
		want   string
	}{
		{"half a head", words(uint32(abi.OpReset)), "frame 0: ends too early"},
		{"a byte too many", append(words(uint32(abi.OpReset), 0), 0), "frame 1: ends too early"},
		{"no padding", append(words(uint32(abi.OpEvent), 1), 'x'), "frame 0: ends too early"},
		{"payload past the end", words(uint32(abi.OpEvent), huge, 0), "ends too early"},
		{"unknown opcode", words(99, 0), "frame 0: unknown opcode 99"},
		{"opcode zero", words(0, 0), "unknown opcode 0"},
		{"payload too long", words(uint32(abi.OpReset), 4, 0), "4 bytes too many"},
		{"payload too short", words(uint32(abi.OpCreateBuffer), 4, 0), "ends too early"},
		{"text past the end", words(uint32(abi.OpCreateBuffer), 20, 0, 0, 4, 0, huge), "ends too early"},
		{"data past the end", words(uint32(abi.OpWrite), 16, 0, 0, 0, huge), "ends too early"},
		{"more dispatches than bytes", words(uint32(abi.OpCreateRecording), 12, 0, 0, huge), "ends too early"},
		{"more bindings than bytes", words(uint32(abi.OpCreateRecording), 36, 0, 0, 1, uint32(abi.Dispatch), 0, 1, 1, 1, huge), "ends too early"},
		{"more replays than bytes", words(uint32(abi.OpSubmit), 8, huge, 0), "ends too early"},
		{"more readbacks than bytes", words(uint32(abi.OpSubmit), 8, 0, huge), "ends too early"},
		{"a pipeline's accesses past the end", words(uint32(abi.OpCreatePipeline), 16, 0, 0, 0, huge), "ends too early"},
		{"an unknown kernel", words(uint32(abi.OpCreatePipeline), 20, 0, 1, 'x', 0, 0), `unknown kernel "x"`},
		{"a format of another build", named("embed format=q7_0 batch=1"), `kernel embed: variant field format: unknown format "q7_0"`},
		{"a choice that is none", named("gqa_prepare head_dim=48 bias=treu"), `"treu" is neither true nor false`},
		{"an unknown recorded command", words(uint32(abi.OpCreateRecording), 28, 0, 0, 1, 9, 0, 0, 0), "unknown recorded command 9"},
		{"more commands than bytes", words(uint32(abi.OpCreateRecording), 20, 0, 0, 2, uint32(abi.Clear), 0), "ends too early"},
		{"a copy cut short", words(uint32(abi.OpCreateRecording), 28, 0, 0, 1, uint32(abi.Copy), 0, 0, 0), "ends too early"},
		{"a kernel of another build", pipeline("fn main() {}"), "program copy_pages is not the one this host was built with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			frames, err := abi.Decode(c.stream)
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "abi: frame ")
			require.Nil(t, frames)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "what a stream claims must not decide what is allocated")
		})
	}
}

// Whatever the bytes: no panic, frames in proportion to them, and a stream that decodes is written again to the same frames.
func FuzzDecode(f *testing.F) {
	golden, err := os.ReadFile("../../testdata/abi/stream.bin")
	require.NoError(f, err)
	f.Add(golden)
	f.Add([]byte{})
	f.Add(abi.Append(nil, gpu.CreatePipeline{Program: &shaders.Program{Name: "embed format=q7_0"}}))
	f.Add(words(uint32(abi.OpCreateRecording), 36, 0, 0, 1, uint32(abi.Dispatch), 0, 1, 1, 1, math.MaxUint32))
	f.Add(words(uint32(abi.OpSubmit), 8, 1, 0))
	f.Fuzz(func(t *testing.T, stream []byte) {
		frames, err := abi.Decode(stream)
		if err != nil {
			return
		}
		var again []byte
		items := len(frames)
		for _, f := range frames {
			switch c := f.Command.(type) {
			case gpu.CreateRecording:
				for _, command := range c.Commands {
					items++
					switch d := command.(type) {
					case gpu.Dispatch:
						items += len(d.Bindings)
					case gpu.DispatchIndirect:
						items += len(d.Bindings)
					}
				}
			case gpu.Submit:
				items += len(c.Replays) + len(c.Readbacks)
			}
			switch {
			case f.Command != nil:
				again = abi.Append(again, f.Command)
			case f.Logits != nil:
				again = abi.AppendLogits(again, *f.Logits)
			default:
				require.NotNil(t, f.Event)
				again = abi.AppendEvent(again, f.Event)
			}
		}
		require.LessOrEqual(t, items, len(stream)/8)
		twice, err := abi.Decode(again)
		require.NoError(t, err)
		require.Equal(t, frames, twice)
	})
}
