package nativegpu_test

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/gputest"
	"tabseek/engine/gpu/nativegpu"
	"tabseek/shaders"
)

func open(t testing.TB) *nativegpu.Device {
	device, err := nativegpu.Open(nativegpu.Options{Minimum: true})
	if errors.Is(err, nativegpu.ErrNoAdapter) {
		need.Have(t, need.GPU, err)
	}
	require.NoError(t, err)
	t.Cleanup(device.Close)
	return device
}

// Every kernel case that needs no more than the binding's WGSL knows, on WebGPU's default limits. The browsers' tests run them all.
func TestCases(t *testing.T) {
	device := open(t)
	for _, c := range shaders.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			skipWithout(t, device, c)
			require.NoError(t, gputest.Check(device, c))
		})
	}
}

func skipWithout(t testing.TB, device gpu.Device, c shaders.Case) {
	if needs := c.Dispatch.Program.Requires(); !needs.Within(device.Info().Features()) {
		t.Skipf("needs %s", needs)
	}
}

func TestInfo(t *testing.T) {
	minimum := gpu.MinimumInfo()
	info := open(t).Info()
	minimum.Name, minimum.Backend = info.Name, info.Backend
	require.Equal(t, minimum, info)
	require.NotEmpty(t, info.Name)
	require.NotContains(t, info.Name, "0x")

	all, err := nativegpu.Open(nativegpu.Options{})
	require.NoError(t, err)
	defer all.Close()
	require.GreaterOrEqual(t, all.Info().MaxBindingSize, minimum.MaxBindingSize)
	require.GreaterOrEqual(t, all.Info().MaxBufferSize, minimum.MaxBufferSize)
}

// counter is a program that adds one to a word, and a device with it as recording 0 on buffer 0.
var counter = &shaders.Program{
	Name:     "counter",
	Source:   "@group(0) @binding(1) var<storage, read_write> n: array<u32>;\n@compute @workgroup_size(1) fn main() { n[0] += 1u; }",
	Bindings: []shaders.Binding{{Slot: 1, Name: "n", Writable: true}},
}

func counting(t *testing.T) *nativegpu.Device {
	device := open(t)
	execute(t, device,
		gpu.CreateBuffer{ID: 0, Size: 256, Label: "n"},
		gpu.CreatePipeline{ID: 0, Program: counter},
		gpu.CreateRecording{ID: 0, Label: "count", Commands: []gpu.Recorded{
			gpu.Dispatch{Workgroups: [3]uint32{1, 1, 1}, Bindings: []gpu.BoundRange{{Slot: 1, Size: 256}}},
		}})
	return device
}

func execute(t *testing.T, device gpu.Device, commands ...gpu.Command) {
	t.Helper()
	for _, c := range commands {
		require.NoError(t, device.Execute(c))
	}
}

func count(ticket, times uint32) gpu.Submit {
	return gpu.Submit{Ticket: ticket, Replays: []gpu.Replay{{Times: times}}, Readbacks: []gpu.Readback{{Size: 4}}}
}

// Results come in the order of their submits, none is lost, and a garbage collection at any time does no harm.
func TestResults(t *testing.T) {
	device := counting(t)
	results, err := device.Results(true)
	require.NoError(t, err)
	require.Empty(t, results, "nothing is pending")

	execute(t, device, count(1, 1), count(2, 2))
	var all []gpu.Result
	for i := range uint32(40) { // always two under way, as in decoding
		execute(t, device, count(i+3, 1))
		runtime.GC()
		results, err := device.Results(true)
		require.NoError(t, err)
		require.NotEmpty(t, results)
		all = append(all, results...)
	}
	for len(all) < 42 { // polling without waiting gets there too
		results, err := device.Results(false)
		require.NoError(t, err)
		all = append(all, results...)
	}
	for i, r := range all {
		require.EqualValues(t, i+1, r.Ticket)
		require.EqualValues(t, max(i+2, 2)-map[bool]int{true: 1}[i == 0], binary.LittleEndian.Uint32(r.Data[0]))
	}

	execute(t, device, count(50, 1), gpu.Reset{})
	results, err = device.Results(true)
	require.NoError(t, err)
	require.Empty(t, results, "a reset drops what is under way")
}

// Whatever comes over the wire, the process lives on and the device stays usable.
func TestErrorsAreReturned(t *testing.T) {
	record := func(c gpu.Recorded) gpu.CreateRecording {
		return gpu.CreateRecording{ID: 9, Label: "bad", Commands: []gpu.Recorded{c}}
	}
	bind := func(ranges ...gpu.BoundRange) gpu.CreateRecording {
		return record(gpu.Dispatch{Workgroups: [3]uint32{1, 1, 1}, Bindings: ranges})
	}
	broken := func(source string) gpu.CreatePipeline {
		return gpu.CreatePipeline{ID: 9, Program: &shaders.Program{Name: "broken", Source: source, Bindings: counter.Bindings}}
	}
	tests := map[string]struct {
		command gpu.Command
		want    string
	}{
		"write to no buffer":      {gpu.Write{Buffer: 7, Data: make([]byte, 4)}, "no buffer 7"},
		"write outside":           {gpu.Write{Offset: 256, Data: make([]byte, 4)}, "outside buffer 0"},
		"write of three bytes":    {gpu.Write{Data: make([]byte, 3)}, "write"},
		"no recording":            {gpu.Submit{Replays: []gpu.Replay{{Recording: 3, Times: 1}}}, "no recording 3"},
		"syntax":                  {broken("fn main( {"), "compile broken"},
		"types":                   {broken("@compute @workgroup_size(1) fn main() { let x: u32 = 1.5; }"), "compile broken"},
		"no main":                 {broken("@compute @workgroup_size(1) fn other() {}"), "compile broken"},
		"too many invocations":    {broken("@compute @workgroup_size(1024) fn main() {}"), "compile broken"},
		"undeclared binding":      {broken("@group(0) @binding(4) var<storage> m: array<u32>;\n@group(0) @binding(1) var<storage, read_write> n: array<u32>;\n@compute @workgroup_size(1) fn main() { n[0] = m[0]; }"), "compile broken"},
		"buffer too large":        {gpu.CreateBuffer{ID: 9, Size: 1 << 30, Label: "huge"}, "buffer huge of 1073741824 bytes"},
		"nothing bound":           {bind(), "recording bad: command 0: counter"},
		"bound to the wrong slot": {bind(gpu.BoundRange{Slot: 2, Size: 256}), "recording bad: command 0: counter"},
		"bound outside":           {bind(gpu.BoundRange{Slot: 1, Size: 512}), "outside buffer 0"},
		"bound unaligned":         {bind(gpu.BoundRange{Slot: 1, Offset: 4, Size: 4}), "recording bad: command 0: counter"},
		"bound twice":             {bind(gpu.BoundRange{Slot: 1, Size: 4}, gpu.BoundRange{Slot: 1, Size: 4}), "recording bad: command 0: counter"},
		"no pipeline":             {gpu.CreateRecording{Label: "bad", Commands: []gpu.Recorded{gpu.Dispatch{Pipeline: 5}}}, "no pipeline 5"},
		"part of a recording":     {gpu.Submit{Replays: []gpu.Replay{{Times: 1, First: 1, Count: 1}}}, "recording 0 has 1 commands, not 1+1"},
		"copy of no buffer":       {record(gpu.Copy{From: 7, To: 8, Size: 4}), "recording bad: command 0: no buffer 7"},
		"copy outside":            {record(gpu.Copy{FromOffset: 248, ToOffset: 0, Size: 16}), "outside buffer 0"},
		"copy between words":      {record(gpu.Copy{FromOffset: 2, ToOffset: 64, Size: 4}), "not in whole words"},
		"copy of half a word":     {record(gpu.Copy{ToOffset: 64, Size: 2}), "not in whole words"},
		"clear outside":           {record(gpu.Clear{Offset: 256, Size: 4}), "outside buffer 0"},
		"clear of half a word":    {record(gpu.Clear{Size: 2}), "not in whole words"},
		"arguments outside":       {record(gpu.DispatchIndirect{Offset: 248}), "outside buffer 0"},
		"arguments between words": {record(gpu.DispatchIndirect{Offset: 2}), "not in whole words"},
		"readback of no buffer":   {gpu.Submit{Readbacks: []gpu.Readback{{Buffer: 7, Size: 4}}}, "no buffer 7"},
		"readback outside":        {gpu.Submit{Readbacks: []gpu.Readback{{Offset: 1 << 63, Size: 1 << 63}}}, "outside buffer 0"},
		"readback of a half word": {gpu.Submit{Readbacks: []gpu.Readback{{Size: 2}}}, "not in whole words"},
		"readback of nothing":     {gpu.Submit{Readbacks: []gpu.Readback{{}}}, "is empty"},
		"upload":                  {gpu.Upload{}, "upload"},
		"unknown usage":           {gpu.CreateBuffer{ID: 9, Usage: 3, Size: 16}, "usage"},
	}
	device := counting(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := device.Execute(test.command)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	execute(t, device, count(1, 1))
	results, err := device.Results(true)
	require.NoError(t, err)
	require.Len(t, results, 1, "nothing of the failed submits is left")
	require.Equal(t, []byte{1, 0, 0, 0}, results[0].Data[0])
}

// What only shows at the dispatch is refused when it is submitted.
func TestBadDispatches(t *testing.T) {
	twice := &shaders.Program{
		Name:     "copy",
		Source:   "@group(0) @binding(1) var<storage> a: array<u32>;\n@group(0) @binding(2) var<storage, read_write> b: array<u32>;\n@compute @workgroup_size(1) fn main() { b[0] = a[0]; }",
		Bindings: []shaders.Binding{{Slot: 1, Name: "a"}, {Slot: 2, Name: "b", Writable: true}},
	}
	tests := map[string]gpu.Dispatch{
		"too many workgroups": {Pipeline: 0, Workgroups: [3]uint32{70000, 1, 1}, Bindings: []gpu.BoundRange{{Slot: 1, Size: 256}}},
		"aliasing":            {Pipeline: 1, Workgroups: [3]uint32{1, 1, 1}, Bindings: []gpu.BoundRange{{Slot: 1, Size: 256}, {Slot: 2, Size: 256}}},
	}
	device := counting(t)
	execute(t, device, gpu.CreatePipeline{ID: 1, Program: twice})
	for name, d := range tests {
		t.Run(name, func(t *testing.T) {
			err := device.Execute(gpu.CreateRecording{ID: 1, Label: "bad", Commands: []gpu.Recorded{d}})
			if err == nil {
				err = device.Execute(gpu.Submit{Replays: []gpu.Replay{{Recording: 1, Times: 1}}})
			}
			require.ErrorContains(t, err, "submit: ")
			require.NotContains(t, err.Error(), "\n")
		})
	}
	execute(t, device, count(1, 1))
	results, err := device.Results(true)
	require.NoError(t, err)
	require.Equal(t, []byte{1, 0, 0, 0}, results[0].Data[0])
}

func BenchmarkCases(b *testing.B) {
	device := open(b)
	for _, c := range shaders.Cases() {
		b.Run(c.Name, func(b *testing.B) {
			skipWithout(b, device, c)
			seconds, err := gputest.Time(device, c, max(b.N, 10))
			require.NoError(b, err)
			b.ReportMetric(float64(c.Bytes)/seconds/1e9, "GB/s")
			b.ReportMetric(float64(c.Flops)/seconds/1e9, "GFLOP/s")
		})
	}
}

// BenchmarkSubmit is the CPU's cost of a dispatch and of a submit with a readback.
func BenchmarkSubmit(b *testing.B) {
	for name, times := range map[string]uint32{"1 dispatch": 1, "400 dispatches": 400} {
		b.Run(name, func(b *testing.B) {
			device := open(b)
			for _, c := range []gpu.Command{
				gpu.CreateBuffer{Size: 256}, gpu.CreatePipeline{Program: counter},
				gpu.CreateRecording{Commands: []gpu.Recorded{gpu.Dispatch{Workgroups: [3]uint32{1, 1, 1}, Bindings: []gpu.BoundRange{{Slot: 1, Size: 256}}}}},
			} {
				require.NoError(b, device.Execute(c))
			}
			for b.Loop() {
				require.NoError(b, device.Execute(count(1, times)))
				_, err := device.Results(true)
				require.NoError(b, err)
			}
		})
	}
}

// spin is a program that computes for a while: n[0] times 100,000 rounds in one thread.
var spin = &shaders.Program{
	Name: "spin",
	Source: `@group(0) @binding(1) var<storage, read_write> n: array<u32>;
@compute @workgroup_size(1) fn main() {
  var v = n[1];
  for (var i = 0u; i < n[0] * 100000u; i++) { v = v * 1664525u + 1013904223u; }
  n[1] = v;
}`,
	Bindings: counter.Bindings,
}

// spinning is a device with recording 1 that takes about a tenth of a second, and how often it must be replayed to take so long.
func spinning(t *testing.T, device *nativegpu.Device, seconds float64) uint32 {
	execute(t, device,
		gpu.CreatePipeline{ID: 1, Program: spin},
		gpu.CreateRecording{ID: 1, Label: "spin", Commands: []gpu.Recorded{
			gpu.Dispatch{Pipeline: 1, Workgroups: [3]uint32{1, 1, 1}, Bindings: []gpu.BoundRange{{Slot: 1, Size: 256}}},
		}},
		gpu.Write{Data: binary.LittleEndian.AppendUint32(nil, 100)})
	replay := func(times uint32) float64 {
		execute(t, device, gpu.Submit{Replays: []gpu.Replay{{Recording: 1, Times: times}}})
		results, err := device.Results(true)
		require.NoError(t, err)
		return float64(results[0].Nanoseconds) / 1e9
	}
	replay(1)
	return uint32(seconds/(replay(4)/4)) + 1
}

// The binding takes work of more than 5 s for done, and frees its memory under the driver: we wait until it is.
func TestLongSubmits(t *testing.T) {
	device := counting(t)
	times := spinning(t, device, 7)
	count := uint32(100)       // as spinning leaves it
	for long := 0; long < 2; { // one after a short one, one after a long one
		execute(t, device, gpu.Submit{
			Replays: []gpu.Replay{{Recording: 1, Times: times}, {Recording: 0, Times: 1}}, Readbacks: []gpu.Readback{{Size: 4}},
		})
		count++
		results, err := device.Results(true)
		require.NoError(t, err)
		require.Equal(t, count, binary.LittleEndian.Uint32(results[0].Data[0]), "the dispatch after the long ones has run")
		if results[0].Nanoseconds > 6e9 {
			long++
		} else {
			times *= 2
		}
	}
}

// A device that does not answer is lost; it says so from then on, and does no harm.
func TestSilentDevice(t *testing.T) {
	device := counting(t)
	times := spinning(t, device, 2)
	restore := nativegpu.SetSilence(200 * time.Millisecond)
	defer restore()
	var err error
	for ; err == nil; times *= 2 { // spinning may have measured a busy machine
		execute(t, device, gpu.Submit{Replays: []gpu.Replay{{Recording: 1, Times: times}}})
		_, err = device.Results(true)
	}
	require.ErrorIs(t, err, gpu.ErrDeviceLost)
	require.ErrorIs(t, device.Execute(gpu.Reset{}), gpu.ErrDeviceLost)
	_, err = device.Results(false)
	require.ErrorIs(t, err, gpu.ErrDeviceLost)
	device.Close()
	time.Sleep(3 * time.Second) // until the work is done: what comes after must not find a device busy
}

// Copies, clearings, indirect dispatches and parts of recordings do what they say.
func TestReplays(t *testing.T) {
	device := open(t)
	replays, err := gputest.Replays()
	require.NoError(t, err)
	for _, r := range replays {
		t.Run(r.Name, func(t *testing.T) { require.NoError(t, gputest.CheckReplay(device, r)) })
	}
}
