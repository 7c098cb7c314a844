package gpu_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// step is a program with an input x and an output y, and optionally parameters.
var step = &shaders.Program{Name: "step", Bindings: []shaders.Binding{{Slot: 1, Name: "x"}, {Slot: 2, Name: "y", Writable: true}}}

func dispatch(params ...uint32) shaders.Dispatch {
	var data []byte
	for _, p := range params {
		data = binary.LittleEndian.AppendUint32(data, p)
	}
	return shaders.Dispatch{Program: step, Params: data, Workgroups: shaders.Grid{1, 1, 1}}
}

func commands(t *testing.T, p *gpu.Plan) []gpu.Command {
	t.Helper()
	c, err := p.Commands()
	require.NoError(t, err)
	return c
}

// dump prints a plan without indentation differences.
func dump(t *testing.T, p *gpu.Plan) string { return gpu.Dump(commands(t, p)) }

func golden(text string) string {
	return strings.ReplaceAll(strings.TrimLeft(text, "\n"), "\t", "")
}

func TestPlanLayout(t *testing.T) {
	plan := gpu.NewPlan()
	in, out := plan.Buffer("in", 1000), plan.Buffer("out", 2001)
	r := plan.Record("main")
	a, b, c := r.Temp("a", 300), r.Temp("b", 10), r.Temp("c", 250)
	r.Dispatch(dispatch(1, 2, 3), gpu.Bind{"x": in.Slice(256, 512), "y": a})
	r.Dispatch(dispatch(), gpu.Bind{"x": a, "y": b})
	r.Dispatch(dispatch(1, 2, 3), gpu.Bind{"x": b, "y": c, "unused": gpu.Slice{}})
	r.Dispatch(dispatch(4), gpu.Bind{"x": c, "y": out.All()})
	require.Equal(t, 4, r.Len())
	require.EqualValues(t, 2004, out.Size(), "rounded up to whole words")

	// a and c, whose lives do not meet, share pool.0; dispatches 0 and 2 share their parameters.
	require.Equal(t, golden(`
		buffer in 1000 bytes
		buffer out 2004 bytes
		buffer pool.0 1200 bytes
		buffer pool.1 40 bytes
		buffer params 512 bytes uniform
		write 512 bytes to params[0]
		pipeline step
		recording main
		  step [1 1 1] 0:params[0+12] 1:in[256+512] 2:pool.0[0+1200]
		  step [1 1 1] 1:pool.0[0+1200] 2:pool.1[0+40]
		  step [1 1 1] 0:params[0+12] 1:pool.1[0+40] 2:pool.0[0+1000]
		  step [1 1 1] 0:params[256+4] 1:pool.0[0+1000] 2:out[0+2004]
	`), dump(t, plan))
}

// Recordings share the pool, which grows to the largest of its tenants; a temporary never shares a buffer with another it meets.
func TestPlanPoolIsShared(t *testing.T) {
	plan := gpu.NewPlan()
	for i, words := range []int{10, 1000} {
		r := plan.Record([]string{"small", "large"}[i])
		a, b := r.Temp("a", words), r.Temp("b", words)
		r.Temp("never used", 1<<20)
		r.Dispatch(dispatch(), gpu.Bind{"x": a, "y": b})
	}
	require.Equal(t, golden(`
		buffer pool.0 4000 bytes
		buffer pool.1 4000 bytes
		pipeline step
		recording small
		  step [1 1 1] 1:pool.0[0+40] 2:pool.1[0+40]
		recording large
		  step [1 1 1] 1:pool.0[0+4000] 2:pool.1[0+4000]
	`), dump(t, plan))
}

func TestPlanIDsAreKnownAtOnce(t *testing.T) {
	plan := gpu.NewPlan()
	a, b := plan.Buffer("a", 4), plan.Buffer("b", 4)
	first, second := plan.Record("first"), plan.Record("second")
	second.Dispatch(dispatch(), gpu.Bind{"x": a.All(), "y": b.All()})
	require.Equal(t, []gpu.BufferID{0, 1}, []gpu.BufferID{a.ID(), b.ID()})
	for _, c := range commands(t, plan) {
		if c, ok := c.(gpu.CreateRecording); ok {
			require.Equal(t, map[string]gpu.RecordingID{"first": first.ID(), "second": second.ID()}[c.Label], c.ID)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	plan := gpu.NewPlan()
	a, b := plan.Buffer("a", 1024), plan.Buffer("b", 1024)
	other := plan.Record("other").Temp("t", 4)
	tests := map[string]struct {
		bind       gpu.Bind
		workgroups shaders.Grid
		want       string
	}{
		"nothing bound":        {bind: gpu.Bind{"x": a.All()}, want: "nothing bound to y"},
		"zero slice bound":     {bind: gpu.Bind{"x": a.All(), "y": gpu.Slice{}}, want: "nothing bound to y"},
		"unknown name":         {bind: gpu.Bind{"x": a.All(), "y": b.All(), "z": a.All()}, want: "z is bound but not declared"},
		"same range aliased":   {bind: gpu.Bind{"x": a.All(), "y": a.All()}, want: "y is written while x binds the same buffer a"},
		"other range aliased":  {bind: gpu.Bind{"x": a.Slice(0, 256), "y": a.Slice(512, 256)}, want: "y is written while x binds the same buffer a"},
		"unaligned":            {bind: gpu.Bind{"x": a.Slice(128, 256), "y": b.All()}, want: "range 128+256 of a (1024 bytes) is unaligned or outside"},
		"outside":              {bind: gpu.Bind{"x": a.Slice(768, 512), "y": b.All()}, want: "unaligned or outside"},
		"outside by overflow":  {bind: gpu.Bind{"x": a.Slice(1<<63, 1<<63), "y": b.All()}, want: "unaligned or outside"},
		"empty":                {bind: gpu.Bind{"x": a.Slice(0, 0), "y": b.All()}, want: "unaligned or outside"},
		"foreign temporary":    {bind: gpu.Bind{"x": other, "y": b.All()}, want: "other.t is a temporary of another recording"},
		"no workgroups":        {bind: gpu.Bind{"x": a.All(), "y": b.All()}, workgroups: shaders.Grid{1, 0, 1}, want: "each dimension must be 1 to 65535"},
		"too many workgroups":  {bind: gpu.Bind{"x": a.All(), "y": b.All()}, workgroups: shaders.Grid{65536, 1, 1}, want: "each dimension must be 1 to 65535"},
		"the first error wins": {bind: gpu.Bind{}, want: "gpu: recording r: command 0 (step): nothing bound to x"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			plan := *plan // recordings and errors of one trial stay out of the next
			r := plan.Record("r")
			d := dispatch()
			if test.workgroups != (shaders.Grid{}) {
				d.Workgroups = test.workgroups
			}
			r.Dispatch(d, test.bind)
			r.Dispatch(dispatch(), gpu.Bind{})
			_, err := plan.Commands()
			require.ErrorContains(t, err, test.want)
		})
	}
}

// What a device does not take is refused before anything is created, temporaries included.
func TestPlanKeepsLimits(t *testing.T) {
	device := gpu.MinimumInfo()
	for name, test := range map[string]struct {
		record func(p *gpu.Plan, r *gpu.Recorder, a, b *gpu.Buffer)
		limit  func(*gpu.Info)
		want   string
	}{
		"a temporary": {
			record: func(_ *gpu.Plan, r *gpu.Recorder, a, _ *gpu.Buffer) {
				r.Dispatch(dispatch(), gpu.Bind{"x": a.All(), "y": r.Temp("large", 1<<25+1)})
			},
			want: "gpu: recording r: command 0 binds 134217732 bytes of r.large, device minimum profile takes 134217728",
		},
		"a range": {
			record: func(p *gpu.Plan, r *gpu.Recorder, a, _ *gpu.Buffer) {
				r.Clear(a.All())
				r.Dispatch(dispatch(), gpu.Bind{"x": a.All(), "y": p.Buffer("cache", 129<<20).All()})
			},
			want: "gpu: recording r: command 1 binds 135266304 bytes of cache, device minimum profile takes 134217728",
		},
		"a buffer": {
			record: func(p *gpu.Plan, _ *gpu.Recorder, _, _ *gpu.Buffer) { p.Buffer("weights.3", 257<<20) },
			want:   "gpu: buffer weights.3 has 269484032 bytes, device minimum profile takes 268435456",
		},
		"too many buffers": {
			record: func(_ *gpu.Plan, r *gpu.Recorder, a, b *gpu.Buffer) {
				r.Dispatch(dispatch(), gpu.Bind{"x": a.All(), "y": b.All()})
			},
			limit: func(i *gpu.Info) { i.MaxStorageBuffers = 1 },
			want:  "gpu: recording r: command 0 binds 2 buffers, device minimum profile takes 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan, device := gpu.NewPlan(), device
			if test.limit != nil {
				test.limit(&device)
			}
			plan.Within(device)
			a, b := plan.Buffer("a", 1024), plan.Buffer("b", 1024)
			commands(t, plan) // refusals come later too
			test.record(plan, plan.Record("r"), a, b)
			_, err := plan.Commands()
			require.EqualError(t, err, test.want)
		})
	}
}

// A plan grows: what comes later finds pipelines, parameters and pool buffers of before, which keep their sizes.
func TestPlanGrows(t *testing.T) {
	plan := gpu.NewPlan()
	in := plan.Buffer("in", 1000)
	record := func(label string, words int, params ...uint32) {
		r := plan.Record(label)
		a, b := r.Temp("a", words), r.Temp("b", words)
		r.Dispatch(dispatch(params...), gpu.Bind{"x": in.All(), "y": a})
		r.Dispatch(dispatch(9), gpu.Bind{"x": a, "y": b})
	}
	record("first", 100, 1)
	require.Equal(t, golden(`
		buffer in 1000 bytes
		buffer pool.0 400 bytes
		buffer pool.1 400 bytes
		buffer params 512 bytes uniform
		write 512 bytes to params[0]
		pipeline step
		recording first
		  step [1 1 1] 0:params[0+4] 1:in[0+1000] 2:pool.0[0+400]
		  step [1 1 1] 0:params[256+4] 1:pool.0[0+400] 2:pool.1[0+400]
	`), dump(t, plan))
	require.Empty(t, commands(t, plan), "nothing was added")

	plan.Buffer("late", 16)
	record("smaller", 50, 1)
	first := commands(t, plan)
	require.Len(t, first, 2, "a buffer and a recording, nothing else is new")
	require.Equal(t, []gpu.Recorded{
		gpu.Dispatch{Workgroups: shaders.Grid{1, 1, 1}, Bindings: []gpu.BoundRange{{Slot: 0, Buffer: 3, Size: 4}, {Slot: 1, Size: 1000}, {Slot: 2, Buffer: 1, Size: 200}}},
		gpu.Dispatch{Workgroups: shaders.Grid{1, 1, 1}, Bindings: []gpu.BoundRange{{Slot: 0, Buffer: 3, Offset: 256, Size: 4}, {Slot: 1, Buffer: 1, Size: 200}, {Slot: 2, Buffer: 2, Size: 200}}},
	}, first[1].(gpu.CreateRecording).Commands)

	record("larger", 200, 2)
	require.Equal(t, golden(`
		buffer pool.2 800 bytes
		buffer pool.3 800 bytes
		buffer params 256 bytes uniform
		write 256 bytes to params[0]
		recording larger
	`), golden(strings.Join(strings.SplitAfter(dump(t, plan), "\n")[:5], "")))
}

// Copies, clearings and indirect dispatches are placed and printed as what they are.
func TestPlanRecordedCommands(t *testing.T) {
	plan := gpu.NewPlan()
	in, arguments := plan.Buffer("in", 1024), plan.Buffer("arguments", 64)
	r := plan.Record("r")
	a := r.Temp("a", 64)
	r.Clear(a)
	r.Copy(gpu.Slice{Buffer: a.Buffer, Offset: 4, Size: 8}, in.Slice(12, 8))
	r.DispatchIndirect(dispatch(1), arguments.Slice(16, 12), gpu.Bind{"x": in.Slice(256, 256), "y": a})
	require.Equal(t, golden(`
		buffer in 1024 bytes
		buffer arguments 64 bytes
		buffer pool.0 256 bytes
		buffer params 256 bytes uniform
		write 256 bytes to params[0]
		pipeline step
		recording r
		  clear pool.0[0+256]
		  copy 8 bytes from in[12] to pool.0[4]
		  step arguments[16] 0:params[0+4] 1:in[256+256] 2:pool.0[0+256]
	`), dump(t, plan))

	for name, test := range map[string]struct {
		record func(r *gpu.Recorder)
		want   string
	}{
		"arguments that are written": {func(r *gpu.Recorder) {
			r.DispatchIndirect(dispatch(), arguments.All(), gpu.Bind{"x": in.All(), "y": arguments.All()})
		}, "command 0 (step): y is written while it holds the arguments"},
		"arguments cut short": {func(r *gpu.Recorder) {
			r.DispatchIndirect(dispatch(), arguments.Slice(0, 8), gpu.Bind{"x": in.All(), "y": r.Temp("y", 1)})
		}, "arguments: 8 bytes, want 3 words"},
		"no arguments": {func(r *gpu.Recorder) {
			r.DispatchIndirect(dispatch(), gpu.Slice{}, gpu.Bind{"x": in.All(), "y": r.Temp("y", 1)})
		}, "nothing bound to arguments"},
		"copy of other size":  {func(r *gpu.Recorder) { r.Copy(in.Slice(0, 8), arguments.Slice(0, 4)) }, "4 bytes to a range of 8"},
		"copy in one buffer":  {func(r *gpu.Recorder) { r.Copy(in.Slice(0, 8), in.Slice(8, 8)) }, "the same buffer in"},
		"copy of half a word": {func(r *gpu.Recorder) { r.Copy(in.Slice(0, 6), arguments.Slice(0, 6)) }, "unaligned or outside"},
		"clear outside":       {func(r *gpu.Recorder) { r.Clear(in.Slice(1020, 8)) }, "unaligned or outside"},
		"clear between words": {func(r *gpu.Recorder) { r.Clear(in.Slice(2, 4)) }, "unaligned or outside"},
		"a foreign temporary": {func(r *gpu.Recorder) { r.Clear(a) }, "r.a is a temporary of another recording"},
	} {
		t.Run(name, func(t *testing.T) {
			plan := *plan
			test.record(plan.Record("bad"))
			_, err := plan.Commands()
			require.ErrorContains(t, err, "gpu: recording bad: ")
			require.ErrorContains(t, err, test.want)
		})
	}
}

// Reading one buffer through two names is fine.
func TestPlanTakesSharedReads(t *testing.T) {
	sum := &shaders.Program{Name: "sum", Bindings: []shaders.Binding{{Slot: 1, Name: "x"}, {Slot: 2, Name: "y"}, {Slot: 3, Name: "z", Writable: true}}}
	plan := gpu.NewPlan()
	a, z := plan.Buffer("a", 1024), plan.Buffer("z", 4)
	plan.Record("r").Dispatch(shaders.Dispatch{Program: sum, Workgroups: shaders.Grid{1, 1, 1}}, gpu.Bind{"x": a.Slice(0, 256), "y": a.All(), "z": z.All()})
	require.Contains(t, dump(t, plan), "1:a[0+256] 2:a[0+1024] 3:z[0+4]")
}

func TestDump(t *testing.T) {
	require.Equal(t, golden(`
		buffer w 16 bytes
		upload shard.bin 16 bytes to w[0]
		write 4 bytes to w[8]
		submit 2x recording 0 read w[0+4]
		reset
	`), gpu.Dump([]gpu.Command{
		gpu.CreateBuffer{ID: 3, Size: 16, Label: "w"},
		gpu.Upload{File: "shard.bin", Size: 16, Buffer: 3},
		gpu.Write{Buffer: 3, Offset: 8, Data: make([]byte, 4)},
		gpu.Submit{Replays: []gpu.Replay{{Times: 2}}, Readbacks: []gpu.Readback{{Buffer: 3, Size: 4}}},
		gpu.Reset{},
	}))
}
