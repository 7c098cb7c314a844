package weights

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Scales of other types than f32 count exactly, whether a tensor is kept in FP8 or turned into something else.
func TestScaleTypes(t *testing.T) {
	code := byte(0x38) // 1
	for _, c := range []struct {
		dtype DType
		data  []byte
		want  [2]float64
	}{
		{DTypeF32, []byte{0, 0, 0x40, 0x40, 0xdb, 0x0f, 0x49, 0x40}, [2]float64{3, float64(float32(math.Pi))}},
		{DTypeBF16, []byte{0x41, 0x3c, 0xff, 0x42}, [2]float64{0.01177978515625, 127.5}},
		{DTypeF16, []byte{0x01, 0x00, 0x00, 0x7b}, [2]float64{0x1p-24, 57344}},
		{dtypeE8M0, []byte{0, 128}, [2]float64{0x1p-127, 2}},
		{dtypeE8M0, []byte{127, 246}, [2]float64{1, 0x1p119}},
	} {
		t.Run(string(c.dtype), func(t *testing.T) {
			data := make([]byte, 256*2) // one column, two tiles below each other
			for i := range data {
				data[i] = code
			}
			inv, err := InventoryOf("x", []RawTensor{
				{Name: "w.weight", DType: DTypeFP8, Shape: []int{256, 2}, Data: data},
				{Name: "w.weight_scale_inv", DType: c.dtype, Shape: []int{2, 1}, Data: c.data},
			})
			require.NoError(t, err)
			for kind, format := range map[Kind]Format{Matrix: FP8E4M3, Router: F32} {
				plan, err := BuildPlan([]Slot{{Name: "w", Kind: kind, Matrices: []Parts{{Whole("w.weight", 256, 2)}}}}, inv, PlanOptions{Quant: QuantKeep})
				require.NoError(t, err)
				dst := filepath.Join(t.TempDir(), "packed")
				m, err := Write(context.Background(), plan, inv, Seed{Architecture: []byte("{}"), Tokenizer: []byte("{}")}, dst, WriteOptions{})
				require.NoError(t, err)
				require.Equal(t, format, m.Tensors[0].Format)
				model, err := OpenModel(dst)
				require.NoError(t, err)
				values, err := model.ReadTensor("w")
				require.NoError(t, err)
				assert.Equal(t, c.want[0], float64(values[0]))
				assert.Equal(t, c.want[1], float64(values[len(values)-1]))
			}
		})
	}
	t.Run("NaN", func(t *testing.T) {
		inv, err := InventoryOf("x", []RawTensor{
			{Name: "w.weight", DType: DTypeFP8, Shape: []int{1, 1}, Data: []byte{code}},
			{Name: "w.weight_scale_inv", DType: dtypeE8M0, Shape: []int{1, 1}, Data: []byte{255}},
		})
		require.NoError(t, err)
		reader := bandReader{inv: inv}
		_, err = reader.floats(Whole("w.weight", 1, 1), 0, 1)
		assert.ErrorContains(t, err, "tensor w.weight_scale_inv: element [0 0] is NaN or infinite")
	})
}

func TestSplit(t *testing.T) {
	// Two matrices of 256 rows, each two parts of 128; the number of a row is its tile's and its own.
	data := make([]byte, 2*256)
	for i := range data {
		data[i] = byte(i / 128)
	}
	stack := func() *Inventory {
		inv, err := InventoryOf("x", []RawTensor{
			{Name: "stack", DType: DTypeFP8, Shape: []int{2, 256, 1}, Data: data},
			{Name: "stack_scale_inv", DType: dtypeE8M0, Shape: []int{2, 2, 1}, Data: []byte{127, 128, 129, 130}},
			{Name: "other", DType: DTypeF32, Shape: []int{1}, Data: make([]byte, 4)},
		})
		require.NoError(t, err)
		return inv
	}
	inv := stack()
	require.NoError(t, inv.Split("stack", 128, []string{"a", "b", "c", "d"}))
	_, ok := inv.Tensor("stack")
	assert.False(t, ok)
	require.Len(t, inv.Tensors(), 5)
	reader := bandReader{inv: inv}
	for i, name := range []string{"a", "b", "c", "d"} {
		part, ok := inv.Tensor(name)
		require.True(t, ok)
		assert.Equal(t, []int{128, 1}, part.Shape)
		values, err := reader.floats(Whole(name, 128, 1), 127, 1)
		require.NoError(t, err)
		assert.Equal(t, FromE4M3(byte(i))*float32(int(1)<<i), values[0], name)
	}
	assert.ErrorContains(t, stack().Split("nothing", 128, nil), "tensor nothing: missing")
	assert.ErrorContains(t, stack().Split("other", 1, []string{"a"}), "shape is [1], want a stack that holds 1 matrices of 1 rows")
	assert.ErrorContains(t, stack().Split("stack", 128, []string{"a"}), "shape is [2 256 1], want a stack that holds 1 matrices of 128 rows")
	assert.ErrorContains(t, stack().Split("stack", 0, []string{"a"}), "want a stack")
	assert.ErrorContains(t, stack().Split("stack", 64, make([]string, 8)), "tensor stack: cut at row 64, which is inside a tile")
	assert.ErrorContains(t, stack().Split("stack", 256, []string{"a", "other"}), "tensor other: listed twice, once as a part of stack")
}
