package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"tabseek/engine/tokenizer/chat"
	"tabseek/engine/weights"
	"tabseek/server/commandline"
)

func pack(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("pack", flag.ContinueOnError)
	planOptions := planFlags(flags, weights.QuantKeep)
	force := flags.Bool("force", false, "replace DST")
	family := chatFlag(flags)
	shardSize := shardFlag(flags)
	paths, err := parse(flags, args, "SRC", "DST")
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
	if err := checkChat(*family); err != nil {
		return err
	}
	src, dst := paths[0], paths[1]
	c, inventory, err := openSource(src, *family)
	if err != nil {
		return err
	}
	defer inventory.Close()
	if c.warning != "" {
		fmt.Fprintf(stderr, "tabseek pack: %s: %s\n", src, c.warning)
	}
	plan, err := planOf(c, inventory, options)
	if err != nil {
		return err
	}
	sayRounded(stderr, "pack", src, plan)
	manifest, err := weights.Write(ctx, plan, inventory, c.seed, dst, weights.WriteOptions{Force: *force, Progress: progressLine(stderr, "packed"), ShardSize: size})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d tensors, %d shards, %s\n", dst, len(manifest.Tensors), len(manifest.Shards), humanBytes(manifest.Bytes()))
	return nil
}

// sayRounded says which numbers a plan does not keep as they are.
func sayRounded(stderr io.Writer, command, src string, plan *weights.Plan) {
	if n := len(plan.Rounded); n > 0 {
		fmt.Fprintf(stderr, "tabseek %s: %s: rounded to f16, as blocks cannot be turned around: %s and others like it, %d in all\n", command, src, plan.Rounded[0], n)
	}
}

// openSource opens what can be packed: a Hugging Face folder or a GGUF file. family is its chat format if its template is
// not to tell. The caller closes the inventory.
func openSource(src, family string) (*checkpoint, *weights.Inventory, error) {
	if weights.IsGGUF(src) {
		return openGGUF(src, family)
	}
	c, err := readCheckpoint(src, family)
	if err != nil {
		return nil, nil, err
	}
	inventory, err := weights.OpenSafetensors(src)
	return c, inventory, err
}

// planFlags adds the flags that say how weights are laid out; the returned function reads and checks them.
func planFlags(flags *flag.FlagSet, quant weights.Quant) func() (weights.PlanOptions, error) {
	flags.StringVar((*string)(&quant), "quant", string(quant), "keep, q8, q4, q4k or q3")
	buffer := flags.Int64("buffer", weights.DefaultBufferSize>>20, "MiB of the largest buffer: more than 128 wants a device that can bind it")
	return func() (weights.PlanOptions, error) {
		if !slices.Contains(weights.Quants, quant) {
			return weights.PlanOptions{}, commandline.UsageError("--quant %q is none of keep, q8, q4, q4k, q3", quant)
		}
		if *buffer < 1 || *buffer > weights.MaxBufferSize>>20 {
			return weights.PlanOptions{}, commandline.UsageError("--buffer %d: must be 1 to %d (MiB)", *buffer, weights.MaxBufferSize>>20)
		}
		return weights.PlanOptions{Quant: quant, MaxBuffer: *buffer << 20}, nil
	}
}

// shardFlag adds the flag for the size of shards; the returned function checks it, and gives bytes.
func shardFlag(flags *flag.FlagSet) func() (int64, error) {
	const most = weights.MaxShardSize >> 10
	size := flags.Int64("shard", most, "KiB of a shard: smaller ones make more files")
	return func() (int64, error) {
		if *size < 1 || *size > most {
			return 0, commandline.UsageError("--shard %d: must be 1 to %d (KiB)", *size, most)
		}
		return *size << 10, nil
	}
}

// planOf decides how a checkpoint is packed.
func planOf(c *checkpoint, inventory *weights.Inventory, options weights.PlanOptions) (*weights.Plan, error) {
	if err := c.config.Reconcile(inventory, options.Quant); err != nil {
		return nil, err
	}
	var err error
	if c.seed.Architecture, err = json.Marshal(c.config); err != nil {
		return nil, err
	}
	options.Ignored = c.config.Ignored()
	return weights.BuildPlan(c.config.Table(), inventory, options)
}

// chatFlag adds the flag that chooses a chat format.
func chatFlag(flags *flag.FlagSet) *string {
	return flags.String("chat", "", "the chat format, in place of what the checkpoint's template tells")
}

func checkChat(family string) error {
	if family != "" && !slices.Contains(chat.Families(), family) {
		return commandline.UsageError("--chat %q is none of %s", family, strings.Join(chat.Families(), ", "))
	}
	return nil
}
