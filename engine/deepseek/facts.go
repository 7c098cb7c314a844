package deepseek

import (
	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// Facts counts the model's parameters and bytes.
func (c *Config) Facts(manifest *weights.Manifest) record.Facts {
	drafts := map[string]bool{}
	for layer := c.NumHiddenLayers; layer < c.Layers(); layer++ {
		for _, slot := range c.layerSlots(layer, 1) {
			drafts[slot.Name] = true
		}
	}
	return record.CountFacts(c, manifest, drafts)
}
