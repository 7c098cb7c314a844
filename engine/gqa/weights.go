package gqa

import (
	"math"

	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// Table lists every packed tensor of the model.
func (c *Config) Table() []weights.Slot { return c.table(math.MaxInt) }

// Shapes is the table with the first matrix of each stack alone.
func (c *Config) Shapes() []weights.Slot { return c.table(1) }

// table lists at most the first most matrices of each stack.
func (c *Config) table(most int) []weights.Slot {
	var layers []weights.Slot
	for layer := range c.NumHiddenLayers {
		layers = append(layers, c.attentionSlots(layer)...)
		layers = append(layers, record.Vector(record.SlotName(layer, "ffn_norm"), record.Source(layer, "post_attention_layernorm.weight"), c.HiddenSize))
		width := c.IntermediateSize / c.DenseSlices
		stack := record.Stacks{Layer: layer, Hidden: c.HiddenSize, Width: width, Count: c.DenseSlices, Source: func(slice int) record.MLP {
			return record.MLP{Name: "mlp", Total: c.IntermediateSize, First: slice * width}
		}}
		layers = append(layers, stack.Slots(most)...)
	}
	return record.Around(c.Dimensions(), layers)
}

// keyGain is for random models: scores neither all alike nor of one token alone.
const keyGain = 1.5

func (c *Config) attentionSlots(layer int) []weights.Slot {
	slot := func(name string) string { return record.SlotName(layer, name) }
	source := func(name string) string { return record.Source(layer, "self_attn."+name) }
	queries, keys := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim

	qkv := record.One(slot("qkv"), weights.Matrix,
		weights.Whole(source("q_proj.weight"), queries, c.HiddenSize),
		weights.Whole(source("k_proj.weight"), keys, c.HiddenSize),
		weights.Whole(source("v_proj.weight"), keys, c.HiddenSize))
	qkv.Gain = keyGain
	o := record.One(slot("o"), weights.Matrix, weights.Whole(source("o_proj.weight"), c.HiddenSize, queries))
	o.Gain = record.ResidualGain
	slots := []weights.Slot{record.Vector(slot("attn_norm"), record.Source(layer, "input_layernorm.weight"), c.HiddenSize), qkv, o}
	family := families[c.ModelType]
	if family.bias {
		for _, b := range []struct {
			name  string
			width int
		}{{"q", queries}, {"k", keys}, {"v", keys}} {
			bias := record.Vector(slot(b.name+"_bias"), source(b.name+"_proj.bias"), b.width)
			bias.Gain = 0
			slots = append(slots, bias)
		}
	}
	if family.norm {
		for _, name := range []string{"q", "k"} {
			slots = append(slots, record.Vector(slot(name+"_norm"), source(name+"_norm.weight"), c.HeadDim))
		}
	}
	return slots
}

// Ignored lists source tensors that no slot needs.
func (c *Config) Ignored() []string {
	ignored := []string{"*.rotary_emb.inv_freq"}
	if c.TieWordEmbeddings {
		ignored = append(ignored, "lm_head.weight")
	}
	return ignored
}

// Reconcile brings together a config and its checkpoint: there is nothing that published ones differ in.
func (c *Config) Reconcile(*weights.Inventory, weights.Quant) error { return nil }

// Facts counts the model's parameters and bytes.
func (c *Config) Facts(manifest *weights.Manifest) record.Facts {
	return record.CountFacts(c, manifest, nil)
}
