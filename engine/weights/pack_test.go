package weights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"tabseek/engine/enginetest/need"
)

// checkpoint is a synthetic source: tensors and their values as float32.
type checkpoint struct {
	t       *testing.T
	tensors []RawTensor
	values  map[string][]float32 // as the type holds them
}

func newCheckpoint(t *testing.T) *checkpoint {
	return &checkpoint{t: t, values: map[string][]float32{}}
}

// add makes a tensor of random numbers.
func (c *checkpoint) add(name string, d DType, shape ...int) View {
	_, rows, cols := matrixDims(shape)
	raw := floats(c.t, name, d, shape, normals(rows*cols, uint64(len(c.tensors))))
	c.tensors = append(c.tensors, raw...)
	values := make([]float32, rows*cols)
	for i := range values {
		switch d {
		case DTypeF32:
			values[i] = math.Float32frombits(le.Uint32(raw[0].Data[4*i:]))
		case DTypeBF16:
			values[i] = FromBF16(le.Uint16(raw[0].Data[2*i:]))
		case DTypeF16:
			values[i] = FromF16(le.Uint16(raw[0].Data[2*i:]))
		case DTypeFP8:
			tile := i/cols/TileElems*Tiles(cols) + i%cols/TileElems
			values[i] = FromE4M3(raw[0].Data[i]) * math.Float32frombits(le.Uint32(raw[1].Data[4*tile:]))
		}
	}
	c.values[name] = values
	return Whole(name, shape...)
}

func (c *checkpoint) inventory() *Inventory {
	inv, err := InventoryOf("source", c.tensors)
	require.NoError(c.t, err)
	return inv
}

// expect is what a slot must hold: partsAt gives the rows between FP8 parts.
func (c *checkpoint) expect(slot *Slot, t *Tensor) []float32 {
	_, rows, k := t.Dims()
	want := make([]float32, len(slot.Matrices)*rows*k)
	for m, parts := range slot.Matrices {
		at := 0
		for p, v := range parts {
			if p > 0 {
				at = t.PartsAt[p]
			}
			_, _, width := matrixDims(v.Shape)
			n, _ := v.Size()
			for i := range n {
				for j := range k {
					r, col := i, j
					if v.Transpose {
						r, col = j, i
					}
					want[(m*rows+at+i)*k+j] = c.values[v.Source][(v.RowStart+r)*width+v.ColStart+col]
				}
			}
		}
	}
	return want
}

func testSeed() Seed {
	return Seed{Name: "test", Architecture: json.RawMessage(`{"a":1}`), Tokenizer: []byte(`{}`), Chat: "plain"}
}

// attention is the slots that cut, turn and join tensors, with heads of nope and v rows.
func attention(c *checkpoint, d DType, h, nope, v, r, hidden int) []Slot {
	kvb := c.add("kv_b.weight", d, h*(nope+v), r)
	kb, vb := Slot{Name: "k_b", Stacked: true}, Slot{Name: "v_b", Stacked: true}
	for i := range h {
		kb.Matrices = append(kb.Matrices, Parts{kvb.CutRows(i*(nope+v), nope).Transposed()})
		vb.Matrices = append(vb.Matrices, Parts{kvb.CutRows(i*(nope+v)+nope, v)})
	}
	return []Slot{
		{Name: "norm", Kind: Vector, Matrices: []Parts{{c.add("norm.weight", DTypeBF16, hidden)}}},
		{Name: "qkv_a", Matrices: []Parts{{c.add("q_a.weight", d, 96, hidden), c.add("kv_a.weight", d, r+16, hidden)}}},
		kb, vb,
	}
}

// experts is the slots of routed experts and shared ones cut into experts.
func experts(c *checkpoint, d DType, e, shared, ff, hidden int) []Slot {
	gateUp, down := Slot{Name: "gate_up", Stacked: true}, Slot{Name: "down", Stacked: true}
	for i := range e {
		gateUp.Matrices = append(gateUp.Matrices, Parts{
			c.add(fmt.Sprintf("gate.%d.weight", i), d, ff, hidden), c.add(fmt.Sprintf("up.%d.weight", i), d, ff, hidden)})
		down.Matrices = append(down.Matrices, Parts{c.add(fmt.Sprintf("down.%d.weight", i), d, hidden, ff)})
	}
	gate, up := c.add("shared.gate.weight", d, shared*ff, hidden), c.add("shared.up.weight", d, shared*ff, hidden)
	sharedDown := c.add("shared.down.weight", d, hidden, shared*ff)
	for i := range shared {
		gateUp.Matrices = append(gateUp.Matrices, Parts{gate.CutRows(i*ff, ff), up.CutRows(i*ff, ff)})
		down.Matrices = append(down.Matrices, Parts{sharedDown.CutCols(i*ff, ff)})
	}
	return []Slot{
		{Name: "router", Kind: Router, Matrices: []Parts{{c.add("router.weight", DTypeBF16, e, hidden)}}},
		gateUp, down,
	}
}

func TestPackRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name   string
		slots  func(*checkpoint) []Slot
		limit  int64
		keep   map[string]Format // formats under keep; f32 for norm and router
		shapes map[string][]int
		pieces map[string]int
	}{
		{
			name:  "bf16 attention",
			slots: func(c *checkpoint) []Slot { return attention(c, DTypeBF16, 4, 32, 24, 64, 100) },
			keep:  map[string]Format{"qkv_a": BF16, "k_b": BF16, "v_b": BF16},
			shapes: map[string][]int{"norm": {100}, "qkv_a": {96 + 80, 100},
				"k_b": {4, 64, 32}, "v_b": {4, 24, 64}},
		},
		{
			name:  "fp8 attention whose heads are no tiles",
			slots: func(c *checkpoint) []Slot { return attention(c, DTypeFP8, 3, 128, 192, 200, 300) },
			keep:  map[string]Format{"qkv_a": FP8E4M3, "k_b": F32, "v_b": F32},
			// qkv_a: the second part starts at a tile.
			shapes: map[string][]int{"qkv_a": {128 + 216, 300}},
		},
		{
			name:  "fp8 attention whose heads are tiles",
			slots: func(c *checkpoint) []Slot { return attention(c, DTypeFP8, 3, 128, 256, 200, 300) },
			keep:  map[string]Format{"qkv_a": FP8E4M3, "k_b": FP8E4M3, "v_b": FP8E4M3},
		},
		{
			name:  "f16 experts",
			slots: func(c *checkpoint) []Slot { return experts(c, DTypeF16, 5, 2, 40, 70) },
			keep:  map[string]Format{"gate_up": F16, "down": F16},
			shapes: map[string][]int{"gate_up": {7, 80, 70}, "down": {7, 70, 40},
				"router": {5, 70}},
		},
		{
			name:   "fp8 experts, shared ones misaligned",
			slots:  func(c *checkpoint) []Slot { return experts(c, DTypeFP8, 3, 2, 96, 192) },
			keep:   map[string]Format{"gate_up": F32, "down": F32},
			shapes: map[string][]int{"gate_up": {5, 192, 192}},
		},
		{
			name:   "fp8 experts, one shared",
			slots:  func(c *checkpoint) []Slot { return experts(c, DTypeFP8, 3, 1, 96, 192) },
			keep:   map[string]Format{"gate_up": FP8E4M3, "down": FP8E4M3},
			shapes: map[string][]int{"gate_up": {4, 224, 192}, "down": {4, 192, 96}},
		},
		{
			name:   "fp8 experts in several buffers",
			slots:  func(c *checkpoint) []Slot { return experts(c, DTypeFP8, 7, 1, 96, 192) },
			limit:  256 * 400,
			keep:   map[string]Format{"gate_up": FP8E4M3, "down": FP8E4M3},
			pieces: map[string]int{"gate_up": 4, "down": 2},
		},
		{
			name: "rows in several buffers",
			slots: func(c *checkpoint) []Slot {
				return []Slot{
					{Name: "embed", Kind: Embedding, Matrices: []Parts{{c.add("embed.weight", DTypeBF16, 700, 50)}}},
					{Name: "joined", Matrices: []Parts{{c.add("a.weight", DTypeFP8, 200, 130), c.add("b.weight", DTypeFP8, 130, 130), c.add("c.weight", DTypeFP8, 127, 130)}}},
				}
			},
			limit:  256 * 170,
			keep:   map[string]Format{"embed": BF16, "joined": FP8E4M3},
			shapes: map[string][]int{"joined": {256 + 256 + 127, 130}},
			pieces: map[string]int{"embed": 3, "joined": 3},
		},
		{
			name: "mixed types",
			slots: func(c *checkpoint) []Slot {
				return []Slot{{Name: "mixed", Matrices: []Parts{{c.add("a", DTypeBF16, 3, 5), c.add("b", DTypeF16, 4, 5), c.add("c.weight", DTypeFP8, 2, 5), c.add("d", DTypeF32, 1, 5)}}}}
			},
			keep: map[string]Format{"mixed": F32},
		},
	} {
		for _, quant := range []Quant{QuantKeep, QuantQ8, QuantQ4} {
			t.Run(fmt.Sprint(c.name, " ", quant), func(t *testing.T) {
				src := newCheckpoint(t)
				slots := c.slots(src)
				inv := src.inventory()
				plan, err := BuildPlan(slots, inv, PlanOptions{Quant: quant, MaxBuffer: c.limit})
				require.NoError(t, err)
				dst := filepath.Join(t.TempDir(), "model")
				var last, total int64
				_, err = Write(t.Context(), plan, inv, testSeed(), dst, WriteOptions{ShardSize: 256 * 37, Progress: func(d, n int64) { last, total = d, n }})
				require.NoError(t, err)
				assert.LessOrEqual(t, last, total)
				require.NoError(t, Verify(t.Context(), dst, nil))
				m, err := OpenModel(dst)
				require.NoError(t, err)
				requireAssembled(t, plan, inv, m)
				for i := range slots {
					slot := &slots[i]
					tensor, ok := m.Tensor(slot.Name)
					require.True(t, ok)
					if quant == QuantKeep {
						want, ok := c.keep[slot.Name]
						if !ok {
							want = F32
						}
						assert.Equal(t, want, tensor.Format, slot.Name)
						if want, ok := c.shapes[slot.Name]; ok {
							assert.Equal(t, want, tensor.Shape, slot.Name)
						}
						if want, ok := c.pieces[slot.Name]; ok {
							assert.Len(t, tensor.Pieces, want, slot.Name)
						}
					}
					got, err := m.ReadTensor(slot.Name)
					require.NoError(t, err)
					want := src.expect(slot, tensor)
					switch tensor.Format {
					case Q8_0, Q4_0:
						assert.Less(t, relativeError(got, want), map[Format]float64{Q8_0: 0.006, Q4_0: 0.1}[tensor.Format], slot.Name)
						assert.Contains(t, []Kind{Matrix, Embedding}, slot.Kind)
						assert.Equal(t, tensor.Format == Q4_0, quant == QuantQ4 && slot.Kind == Matrix)
					default:
						require.Equal(t, want, got, slot.Name)
					}
				}
			})
		}
	}
}

// requireAssembled demands that sources in any order, with a break between them, make the same bytes.
func requireAssembled(t *testing.T, plan *Plan, inv *Inventory, want *Model) {
	t.Helper()
	dir, dst := filepath.Join(t.TempDir(), "assembly"), filepath.Join(t.TempDir(), "model")
	tensors := inv.Tensors()
	rand.Shuffle(len(tensors), func(i, j int) { tensors[i], tensors[j] = tensors[j], tensors[i] })
	a, err := NewAssembly(plan, inv, dir)
	require.NoError(t, err)
	for i, source := range tensors {
		require.NoError(t, a.Add(t.Context(), source.Name))
		if i == len(tensors)/2 {
			require.NoError(t, a.Sync())
			a, err = NewAssembly(plan, inv, dir)
			require.NoError(t, err)
			require.NoError(t, a.Add(t.Context(), source.Name)) // what was not noted any more
		}
	}
	_, err = a.Finish(t.Context(), testSeed(), dst, false)
	require.NoError(t, err)
	require.NoDirExists(t, dir)
	require.NoError(t, Verify(t.Context(), dst, nil))
	got, err := OpenModel(dst)
	require.NoError(t, err)
	for i := range want.Buffers {
		wanted, err := want.ReadBuffer(i)
		require.NoError(t, err)
		bytes, err := got.ReadBuffer(i)
		require.NoError(t, err)
		require.Equal(t, wanted, bytes, "buffer %d", i)
	}
}

func relativeError(got, want []float32) float64 {
	var diff, norm float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		diff += d * d
		norm += float64(want[i]) * float64(want[i])
	}
	return math.Sqrt(diff / norm)
}

func TestBuildPlanRefuses(t *testing.T) {
	matrix := func(views ...View) []Slot { return []Slot{{Name: "m", Matrices: []Parts{views}}} }
	w := Whole("w", 4, 6)
	for _, c := range []struct {
		name  string
		slots []Slot
		opts  PlanOptions
		want  string
	}{
		{"unknown quant", matrix(w), PlanOptions{Quant: "q5"}, `unknown quantisation "q5"`},
		{"missing", matrix(w, Whole("x", 2, 6)), PlanOptions{}, "weights: source: tensor x: missing, slot m needs it with shape [2 6]"},
		{"wrong shape", matrix(Whole("w", 6, 4)), PlanOptions{}, "weights: source: tensor w: shape is [4 6], want [6 4]"},
		{"leftover", matrix(Whole("f", 2, 6)), PlanOptions{Ignored: []string{"i*"}}, "tensor w: not used by any slot and not ignored"},
		{"bad pattern", matrix(w), PlanOptions{Ignored: []string{"["}}, "ignored pattern"},
		{"rows left", matrix(w.CutRows(0, 3)), PlanOptions{}, "tensor w: the slots use 18 of 24 elements"},
		{"used twice", append(matrix(w), Slot{Name: "n", Matrices: []Parts{{w.CutRows(2, 1).CutCols(3, 2)}}}), PlanOptions{}, "tensor w: element [2 3] is used twice"},
		{"wrong type", matrix(Whole("i", 2, 6)), PlanOptions{}, "tensor i: type I8 cannot be packed"},
		{"fp8 without scales", matrix(Whole("f", 2, 6)), PlanOptions{}, ""},
		{"outside", matrix(w.CutRows(2, 3)), PlanOptions{}, "lie outside [4 6]"},
		{"negative", matrix(w.CutCols(-1, 3)), PlanOptions{}, "lie outside [4 6]"},
		{"widths differ", matrix(w, Whole("f", 6, 2)), PlanOptions{}, "part 1 of matrix 0 is [6 2], want [6 6]"},
		{"matrices differ", []Slot{{Name: "m", Stacked: true, Matrices: []Parts{{w}, {w, w}}}}, PlanOptions{}, "matrix 1 has 2 parts"},
		{"not stacked", []Slot{{Name: "m", Matrices: []Parts{{w}, {w}}}}, PlanOptions{}, "not stacked"},
		{"no sources", []Slot{{Name: "m"}}, PlanOptions{}, "has no sources"},
		{"bad name", []Slot{{Name: "M"}}, PlanOptions{}, `slot "M"`},
		{"name twice", append(matrix(w), matrix(w)...), PlanOptions{}, "slot m: listed twice"},
		{"matrix as vector", []Slot{{Name: "m", Kind: Vector, Matrices: []Parts{{w}}}}, PlanOptions{}, "a vector has one source"},
		{"odd buffer", matrix(w), PlanOptions{MaxBuffer: 100}, "want a multiple of 256"},
		{"small buffer", []Slot{{Name: "m", Stacked: true, Matrices: []Parts{{w}}}}, PlanOptions{MaxBuffer: 256}, "slot m: f32 [1 4 6]: its smallest piece takes 512 bytes, a buffer holds 256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := newCheckpoint(t)
			src.add("w", DTypeF32, 4, 6)
			src.tensors = append(src.tensors,
				RawTensor{Name: "i", DType: "I8", Shape: []int{2, 6}, Data: make([]byte, 12)},
				RawTensor{Name: "f", DType: DTypeFP8, Shape: []int{2, 6}, Data: make([]byte, 12)})
			if c.opts.Quant == "" {
				c.opts.Quant = QuantKeep
			}
			if c.opts.Ignored == nil {
				c.opts.Ignored = []string{"i", "f"}
			}
			if c.name == "fp8 without scales" || c.name == "leftover" {
				c.want = "tensor f: type F8_E4M3 without a tensor f_scale_inv"
			}
			_, err := BuildPlan(c.slots, src.inventory(), c.opts)
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "weights: ")
		})
	}
	src := newCheckpoint(t)
	used := src.add("used", DTypeF32, 4, 6)
	src.add("left.over", DTypeF32, 1)
	_, err := BuildPlan(matrix(used), src.inventory(), PlanOptions{Quant: QuantKeep, Ignored: []string{"x*"}})
	assert.EqualError(t, err, "weights: source: tensor left.over: not used by any slot and not ignored")
	_, err = BuildPlan(matrix(used), src.inventory(), PlanOptions{Quant: QuantKeep, Ignored: []string{"*.over"}})
	assert.NoError(t, err)
}

// small is a plan of one matrix whose numbers come from data.
func small(t *testing.T, d DType, data []byte, scale float32) (*Plan, *Inventory) {
	t.Helper()
	raw := []RawTensor{{Name: "w.weight", DType: d, Shape: []int{2, len(data) / 2 / dtypeBytes[d]}, Data: data}}
	if d == DTypeFP8 {
		raw = append(raw, RawTensor{Name: "w.weight_scale_inv", DType: DTypeF32, Shape: []int{1, 1}, Data: le.AppendUint32(nil, math.Float32bits(scale))})
	}
	inv, err := InventoryOf("source", raw)
	require.NoError(t, err)
	plan, err := BuildPlan([]Slot{{Name: "w", Matrices: []Parts{{Whole("w.weight", raw[0].Shape...)}}}}, inv, PlanOptions{Quant: QuantKeep})
	require.NoError(t, err)
	return plan, inv
}

func TestWriteRefusesNumbers(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name  string
		dtype DType
		data  []byte
		scale float32
		want  string
	}{
		{"f32 nan", DTypeF32, le.AppendUint32(make([]byte, 12), math.Float32bits(nan)), 0, "weights: source: tensor w.weight: element [1 1] is NaN or infinite"},
		{"bf16 inf", DTypeBF16, []byte{0, 0, 0x80, 0x7f, 0, 0, 0, 0}, 0, "element [0 1] is NaN or infinite"},
		{"f16 inf", DTypeF16, []byte{0, 0, 0, 0xfc, 0, 0, 0, 0}, 0, "element [0 1] is NaN or infinite"},
		{"fp8 nan", DTypeFP8, []byte{0, 0, 0, 0xff}, 1, "element [1 1] is NaN or infinite"},
		{"fp8 scale", DTypeFP8, []byte{0, 0, 0, 0}, nan, "tensor w.weight_scale_inv: element [0 0] is NaN or infinite"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, inv := small(t, c.dtype, c.data, c.scale)
			dir := t.TempDir()
			_, err := Write(t.Context(), plan, inv, testSeed(), filepath.Join(dir, "m"), WriteOptions{})
			require.ErrorContains(t, err, c.want)
			assertEmpty(t, dir)
		})
	}
}

func assertEmpty(t *testing.T, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, list)
}

// failing is a source whose data cannot be read.
type failing struct{ cancel func() }

func (f failing) ReadAt(p []byte, _ int64) (int, error) {
	if f.cancel != nil {
		f.cancel()
		return len(p), nil
	}
	return 0, errors.New("disk on fire")
}

func TestWriteLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	for _, c := range []struct {
		name string
		data io.ReaderAt
		want string
	}{
		{"read error", failing{}, "weights: source: tensor w: reading 20 bytes at 0: disk on fire"},
		{"truncated", strings.NewReader("short"), "unexpected EOF"},
		{"cancelled", failing{cancel}, "context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv, err := NewInventory("source", []SourceTensor{{Name: "w", DType: DTypeF32, Shape: []int{5}, Data: c.data, File: "source"}})
			require.NoError(t, err)
			plan, err := BuildPlan([]Slot{{Name: "w", Kind: Vector, Matrices: []Parts{{Whole("w", 5)}}}}, inv, PlanOptions{Quant: QuantKeep})
			require.NoError(t, err)
			dir := t.TempDir()
			_, err = Write(ctx, plan, inv, testSeed(), filepath.Join(dir, "m"), WriteOptions{})
			require.ErrorContains(t, err, c.want)
			assertEmpty(t, dir)
		})
	}
}

func TestWriteForce(t *testing.T) {
	plan, inv := small(t, DTypeF32, make([]byte, 16), 0)
	other, otherInv := small(t, DTypeF32, []byte{0, 0, 128, 63, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0)
	write := func(dst string, force bool) error {
		_, err := Write(t.Context(), other, otherInv, testSeed(), dst, WriteOptions{Force: force})
		return err
	}
	for _, c := range []struct {
		name, want string
		prepare    func(dst string)
	}{
		{"nothing there", "", func(string) {}},
		{"empty folder", "", func(dst string) { require.NoError(t, os.Mkdir(dst, 0o755)) }},
		{"packed model", "", func(dst string) {
			_, err := Write(t.Context(), plan, inv, testSeed(), dst, WriteOptions{})
			require.NoError(t, err)
		}},
		{"damaged model", "", func(dst string) {
			require.NoError(t, os.Mkdir(dst, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dst, ManifestFile), []byte(`{"format":"tabseek-model"}`), 0o644))
		}},
		{"model with a foreign file", "holds notes.txt, which is not part of a packed model", func(dst string) {
			require.NoError(t, write(dst, false))
			require.NoError(t, os.WriteFile(filepath.Join(dst, "notes.txt"), nil, 0o644))
		}},
		{"another model.json", "neither empty nor a packed model", func(dst string) {
			require.NoError(t, os.Mkdir(dst, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dst, ManifestFile), []byte(`{}`), 0o644))
		}},
		{"file", "not a folder", func(dst string) { require.NoError(t, os.WriteFile(dst, nil, 0o644)) }},
		{"link", "not a folder", func(dst string) { require.NoError(t, os.Symlink(t.TempDir(), dst)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			dst := filepath.Join(dir, "m")
			c.prepare(dst)
			if _, err := os.Lstat(dst); err == nil {
				require.ErrorIs(t, write(dst, false), os.ErrExist)
			}
			err := write(dst, true)
			list, _ := os.ReadDir(dir)
			assert.Len(t, list, 1, "nothing but the model is left")
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.NoError(t, Verify(t.Context(), dst, nil))
			m, err := OpenModel(dst)
			require.NoError(t, err)
			w, err := m.ReadTensor("w")
			require.NoError(t, err)
			assert.Equal(t, float32(1), w[0])
		})
	}
}

func TestVerify(t *testing.T) {
	src := newCheckpoint(t)
	slots := attention(src, DTypeBF16, 2, 32, 32, 64, 64)
	inv := src.inventory()
	plan, err := BuildPlan(slots, inv, PlanOptions{Quant: QuantKeep})
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string, m *Manifest)
		want   []string
	}{
		{"sound", func(*testing.T, string, *Manifest) {}, nil},
		{"flipped bit", func(t *testing.T, dir string, m *Manifest) {
			path := filepath.Join(dir, m.Shards[1].File)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			data[7] ^= 1
			require.NoError(t, os.WriteFile(path, data, 0o644))
		}, []string{"sha256 is ", ", want "}},
		{"truncated", func(t *testing.T, dir string, m *Manifest) {
			require.NoError(t, os.Truncate(filepath.Join(dir, m.Shards[0].File), 10))
		}, []string{"10 bytes, want 8192"}},
		{"too long", func(t *testing.T, dir string, m *Manifest) {
			require.NoError(t, os.Truncate(filepath.Join(dir, m.Shards[0].File), 8193))
		}, []string{"8193 bytes, want 8192"}},
		{"missing", func(t *testing.T, dir string, m *Manifest) {
			require.NoError(t, os.Remove(filepath.Join(dir, m.Shards[0].File)))
			require.NoError(t, os.Remove(filepath.Join(dir, m.Shards[1].File)))
		}, []string{"missing", "(and 1 more)"}},
		{"extra", func(t *testing.T, dir string, m *Manifest) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, ShardFile(strings.Repeat("0", 64))), nil, 0o644))
		}, []string{"extra shard"}},
		{"tokenizer", func(t *testing.T, dir string, m *Manifest) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.bin"), []byte("[]"), 0o644))
		}, []string{"tokenizer.bin: sha256 is"}},
		{"no manifest", func(t *testing.T, dir string, m *Manifest) {
			require.NoError(t, os.Remove(filepath.Join(dir, ManifestFile)))
		}, []string{"model.json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "m")
			m, err := Write(t.Context(), plan, inv, testSeed(), dir, WriteOptions{ShardSize: 8192})
			require.NoError(t, err)
			c.damage(t, dir, m)
			err = Verify(t.Context(), dir, nil)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			for _, want := range append(c.want, "weights: "+dir) {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

// TestFixtures packs real little checkpoints, a slot for every tensor, and
// reads every number back.
func TestFixtures(t *testing.T) {
	for _, name := range need.Goldens {
		t.Run(name, func(t *testing.T) {
			dir := need.Golden(t, name)
			inv, err := OpenSafetensors(dir)
			require.NoError(t, err)
			defer inv.Close()
			var slots []Slot
			for i, s := range inv.Tensors() {
				slot := Slot{Name: fmt.Sprintf("t%d", i), Matrices: []Parts{{Whole(s.Name, s.Shape...)}}}
				if len(s.Shape) == 1 {
					slot.Kind = Vector
				}
				slots = append(slots, slot)
			}
			plan, err := BuildPlan(slots, inv, PlanOptions{Quant: QuantKeep})
			require.NoError(t, err)
			dst := filepath.Join(t.TempDir(), "m")
			_, err = Write(t.Context(), plan, inv, testSeed(), dst, WriteOptions{})
			require.NoError(t, err)
			m, err := OpenModel(dst)
			require.NoError(t, err)
			reader := bandReader{inv: inv}
			for i, s := range inv.Tensors() {
				_, rows, _ := matrixDims(s.Shape)
				want, err := reader.floats(slots[i].Matrices[0][0], 0, rows)
				require.NoError(t, err)
				got, err := m.ReadTensor(slots[i].Name)
				require.NoError(t, err)
				require.Equal(t, want, got, s.Name)
			}
		})
	}
}

func TestModelBytes(t *testing.T) {
	plan, inv := small(t, DTypeF32, []byte{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64}, 0) // 1 2; 3 4
	dir := filepath.Join(t.TempDir(), "m")
	_, err := Write(t.Context(), plan, inv, testSeed(), dir, WriteOptions{})
	require.NoError(t, err)
	m, err := OpenModel(dir)
	require.NoError(t, err)
	tokenizer, err := m.ReadTokenizer()
	require.NoError(t, err)
	assert.Equal(t, "{}", string(tokenizer))
	buffer, err := m.ReadBuffer(0)
	require.NoError(t, err)
	require.Len(t, buffer, 256)
	assert.Equal(t, []byte{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 0, 0}, buffer[:12])
	assert.Equal(t, []byte{0, 0, 64, 64}, buffer[128:132])
	_, err = m.ReadBuffer(1)
	assert.ErrorContains(t, err, "buffer 1 of 1")
	_, err = m.ReadPlane(Plane{Offset: 256, Size: 4})
	assert.ErrorContains(t, err, "lie outside buffer 0")
	_, err = m.ReadTensor("v")
	assert.ErrorContains(t, err, "tensor v: missing")
	require.NoError(t, os.Truncate(filepath.Join(dir, m.Shards[0].File), 4))
	_, err = m.ReadTensor("w")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
