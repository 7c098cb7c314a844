package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tabseek/engine/architecture"
	"tabseek/engine/tokenizer"
	"tabseek/engine/weights"
)

// openGGUF reads a GGUF file, which holds all that pack needs. family is its chat format if its template is not to tell.
func openGGUF(path, family string) (*checkpoint, *weights.Inventory, error) {
	metadata, inventory, err := weights.OpenGGUF(path)
	if err != nil {
		return nil, nil, err
	}
	c, err := readGGUF(metadata, inventory, path, family)
	if err != nil {
		inventory.Close()
		return nil, nil, err
	}
	return c, inventory, nil
}

func readGGUF(metadata *weights.Metadata, inventory *weights.Inventory, path, family string) (*checkpoint, error) {
	config, err := architecture.FromGGUF(metadata, inventory)
	if err != nil {
		return nil, err
	}
	c, err := readGGUFText(metadata, family)
	if err != nil {
		return nil, err
	}
	c.config, c.seed.Name, c.seed.License = config, ggufName(metadata, path), metadata.String("general.license")
	var eos ids
	for _, key := range []string{"eos_token_id", "eot_token_id", "eom_token_id"} {
		eos = append(eos, metadata.Ints("tokenizer.ggml."+key)...)
	}
	slices.Sort(eos)
	if err := c.setEnds(slices.Compact(eos), "no tokenizer.ggml.eos_token_id"); err != nil {
		return nil, err
	}
	return c, metadata.Err()
}

// readGGUFText reads what a GGUF file says about text; it may hold nothing else.
func readGGUFText(metadata *weights.Metadata, family string) (*checkpoint, error) {
	c := &checkpoint{dir: metadata.File}
	key := func(name string) string { return "tokenizer.ggml." + name }
	vocabulary := tokenizer.Vocabulary{
		Model: metadata.String(key("model")), Pre: metadata.String(key("pre")),
		Tokens: metadata.Strings(key("tokens")), Types: metadata.Ints(key("token_type")), Merges: metadata.Strings(key("merges")),
		Scores: metadata.Floats(key("scores")), NoPrefix: metadata.Has(key("add_space_prefix")) && !metadata.Bool(key("add_space_prefix")),
	}
	template := metadata.String("tokenizer.chat_template")
	text := func(name string) string { // of a token that a key names
		id := -1
		if metadata.Has(key(name)) {
			id = metadata.Int(key(name))
		}
		if id < 0 || id >= len(vocabulary.Tokens) {
			return ""
		}
		return vocabulary.Tokens[id]
	}
	bos, eos := text("bos_token_id"), text("eos_token_id")
	if err := metadata.Err(); err != nil {
		return nil, err
	}
	var err error
	if c.seed.TokenizerJSON, err = tokenizer.FromGGUF(vocabulary); err != nil {
		return nil, fmt.Errorf("%s: tokenizer: %w", c.dir, err)
	}
	if err := c.compileTokenizer(c.dir); err != nil {
		return nil, err
	}
	c.format, c.warning = chooseFormat(template, family, c.tokenizer)
	c.format.BOS, c.format.EOS = bos, eos
	return c, nil
}

// splitPart is how a part of a split model ends.
var splitPart = regexp.MustCompile(`-\d{5}-of-\d{5}$`)

// ggufName is the model's own name, or else the file's.
func ggufName(metadata *weights.Metadata, path string) string {
	if name := metadata.String("general.name"); name != "" {
		return name
	}
	base := filepath.Base(path)
	return splitPart.ReplaceAllString(strings.TrimSuffix(base, filepath.Ext(base)), "")
}
