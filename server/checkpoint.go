package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tabseek/engine/architecture"
	"tabseek/engine/record"
	"tabseek/engine/tokenizer"
	"tabseek/engine/tokenizer/chat"
	"tabseek/engine/weights"
)

// maxTextFile bounds the JSON files of a checkpoint; the largest tokenizer.json known has 20 MB.
const maxTextFile = 64 << 20

// The files that a tokenizer comes in.
const (
	tokenizerJSON = "tokenizer.json"
	tiktokenModel = "tiktoken.model"
)

// A checkpoint is what is read of a Hugging Face folder beside the weights.
type checkpoint struct {
	dir       string
	config    record.Config
	seed      weights.Seed
	tokenizer *tokenizer.Tokenizer
	format    chat.Format
	warning   string // about the chat format
}

// readCheckpoint reads config, tokenizer and generation defaults of a Hugging Face folder. family is its chat format if
// its template is not to tell.
func readCheckpoint(dir, family string) (*checkpoint, error) {
	c := &checkpoint{dir: dir}
	configJSON, err := c.read("config.json")
	if err != nil {
		return nil, err
	}
	if c.config, err = architecture.Parse(configJSON); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "config.json"), err)
	}
	c.seed.Name = c.name()
	if err := c.readLicense(); err != nil {
		return nil, err
	}
	if err := c.readText(family); err != nil {
		return nil, err
	}
	return c, c.readSpecial(configJSON)
}

// readLicense takes the licence from the model card's head, where hubs have it.
func (c *checkpoint) readLicense() error {
	card, err := c.read("README.md")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := strings.Split(strings.ReplaceAll(string(card), "\r\n", "\n"), "\n")
	if lines[0] != "---" {
		return nil
	}
	for _, line := range lines[1:] {
		if line == "---" {
			break
		}
		if license, ok := strings.CutPrefix(line, "license:"); ok {
			c.seed.License = strings.Trim(strings.TrimSpace(license), `"'`)
		}
	}
	return nil
}

// readText reads what a folder says about text: tokenizer and chat format.
func (c *checkpoint) readText(family string) (err error) {
	file := tokenizerJSON
	if c.seed.TokenizerJSON, err = c.read(file); errors.Is(err, fs.ErrNotExist) && exists(filepath.Join(c.dir, tiktokenModel)) {
		file = tiktokenModel
		err = c.readTiktoken()
	}
	if err != nil {
		return err
	}
	if err := c.compileTokenizer(filepath.Join(c.dir, file)); err != nil {
		return err
	}
	return c.readChat(family)
}

// readTiktoken makes the tokenizer.json of a tiktoken.model. Only Moonshot's models come with one: their pre-tokenizer is
// in their code alone, and their special tokens are in tokenizer_config.json.
func (c *checkpoint) readTiktoken() error {
	model, err := c.read(tiktokenModel)
	if err != nil {
		return err
	}
	var config struct {
		Added map[string]tokenizer.Added `json:"added_tokens_decoder"`
	}
	if err := c.readOptional("tokenizer_config.json", &config); err != nil {
		return err
	}
	var added []tokenizer.Added
	for key, token := range config.Added {
		if token.ID, err = strconv.Atoi(key); err != nil {
			return fmt.Errorf("%s: added_tokens_decoder: %q is no id", filepath.Join(c.dir, "tokenizer_config.json"), key)
		}
		added = append(added, token)
	}
	slices.SortFunc(added, func(a, b tokenizer.Added) int { return a.ID - b.ID })
	if c.seed.TokenizerJSON, err = tokenizer.FromTiktoken(model, added, "kimi-k2"); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(c.dir, tiktokenModel), err)
	}
	return nil
}

// compileTokenizer makes the tokenizer of its JSON; file is what it came from.
func (c *checkpoint) compileTokenizer(file string) (err error) {
	if c.seed.Tokenizer, err = tokenizer.Compile(c.seed.TokenizerJSON); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	c.tokenizer, err = tokenizer.New(c.seed.Tokenizer)
	return err
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

// readChat finds out the chat format: by the checkpoint's template, unless family says it.
func (c *checkpoint) readChat(family string) error {
	var config struct {
		ChatTemplate templates `json:"chat_template"`
		BOS          tokenText `json:"bos_token"`
		EOS          tokenText `json:"eos_token"`
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
	c.format, c.warning = chooseFormat(template, family, c.tokenizer)
	c.format.BOS, c.format.EOS = string(config.BOS), string(config.EOS)
	return nil
}

// chooseFormat is the format that a template tells, or family's if that is given; with what people should know of it.
func chooseFormat(template, family string, t *tokenizer.Tokenizer) (format chat.Format, warning string) {
	format = chat.Detect(template, func(token string) bool { _, ok := t.AddedID(token); return ok })
	if family != "" && family != format.Family {
		format = chat.Format{Family: family}
	}
	if format.Family == chat.Unknown {
		return format, "its chat format is not known, so it cannot chat; choose one with --chat NAME: " + strings.Join(chat.Families(), ", ")
	}
	var missing *chat.MissingTokenError
	if errors.As(format.Check(t), &missing) {
		warning = fmt.Sprintf("it cannot chat: the vocabulary lacks %s, which its chat format %s needs", missing.Token, missing.Family)
	}
	return format, warning
}

// tokenText is a token of tokenizer_config.json: its text, or an object that holds it.
type tokenText string

func (t *tokenText) UnmarshalJSON(data []byte) error {
	var token struct{ Content string }
	if json.Unmarshal(data, (*string)(t)) == nil {
		return nil
	}
	err := json.Unmarshal(data, &token)
	*t = tokenText(token.Content)
	return err
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
	return c.setEnds(tokens.EOS, "no eos_token_id in config.json or generation_config.json")
}

// setEnds says which tokens end an answer: those that the checkpoint names, and those that end a turn of its chat format,
// which it does not always name. none is what is wrong if there are none.
func (c *checkpoint) setEnds(eos ids, none string) error {
	for _, id := range c.format.Ends(c.tokenizer) {
		if !slices.Contains(eos, id) {
			eos = append(eos, id)
		}
	}
	if len(eos) == 0 {
		return fmt.Errorf("%s: %s", c.dir, none)
	}
	for _, id := range eos {
		if vocab := c.config.Dimensions().VocabSize; id < 0 || id >= vocab {
			return fmt.Errorf("%s: special token id %d is outside the vocabulary of %d", c.dir, id, vocab)
		}
	}
	c.seed.Special.EOS = eos
	c.seed.Chat, c.seed.ChatWords = c.format.Family, weights.ChatWords{System: c.format.System, BOS: c.format.BOS, EOS: c.format.EOS}
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
