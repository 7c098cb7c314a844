package weights

import "strings"

// ggmlBlocks are the types of GGUF files whose numbers come in blocks of a row: elements and bytes of each.
var ggmlBlocks = map[DType]struct{ elems, bytes int }{
	"Q4_0": {32, 18}, "Q4_1": {32, 20}, "Q5_0": {32, 22}, "Q5_1": {32, 24}, "Q8_0": {32, 34}, "Q8_1": {32, 36},
	"Q2_K": {256, 84}, "Q3_K": {256, 110}, "Q4_K": {256, 144}, "Q5_K": {256, 176}, "Q6_K": {256, 210}, "Q8_K": {256, 292},
	"IQ1_S": {256, 50}, "IQ1_M": {256, 56}, "IQ2_XXS": {256, 66}, "IQ2_XS": {256, 74}, "IQ2_S": {256, 82},
	"IQ3_XXS": {256, 98}, "IQ3_S": {256, 110}, "IQ4_NL": {32, 18}, "IQ4_XS": {256, 136},
	"TQ1_0": {256, 54}, "TQ2_0": {256, 66}, "MXFP4": {32, 17},
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
