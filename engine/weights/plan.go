package weights

// Quant chooses what happens to the source's numbers.
type Quant string

const (
	QuantKeep Quant = "keep" // nothing is requantised
	QuantQ8   Quant = "q8"   // matrices, embedding and head become q8_0
	QuantQ4   Quant = "q4"   // matrices become q4_0, embedding and head q8_0
)
