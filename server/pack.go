package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tabseek/engine/deepseek"
	"tabseek/engine/tokenizer"
	"tabseek/engine/tokenizer/chat"
	"tabseek/engine/weights"
	"tabseek/server/commandline"
)

// maxTextFile bounds the JSON files of a checkpoint; the largest tokenizer.json known has 20 MB.
const maxTextFile = 64 << 20

// A checkpoint is what pack reads of a Hugging Face folder beside the weights.
type checkpoint struct {
	dir    string
	config *deepseek.Config
	seed   weights.Seed
}

func pack(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("pack", flag.ContinueOnError)
	planOptions := planFlags(flags, weights.QuantKeep)
	force := flags.Bool("force", false, "replace DST")
	paths, err := parse(flags, args, "SRC", "DST")
	if err != nil {
		return err
	}
	options, err := planOptions()
	if err != nil {
		return err
	}
	src, dst := paths[0], paths[1]
	if strings.EqualFold(filepath.Ext(src), ".gguf") {
		return commandline.UsageError("%s: packing GGUF files is not there yet", src)
	}
	c, err := readCheckpoint(src)
	if err != nil {
		return err
	}
	inventory, err := weights.OpenSafetensors(src)
	if err != nil {
		return err
	}
	defer inventory.Close()
	if err := c.config.Reconcile(inventory); err != nil {
		return err
	}
	if c.seed.Architecture, err = json.Marshal(c.config); err != nil {
		return err
	}
	options.Ignored = c.config.Ignored()
	plan, err := weights.BuildPlan(c.config.Table(), inventory, options)
	if err != nil {
		return err
	}
	manifest, err := weights.Write(ctx, plan, inventory, c.seed, dst, weights.WriteOptions{Force: *force, Progress: progressLine(stderr, "packed")})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d tensors, %d shards, %s\n", dst, len(manifest.Tensors), len(manifest.Shards), humanBytes(manifest.Bytes()))
	return nil
}

// planFlags adds the flags that say how weights are laid out; the returned function reads and checks them.
func planFlags(flags *flag.FlagSet, quant weights.Quant) func() (weights.PlanOptions, error) {
	flags.StringVar((*string)(&quant), "quant", string(quant), "keep, q8 or q4")
	buffer := flags.Int64("buffer", weights.DefaultBufferSize>>20, "MiB of the largest buffer: more than 128 wants a device that can bind it")
	return func() (weights.PlanOptions, error) {
		if !slices.Contains([]weights.Quant{weights.QuantKeep, weights.QuantQ8, weights.QuantQ4}, quant) {
			return weights.PlanOptions{}, commandline.UsageError("--quant %q is none of keep, q8, q4", quant)
		}
		if *buffer < 1 || *buffer > weights.MaxBufferSize>>20 {
			return weights.PlanOptions{}, commandline.UsageError("--buffer %d: must be 1 to %d (MiB)", *buffer, weights.MaxBufferSize>>20)
		}
		return weights.PlanOptions{Quant: quant, MaxBuffer: *buffer << 20}, nil
	}
}

// readCheckpoint reads config, tokenizer and generation defaults of a Hugging Face folder.
func readCheckpoint(dir string) (*checkpoint, error) {
	c := &checkpoint{dir: dir}
	configJSON, err := c.read("config.json")
	if err != nil {
		return nil, err
	}
	if c.config, err = deepseek.ParseConfig(configJSON); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "config.json"), err)
	}
	tokenizerJSON, err := c.read("tokenizer.json")
	if err != nil {
		return nil, err
	}
	c.seed = weights.Seed{Name: c.name(), TokenizerJSON: tokenizerJSON}
	if c.seed.Tokenizer, err = tokenizer.Compile(tokenizerJSON); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "tokenizer.json"), err)
	}
	t, err := tokenizer.New(c.seed.Tokenizer)
	if err != nil {
		return nil, err
	}
	if err := c.readChat(t); err != nil {
		return nil, err
	}
	return c, c.readSpecial(configJSON)
}

// name is the folder's own name; for .../NAME/hf it is NAME, and so it is in Hugging Face's cache for
// .../models--OWNER--NAME/snapshots/COMMIT.
func (c *checkpoint) name() string {
	path, err := filepath.Abs(c.dir)
	if err != nil {
		path = c.dir
	}
	parent := filepath.Dir(path)
	if repository := filepath.Base(filepath.Dir(parent)); filepath.Base(parent) == "snapshots" && strings.HasPrefix(repository, "models--") {
		return repository[strings.LastIndex(repository, "--")+len("--"):]
	}
	if filepath.Base(path) == "hf" {
		return filepath.Base(parent)
	}
	return filepath.Base(path)
}

func (c *checkpoint) read(name string) ([]byte, error) {
	path := filepath.Join(c.dir, name)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTextFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(data) > maxTextFile {
		return nil, fmt.Errorf("%s: more than %d bytes", path, maxTextFile)
	}
	if err := weights.CheckContent(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// readOptional decodes a JSON file of the folder if it is there.
func (c *checkpoint) readOptional(name string, to any) error {
	data, err := c.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(c.dir, name), err)
	}
	return nil
}

// readChat finds out the chat family by the checkpoint's template.
func (c *checkpoint) readChat(t *tokenizer.Tokenizer) error {
	var config struct {
		ChatTemplate templates `json:"chat_template"`
	}
	if err := c.readOptional("tokenizer_config.json", &config); err != nil {
		return err
	}
	template := string(config.ChatTemplate)
	if data, err := c.read("chat_template.jinja"); err == nil { // where newer checkpoints keep it
		template = string(data)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.seed.Chat = chat.Detect(template, func(token string) bool { _, ok := t.AddedID(token); return ok })
	return nil
}

// templates is a chat template, or of several named ones the default.
type templates string

func (t *templates) UnmarshalJSON(data []byte) error {
	var one *string
	if json.Unmarshal(data, &one) == nil {
		if one != nil {
			*t = templates(*one)
		}
		return nil
	}
	var named []struct{ Name, Template string }
	if err := json.Unmarshal(data, &named); err != nil {
		return err
	}
	for _, n := range named {
		if n.Name == "default" || *t == "" {
			*t = templates(n.Template)
		}
	}
	return nil
}

// ids is a JSON number or list of numbers.
type ids []int

func (i *ids) UnmarshalJSON(data []byte) error {
	var single *int
	if json.Unmarshal(data, &single) == nil {
		if single != nil {
			*i = ids{*single}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]int)(i))
}

// readSpecial gathers special ids and generation defaults; generation_config.json wins over config.json.
func (c *checkpoint) readSpecial(configJSON []byte) error {
	var tokens struct {
		EOS ids `json:"eos_token_id"`
	}
	if err := json.Unmarshal(configJSON, &tokens); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(c.dir, "config.json"), err)
	}
	if err := c.readOptional("generation_config.json", &tokens); err != nil {
		return err
	}
	if err := c.readGeneration(); err != nil {
		return err
	}
	if len(tokens.EOS) == 0 {
		return fmt.Errorf("%s: no eos_token_id in config.json or generation_config.json", c.dir)
	}
	for _, id := range tokens.EOS {
		if id < 0 || id >= c.config.VocabSize {
			return fmt.Errorf("%s: special token id %d is outside the vocabulary of %d", c.dir, id, c.config.VocabSize)
		}
	}
	c.seed.Special.EOS = tokens.EOS
	return nil
}

// readGeneration reads the sampling that the model's makers recommend.
func (c *checkpoint) readGeneration() error {
	if err := c.readOptional("generation_config.json", &c.seed.Generation); err != nil {
		return err
	}
	var sampling struct {
		Do *bool `json:"do_sample"`
	}
	if err := c.readOptional("generation_config.json", &sampling); err != nil {
		return err
	}
	if sampling.Do != nil && !*sampling.Do { // greedy, whatever else the file says
		c.seed.Generation = weights.Generation{Temperature: new(float64), RepetitionPenalty: c.seed.Generation.RepetitionPenalty}
	}
	return nil
}
