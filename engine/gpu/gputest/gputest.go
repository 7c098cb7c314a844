// Package gputest runs kernel cases on a device: compares with the Go reference, with guard words around every
// buffer, and times them.
package gputest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// guardWords surround every buffer of a case; a kernel that changes one has written out of bounds.
const (
	guardWords = 64 // 256 bytes: keeps bindings aligned
	guardValue = 0xdeadbeef
)

// Check runs the case once on the device and compares with the reference. The error names buffer and index.
func Check(dev gpu.Device, c shaders.Case) error {
	want := c.Want()
	got, err := run(dev, c)
	if err != nil {
		return fmt.Errorf("case %s: %w", c.Name, err)
	}
	for _, b := range c.Dispatch.Program.Bindings {
		if err := c.Compare(b, got[b.Name], want[b.Name]); err != nil {
			return fmt.Errorf("case %s: %s: %w", c.Name, b.Name, err)
		}
	}
	return nil
}

// run executes the case once and reads every buffer back.
func run(dev gpu.Device, c shaders.Case) (shaders.Memory, error) {
	names := bufferNames(c)
	set, err := setUp(dev, c, names)
	if err != nil {
		return nil, err
	}
	submit := submission(set, names)
	if err := dev.Execute(submit); err != nil {
		return nil, err
	}
	results, err := dev.Results(true)
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Data) != len(names) {
		return nil, fmt.Errorf("a readback was lost")
	}
	out := shaders.Memory{}
	for i, name := range names {
		if out[name], err = unguard(results[0].Data[i], len(c.Buffers[name])); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

// submission runs the case once and reads every buffer back, in the order of their names.
func submission(set setup, names []string) gpu.Submit {
	submit := gpu.Submit{Replays: []gpu.Replay{{Recording: set.recording, Times: 1}}}
	for _, name := range names {
		b := set.buffers[name]
		submit.Readbacks = append(submit.Readbacks, gpu.Readback{Buffer: b.ID(), Size: b.Size()})
	}
	return submit
}

// bufferNames lists the case's buffers, without the empty ones (a format without scales binds none).
func bufferNames(c shaders.Case) []string {
	names := slices.Sorted(maps.Keys(c.Buffers))
	return slices.DeleteFunc(names, func(name string) bool { return len(c.Buffers[name]) == 0 })
}

type setup struct {
	buffers   map[string]*gpu.Buffer
	recording gpu.RecordingID
}

// setUp creates the case's buffers with guards around them, and a recording of its one dispatch.
func setUp(dev gpu.Device, c shaders.Case, names []string) (setup, error) {
	set, commands, err := prepare(c, names)
	if err != nil {
		return set, err
	}
	for _, command := range append([]gpu.Command{gpu.Reset{}}, commands...) {
		if err := dev.Execute(command); err != nil {
			return set, err
		}
	}
	return set, nil
}

// prepare lists the commands that set a case up.
func prepare(c shaders.Case, names []string) (setup, []gpu.Command, error) {
	plan := gpu.NewPlan()
	set := lay(plan, c, names)
	commands, err := plan.Commands()
	return set, append(commands, set.writes(c, names)...), err
}

// lay plans a case.
func lay(plan *gpu.Plan, c shaders.Case, names []string) setup {
	set := setup{buffers: map[string]*gpu.Buffer{}}
	bind := gpu.Bind{}
	for _, name := range names {
		size := uint64(4 * len(c.Buffers[name]))
		set.buffers[name] = plan.Buffer(name, size+8*guardWords)
		bind[name] = set.buffers[name].Slice(4*guardWords, size)
	}
	recorder := plan.Record(c.Name)
	recorder.Dispatch(c.Dispatch, bind)
	set.recording = recorder.ID()
	return set
}

// writes fill the case's buffers.
func (set setup) writes(c shaders.Case, names []string) []gpu.Command {
	var commands []gpu.Command
	for _, name := range names {
		commands = append(commands, gpu.Write{Buffer: set.buffers[name].ID(), Data: guard(c.Buffers[name])})
	}
	return commands
}

// guard puts guard words before and after the words.
func guard(words []uint32) []byte {
	data := make([]byte, 0, 4*(len(words)+2*guardWords))
	for range guardWords {
		data = binary.LittleEndian.AppendUint32(data, guardValue)
	}
	for _, w := range words {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	for range guardWords {
		data = binary.LittleEndian.AppendUint32(data, guardValue)
	}
	return data
}

// unguard checks the guards and returns the n words between them.
func unguard(data []byte, n int) ([]uint32, error) {
	words := make([]uint32, len(data)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	for i, w := range words {
		if (i < guardWords || i >= guardWords+n) && w != guardValue {
			return nil, fmt.Errorf("out of bounds: word %d of %d was overwritten", i-guardWords, n)
		}
	}
	return words[guardWords : guardWords+n], nil
}

// Time runs the case repeats times in one submit and returns the seconds of one dispatch, without the cost of
// the submit itself (measured with a single dispatch and taken off).
func Time(dev gpu.Device, c shaders.Case, repeats int) (float64, error) {
	set, err := setUp(dev, c, bufferNames(c))
	if err != nil {
		return 0, fmt.Errorf("case %s: %w", c.Name, err)
	}
	round := func(times int) (float64, error) {
		if err := dev.Execute(gpu.Submit{Replays: []gpu.Replay{{Recording: set.recording, Times: uint32(times)}}}); err != nil {
			return 0, err
		}
		results, err := dev.Results(true)
		if err != nil {
			return 0, err
		}
		return float64(results[0].Nanoseconds) / 1e9, nil
	}
	if _, err := round(1); err != nil { // warm up: the first run may compile
		return 0, fmt.Errorf("case %s: %w", c.Name, err)
	}
	one, err := round(1)
	if err != nil {
		return 0, fmt.Errorf("case %s: %w", c.Name, err)
	}
	many, err := round(1 + repeats)
	if err != nil {
		return 0, fmt.Errorf("case %s: %w", c.Name, err)
	}
	return max(many-one, 0) / float64(repeats), nil
}
