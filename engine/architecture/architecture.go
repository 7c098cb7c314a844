// Package architecture finds the architecture of a model by what its config.json says.
package architecture

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tabseek/engine/deepseek"
	"tabseek/engine/gqa"
	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// unsupported are model types of DeepSeek's later models, with what they need that is not there.
var unsupported = map[string]string{
	"deepseek_v32": "sparse attention by a lightning indexer",
	"deepseek_v4":  "compressed sparse attention",
}

// unsupportedGGUF are such architectures as GGUF files name them.
var unsupportedGGUF = map[string]string{
	"deepseek32": unsupported["deepseek_v32"], "deepseek4": unsupported["deepseek_v4"], "glm-dsa": unsupported["deepseek_v32"],
	"deepseek2-ocr": "images", "deepseek2ocr": "images", "deepseek": "attention without a latent",
}

// Parse reads and validates a config.json.
func Parse(data []byte) (record.Config, error) {
	var c struct {
		ModelType string `json:"model_type"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	switch {
	case slices.Contains(gqa.ModelTypes, c.ModelType):
		return gqa.ParseConfig(data)
	case slices.Contains(deepseek.ModelTypes, c.ModelType):
		return deepseek.ParseConfig(data)
	}
	if needs, ok := unsupported[c.ModelType]; ok {
		return nil, fmt.Errorf("config: model_type %q is not supported: it needs %s", c.ModelType, needs)
	}
	return nil, fmt.Errorf("config: model_type %q is not supported, only %s", c.ModelType, strings.Join(append(slices.Clone(deepseek.ModelTypes), gqa.ModelTypes...), ", "))
}

// FromGGUF reads a model's config from a GGUF file's metadata, and calls the tensors as a Hugging Face checkpoint would.
func FromGGUF(metadata *weights.Metadata, file *weights.Inventory) (record.Config, error) {
	architecture := metadata.String("general.architecture")
	if err := metadata.Err(); err != nil {
		return nil, err
	}
	switch {
	case slices.Contains(deepseek.GGUFArchitectures, architecture):
		return deepseek.FromGGUF(metadata, file)
	case slices.Contains(gqa.ModelTypes, architecture):
		return gqa.FromGGUF(metadata, file)
	}
	if needs, ok := unsupportedGGUF[architecture]; ok {
		return nil, fmt.Errorf("%s: architecture %q is not supported: it needs %s", file.Name, architecture, needs)
	}
	return nil, fmt.Errorf("%s: architecture %q is not supported, only %s", file.Name, architecture, strings.Join(append(slices.Clone(deepseek.GGUFArchitectures), gqa.ModelTypes...), ", "))
}
