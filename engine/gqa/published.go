package gqa

import (
	"embed"
	"fmt"
	"strings"

	"tabseek/engine/record"
	"tabseek/engine/weights"
)

//go:embed published/*.json
var publishedConfigs embed.FS

// Published lists the published models whose config.json comes along, by their short names.
func Published() []string {
	entries, _ := publishedConfigs.ReadDir("published") // embedded: it is there
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// PublishedShape is the config of a published model, narrowed to the first layers decoder layers and a vocabulary of
// vocab where these are not 0, with the tensors that its checkpoint has.
func PublishedShape(name string, layers, vocab int) (*Config, []weights.SourceTensor, error) {
	data, err := publishedConfigs.ReadFile("published/" + name + ".json")
	if err != nil {
		return nil, nil, fmt.Errorf("no published model %q, only %s", name, strings.Join(Published(), ", "))
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, nil, err
	}
	if layers < 0 || layers > c.NumHiddenLayers {
		return nil, nil, fmt.Errorf("%s has 1 to %d layers, not %d", name, c.NumHiddenLayers, layers)
	}
	if layers > 0 {
		c.NumHiddenLayers = layers
	}
	if vocab > 0 {
		c.VocabSize = vocab
	}
	return c, record.Sources(c.Table(), false), c.validate()
}
