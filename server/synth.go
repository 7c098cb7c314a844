package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"tabseek/engine/architecture"
	"tabseek/engine/record"
	"tabseek/engine/tokenizer"
	"tabseek/engine/tokenizer/chat"
	"tabseek/engine/weights"
	"tabseek/server/commandline"
)

// leastVocabulary is room for the bytes, the special tokens and some merges.
const leastVocabulary = 300

// all stands for a flag that is not given.
const all = -1

// synth writes a packed model of random weights with the true shapes of a published one, to try sizes and speeds on.
func synth(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("synth", flag.ContinueOnError)
	layers := flags.Int("layers", all, "keep only the first layers, and the MTP layers")
	vocab := flags.Int("vocab", all, "another size of the vocabulary")
	planOptions := planFlags(flags, weights.QuantQ4)
	number := flags.Uint64("seed", 0, "of the random numbers")
	force := flags.Bool("force", false, "replace DST")
	shardSize := shardFlag(flags)
	rest, err := parse(flags, args, "SHAPE", "DST")
	if err != nil {
		return err
	}
	options, err := planOptions()
	if err != nil {
		return err
	}
	size, err := shardSize()
	if err != nil {
		return err
	}
	shape, dst := rest[0], rest[1]
	switch {
	case !slices.Contains(architecture.Published(), shape):
		return commandline.UsageError("SHAPE %s: must be one of %s", shape, strings.Join(architecture.Published(), ", "))
	case *layers != all && *layers < 1:
		return commandline.UsageError("--layers %d: must be at least 1", *layers)
	case *vocab != all && (*vocab < leastVocabulary || *vocab > 1<<18):
		return commandline.UsageError("--vocab %d: must be %d to %d", *vocab, leastVocabulary, 1<<18)
	}
	config, tensors, err := architecture.PublishedShape(shape, max(*layers, 0), max(*vocab, 0))
	if err != nil {
		return commandline.UsageError("%v", err)
	}
	inventory, err := weights.NewInventory(shape, tensors)
	if err != nil {
		return err
	}
	if err := config.Reconcile(inventory, options.Quant); err != nil {
		return err
	}
	options.Ignored = config.Ignored()
	plan, err := weights.BuildPlan(config.Table(), inventory, options)
	if err != nil {
		return err
	}
	seed, err := synthSeed(shape, config)
	if err != nil {
		return err
	}
	manifest, err := weights.WriteRandom(ctx, plan, seed, *number, dst, weights.WriteOptions{Force: *force, Progress: progressLine(stderr, "written"), ShardSize: size})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d layers of %s, %d tensors, %d shards, %s\n", dst, config.Dimensions().Layers, shape, len(manifest.Tensors), len(manifest.Shards), humanBytes(manifest.Bytes()))
	return nil
}

// synthSeed is what a random model has beside weights: a made-up tokenizer of the vocabulary's size that can chat.
func synthSeed(shape string, config record.Config) (weights.Seed, error) {
	architecture, err := json.Marshal(config)
	if err != nil {
		return weights.Seed{}, err
	}
	text, first, err := madeUpTokenizer(config.Dimensions().VocabSize)
	if err != nil {
		return weights.Seed{}, err
	}
	compiled, err := tokenizer.Compile(text)
	if err != nil {
		return weights.Seed{}, err
	}
	return weights.Seed{
		Name: shape + "-random", Architecture: architecture, Tokenizer: compiled, TokenizerJSON: text, Chat: chat.DeepSeekR1,
		Special: weights.Special{EOS: []int{first + 1}},
	}, nil
}
