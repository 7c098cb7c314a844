// Package shaders holds every kernel whole: x.wgsl is what a GPU runs, x.go declares it and keeps the plain
// Go reference that says what it must compute, x_test.go lists the cases that test and time it.
//
// A kernel has a variant (a comparable struct: what is compiled in) and parameters (a struct of scalars: what
// is bound as a uniform). A program is the WGSL of one variant: const lines generated from the variant's
// fields, the chosen files of lib/, then the kernel's file. There is no preprocessor: choosing a lib file
// takes the place of every #ifdef. Bindings are read from the WGSL, so they are said once, there.
package shaders

import (
	"embed"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

//go:embed *.wgsl lib/*.wgsl
var sources embed.FS

// A Binding is one storage or uniform buffer of a program, group 0.
type Binding struct {
	Slot     uint32 // the @binding number
	Name     string // the WGSL variable
	Writable bool   // var<storage, read_write>
	Uniform  bool   // var<uniform>: the Params struct, always slot 0
}

// A Program is the complete WGSL of one variant of a kernel, with its Go reference.
// Its entry point is always called main.
type Program struct {
	Name     string // kernel and variant, e.g. "matvec format=q8_0 batch=1"; Lookup finds it again by this name
	Source   string
	Bindings []Binding // in order of slot, without the uniform

	params    reflect.Type // of the Params struct
	reference func(params []byte, grid Grid, m Memory)
}

// ParamsSize is the byte size of the program's Params struct, 0 if it has none.
func (p *Program) ParamsSize() int {
	if p.params == nil {
		return 0
	}
	return 4 * p.params.NumField()
}

// Run executes the Go reference of one dispatch over the bound memory.
func (p *Program) Run(params []byte, grid Grid, m Memory) { p.reference(params, grid, m) }

// Grid is the number of workgroups in x, y and z.
type Grid [3]uint32

// A Dispatch is a program with its parameters and its grid: all of a kernel invocation but the buffers.
type Dispatch struct {
	Program    *Program
	Params     []byte // little-endian image of the Params struct
	Workgroups Grid
}

// Memory is the storage bound to a program, as 32-bit words, by the name of the WGSL variable.
type Memory map[string][]uint32

// U32 is the named buffer as unsigned words.
func (m Memory) U32(name string) []uint32 { return m[name] }

// F32 is the named buffer as floats; it shares memory with U32.
func (m Memory) F32(name string) []float32 {
	words := m[name]
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(words))), len(words))
}

// Bytes is the named buffer as bytes, little-endian.
func (m Memory) Bytes(name string) []byte {
	words := m[name]
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 4*len(words))
}

// kernel declares a kernel with variant V and parameters P.
//
// Every int, bool and float field of V becomes a const line: HeadDim int -> const HEAD_DIM: u32 = 64u.
// A field of type Format chooses lib/load_<format>.wgsl. libs names further lib files, in order.
type kernel[V comparable, P any] struct {
	name      string
	libs      func(V) []string
	reference func(V, P, Grid, Memory)
}

// registry maps a kernel's name to a function that builds the program of a variant given as text.
var (
	registry = map[string]func(variant string) (*Program, error){}
	programs sync.Map // Program.Name -> *Program
)

func register[V comparable, P any](k kernel[V, P]) kernel[V, P] {
	registry[k.name] = func(text string) (*Program, error) {
		var v V
		if err := parseVariant(text, &v); err != nil {
			return nil, fmt.Errorf("kernel %s: %w", k.name, err)
		}
		return k.program(v), nil
	}
	return k
}

// Lookup finds a program by the name it had when it was made.
func Lookup(name string) (*Program, error) {
	kernelName, variant, _ := strings.Cut(name, " ")
	build, ok := registry[kernelName]
	if !ok {
		return nil, fmt.Errorf("shaders: unknown kernel %q", kernelName)
	}
	return build(variant)
}

// Kernels lists the names of all kernels, sorted.
func Kernels() []string {
	var names []string
	for name := range registry {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (k kernel[V, P]) dispatch(v V, p P, x, y, z int) Dispatch {
	return Dispatch{k.program(v), encodeParams(p), Grid{uint32(x), uint32(y), uint32(z)}}
}

func (k kernel[V, P]) program(v V) *Program {
	name := strings.TrimSpace(k.name + " " + formatVariant(v))
	if p, ok := programs.Load(name); ok {
		return p.(*Program)
	}
	files := loaderFiles(v)
	if k.libs != nil {
		files = append(files, k.libs(v)...)
	}
	var body strings.Builder
	for _, f := range files {
		body.WriteString(mustRead("lib/" + f + ".wgsl"))
	}
	body.WriteString(mustRead(k.name + ".wgsl"))
	asked, rest := hoist(body.String())
	p := &Program{Name: name, Source: "// " + name + "\n" + asked + constLines(v) + rest, params: reflect.TypeFor[P]()}
	p.Bindings = parseBindings(p.Source)
	p.reference = func(params []byte, grid Grid, m Memory) {
		var decoded P
		decodeParams(params, &decoded)
		k.reference(v, decoded, grid, m)
	}
	programs.Store(name, p)
	return p
}

// hoist takes the directives (enable, requires) out of a text: WGSL wants them before everything else.
func hoist(text string) (directives, rest string) {
	var body strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "enable ") && !strings.HasPrefix(line, "requires ") {
			body.WriteString(line)
		} else if !strings.Contains(directives, line) {
			directives += line
		}
	}
	return directives, body.String()
}

// mustRead panics on a missing file: the set of files is fixed at build time.
func mustRead(name string) string {
	text, err := sources.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

// loaderFiles names the lib file of each Format field of v.
func loaderFiles(v any) []string {
	var files []string
	eachField(v, func(_ string, f reflect.Value) {
		if format, ok := f.Interface().(Format); ok {
			files = append(append(append(files, "block"), loaderLibs[format]...), "load_"+string(format))
		}
	})
	return files
}

func eachField(v any, visit func(name string, f reflect.Value)) {
	visitFields(reflect.ValueOf(v), visit)
}

// visitFields visits the fields of a struct in order, those of an embedded struct in its place.
func visitFields(value reflect.Value, visit func(name string, f reflect.Value)) {
	for i := range value.NumField() {
		if field := value.Type().Field(i); field.Anonymous {
			visitFields(value.Field(i), visit)
		} else {
			visit(snake(field.Name), value.Field(i))
		}
	}
}

// constLines writes a const line for every field of the variant but the formats.
func constLines(v any) string {
	var b strings.Builder
	eachField(v, func(name string, f reflect.Value) {
		name = strings.ToUpper(name)
		switch f.Kind() {
		case reflect.Int:
			fmt.Fprintf(&b, "const %s: u32 = %du;\n", name, f.Int())
		case reflect.Bool:
			fmt.Fprintf(&b, "const %s: bool = %t;\n", name, f.Bool())
		}
	})
	return b.String()
}

// formatVariant prints a variant as "field=value ..." in the order of its fields.
func formatVariant(v any) string {
	var parts []string
	eachField(v, func(name string, f reflect.Value) { parts = append(parts, fmt.Sprintf("%s=%v", name, f.Interface())) })
	return strings.Join(parts, " ")
}

// parseVariant is formatVariant's inverse; unknown or missing fields are errors.
func parseVariant(text string, v any) error {
	fields := map[string]string{}
	for _, part := range strings.Fields(text) {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	var wrong error
	visitFields(reflect.ValueOf(v).Elem(), func(name string, f reflect.Value) {
		value, ok := fields[name]
		delete(fields, name)
		var err error
		switch {
		case !ok:
			err = fmt.Errorf("variant %q lacks it", text)
		case f.Kind() == reflect.Int:
			var n int
			if n, err = strconv.Atoi(value); err == nil && n < 0 {
				err = strconv.ErrRange
			}
			f.SetInt(int64(n))
		case f.Kind() == reflect.Bool:
			f.SetBool(value == "true")
			if value != "true" && value != "false" {
				err = fmt.Errorf("%q is neither true nor false", value)
			}
		case f.Type() == reflect.TypeFor[Format]():
			f.SetString(value)
			if !slices.Contains(Formats, Format(value)) {
				err = fmt.Errorf("unknown format %q", value)
			}
		}
		if err != nil && wrong == nil {
			wrong = fmt.Errorf("variant field %s: %w", name, err)
		}
	})
	if wrong != nil {
		return wrong
	}
	if len(fields) > 0 {
		return fmt.Errorf("variant %q has unknown fields", text)
	}
	return nil
}

// snake turns a Go field name into snake case: QKRopeHeadDim -> qk_rope_head_dim.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 {
			previousLower := name[i-1] < 'A' || name[i-1] > 'Z'
			nextLower := i+1 < len(name) && (name[i+1] < 'A' || name[i+1] > 'Z')
			if previousLower || nextLower {
				b.WriteByte('_')
			}
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

// parseBindings reads the storage bindings from lines such as
// "@group(0) @binding(3) var<storage, read_write> y: array<f32>;", in order of slot.
func parseBindings(source string) []Binding {
	var bindings []Binding
	for line := range strings.Lines(source) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "@group(0) @binding(")
		if !ok {
			continue
		}
		number, rest, _ := strings.Cut(rest, ")")
		slot, err := strconv.Atoi(number)
		if err != nil {
			panic("shaders: bad binding line: " + line)
		}
		class, rest, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(rest), "var<"), ">")
		name, _, _ := strings.Cut(strings.TrimSpace(rest), ":")
		b := Binding{Slot: uint32(slot), Name: strings.TrimSpace(name), Writable: strings.Contains(class, "read_write"), Uniform: class == "uniform"}
		if !b.Uniform {
			bindings = append(bindings, b)
		}
	}
	sort.Slice(bindings, func(i, j int) bool { return bindings[i].Slot < bindings[j].Slot })
	return bindings
}

// encodeParams lays a struct of uint32, int32 and float32 fields out as WGSL does: 4 bytes a field, in order.
func encodeParams(p any) []byte {
	value := reflect.ValueOf(p)
	out := make([]byte, 0, 4*value.NumField())
	for i := range value.NumField() {
		switch f := value.Field(i); f.Kind() {
		case reflect.Float32:
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(f.Float())))
		case reflect.Int32:
			out = binary.LittleEndian.AppendUint32(out, uint32(int32(f.Int())))
		case reflect.Uint32:
			out = binary.LittleEndian.AppendUint32(out, uint32(f.Uint()))
		default:
			panic("shaders: params field " + value.Type().Field(i).Name + " is not a 32-bit scalar")
		}
	}
	return out
}

// decodeParams is encodeParams's inverse.
func decodeParams(data []byte, p any) {
	value := reflect.ValueOf(p).Elem()
	for i := range value.NumField() {
		word := binary.LittleEndian.Uint32(data[4*i:])
		switch f := value.Field(i); f.Kind() {
		case reflect.Float32:
			f.SetFloat(float64(math.Float32frombits(word)))
		case reflect.Int32:
			f.SetInt(int64(int32(word)))
		default:
			f.SetUint(uint64(word))
		}
	}
}
