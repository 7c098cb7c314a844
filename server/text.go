package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"tabseek/engine/message"
	"tabseek/engine/tokenizer"
	"tabseek/engine/tokenizer/chat"
	"tabseek/engine/weights"
)

// maxInput bounds what is read from stdin.
const maxInput = 64 << 20

func readInput(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("stdin: %w", err)
	}
	if len(data) > maxInput {
		return nil, fmt.Errorf("stdin: more than %d bytes", maxInput)
	}
	return data, nil
}

// openText opens tokenizer and chat format of a packed model, or of what can be packed: a checkpoint's folder, or its
// tokenizer.json alone, or a GGUF file.
func openText(name string) (*tokenizer.Tokenizer, chat.Format, error) {
	c := &checkpoint{dir: name}
	switch {
	case weights.IsGGUF(name):
		metadata, err := weights.ReadGGUFMetadata(name)
		if err != nil {
			return nil, chat.Format{}, err
		}
		if c, err = readGGUFText(metadata, ""); err != nil {
			return nil, chat.Format{}, err
		}
		return c.tokenizer, c.format, nil
	case filepath.Base(name) == tokenizerJSON:
		c.dir = filepath.Dir(name)
	case name == builtIn || isPacked(name) || !exists(filepath.Join(name, tokenizerJSON)) && !exists(filepath.Join(name, tiktokenModel)):
		model, t, err := openTokenizer(name)
		if err != nil {
			return nil, chat.Format{}, err
		}
		words := model.ChatWords
		return t, chat.Format{Family: model.Chat, System: words.System, BOS: words.BOS, EOS: words.EOS}, nil
	}
	err := c.readText("")
	return c.tokenizer, c.format, err
}

// isPacked tells a packed model from a checkpoint, even one that is damaged.
func isPacked(dir string) bool {
	return exists(filepath.Join(dir, weights.ManifestFile)) || exists(filepath.Join(dir, "tokenizer.bin"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func openTokenizer(name string) (*weights.Model, *tokenizer.Tokenizer, error) {
	model, err := openModel(name)
	if err != nil {
		return nil, nil, err
	}
	data, err := model.ReadTokenizer()
	if err != nil {
		return nil, nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != model.Tokenizer.SHA256 {
		return nil, nil, fmt.Errorf("%s/%s: sha256 is %x, want %s", name, model.Tokenizer.File, sum, model.Tokenizer.SHA256)
	}
	t, err := tokenizer.New(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s/%s: %w", name, model.Tokenizer.File, err)
	}
	return model, t, nil
}

func tokenize(_ context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("tokenize", flag.ContinueOnError)
	special := flags.Bool("special", false, "recognise special tokens in the text")
	decode := flags.Bool("decode", false, "ids (JSON) to text")
	names, err := parse(flags, args, "MODEL")
	if err != nil {
		return err
	}
	t, _, err := openText(names[0])
	if err != nil {
		return err
	}
	input, err := readInput(stdin)
	if err != nil {
		return err
	}
	if *decode {
		var ids []int
		if err := json.Unmarshal(input, &ids); err != nil {
			return fmt.Errorf("stdin: want a JSON list of ids: %w", err)
		}
		for i, id := range ids {
			if id < 0 || id >= t.VocabSize() {
				return fmt.Errorf("stdin: id %d at index %d is outside the vocabulary of %d", id, i, t.VocabSize())
			}
		}
		_, err := io.WriteString(stdout, t.Decode(ids))
		return err
	}
	ids := t.Encode(string(input))
	if *special {
		ids = t.EncodeSpecial(string(input))
	}
	if ids == nil {
		ids = []int{}
	}
	return json.NewEncoder(stdout).Encode(ids)
}

func prompt(_ context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("prompt", flag.ContinueOnError)
	var options chat.Options
	flags.Func("thinking", "true or false: with reasoning, where the format leaves the choice", func(value string) error {
		thinking, err := strconv.ParseBool(value)
		options.Thinking = &thinking
		return err
	})
	names, err := parse(flags, args, "MODEL")
	if err != nil {
		return err
	}
	t, format, err := openText(names[0])
	if err != nil {
		return err
	}
	input, err := readInput(stdin)
	if err != nil {
		return err
	}
	messages, err := message.ParseMessages(input)
	if err != nil {
		return fmt.Errorf("stdin: %w", err)
	}
	p, err := format.Write(t, messages, options)
	var missing *chat.MissingTokenError
	if errors.As(err, &missing) {
		fmt.Fprintf(stderr, "tabseek prompt: %v: it is spelled out here\n", err)
	} else if err != nil {
		return err
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Text   string `json:"text"`
		Tokens []int  `json:"tokens"`
	}{p.Text, p.IDs})
}
