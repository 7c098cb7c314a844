package weights

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Blocks whose scales share an entry with their neighbours, and super-blocks, come out the same in any order, even where a
// source is added again after a break.
func TestAssemblyOfBlocks(t *testing.T) {
	for _, c := range []struct {
		dtype DType
		cols  int
		quant Quant
	}{
		{"Q5_0", 96, QuantKeep}, {"Q5_1", 96, QuantKeep}, {"MXFP4", 96, QuantKeep}, {"Q4_K", 512, QuantKeep}, {"Q6_K", 256, QuantKeep}, {"Q3_K", 256, QuantKeep}, {"IQ4_XS", 256, QuantKeep},
		{"Q5_0", 96, QuantQ8}, {"Q4_K", 256, QuantQ4K}, {DTypeF32, 512, QuantQ4K}, {DTypeF32, 512, QuantQ3},
	} {
		t.Run(fmt.Sprint(c.dtype, " ", c.quant), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			tensor := func(name string, rows int) (RawTensor, View) {
				raw := RawTensor{Name: name, DType: c.dtype, Shape: []int{rows, c.cols}}
				if c.dtype.isBlocks() {
					elems, _ := c.dtype.blocks()
					raw.Data = randomBlocks(rng, c.dtype, rows*c.cols/elems)
				} else {
					list, err := FromFloats(name, c.dtype, raw.Shape, normals(rows*c.cols, rng.Uint64()))
					require.NoError(t, err)
					raw = list[0]
				}
				return raw, Whole(name, rows, c.cols)
			}
			var tensors []RawTensor
			slots := []Slot{{Name: "joined", Matrices: []Parts{nil}}, {Name: "stack", Stacked: true}}
			for i, rows := range []int{5, 3, 7} {
				raw, view := tensor(fmt.Sprint("part", i), rows)
				tensors, slots[0].Matrices[0] = append(tensors, raw), append(slots[0].Matrices[0], view)
				raw, view = tensor(fmt.Sprint("expert", i), 3)
				tensors, slots[1].Matrices = append(tensors, raw), append(slots[1].Matrices, Parts{view})
			}
			inv, err := InventoryOf("x", tensors)
			require.NoError(t, err)
			plan, err := BuildPlan(slots, inv, PlanOptions{Quant: c.quant})
			require.NoError(t, err)
			dst := filepath.Join(t.TempDir(), "model")
			_, err = Write(t.Context(), plan, inv, testSeed(), dst, WriteOptions{})
			require.NoError(t, err)
			m, err := OpenModel(dst)
			require.NoError(t, err)
			requireAssembled(t, plan, inv, m)
		})
	}
}
