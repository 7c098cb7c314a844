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
	"tabseek/engine/record"
	"tabseek/engine/weights"
	"tabseek/server/commandline"
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
	BytesByPart             map[record.Part]int64    `json:"bytes_by_part"` // its summands
	KVBytesPerToken         int                      `json:"kv_bytes_per_token"`
	KVBytesPerTokenExpanded int                      `json:"kv_bytes_per_token_expanded"`
	MTPLayers               int                      `json:"mtp_layers"`
	LargestBuffer           int64                    `json:"largest_buffer"`  // bytes; a device must be able to bind it whole
	LargestBinding          int64                    `json:"largest_binding"` // bytes that a kernel reads at once
	DeviceBytes             int64                    `json:"device_bytes"`    // weights, and the cache of the default context
	Ledger                  ledger                   `json:"ledger"`
	TokensPerSecond         float64                  `json:"tokens_per_second,omitempty"` // at the --gbps given, were reading all that counts
	Buffers                 int                      `json:"buffers"`
	Shards                  int                      `json:"shards"`
}

// A ledger says why a token costs less than reading every parameter in float32, and every head's keys and values.
type ledger struct {
	Routing float64 `json:"routing"` // parameters there are, over those that a token uses
	Bits    float64 `json:"bits"`    // 32, over the bits of one that is used
	Latent  float64 `json:"latent"`  // keys and values of every head, over what the cache keeps
	Weights float64 `json:"weights"` // routing times bits
}

// defaultContext is what the engine takes where nobody says.
const defaultContext = 4096

func inspect(_ context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print one JSON object")
	gbps := flags.Float64("gbps", 0, "GB/s that a device reads: how many tokens a second that allows")
	names, err := parse(flags, args, "MODEL")
	if err != nil {
		return err
	}
	if *gbps < 0 {
		return commandline.UsageError("--gbps %g: must not be negative", *gbps)
	}
	model, err := openModel(names[0])
	if err != nil {
		return err
	}
	i, err := inspectModel(model)
	if err != nil {
		return err
	}
	i.TokensPerSecond = *gbps * 1e9 / float64(i.BytesPerToken)
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
	i := &inspection{
		Name: model.Source.Name, ModelType: sizes.ModelType, Attention: sizes.Attention, Layers: sizes.Layers, HiddenSize: sizes.HiddenSize,
		VocabSize: sizes.VocabSize, Context: sizes.MaxPositions, Chat: model.Chat, Quant: model.Source.Quant, Origin: model.Source.Origin, License: model.Source.License, Formats: model.Source.Formats,
		ParamsTotal: facts.ParamsTotal, ParamsActive: facts.ParamsActive, WeightBytes: facts.WeightBytes, BytesPerToken: facts.BytesPerToken,
		KVBytesPerToken: facts.KVBytesPerToken, KVBytesPerTokenExpanded: facts.KVBytesPerTokenExpanded,
		BytesByPart: facts.Parts, MTPLayers: sizes.DraftLayers, Buffers: len(model.Buffers), Shards: len(model.Shards),
		DeviceBytes: facts.WeightBytes + int64(facts.KVBytesPerToken)*int64(min(sizes.MaxPositions, defaultContext)),
		Ledger: ledger{
			Routing: float64(facts.ParamsTotal) / float64(facts.ParamsActive), Bits: 4 * float64(facts.ParamsActive) / float64(facts.BytesPerToken),
			Latent:  float64(facts.KVBytesPerTokenExpanded) / float64(facts.KVBytesPerToken),
			Weights: 4 * float64(facts.ParamsTotal) / float64(facts.BytesPerToken),
		},
	}
	for _, b := range model.Buffers {
		i.LargestBuffer = max(i.LargestBuffer, b.Size)
	}
	for _, t := range model.Tensors {
		for _, p := range t.Pieces {
			i.LargestBinding = max(i.LargestBinding, p.Quants.Size)
		}
	}
	return i, nil
}

func (i *inspection) print(w io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("name", "%s (%s, packed with --quant %s)", i.Name, i.ModelType, i.Quant)
	row("attention", "%s", i.Attention)
	if i.Origin != "" {
		row("from", "%s, license: %s", i.Origin, orDash(i.License))
	} else if i.License != "" {
		row("license", "%s", i.License)
	}
	row("shape", "%d layers of width %d, %d MTP, vocabulary of %d, context of %d", i.Layers, i.HiddenSize, i.MTPLayers, i.VocabSize, i.Context)
	row("chat", "%s", i.Chat)
	row("parameters", "%d, of which %d are used for a token", i.ParamsTotal, i.ParamsActive)
	for _, format := range slices.Sorted(maps.Keys(i.Formats)) {
		row("  "+string(format), "%d", i.Formats[format])
	}
	row("weights", "%s in %d buffers, %d shards", humanBytes(i.WeightBytes), i.Buffers, i.Shards)
	row("read for a token", "%s", humanBytes(i.BytesPerToken))
	for _, part := range slices.Sorted(maps.Keys(i.BytesByPart)) {
		row("  "+string(part), "%s", humanBytes(i.BytesByPart[part]))
	}
	row("cache for a token", "%s (expanded keys and values would take %s)", humanBytes(int64(i.KVBytesPerToken)), humanBytes(int64(i.KVBytesPerTokenExpanded)))
	row("on the device", "%s with the cache of %d tokens; buffers of up to %s, bindings of up to %s", humanBytes(i.DeviceBytes), min(i.Context, defaultContext), humanBytes(i.LargestBuffer), humanBytes(i.LargestBinding))
	row("saved", "weights %.1f times against all of them in float32: %.1f by routing, %.1f by bits; cache %.1f times", i.Ledger.Weights, i.Ledger.Routing, i.Ledger.Bits, i.Ledger.Latent)
	if i.TokensPerSecond > 0 {
		row("at most", "%.1f tokens a second at that rate", i.TokensPerSecond)
	}
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
