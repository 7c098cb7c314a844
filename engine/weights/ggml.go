package weights

import "strings"

// ggmlBlocks are the types of GGUF files whose numbers come in blocks of a row: elements and bytes of each, and of those
// that are read where the f16 numbers in them are.
var ggmlBlocks = map[DType]struct {
	elems, bytes int
	halves       []int
}{
	"Q4_0": {32, 18, []int{0}}, "Q4_1": {32, 20, []int{0, 2}}, "Q5_0": {32, 22, []int{0}}, "Q5_1": {32, 24, []int{0, 2}},
	"Q8_0": {32, 34, []int{0}}, "IQ4_NL": {32, 18, []int{0}}, "MXFP4": {32, 17, nil},
	"Q2_K": {256, 84, []int{80, 82}}, "Q3_K": {256, 110, []int{108}}, "Q4_K": {256, 144, []int{0, 2}}, "Q5_K": {256, 176, []int{0, 2}},
	"Q6_K": {256, 210, []int{208}}, "IQ4_XS": {256, 136, []int{0}},

	"Q8_1": {32, 36, nil}, "Q8_K": {256, 292, nil}, "IQ1_S": {256, 50, nil}, "IQ1_M": {256, 56, nil}, "IQ2_XXS": {256, 66, nil}, "IQ2_XS": {256, 74, nil},
	"IQ2_S": {256, 82, nil}, "IQ3_XXS": {256, 98, nil}, "IQ3_S": {256, 110, nil}, "TQ1_0": {256, 54, nil}, "TQ2_0": {256, 66, nil},
}

// ggmlTypes are the numbers of types in GGUF files (ggml.h).
var ggmlTypes = map[uint32]DType{
	0: DTypeF32, 1: DTypeF16, 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
	10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K",
	16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS",
	24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: DTypeBF16, 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}

// ggmlName is what ggml calls a packed format of blocks.
func ggmlName(f Format) string { return strings.ToUpper(string(f)) }

// blocks tells elements and bytes of the type's blocks; of a plain number 1 element.
func (d DType) blocks() (elems, bytes int) {
	if b, ok := ggmlBlocks[d]; ok {
		return b.elems, b.bytes
	}
	return 1, dtypeBytes[d]
}

// isBlocks tells whether the type's numbers come in blocks.
func (d DType) isBlocks() bool {
	_, ok := ggmlBlocks[d]
	return ok
}

// holds tells whether a view of the type can be relaid: it is of whole blocks that lie in the view's own direction.
func (d DType) holds(v View) bool {
	elems, _ := d.blocks()
	return elems == 1 || !v.Transpose && v.ColStart%elems == 0 && v.Cols%elems == 0
}

// Cuts tells whether a row of the type can be cut at a column without cutting a block.
func (d DType) Cuts(column int) bool {
	elems, _ := d.blocks()
	return column%elems == 0
}
