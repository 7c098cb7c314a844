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
