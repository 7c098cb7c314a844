package architecture

import (
	"embed"
	"encoding/json"
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

// PublishedConfig is the config.json of a published model.
func PublishedConfig(name string) ([]byte, error) {
	data, err := publishedConfigs.ReadFile("published/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("no published model %q, only %s", name, strings.Join(Published(), ", "))
	}
	return data, nil
}

// PublishedShape is the config of a published model, narrowed to the first layers decoder layers and a vocabulary of
// vocab where these are not 0, with the tensors that its checkpoint has. MTP layers stay, built as the published ones
// are.
func PublishedShape(name string, layers, vocab int) (record.Config, []weights.SourceTensor, error) {
	data, err := PublishedConfig(name)
	if err != nil {
		return nil, nil, err
	}
	whole, err := Parse(data)
	if err != nil {
		return nil, nil, err
	}
	if most := whole.Dimensions().Layers; layers < 0 || layers > most {
		return nil, nil, fmt.Errorf("%s has 1 to %d layers, not %d", name, most, layers)
	}
	c, err := narrowed(whole, layers, vocab)
	if err != nil {
		return nil, nil, err
	}
	var given struct {
		Quantization any `json:"quantization_config"`
	}
	if err := json.Unmarshal(data, &given); err != nil {
		return nil, nil, err
	}
	return c, record.Sources(c.Table(), given.Quantization != nil), nil
}

// narrowed changes a config where it spells its sizes.
func narrowed(whole record.Config, layers, vocab int) (record.Config, error) {
	data, err := json.Marshal(whole)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	if layers > 0 {
		fields["num_hidden_layers"] = layers
		if dense, ok := fields["first_k_dense_replace"].(float64); ok {
			fields["first_k_dense_replace"] = min(int(dense), layers)
		}
	}
	if vocab > 0 {
		fields["vocab_size"] = vocab
	}
	if data, err = json.Marshal(fields); err != nil {
		return nil, err
	}
	return Parse(data)
}
