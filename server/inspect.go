package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"

	"tabseek/engine/architecture"
	"tabseek/engine/weights"
)

// inspection is what inspect prints; with --json under these names.
type inspection struct {
	Name                    string                   `json:"name"`
	ModelType               string                   `json:"model_type"`
	Attention               string                   `json:"attention"` // MLA or GQA
	Layers                  int                      `json:"layers"`
	HiddenSize              int                      `json:"hidden_size"`
	VocabSize               int                      `json:"vocab_size"`
	Context                 int                      `json:"context"`
	Chat                    string                   `json:"chat"`
	Quant                   weights.Quant            `json:"quant"`
	Origin                  string                   `json:"origin,omitempty"`
	License                 string                   `json:"license,omitempty"`
	Formats                 map[weights.Format]int64 `json:"formats"`
	ParamsTotal             int64                    `json:"params_total"`
	ParamsActive            int64                    `json:"params_active"`
	WeightBytes             int64                    `json:"weight_bytes"`
	BytesPerToken           int64                    `json:"bytes_per_token"`
	KVBytesPerToken         int                      `json:"kv_bytes_per_token"`
	KVBytesPerTokenExpanded int                      `json:"kv_bytes_per_token_expanded"`
	MTPLayers               int                      `json:"mtp_layers"`
	Buffers                 int                      `json:"buffers"`
	Shards                  int                      `json:"shards"`
}

func inspect(_ context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print one JSON object")
	names, err := parse(flags, args, "MODEL")
	if err != nil {
		return err
	}
	model, err := openModel(names[0])
	if err != nil {
		return err
	}
	i, err := inspectModel(model)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(stdout).Encode(i)
	}
	i.print(stdout)
	return nil
}

func inspectModel(model *weights.Model) (*inspection, error) {
	config, err := architecture.Parse(model.Architecture)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", model.Dir, err)
	}
	facts, sizes := config.Facts(model.Manifest), config.Dimensions()
	return &inspection{
		Name: model.Source.Name, ModelType: sizes.ModelType, Attention: sizes.Attention, Layers: sizes.Layers, HiddenSize: sizes.HiddenSize,
		VocabSize: sizes.VocabSize, Context: sizes.MaxPositions, Chat: model.Chat, Quant: model.Source.Quant, Origin: model.Source.Origin, License: model.Source.License, Formats: model.Source.Formats,
		ParamsTotal: facts.ParamsTotal, ParamsActive: facts.ParamsActive, WeightBytes: facts.WeightBytes, BytesPerToken: facts.BytesPerToken,
		KVBytesPerToken: facts.KVBytesPerToken, KVBytesPerTokenExpanded: facts.KVBytesPerTokenExpanded,
		MTPLayers: sizes.DraftLayers, Buffers: len(model.Buffers), Shards: len(model.Shards),
	}, nil
}

func (i *inspection) print(w io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("name", "%s (%s, packed with --quant %s)", i.Name, i.ModelType, i.Quant)
	row("attention", "%s", i.Attention)
	if i.Origin != "" {
		row("from", "%s, license: %s", i.Origin, orDash(i.License))
	}
	row("shape", "%d layers of width %d, %d MTP, vocabulary of %d, context of %d", i.Layers, i.HiddenSize, i.MTPLayers, i.VocabSize, i.Context)
	row("chat", "%s", i.Chat)
	row("parameters", "%d, of which %d are used for a token", i.ParamsTotal, i.ParamsActive)
	for _, format := range slices.Sorted(maps.Keys(i.Formats)) {
		row("  "+string(format), "%d", i.Formats[format])
	}
	row("weights", "%s in %d buffers, %d shards", humanBytes(i.WeightBytes), i.Buffers, i.Shards)
	row("read for a token", "%s", humanBytes(i.BytesPerToken))
	row("cache for a token", "%s (expanded keys and values would take %s)", humanBytes(int64(i.KVBytesPerToken)), humanBytes(int64(i.KVBytesPerTokenExpanded)))
}

func verify(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	names, err := parse(flag.NewFlagSet("verify", flag.ContinueOnError), args, "MODEL")
	if err != nil {
		return err
	}
	model, err := openModel(names[0])
	if err != nil {
		return err
	}
	if err := model.Verify(ctx, progressLine(stderr, "verified")); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: ok, %d shards, %s\n", names[0], len(model.Shards), humanBytes(model.Bytes()))
	return nil
}
