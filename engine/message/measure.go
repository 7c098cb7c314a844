package message

import (
	"reflect"
	"slices"
)

// A Measure says what a request of that type times: the kernels of a step of decoding, between two probes of what the device can
// do at most; or, with Rows, one product of a matrix of random numbers.
type Measure struct {
	Depth int `json:"depth,omitempty" min:"0"`             // position that the step is at; 0: half of the context
	Batch int `json:"batch,omitempty" min:"0" max:"16"`    // sequences of the step, or vectors of the product; 0: 1
	Rows  int `json:"rows,omitempty" min:"0" max:"262144"` // of the matrix
	// Columns is the matrix's width, a multiple of what a block of the format has.
	Columns int    `json:"columns,omitempty" min:"0" max:"65536"`
	Format  string `json:"format,omitempty"` // of the matrix, such as q4_0
}

// Measured is what one kernel took.
type Measured struct {
	Kernel      string  `json:"kernel"`            // such as matvec; probe_read and probe_fma are the device's limits
	Program     string  `json:"program,omitempty"` // its variant
	Count       int     `json:"count"`             // how often a step does it
	Nanoseconds float64 `json:"nanoseconds"`       // once
	Bytes       int64   `json:"bytes"`             // of weights and cache that it must read, once
	Flops       int64   `json:"flops"`             // that it must do, once; a multiplication with an addition counts as two
}

func (m *Measure) validate() error {
	if err := checkFields("measure.", reflect.ValueOf(m).Elem()); err != nil {
		return err
	}
	switch {
	case m.Batch != 0 && !slices.Contains(widths, m.Batch):
		return Refuse("measure.batch", "is %d, must be 1, 2, 4, 8 or 16", m.Batch)
	case m.Rows == 0 && (m.Columns > 0 || m.Format != ""):
		return Refuse("measure.rows", "is missing beside columns and format")
	case m.Rows > 0 && m.Columns == 0:
		return Refuse("measure.columns", "is missing beside rows")
	case m.Rows > 0 && m.Format == "":
		return Refuse("measure.format", "is missing beside rows")
	}
	return nil
}

// widths are those that a step can have.
var widths = []int{1, 2, 4, 8, 16}

// ExpertCounts tell how often each expert has been visited since the model was opened, by what was decoded: of each layer, its
// routed experts in order; none of a dense layer. Rows of drafts count whether they were accepted or not; rows of prompts do not.
type ExpertCounts struct {
	Layers [][]int `json:"layers"`
}
