package nativegpu_test

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/gpu"
	"tabseek/engine/gpu/gputest"
	"tabseek/engine/gpu/nativegpu"
	"tabseek/shaders"
)

func open(t testing.TB) *nativegpu.Device {
	device, err := nativegpu.Open(nativegpu.Options{Minimum: true})
	if errors.Is(err, nativegpu.ErrNoAdapter) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(device.Close)
	return device
}

// Every kernel case, on WebGPU's default limits.
func TestCases(t *testing.T) {
	device := open(t)
	for _, c := range shaders.Cases() {
		t.Run(c.Name, func(t *testing.T) { require.NoError(t, gputest.Check(device, c)) })
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
	bind := func(ranges ...gpu.BoundRange) gpu.CreateRecording {
		return gpu.CreateRecording{ID: 9, Label: "bad", Commands: []gpu.Recorded{gpu.Dispatch{Workgroups: [3]uint32{1, 1, 1}, Bindings: ranges}}}
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
