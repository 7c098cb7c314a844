package deepseek

import "tabseek/engine/weights"

// Facts are numbers about a packed model that people ask for.
type Facts struct {
	ParamsTotal  int64 // with the MTP module
	ParamsActive int64 // multiplied with for one token: without the embedding table, the experts not chosen and the MTP module
	WeightBytes  int64
	// BytesPerToken is what decoding one token reads of the weights: every active tensor once.
	BytesPerToken int64
	// KVBytesPerToken is the cache of one position: a latent row in every layer of the main model.
	KVBytesPerToken int
	// KVBytesPerTokenExpanded is what keys and values of every head would take instead, in the same number format.
	KVBytesPerTokenExpanded int
}

// kvElementBytes is the size of a number of the latent cache: f32.
const kvElementBytes = 4

// Facts counts the model's parameters and bytes.
func (c *Config) Facts(manifest *weights.Manifest) Facts {
	f := Facts{WeightBytes: manifest.Bytes()}
	perLayer := c.LatentWidth()
	expanded := c.NumAttentionHeads * (c.QKNopeHeadDim + c.QKRopeHeadDim + c.VHeadDim)
	f.KVBytesPerToken = kvElementBytes * c.NumHiddenLayers * perLayer
	f.KVBytesPerTokenExpanded = kvElementBytes * c.NumHiddenLayers * expanded
	mtp := map[string]bool{}
	for layer := c.NumHiddenLayers; layer < c.Layers(); layer++ {
		for _, slot := range c.layerSlots(layer, 1) {
			mtp[slot.Name] = true
		}
	}
	for _, slot := range c.Shapes() {
		params := slot.Params()
		f.ParamsTotal += params
		tensor, ok := manifest.Tensor(slot.Name)
		if !ok || mtp[slot.Name] || slot.Name == "embed" && !c.TieWordEmbeddings {
			continue
		}
		active, of := slot.Share()
		f.ParamsActive += params * active / of
		f.BytesPerToken += tensor.Bytes() * active / of
	}
	return f
}
