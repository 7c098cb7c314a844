package deepseek

import (
	"fmt"
	"math"
	"slices"
	"strings"

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
	embed := one("embed", weights.Embedding, weights.Whole("model.embed_tokens.weight", c.VocabSize, c.HiddenSize))
	if !c.TieWordEmbeddings { // numbers of the size of one; of a tied table so large ones would let every token say itself again
		embed.Gain = math.Sqrt(float64(c.HiddenSize))
	}
	slots := []weights.Slot{embed}
	for layer := range c.Layers() {
		slots = append(slots, c.layerSlots(layer, most)...)
	}
	slots = append(slots, vector("final_norm", "model.norm.weight", c.HiddenSize))
	if !c.TieWordEmbeddings {
		slots = append(slots, one("head", weights.Embedding, weights.Whole("lm_head.weight", c.VocabSize, c.HiddenSize)))
	}
	return slots
}

// Gains of random models.
const (
	residualGain = 0.3 // what the layers add up to, through as many as there are, stays of the size of one
	keyGain      = 2   // scores neither all alike, which makes all answers alike, nor of one token alone
)

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
		ignored = append(ignored, source(layer, "embed_tokens.weight"), source(layer, "shared_head.head.weight"))
	}
	return ignored
}

// Reconcile brings together a config and its checkpoint where published ones differ: MTP modules that the checkpoint
// lacks are not counted, those that the config does not speak of are dropped, and experts that were saved as one tensor
// become the tensors of single experts.
func (c *Config) Reconcile(checkpoint *weights.Inventory) error {
	for layer := c.NumHiddenLayers; layer < c.Layers(); layer++ {
		if _, ok := checkpoint.Tensor(source(layer, "eh_proj.weight")); !ok {
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
		name := source(layer, "mlp.experts."+stack+"_proj")
		t, ok := checkpoint.Tensor(name)
		if !ok {
			continue
		}
		var parts []string
		for i := range c.NRoutedExperts {
			for _, kind := range kinds {
				parts = append(parts, source(layer, fmt.Sprintf("mlp.experts.%d.%s_proj.weight", i, kind)))
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

func source(layer int, name string) string { return fmt.Sprintf("model.layers.%d.%s", layer, name) }

// SlotName is the packed name of a layer's tensor.
func SlotName(layer int, name string) string { return fmt.Sprintf("layers.%d.%s", layer, name) }

func one(name string, kind weights.Kind, parts ...weights.View) weights.Slot {
	return weights.Slot{Name: name, Kind: kind, Matrices: []weights.Parts{parts}, Gain: 1}
}

func vector(slot, source string, length int) weights.Slot {
	return one(slot, weights.Vector, weights.Whole(source, length))
}

func (c *Config) attentionSlots(layer, most int) []weights.Slot {
	slot := func(name string) string { return SlotName(layer, name) }
	attention := func(name string) string { return source(layer, "self_attn."+name+".weight") }
	heads, nope, v, rank := c.NumAttentionHeads, c.QKNopeHeadDim, c.VHeadDim, c.KVLoraRank

	kvA := weights.Whole(attention("kv_a_proj_with_mqa"), c.LatentWidth(), c.HiddenSize)
	query := weights.Whole(attention("q_proj"), c.QueryWidth(), c.HiddenSize)
	if c.QLoraRank > 0 {
		query = weights.Whole(attention("q_a_proj"), c.QLoraRank, c.HiddenSize)
	}
	slots := []weights.Slot{
		vector(slot("attn_norm"), source(layer, "input_layernorm.weight"), c.HiddenSize),
		one(slot("qkv_a"), weights.Matrix, query, kvA),
	}
	if c.QLoraRank > 0 {
		slots = append(slots,
			vector(slot("q_a_norm"), attention("q_a_layernorm"), c.QLoraRank),
			one(slot("q_b"), weights.Matrix, weights.Whole(attention("q_b_proj"), c.QueryWidth(), c.QLoraRank)))
	}
	// A head's rows of kv_b_proj are [nope rows of K | v rows of V]. K is transposed: absorbed attention
	// multiplies by it from the other side.
	kB := weights.Slot{Name: slot("k_b"), Kind: weights.Matrix, Stacked: true, N: heads, Whole: true, Gain: keyGain}
	vB := weights.Slot{Name: slot("v_b"), Kind: weights.Matrix, Stacked: true, N: heads, Whole: true, Gain: 1}
	kvB := weights.Whole(attention("kv_b_proj"), heads*(nope+v), rank)
	for head := range min(heads, most) {
		if c.HeadsApart {
			kB.Matrices = append(kB.Matrices, weights.Parts{weights.Whole(source(layer, fmt.Sprintf(keyOfHead, head)), rank, nope)})
			vB.Matrices = append(vB.Matrices, weights.Parts{weights.Whole(source(layer, fmt.Sprintf(valueOfHead, head)), v, rank)})
			continue
		}
		kB.Matrices = append(kB.Matrices, weights.Parts{kvB.CutRows(head*(nope+v), nope).Transposed()})
		vB.Matrices = append(vB.Matrices, weights.Parts{kvB.CutRows(head*(nope+v)+nope, v)})
	}
	o := one(slot("o"), weights.Matrix, weights.Whole(attention("o_proj"), c.HiddenSize, heads*v))
	o.Gain = residualGain
	return append(slots, vector(slot("kv_a_norm"), attention("kv_a_layernorm"), rank), kB, vB, o)
}

func (c *Config) ffnSlots(layer, most int) []weights.Slot {
	slot := func(name string) string { return SlotName(layer, name) }
	slots := []weights.Slot{vector(slot("ffn_norm"), source(layer, "post_attention_layernorm.weight"), c.HiddenSize)}
	width, count := c.FFWidth(layer), c.Visits(layer) // of a dense layer: its slices
	if c.IsMoE(layer) {
		count = c.NRoutedExperts + c.NSharedExperts
		router := one(slot("router"), weights.Router, weights.Whole(source(layer, "mlp.gate.weight"), c.NRoutedExperts, c.HiddenSize))
		router.Whole = true
		slots = append(slots, router)
		if c.TopKMethod == "noaux_tc" {
			bias := vector(slot("router_bias"), source(layer, "mlp.gate.e_score_correction_bias"), c.NRoutedExperts)
			bias.Gain = 0
			slots = append(slots, bias)
		}
	}
	if !c.IsMoE(layer) || !c.SharedApart {
		return append(slots, c.expertSlots(layer, "", 0, count, c.Visits(layer), width, most)...)
	}
	slots = append(slots, c.expertSlots(layer, "", 0, c.NRoutedExperts, c.NumExpertsPerTok, width, most)...)
	shared := c.expertSlots(layer, "_shared", c.NRoutedExperts, c.NSharedExperts, 0, width, most)
	// Down, whose columns are those of all shared experts, is not cut: blocks may lie across its edges.
	total := c.NSharedExperts * width
	shared[1].N, shared[1].Matrices = 1, []weights.Parts{{weights.Whole(source(layer, "mlp.shared_experts.down_proj.weight"), c.HiddenSize, total)}}
	return append(slots, shared...)
}

// expertSlots are the matrices of count experts of a layer from the first on, active of which a token visits.
func (c *Config) expertSlots(layer int, suffix string, first, count, active, width, most int) []weights.Slot {
	gateUp := weights.Slot{Name: SlotName(layer, "gate_up"+suffix), Kind: weights.Matrix, Stacked: true, N: count, Active: active, Gain: 1}
	down := weights.Slot{Name: SlotName(layer, "down"+suffix), Kind: weights.Matrix, Stacked: true, N: count, Active: active, Gain: residualGain}
	for i := range min(count, most) {
		name, total, from := c.expertSource(layer, first+i)
		proj := func(kind string) string { return source(layer, name+"."+kind+"_proj.weight") }
		gateUp.Matrices = append(gateUp.Matrices, weights.Parts{
			weights.Whole(proj("gate"), total, c.HiddenSize).CutRows(from, width),
			weights.Whole(proj("up"), total, c.HiddenSize).CutRows(from, width),
		})
		down.Matrices = append(down.Matrices, weights.Parts{weights.Whole(proj("down"), c.HiddenSize, total).CutCols(from, width)})
	}
	return []weights.Slot{gateUp, down}
}

// expertSource is where expert i of a layer comes from: the MLP of that name, total channels wide, from channel first
// on. Shared experts are one MLP, and so is a dense layer; cut by channels they are experts like the others.
func (c *Config) expertSource(layer, i int) (name string, total, first int) {
	width := c.FFWidth(layer)
	switch shared := i - c.NRoutedExperts; {
	case !c.IsMoE(layer):
		return "mlp", c.IntermediateSize, i * width
	case shared >= 0:
		return "mlp.shared_experts", c.NSharedExperts * width, shared * width
	}
	return fmt.Sprintf("mlp.experts.%d", i), width, 0
}

// mtpSlots are the tensors that a multi-token-prediction layer has beside those of an ordinary layer.
func (c *Config) mtpSlots(layer int) []weights.Slot {
	slot := func(name string) string { return SlotName(layer, name) }
	return []weights.Slot{
		vector(slot("enorm"), source(layer, "enorm.weight"), c.HiddenSize),
		vector(slot("hnorm"), source(layer, "hnorm.weight"), c.HiddenSize),
		one(slot("eh_proj"), weights.Matrix, weights.Whole(source(layer, "eh_proj.weight"), c.HiddenSize, 2*c.HiddenSize)),
		vector(slot("head_norm"), source(layer, "shared_head.norm.weight"), c.HiddenSize),
	}
}
