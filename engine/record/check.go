package record

import (
	"fmt"
	"math"
	"slices"

	"tabseek/engine/weights"
)

// Between refuses a number of a config.json that is not from least to most.
func Between(name string, value, least, most int) error {
	if value < least || value > most {
		return fmt.Errorf("%s is %d, must be %d to %d", name, value, least, most)
	}
	return nil
}

// Positive refuses a number of a config.json that is not positive, or not finite.
func Positive(name string, value float64) error {
	if !(value > 0) || math.IsInf(value, 0) {
		return fmt.Errorf("%s is %g, must be positive", name, value)
	}
	return nil
}

// CheckSlices refuses slices that do not share out a dense layer's channels.
func CheckSlices(slices, intermediate int) error {
	if slices > 0 && intermediate%slices != 0 {
		return fmt.Errorf("dense_slices is %d, which does not divide intermediate_size %d", slices, intermediate)
	}
	return nil
}

// Quantization is the quantization_config of a config.json; nil if there is none.
type Quantization struct {
	Method    string `json:"quant_method"`
	BlockSize []int  `json:"weight_block_size"`
}

// Check refuses what cannot be packed.
func (q *Quantization) Check() error {
	if q != nil && (q.Method != "fp8" || !slices.Equal(q.BlockSize, []int{weights.TileElems, weights.TileElems})) {
		return fmt.Errorf("quantization_config %q in blocks of %v is not supported, only fp8 in blocks of [%d %d]", q.Method, q.BlockSize, weights.TileElems, weights.TileElems)
	}
	return nil
}
