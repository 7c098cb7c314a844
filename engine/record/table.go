package record

import (
	"fmt"
	"math"

	"tabseek/engine/weights"
)

// Names of slots that every model has, or that has a head of its own.
const (
	embedSlot     = "embed"
	finalNormSlot = "final_norm"
	headSlot      = "head"
)

// ResidualGain is the gain, in random models, of what is added to the residual stream: what the layers add up to, through
// as many as there are, stays of the size of one.
const ResidualGain = 0.3

// Source is the name of a layer's tensor in a Hugging Face checkpoint.
func Source(layer int, name string) string { return fmt.Sprintf("model.layers.%d.%s", layer, name) }

// SlotName is the packed name of a layer's tensor.
func SlotName(layer int, name string) string { return fmt.Sprintf("layers.%d.%s", layer, name) }

// One is the slot of one matrix, of parts one below the other.
func One(name string, kind weights.Kind, parts ...weights.View) weights.Slot {
	return weights.Slot{Name: name, Kind: kind, Matrices: []weights.Parts{parts}, Gain: 1}
}

// Vector is the slot of a norm or a bias.
func Vector(slot, source string, length int) weights.Slot {
	return One(slot, weights.Vector, weights.Whole(source, length))
}

// Around puts what every model has before and after its layers around their slots.
func Around(d Dimensions, layers []weights.Slot) []weights.Slot {
	embed := One(embedSlot, weights.Embedding, weights.Whole("model.embed_tokens.weight", d.VocabSize, d.HiddenSize))
	if !d.TiedHead { // numbers of the size of one; of a tied table so large ones would let every token say itself again
		embed.Gain = math.Sqrt(float64(d.HiddenSize))
	}
	slots := append([]weights.Slot{embed}, layers...)
	slots = append(slots, Vector(finalNormSlot, "model.norm.weight", d.HiddenSize))
	if !d.TiedHead {
		slots = append(slots, One(headSlot, weights.Embedding, weights.Whole("lm_head.weight", d.VocabSize, d.HiddenSize)))
	}
	return slots
}

// An MLP is where one expert of a layer comes from: width channels, from First on, of the MLP of that name, Total
// channels wide.
type MLP struct {
	Name         string
	Total, First int
}

// Stacks are the matrices gate_up and down of experts of a layer that lie one behind the other. A dense layer is a few
// experts, cut by channels.
type Stacks struct {
	Layer         int
	Suffix        string // of the slots' names
	Hidden, Width int
	First, Count  int
	Active        int  // how many of them a token visits; 0: all
	Ungated       bool // there is no gate: gate_up is up alone
	Source        func(expert int) MLP
}

// Slots are gate_up and down, with at most the first most matrices of each.
func (s Stacks) Slots(most int) []weights.Slot {
	slot := func(name string, gain float64) weights.Slot {
		return weights.Slot{Name: SlotName(s.Layer, name+s.Suffix), Kind: weights.Matrix, Stacked: true, N: s.Count, Active: s.Active, Gain: gain}
	}
	gateUp, down := slot("gate_up", 1), slot("down", ResidualGain)
	for i := range min(s.Count, most) {
		mlp := s.Source(s.First + i)
		proj := func(kind string) string { return Source(s.Layer, mlp.Name+"."+kind+"_proj.weight") }
		parts := weights.Parts{weights.Whole(proj("gate"), mlp.Total, s.Hidden).CutRows(mlp.First, s.Width), weights.Whole(proj("up"), mlp.Total, s.Hidden).CutRows(mlp.First, s.Width)}
		if s.Ungated {
			parts = parts[1:]
		}
		gateUp.Matrices = append(gateUp.Matrices, parts)
		down.Matrices = append(down.Matrices, weights.Parts{weights.Whole(proj("down"), s.Hidden, mlp.Total).CutCols(mlp.First, s.Width)})
	}
	return []weights.Slot{gateUp, down}
}

// MaxVisits is the most experts that a token can visit in a layer: the router's kernel writes one with each thread.
const MaxVisits = 256

// DenseSlices is how many experts a dense layer's MLP is best cut into by channels, so that the matrices of one fit into a
// buffer that every device can bind, in whatever format: as few as possible, at the edges of super-blocks if that can be,
// else of FP8 tiles or of blocks.
func DenseSlices(hidden, intermediate int) int {
	least := (8*hidden*intermediate + weights.DefaultBufferSize - 1) / weights.DefaultBufferSize // gate and up in f32
	for _, edge := range []int{weights.SuperElems, weights.TileElems, weights.BlockElems, 1} {
		for n := max(least, 1); n <= min(8*least, MaxVisits); n++ {
			if intermediate%(n*edge) == 0 {
				return n
			}
		}
	}
	return 1 // packing will say that it does not fit
}

// Sources lists the tensors of a checkpoint: BF16, or, of one that is quantised as DeepSeek-V3 is, matrices as FP8 with
// scales.
func Sources(table []weights.Slot, fp8 bool) []weights.SourceTensor {
	var list []weights.SourceTensor
	seen := map[string]bool{}
	for _, slot := range table {
		for _, parts := range slot.Matrices {
			for _, view := range parts {
				if seen[view.Source] {
					continue
				}
				seen[view.Source] = true
				tensor := weights.SourceTensor{Name: view.Source, Shape: view.Shape, DType: weights.DTypeBF16}
				if fp8 && slot.Kind == weights.Matrix {
					tensor.DType = weights.DTypeFP8
					list = append(list, weights.ScalesOf(tensor))
				}
				list = append(list, tensor)
			}
		}
	}
	return list
}
