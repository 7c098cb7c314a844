package deepseek

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// Table lists every packed tensor of the model: how its rows come from the checkpoint's tensors, and the slot
// it goes to. It drives packing, loading and the random checkpoints of tests; nothing else knows a tensor name.
func (c *Config) Table() []weights.Slot { return c.table(math.MaxInt) }

// Shapes is the table with the first matrix of each stack alone: what loading and counting need, at a hundredth of the
// cost for a model of many experts.
func (c *Config) Shapes() []weights.Slot { return c.table(1) }

// table lists at most the first most matrices of each stack.
func (c *Config) table(most int) []weights.Slot {
	var layers []weights.Slot
	for layer := range c.Layers() {
		layers = append(layers, c.layerSlots(layer, most)...)
	}
	return record.Around(c.Dimensions(), layers)
}

// keyGain is for random models: scores neither all alike, which makes all answers alike, nor of one token alone.
const keyGain = 2

func (c *Config) layerSlots(layer, most int) []weights.Slot {
	var slots []weights.Slot
	if layer >= c.NumHiddenLayers {
		slots = c.mtpSlots(layer)
	}
	slots = append(slots, c.attentionSlots(layer, most)...)
	return append(slots, c.ffnSlots(layer, most)...)
}

// Ignored lists source tensors that no slot needs.
func (c *Config) Ignored() []string {
	ignored := []string{"*.rotary_emb.inv_freq"}
	if c.TieWordEmbeddings {
		ignored = append(ignored, "lm_head.weight")
	}
	for layer := c.NumHiddenLayers; layer < c.Layers(); layer++ {
		// Copies of the main model's: "shares parameters with the main model" (DeepSeek-V3's README_WEIGHTS).
		ignored = append(ignored, record.Source(layer, "embed_tokens.weight"), record.Source(layer, "shared_head.head.weight"))
	}
	return ignored
}

// Reconcile brings together a config and its checkpoint where published ones differ: MTP modules that the checkpoint
// lacks are not counted, those that the config does not speak of are dropped, and experts that were saved as one tensor
// become the tensors of single experts. q3 packs shared experts more exactly than routed ones, so that they must lie apart.
func (c *Config) Reconcile(checkpoint *weights.Inventory, quant weights.Quant) error {
	c.SharedApart = c.SharedApart || quant == weights.QuantQ3 && c.NSharedExperts > 0
	for layer := c.NumHiddenLayers; layer < c.Layers(); layer++ {
		if _, ok := checkpoint.Tensor(record.Source(layer, "eh_proj.weight")); !ok {
			c.NumNextNPredictLayers = layer - c.NumHiddenLayers
		}
	}
	dropMTP(checkpoint, c.Layers())
	for layer := range c.Layers() {
		if !c.IsMoE(layer) {
			continue
		}
		if err := c.splitExperts(checkpoint, layer); err != nil {
			return err
		}
	}
	return nil
}

// dropMTP drops MTP modules from a layer on. A layer is one if it has tensors that no ordinary layer has; layers without
// stay, to be refused: the config may be wrong.
func dropMTP(checkpoint *weights.Inventory, from int) {
	layers := map[int][]string{}
	modules := map[int]bool{}
	for _, t := range checkpoint.Tensors() {
		var layer int
		var name string
		if n, _ := fmt.Sscanf(t.Name, "model.layers.%d.%s", &layer, &name); n < 2 || layer < from {
			continue
		}
		layers[layer] = append(layers[layer], t.Name)
		part, _, _ := strings.Cut(name, ".")
		modules[layer] = modules[layer] || slices.Contains([]string{"eh_proj", "enorm", "hnorm", "shared_head"}, part)
	}
	for layer, names := range layers {
		for _, name := range names {
			if modules[layer] {
				checkpoint.Drop(name)
			}
		}
	}
}

// splitExperts names the experts in mlp.experts.gate_up_proj [experts, 2 width, hidden] and mlp.experts.down_proj
// [experts, hidden, width], as transformers 5 holds them.
func (c *Config) splitExperts(checkpoint *weights.Inventory, layer int) error {
	for stack, kinds := range map[string][]string{"gate_up": {"gate", "up"}, "down": {"down"}} {
		name := record.Source(layer, "mlp.experts."+stack+"_proj")
		t, ok := checkpoint.Tensor(name)
		if !ok {
			continue
		}
		var parts []string
		for i := range c.NRoutedExperts {
			for _, kind := range kinds {
				parts = append(parts, record.Source(layer, fmt.Sprintf("mlp.experts.%d.%s_proj.weight", i, kind)))
			}
		}
		height := c.MoEIntermediateSize
		if stack == "down" {
			height = c.HiddenSize
		}
		if err := checkpoint.Split(t.Name, height, parts); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) attentionSlots(layer, most int) []weights.Slot {
	slot := func(name string) string { return record.SlotName(layer, name) }
	attention := func(name string) string { return record.Source(layer, "self_attn."+name+".weight") }
	heads, nope, v, rank := c.NumAttentionHeads, c.QKNopeHeadDim, c.VHeadDim, c.KVLoraRank

	kvA := weights.Whole(attention("kv_a_proj_with_mqa"), c.LatentWidth(), c.HiddenSize)
	query := weights.Whole(attention("q_proj"), c.QueryWidth(), c.HiddenSize)
	if c.QLoraRank > 0 {
		query = weights.Whole(attention("q_a_proj"), c.QLoraRank, c.HiddenSize)
	}
	slots := []weights.Slot{
		record.Vector(slot("attn_norm"), record.Source(layer, "input_layernorm.weight"), c.HiddenSize),
		record.One(slot("qkv_a"), weights.Matrix, query, kvA),
	}
	if c.QLoraRank > 0 {
		slots = append(slots,
			record.Vector(slot("q_a_norm"), attention("q_a_layernorm"), c.QLoraRank),
			record.One(slot("q_b"), weights.Matrix, weights.Whole(attention("q_b_proj"), c.QueryWidth(), c.QLoraRank)))
	}
	// A head's rows of kv_b_proj are [nope rows of K | v rows of V]. K is transposed: absorbed attention
	// multiplies by it from the other side.
	kB := weights.Slot{Name: slot("k_b"), Kind: weights.Matrix, Stacked: true, N: heads, Whole: true, Gain: keyGain}
	vB := weights.Slot{Name: slot("v_b"), Kind: weights.Matrix, Stacked: true, N: heads, Whole: true, Gain: 1}
	kvB := weights.Whole(attention("kv_b_proj"), heads*(nope+v), rank)
	for head := range min(heads, most) {
		if c.HeadsApart {
			kB.Matrices = append(kB.Matrices, weights.Parts{weights.Whole(record.Source(layer, fmt.Sprintf(keyOfHead, head)), rank, nope)})
			vB.Matrices = append(vB.Matrices, weights.Parts{weights.Whole(record.Source(layer, fmt.Sprintf(valueOfHead, head)), v, rank)})
			continue
		}
		kB.Matrices = append(kB.Matrices, weights.Parts{kvB.CutRows(head*(nope+v), nope).Transposed()})
		vB.Matrices = append(vB.Matrices, weights.Parts{kvB.CutRows(head*(nope+v)+nope, v)})
	}
	o := record.One(slot("o"), weights.Matrix, weights.Whole(attention("o_proj"), c.HiddenSize, heads*v))
	o.Gain = record.ResidualGain
	return append(slots, record.Vector(slot("kv_a_norm"), attention("kv_a_layernorm"), rank), kB, vB, o)
}

func (c *Config) ffnSlots(layer, most int) []weights.Slot {
	slot := func(name string) string { return record.SlotName(layer, name) }
	slots := []weights.Slot{record.Vector(slot("ffn_norm"), record.Source(layer, "post_attention_layernorm.weight"), c.HiddenSize)}
	width, count := c.FFWidth(layer), c.Visits(layer) // of a dense layer: its slices
	if c.IsMoE(layer) {
		count = c.NRoutedExperts + c.NSharedExperts
		router := record.One(slot("router"), weights.Router, weights.Whole(record.Source(layer, "mlp.gate.weight"), c.NRoutedExperts, c.HiddenSize))
		router.Whole = true
		slots = append(slots, router)
		if c.TopKMethod == "noaux_tc" {
			bias := record.Vector(slot("router_bias"), record.Source(layer, "mlp.gate.e_score_correction_bias"), c.NRoutedExperts)
			bias.Gain = 0
			slots = append(slots, bias)
		}
	}
	stack := record.Stacks{Layer: layer, Hidden: c.HiddenSize, Width: width, Count: count, Active: c.Visits(layer), Ungated: c.HiddenAct == "relu2", Source: func(i int) record.MLP { return c.expertSource(layer, i) }}
	if !c.IsMoE(layer) || !c.SharedApart {
		return append(slots, stack.Slots(most)...)
	}
	stack.Count, stack.Active = c.NRoutedExperts, c.NumExpertsPerTok
	slots = append(slots, stack.Slots(most)...)
	stack.Suffix, stack.First, stack.Count, stack.Active = "_shared", c.NRoutedExperts, c.NSharedExperts, 0
	shared := stack.Slots(most)
	// Down, whose columns are those of all shared experts, is not cut: blocks may lie across its edges.
	total := c.NSharedExperts * width
	shared[1].N, shared[1].Matrices = 1, []weights.Parts{{weights.Whole(record.Source(layer, "mlp.shared_experts.down_proj.weight"), c.HiddenSize, total)}}
	return append(slots, shared...)
}

// expertSource is where expert i of a layer comes from. Shared experts are one MLP, and so is a dense layer; cut by channels
// they are experts like the others.
func (c *Config) expertSource(layer, i int) record.MLP {
	width := c.FFWidth(layer)
	switch shared := i - c.NRoutedExperts; {
	case !c.IsMoE(layer):
		return record.MLP{Name: "mlp", Total: c.IntermediateSize, First: i * width}
	case shared >= 0:
		return record.MLP{Name: "mlp.shared_experts", Total: c.NSharedExperts * width, First: shared * width}
	}
	return record.MLP{Name: fmt.Sprintf("mlp.experts.%d", i), Total: width}
}

// mtpSlots are the tensors that a multi-token-prediction layer has beside those of an ordinary layer.
func (c *Config) mtpSlots(layer int) []weights.Slot {
	slot := func(name string) string { return record.SlotName(layer, name) }
	return []weights.Slot{
		record.Vector(slot("enorm"), record.Source(layer, "enorm.weight"), c.HiddenSize),
		record.Vector(slot("hnorm"), record.Source(layer, "hnorm.weight"), c.HiddenSize),
		record.One(slot("eh_proj"), weights.Matrix, weights.Whole(record.Source(layer, "eh_proj.weight"), c.HiddenSize, 2*c.HiddenSize)),
		record.Vector(slot("head_norm"), record.Source(layer, "shared_head.norm.weight"), c.HiddenSize),
	}
}
