// Command preflight writes what the page examines a device with before it fetches a model: a known answer of each kind of
// kernel, and a streaming read to be timed.
//
// usage: go run ./wasm/preflight FILE
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"tabseek/engine/gpu"
	"tabseek/engine/gpu/gputest"
	"tabseek/shaders"
	"tabseek/wasm/abi"
)

// families are the kinds of kernels, by what people call them, with the kernels that stand for them.
var families = []struct {
	name    string
	kernels []string
}{
	{"attention", []string{"mla_decode", "gqa_decode"}},
	{"experts", []string{"expert_gate_up", "expert_down"}},
	{"routing", []string{"router"}},
	{"norm", []string{"rms_norm"}},
	{"sampling", []string{"sample"}},
	{"product", []string{"matvec"}},
}

// A known answer: what must come of the submit of the same number.
type answer struct {
	Family    string         `json:"family"`
	Name      string         `json:"name"`
	Tolerance float64        `json:"tolerance"` // bounds |got-want| / (1+|want|)
	Wants     []gputest.Want `json:"wants"`
}

type examination struct {
	Frames    []byte   `json:"frames"` // abi: what is to be created, and the submits, the last of them the read
	Answers   []answer `json:"answers"`
	ReadBytes int      `json:"read_bytes"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "preflight:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: preflight FILE")
	}
	e := examination{ReadBytes: shaders.ProbeBytes}
	plan := gpu.NewPlan()
	var writes, submits []gpu.Command
	all := shaders.Cases()
	for _, family := range families {
		for _, kernel := range family.kernels {
			c, err := smallest(all, kernel)
			if err != nil {
				return err
			}
			clearUnused(c)
			w, submit, wants := gputest.RecordIn(plan, c)
			writes, submits = append(writes, w...), append(submits, submit)
			e.Answers = append(e.Answers, answer{family.name, c.Name, c.Tolerance, wants})
		}
	}
	sums := plan.Buffer("sums", 4*shaders.ProbeGroups)
	r := plan.Record("read")
	r.Dispatch(shaders.ProbeRead(shaders.ProbeBytes, shaders.ProbeGroups), gpu.Bind{"x": plan.Buffer("x", shaders.ProbeBytes).All(), "y": sums.All()})
	submits = append(submits, gpu.Submit{
		Replays: []gpu.Replay{{Recording: r.ID(), Times: 1}}, Readbacks: []gpu.Readback{{Buffer: sums.ID(), Size: sums.Size()}},
	})
	commands, err := plan.Commands()
	if err != nil {
		return err
	}
	for _, c := range slices.Concat(commands, writes, submits) {
		e.Frames = abi.Append(e.Frames, c)
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], data, 0o644)
}

// smallest is a kernel's smallest case that every device can run.
func smallest(all []shaders.Case, kernel string) (shaders.Case, error) {
	cases := slices.DeleteFunc(slices.Clone(all), func(c shaders.Case) bool {
		return kernelOf(c) != kernel || !c.Dispatch.Program.Requires().Within(shaders.Features{}) || words(c) < leastWords
	})
	if len(cases) == 0 {
		return shaders.Case{}, fmt.Errorf("no case of %s", kernel)
	}
	return slices.MinFunc(cases, func(a, b shaders.Case) int { return words(a) - words(b) }), nil
}

// leastWords make a case say something: the smallest of all are of shapes that no model has.
const leastWords = 300

// clearUnused clears what no row of an attention's case reads, so that the file is small.
func clearUnused(c shaders.Case) {
	cache, pages := c.Buffers["cache"], c.Buffers["pages"]
	if len(cache) == 0 || len(pages) == 0 {
		return
	}
	size := len(cache) / len(pages)
	for i, page := range pages {
		rows := cache[int(page)*size : (int(page)+1)*size]
		switch i {
		case 0: // the first sequence's first page
		case len(pages) / 2: // the second's, of whose rows few are read
			clear(rows[2*size/shaders.PageSize:])
		default:
			clear(rows)
		}
	}
	clear(c.Buffers["partial"])
}

func words(c shaders.Case) int {
	n := 0
	for _, b := range c.Buffers {
		n += len(b)
	}
	return n
}

func kernelOf(c shaders.Case) string {
	kernel, _, _ := strings.Cut(c.Name, "/")
	return kernel
}
