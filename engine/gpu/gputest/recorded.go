package gputest

import (
	"encoding/binary"
	"fmt"
	"slices"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// Recorded is a test as data, for hosts in another language too: commands, the last of them a submit, and what its
// readbacks must bring.
type Recorded struct {
	Name     string
	Commands []gpu.Command
	Wants    []Want
}

// A Want is a buffer's contents after the submit, guard words included; wants come in the order of the readbacks.
type Want struct {
	Name  string `json:"name"`
	Exact bool   `json:"exact"` // compare bit for bit; otherwise as floats, with the case's tolerance
	Data  []byte `json:"data"`
}

// Record writes a case down with what the Go reference makes of it.
func Record(c shaders.Case) (Recorded, error) {
	names := bufferNames(c)
	set, commands, err := prepare(c, names)
	if err != nil {
		return Recorded{}, fmt.Errorf("case %s: %w", c.Name, err)
	}
	return Recorded{c.Name, append(commands, submission(set, names)), wantsOf(c, names)}, nil
}

// wantsOf is what the Go reference leaves in buffers of a case.
func wantsOf(c shaders.Case, names []string) []Want {
	want := c.Want()
	var wants []Want
	for _, name := range names {
		at := slices.IndexFunc(c.Dispatch.Program.Bindings, func(b shaders.Binding) bool { return b.Name == name })
		wants = append(wants, Want{name, at < 0 || c.Exact(c.Dispatch.Program.Bindings[at]), guard(want[name])})
	}
	return wants
}

// RecordIn writes a case down as part of a plan: what fills its buffers, and the submit, which reads back what the kernel writes.
func RecordIn(plan *gpu.Plan, c shaders.Case) (writes []gpu.Command, submit gpu.Submit, wants []Want) {
	names := bufferNames(c)
	set := lay(plan, c, names)
	written := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(c.Dispatch.Program.Bindings, func(b shaders.Binding) bool { return b.Name == name && b.Writable })
	})
	return set.writes(c, names), submission(set, written), wantsOf(c, written)
}

// Replays are tests of what a recording can hold beside dispatches, and of replays of its parts: a row of a step moves
// on by 5 (a dispatch), is copied, cleared, and moves on again (an indirect dispatch).
func Replays() ([]Recorded, error) {
	var list []Recorded
	for _, test := range []struct {
		name         string
		times        uint32
		first, count uint32
		workgroups   uint32 // of the indirect dispatch
	}{
		{"whole", 1, 0, 0, 1},
		{"whole, three times", 3, 0, 0, 1},
		{"whole, without workgroups", 1, 0, 0, 0},
		{"dispatch", 1, 0, 1, 1},
		{"dispatch and copy", 1, 0, 2, 1},
		{"copy", 1, 1, 1, 1},
		{"clearing", 1, 2, 1, 1},
		{"indirect dispatch, twice", 2, 3, 1, 1},
		{"all but the dispatch, twice", 2, 1, 3, 1},
	} {
		replay := gpu.Replay{Times: test.times, First: test.first, Count: test.count}
		recorded, err := replayed(replay, test.workgroups)
		if err != nil {
			return nil, fmt.Errorf("replay %s: %w", test.name, err)
		}
		recorded.Name = "replay " + test.name
		list = append(list, recorded)
	}
	return list, nil
}

// replayed is one of Replays, of the recording and of its twin in Go.
func replayed(replay gpu.Replay, workgroups uint32) (Recorded, error) {
	rows, copied := []uint32{0, 10, 20, 30, 40, 50}, []uint32{1, 2, 3, 4, 5, 6, 7, 8}
	arguments := []uint32{9, workgroups, 1, 1}
	plan := gpu.NewPlan()
	var writes []gpu.Command
	buffer := func(label string, words []uint32) *gpu.Buffer {
		b := plan.Buffer(label, uint64(4*len(words)))
		writes = append(writes, gpu.Write{Buffer: b.ID(), Data: encode(words)})
		return b
	}
	rowsBuffer, copiedBuffer, argumentsBuffer := buffer("rows", rows), buffer("copied", copied), buffer("arguments", arguments)

	r := plan.Record("replay")
	r.Dispatch(shaders.Advance(1, 5), gpu.Bind{"rows": rowsBuffer.All()})
	r.Copy(copiedBuffer.Slice(8, 16), rowsBuffer.Slice(0, 16))
	r.Clear(rowsBuffer.Slice(4, 4))
	r.DispatchIndirect(shaders.Advance(1, 5), argumentsBuffer.Slice(4, 12), gpu.Bind{"rows": rowsBuffer.All()})
	twin := []func(){
		func() { rows[1] += 5 },
		func() { copy(copied[2:6], rows[0:4]) },
		func() { rows[1] = 0 },
		func() { rows[1] += 5 * workgroups },
	}

	commands, err := plan.Commands()
	if err != nil {
		return Recorded{}, err
	}
	first, end, ok := replay.Range(len(twin))
	if !ok || r.Len() != len(twin) {
		return Recorded{}, fmt.Errorf("%d+%d of %d commands", replay.First, replay.Count, r.Len())
	}
	for range replay.Times {
		for _, do := range twin[first:end] {
			do()
		}
	}
	replay.Recording = r.ID()
	submit := gpu.Submit{Replays: []gpu.Replay{replay}, Readbacks: []gpu.Readback{
		{Buffer: rowsBuffer.ID(), Size: rowsBuffer.Size()}, {Buffer: copiedBuffer.ID(), Size: copiedBuffer.Size()},
	}}
	return Recorded{
		Commands: append(append(commands, writes...), submit),
		Wants:    []Want{{"rows", true, encode(rows)}, {"copied", true, encode(copied)}},
	}, nil
}

func encode(words []uint32) []byte {
	var data []byte
	for _, w := range words {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	return data
}

// CheckReplay runs one of Replays on a device.
func CheckReplay(dev gpu.Device, r Recorded) error {
	for _, c := range append([]gpu.Command{gpu.Reset{}}, r.Commands...) {
		if err := dev.Execute(c); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	results, err := dev.Results(true)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	if len(results) != 1 || len(results[0].Data) != len(r.Wants) {
		return fmt.Errorf("%s: a result was lost", r.Name)
	}
	for i, want := range r.Wants {
		if got := results[0].Data[i]; string(got) != string(want.Data) {
			return fmt.Errorf("%s: %s holds %v, want %v", r.Name, want.Name, got, want.Data)
		}
	}
	return nil
}
