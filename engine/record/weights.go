package record

import (
	"fmt"
	"slices"

	"tabseek/engine/gpu"
	"tabseek/engine/weights"
	"tabseek/shaders"
)

// A Weight is a packed tensor on the GPU.
type Weight struct {
	Format  shaders.Format
	N, Rows int // matrices of a stack, rows of each
	K       int
	PartsAt []int
	Pieces  []Piece
}

// A Piece is the part of a tensor that lies in one buffer.
type Piece struct {
	First, Count   int // rows, or matrices of a stack
	Format         shaders.Format
	quants, scales gpu.Slice
}

// Bind adds the piece's planes to the bindings of a dispatch.
func (p Piece) Bind(b gpu.Bind) gpu.Bind {
	b["weights"], b["scales"] = p.quants, p.scales
	return b
}

// Weights are a model's packed tensors by slot name.
type Weights map[string]*Weight

// Vector is a norm or bias as a binding: nothing bound if the model has none of that name.
func (w Weights) Vector(name string) gpu.Slice {
	if v, ok := w[name]; ok {
		return v.Pieces[0].quants
	}
	return gpu.Slice{}
}

// Formats are those of the matrices, in the order of shaders.Formats.
func (w Weights) Formats() []shaders.Format {
	return slices.DeleteFunc(slices.Clone(shaders.Formats), func(f shaders.Format) bool {
		for _, weight := range w {
			for _, p := range weight.Pieces {
				if p.Format == f {
					return false
				}
			}
		}
		return true
	})
}

// loadWeights binds every slot of the table to its packed tensor.
func loadWeights(plan *gpu.Plan, manifest *weights.Manifest, slots []weights.Slot) (Weights, error) {
	var buffers []*gpu.Buffer
	for i, b := range manifest.Buffers {
		buffers = append(buffers, plan.Buffer(fmt.Sprintf("weights.%d", i), uint64(b.Size)))
	}
	loaded := Weights{}
	for _, slot := range slots {
		tensor, ok := manifest.Tensor(slot.Name)
		if !ok {
			return nil, fmt.Errorf("the packed model lacks tensor %s", slot.Name)
		}
		if err := checkSlot(slot, tensor); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", slot.Name, err)
		}
		n, rows, k := tensor.Dims()
		w := &Weight{Format: shaders.Format(tensor.Format), N: n, Rows: rows, K: k, PartsAt: tensor.PartsAt}
		for _, p := range tensor.Pieces {
			plane := func(at *weights.Plane) gpu.Slice {
				if at == nil {
					return gpu.Slice{}
				}
				return buffers[at.Buffer].Slice(uint64(at.Offset), uint64(at.Size+3)&^3)
			}
			w.Pieces = append(w.Pieces, Piece{p.First, p.Count, shaders.Format(tensor.PieceFormat(&p)), plane(&p.Quants), plane(p.Scales)})
		}
		loaded[slot.Name] = w
	}
	return loaded, nil
}

// checkSlot compares a packed tensor with what the table says, and its kernels can read.
func checkSlot(slot weights.Slot, tensor *weights.Tensor) error {
	for _, p := range tensor.Pieces {
		if f := tensor.PieceFormat(&p); !slot.Kind.Allows(f) {
			return fmt.Errorf("format is %s, which the kernel of a %s does not read", f, slot.Kind)
		}
	}
	if slot.Whole && len(tensor.Pieces) > 1 {
		return fmt.Errorf("cut into %d pieces, its kernel takes it whole", len(tensor.Pieces))
	}
	dimensions := 2
	switch {
	case slot.Kind == weights.Vector:
		dimensions = 1
	case slot.Stacked:
		dimensions = 3
	}
	n, rows, k := tensor.Dims()
	partsAt := tensor.PartsAt
	if len(partsAt) == 0 {
		partsAt = []int{0}
	}
	parts := slot.Matrices[0]
	_, wantK := parts[0].Size()
	if len(tensor.Shape) != dimensions || len(partsAt) != len(parts) || n != slot.Count() || k != wantK {
		return fmt.Errorf("shape %v in %d parts, want %d dimensions, %d matrices in %d parts of width %d", tensor.Shape, len(partsAt), dimensions, slot.Count(), len(parts), wantK)
	}
	end := 0
	for i, part := range parts {
		partRows, _ := part.Size()
		if partsAt[i] < end {
			return fmt.Errorf("part %d begins at row %d, inside part %d", i, partsAt[i], i-1)
		}
		end = partsAt[i] + partRows
	}
	if end != rows {
		return fmt.Errorf("shape %v has %d rows, its parts need %d", tensor.Shape, rows, end)
	}
	return nil
}
