package gputest

import (
	"fmt"
	"slices"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// Recorded is a case as data, for hosts in another language: commands, and what their readbacks must bring.
type Recorded struct {
	Commands []gpu.Command
	Wants    []Want
}

// A Want is a buffer's contents after the case, guard words included; wants come in the order of the readbacks.
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
	out := Recorded{Commands: append(commands, submission(set, names))}
	want := reference(c)
	for _, name := range names {
		at := slices.IndexFunc(c.Dispatch.Program.Bindings, func(b shaders.Binding) bool { return b.Name == name })
		out.Wants = append(out.Wants, Want{name, at < 0 || exact(c, c.Dispatch.Program.Bindings[at]), guard(want[name])})
	}
	return out, nil
}
