package record

import (
	"strings"

	"tabseek/engine/weights"
)

// A Config is a model's config.json after validation, whatever its architecture: what packing, loading and people ask of it.
// Its JSON is the "architecture" of a packed model.
type Config interface {
	// Dimensions are the sizes that every architecture has.
	Dimensions() Dimensions
	// Table lists every packed tensor of the model: how its rows come from the checkpoint's tensors, and the slot it goes
	// to. It drives packing, loading and random models; nothing else knows a tensor name.
	Table() []weights.Slot
	// Shapes is the table with the first matrix of each stack alone: what loading and counting need, at a hundredth of the
	// cost for a model of many experts.
	Shapes() []weights.Slot
	// Ignored lists source tensors that no slot needs.
	Ignored() []string
	// Reconcile brings together a config and its checkpoint where published ones differ, and how it is going to be packed.
	Reconcile(*weights.Inventory, weights.Quant) error
	// Facts counts the model's parameters and bytes.
	Facts(*weights.Manifest) Facts
	// NewModel lays a packed model out on a GPU.
	NewModel(*weights.Manifest, Options) (Architecture, error)
}

// Options size a model's buffers.
type Options struct {
	Context   int // positions a sequence can hold
	Sequences int // sequences that can be decoded side by side, at most MaxRows
	Pages     int // of each cache, kvcache.Scratch included
}

// Dimensions are sizes of a model.
type Dimensions struct {
	ModelType    string // of config.json
	Attention    string // MLA or GQA
	VocabSize    int
	HiddenSize   int
	Layers       int  // of the main model
	DraftLayers  int  // of the multi-token-prediction module
	MaxPositions int  // the longest context
	CacheWidth   int  // numbers that a layer's cache keeps of a position
	FullWidth    int  // numbers of keys and values of all heads of a position
	Heads        int  // of the queries
	TiedHead     bool // the output matrix is the embedding
}

// Facts are numbers about a packed model that people ask for.
type Facts struct {
	ParamsTotal  int64 // with the MTP module
	ParamsActive int64 // multiplied with for one token: without the embedding table, the experts not chosen and the MTP module
	WeightBytes  int64
	// BytesPerToken is what decoding one token reads of the weights: every active tensor once.
	BytesPerToken int64
	// Parts are its summands: attention, routed experts with those that share their stack, experts that are always visited
	// (shared ones of their own, dense layers), head, and the rest (norms, routers).
	Parts map[Part]int64
	// KVBytesPerToken is the cache of one position in every layer of the main model.
	KVBytesPerToken int
	// KVBytesPerTokenExpanded is what keys and values of every head would take instead, in the same number format.
	KVBytesPerTokenExpanded int
}

// A Part is a share of what a token reads.
type Part string

// The parts.
const (
	AttentionPart Part = "attention"
	RoutedPart    Part = "routed"
	DensePart     Part = "dense"
	HeadPart      Part = "head"
	OtherPart     Part = "other"
)

// partOf tells which part a slot belongs to.
func partOf(slot *weights.Slot) Part {
	switch {
	case slot.Kind == weights.Embedding:
		return HeadPart
	case slot.Kind != weights.Matrix:
		return OtherPart
	case slot.Active > 0 && slot.Active < slot.Count():
		return RoutedPart
	case strings.Contains(slot.Name, ".gate_up") || strings.Contains(slot.Name, ".down"):
		return DensePart
	}
	return AttentionPart
}

// kvElementBytes is the size of a number of a cache: f32.
const kvElementBytes = 4

// CountFacts counts the parameters and bytes of a packed model. drafts are the names of the slots of the MTP module.
func CountFacts(c Config, manifest *weights.Manifest, drafts map[string]bool) Facts {
	d := c.Dimensions()
	f := Facts{
		WeightBytes: manifest.Bytes(), Parts: map[Part]int64{},
		KVBytesPerToken: kvElementBytes * d.Layers * d.CacheWidth, KVBytesPerTokenExpanded: kvElementBytes * d.Layers * d.FullWidth,
	}
	for _, slot := range c.Shapes() {
		params := slot.Params()
		f.ParamsTotal += params
		tensor, ok := manifest.Tensor(slot.Name)
		if !ok || drafts[slot.Name] || slot.Name == embedSlot && !d.TiedHead {
			continue
		}
		active, of := slot.Share()
		f.ParamsActive += params * active / of
		bytes := tensor.Bytes() * active / of
		f.BytesPerToken += bytes
		f.Parts[partOf(&slot)] += bytes
	}
	return f
}
