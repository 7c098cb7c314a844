package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"tabseek/engine/architecture"
	"tabseek/server/commandline"
)

// compareWindow is how many tokens of a text are scored together: each is told by those before it in its window.
const compareWindow = 256

// A comparison says how far the second model is from the first on a text.
type comparison struct {
	A           string  `json:"a"`
	B           string  `json:"b"`
	Tokens      int     `json:"tokens"`       // that were predicted
	PerplexityA float64 `json:"perplexity_a"` // exp of the mean negative logarithm of what the text's own tokens were given
	PerplexityB float64 `json:"perplexity_b"`
	KL          float64 `json:"kl"`     // mean of KL(A || B), in nats a token
	KL99        float64 `json:"kl_p99"` // what 99 of 100 tokens stay below
	Top1        float64 `json:"top1"`   // how often both hold the same token for the likeliest

	kls      []float64
	agreeing int
	lossA    float64
	lossB    float64
}

// compare scores a text by two packed models of one vocabulary. Computing is tabseek-headless's work, which must lie beside
// tabseek or on the PATH.
func compare(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print one JSON object")
	device := flags.String("device", "native", "native or ref: what tabseek-headless computes on")
	paths, err := parse(flags, args, "A", "B", "TEXTFILE")
	if err != nil {
		return err
	}
	if *device != "native" && *device != "ref" {
		return commandline.UsageError("--device %q is none of native, ref", *device)
	}
	headless, err := findHeadless()
	if err != nil {
		return err
	}
	tokens, vocabulary, window, err := comparable(paths[0], paths[1], paths[2])
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "tabseek-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	c := &comparison{A: paths[0], B: paths[1]}
	for first := 0; first+1 < len(tokens); first += window {
		part := tokens[first:min(first+window, len(tokens))]
		var rows [2]string
		for i, model := range paths[:2] {
			if rows[i], err = score(ctx, headless, model, *device, part, filepath.Join(folder, fmt.Sprint(i))); err != nil {
				return err
			}
		}
		if err := c.add(rows, part, vocabulary); err != nil {
			return err
		}
		fmt.Fprintf(stderr, "compared %d of %d tokens\n", first+len(part), len(tokens))
	}
	c.finish()
	if *asJSON {
		return json.NewEncoder(stdout).Encode(c)
	}
	fmt.Fprintf(stdout, "tokens       %d\nperplexity   %.4f (%s), %.4f (%s)\nKL           %.6f nats a token, 99 of 100 below %.6f\ntop-1 alike  %.2f %%\n",
		c.Tokens, c.PerplexityA, c.A, c.PerplexityB, c.B, c.KL, c.KL99, 100*c.Top1)
	return nil
}

// comparable reads the text as ids of the vocabulary that both models must have; window is how many fit into the context of either.
func comparable(a, b, file string) (tokens []int, vocabulary, window int, err error) {
	window = compareWindow
	var hashes [2]string
	for i, name := range []string{a, b} {
		model, t, err := openTokenizer(name)
		if err != nil {
			return nil, 0, 0, err
		}
		config, err := architecture.Parse(model.Architecture)
		if err != nil {
			return nil, 0, 0, fmt.Errorf("%s: %w", name, err)
		}
		sizes := config.Dimensions()
		hashes[i], vocabulary, window = model.Tokenizer.SHA256, sizes.VocabSize, min(window, sizes.MaxPositions)
		if i > 0 {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, 0, 0, err
		}
		tokens = t.Encode(string(text))
	}
	switch {
	case hashes[0] != hashes[1]:
		return nil, 0, 0, fmt.Errorf("%s and %s have different tokenizers: their tokens cannot be compared", a, b)
	case len(tokens) < 2:
		return nil, 0, 0, fmt.Errorf("%s has %d tokens, at least 2 are needed", file, len(tokens))
	}
	return tokens, vocabulary, window, nil
}

// findHeadless finds the command that computes.
func findHeadless() (string, error) {
	if own, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(own), headlessName); isFile(beside) {
			return beside, nil
		}
	}
	path, err := exec.LookPath(headlessName)
	if err != nil {
		return "", fmt.Errorf("%s lies neither beside tabseek nor on the PATH (make build makes it)", headlessName)
	}
	return path, nil
}

const headlessName = "tabseek-headless"

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// score writes a row of logits for each token, and gives the file's name.
func score(ctx context.Context, headless, model, device string, tokens []int, base string) (string, error) {
	data, err := json.Marshal(tokens)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(base+".json", data, 0o600); err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, headless, "logits", model, "--tokens", base+".json", "--out", base+".f32", "--device", device)
	if message, err := command.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		lines := strings.Split(strings.TrimSpace(string(message)), "\n")
		return "", fmt.Errorf("%s: %s", model, lines[len(lines)-1])
	}
	return base + ".f32", nil
}

// add compares two files of rows of logits; row i tells token i+1.
func (c *comparison) add(files [2]string, tokens []int, vocabulary int) error {
	var readers [2]*bufio.Reader
	for i, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		readers[i] = bufio.NewReaderSize(f, 1<<20)
	}
	rows := [2][]float32{make([]float32, vocabulary), make([]float32, vocabulary)}
	for _, next := range tokens[1:] {
		for i := range rows {
			if err := binary.Read(readers[i], binary.LittleEndian, rows[i]); err != nil {
				return fmt.Errorf("logits: %w", err)
			}
		}
		c.row(rows[0], rows[1], next)
	}
	return nil
}

// row compares the logits that tell a token.
func (c *comparison) row(a, b []float32, next int) {
	normA, bestA := logSum(a)
	normB, bestB := logSum(b)
	kl := 0.0
	for i := range a {
		la, lb := float64(a[i])-normA, float64(b[i])-normB
		kl += math.Exp(la) * (la - lb)
	}
	c.kls = append(c.kls, max(kl, 0)) // sums round
	if bestA == bestB {
		c.agreeing++
	}
	c.lossA += normA - float64(a[next])
	c.lossB += normB - float64(b[next])
}

// logSum is the logarithm of the sum of the exponentials of logits, and the place of the greatest.
func logSum(logits []float32) (float64, int) {
	best := 0
	for i, l := range logits {
		if l > logits[best] {
			best = i
		}
	}
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - float64(logits[best]))
	}
	return float64(logits[best]) + math.Log(sum), best
}

func (c *comparison) finish() {
	n := float64(len(c.kls))
	c.Tokens = len(c.kls)
	c.PerplexityA, c.PerplexityB = math.Exp(c.lossA/n), math.Exp(c.lossB/n)
	c.Top1 = float64(c.agreeing) / n
	sum := 0.0
	for _, kl := range c.kls {
		sum += kl
	}
	c.KL = sum / n
	slices.Sort(c.kls)
	c.KL99 = c.kls[(len(c.kls)-1)*99/100]
}
