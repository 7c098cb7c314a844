package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"tabseek/engine/message"
	"tabseek/server/commandline"
	"tabseek/wasm/harness"
)

// target is what every command runs on.
type target struct {
	device         string
	devices        []string // that the command can run on
	minimum        bool
	context, chunk int
	sequences      int // answers side by side at most; 0: the engine's default
	wasm           string
	profile        string
}

// deviceFlags are those of every command; devices are what it can run on.
func (t *target) deviceFlags(flags *flag.FlagSet, devices ...string) {
	t.devices = devices
	flags.StringVar(&t.device, "device", "native", "")
	flags.BoolVar(&t.minimum, "minimum", false, "")
}

func (t *target) flags(flags *flag.FlagSet, devices ...string) {
	t.deviceFlags(flags, devices...)
	flags.IntVar(&t.context, "context", 0, "")
	flags.IntVar(&t.chunk, "chunk", 0, "")
	flags.StringVar(&t.wasm, "wasm", "", "")
	flags.StringVar(&t.profile, "profile", "", "")
}

func (t *target) check() error {
	switch {
	case !slices.Contains(t.devices, t.device):
		return commandline.UsageError("--device %s: must be %s", t.device, strings.Join(t.devices, " or "))
	case t.context < 0:
		return commandline.UsageError("--context %d: must not be negative", t.context)
	case t.chunk < 0:
		return commandline.UsageError("--chunk %d: must not be negative", t.chunk)
	}
	return nil
}

// guesses are off where nothing is computed, and so none is verified.
func (t *target) guesses(depth *message.Depth) *message.Depth {
	if t.device == "null" {
		return new(message.Depth)
	}
	return depth
}

// runArgs is the command line of run.
type runArgs struct {
	target
	model  string
	prompt harness.Prompt
	params message.Params
	json   bool
}

func parseRun(args []string) (runArgs, error) {
	var a runArgs
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	a.target.flags(flags, "native", "ref", "null")
	tokens := flags.String("tokens", "", "")
	flags.BoolVar(&a.json, "json", false, "")
	flags.Func("max-tokens", "", number(&a.params.MaxTokens, "max_tokens"))
	flags.Func("temperature", "", number(&a.params.Temperature, "temperature"))
	flags.Func("top-p", "", number(&a.params.TopP, "top_p"))
	flags.Func("top-k", "", number(&a.params.TopK, "top_k"))
	flags.Func("min-p", "", number(&a.params.MinP, "min_p"))
	flags.Func("seed", "", number(&a.params.Seed, "seed"))
	flags.Func("n", "", number(&a.params.N, "n"))
	flags.Func("draft", "", depth(&a.params.Draft))
	var thought strategyFlags
	thought.flags(flags)
	rest, err := commandline.Parse(flags, args)
	if err != nil {
		return a, err
	}
	if err := thought.set(&a.params); err != nil {
		return a, err
	}
	least := 2
	if *tokens != "" {
		least = 1
	}
	if err := errors.Join(commandline.CheckCount(rest, least, "MODEL", "PROMPT"), a.check()); err != nil {
		return a, err
	}
	a.model, a.params.Draft = rest[0], a.guesses(a.params.Draft)
	switch {
	case *tokens == "":
		a.prompt.Messages = []message.Message{{Role: "user", Content: rest[1]}}
	case len(rest) > 1:
		return a, commandline.UsageError("both a prompt and --tokens are given")
	case a.params.Strategy != nil:
		return a, commandline.UsageError("--strategy is for a prompt of words, not for --tokens")
	default:
		a.prompt.Tokens, err = readTokens(*tokens)
	}
	return a, err
}

// number reads a flag that is absent by default, as the parameter of that name.
func number[T int | uint32 | float64](to **T, param string) func(string) error {
	return numberOf(to, message.Param(param))
}

func numberOf[T int | uint32 | float64](to **T, f message.Field) func(string) error {
	return func(text string) error {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || f.Check(v) != nil {
			return fmt.Errorf("must be %s", f.Range())
		}
		if f.Integer() {
			v = min(v, math.MaxUint32)
		}
		n := T(v)
		*to = &n
		return nil
	}
}

// depth reads how many tokens are to be guessed.
func depth(to **message.Depth) func(string) error {
	return func(text string) error {
		*to = new(message.Depth)
		return (*to).Set(text)
	}
}

// logitsArgs is the command line of logits.
type logitsArgs struct {
	target
	model, out, draft string
	mode              message.Mode
	tokens            []int
}

func parseLogits(args []string) (logitsArgs, error) {
	var a logitsArgs
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	a.target.flags(flags, "native", "ref")
	tokens := flags.String("tokens", "", "")
	flags.StringVar(&a.out, "out", "", "")
	flags.StringVar(&a.draft, "draft", "", "")
	flags.StringVar((*string)(&a.mode), "mode", string(message.Prefill), "")
	rest, err := commandline.Parse(flags, args)
	if err != nil {
		return a, err
	}
	if err := commandline.CheckCount(rest, 1, "MODEL"); err != nil {
		return a, err
	}
	a.model = rest[0]
	switch {
	case *tokens == "":
		return a, commandline.UsageError("--tokens is missing")
	case a.out == "":
		return a, commandline.UsageError("--out is missing")
	case a.mode != message.Prefill && a.mode != message.Decode:
		return a, commandline.UsageError("--mode %s: must be prefill or decode", a.mode)
	}
	if err := a.check(); err != nil {
		return a, err
	}
	a.tokens, err = readTokens(*tokens)
	return a, err
}

// benchArgs is the command line of bench.
type benchArgs struct {
	target
	model                   string
	prompt, generate, batch int
	draft                   *message.Depth
	json                    bool
	compare                 string
}

func parseBench(args []string) (benchArgs, error) {
	var a benchArgs
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	a.target.flags(flags, "native", "ref", "null")
	flags.IntVar(&a.prompt, "prompt", 128, "")
	flags.IntVar(&a.generate, "generate", 128, "")
	flags.BoolVar(&a.json, "json", false, "")
	flags.Func("draft", "", depth(&a.draft))
	flags.IntVar(&a.batch, "batch", 1, "")
	flags.StringVar(&a.compare, "compare", "", "")
	rest, err := commandline.Parse(flags, args)
	if err != nil {
		return a, err
	}
	if err := errors.Join(commandline.CheckCount(rest, 1, "MODEL"), a.check()); err != nil {
		return a, err
	}
	a.model = rest[0]
	switch {
	case a.prompt < 1:
		return a, commandline.UsageError("--prompt %d: must be at least 1", a.prompt)
	case a.generate < 1:
		return a, commandline.UsageError("--generate %d: must be at least 1", a.generate)
	case a.batch < 1:
		return a, commandline.UsageError("--batch %d: must be at least 1", a.batch)
	}
	a.sequences = a.batch
	return a, nil
}

// mostSequences is how many answers are computed side by side where steps have so many rows.
const mostSequences = 16

// serveArgs is the command line of serve.
type serveArgs struct {
	target
	model, addr string
	queue       int
	key         string
}

func parseServe(args []string) (serveArgs, error) {
	var a serveArgs
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	a.target.flags(flags, "native", "ref")
	flags.StringVar(&a.addr, "addr", "127.0.0.1:8090", "")
	flags.IntVar(&a.sequences, "sequences", mostSequences, "")
	flags.IntVar(&a.queue, "queue", 256, "")
	keyVariable := flags.String("api-key-env", "", "")
	rest, err := commandline.Parse(flags, args)
	if err != nil {
		return a, err
	}
	if err := errors.Join(commandline.CheckCount(rest, 1, "MODEL"), a.check()); err != nil {
		return a, err
	}
	a.model = rest[0]
	switch {
	case a.sequences < 1:
		return a, commandline.UsageError("--sequences %d: must be at least 1", a.sequences)
	case a.queue < 0:
		return a, commandline.UsageError("--queue %d: must not be negative", a.queue)
	case *keyVariable == "":
		return a, nil
	}
	if a.key = os.Getenv(*keyVariable); a.key == "" {
		return a, fmt.Errorf("--api-key-env %s: the variable is empty, so anybody could ask", *keyVariable)
	}
	return a, nil
}

// selftestArgs is the command line of selftest.
type selftestArgs struct {
	target
	record string
}

func parseSelftest(args []string) (selftestArgs, error) {
	var a selftestArgs
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	a.deviceFlags(flags, "native", "ref")
	flags.StringVar(&a.record, "record", "", "")
	rest, err := commandline.Parse(flags, args)
	if err != nil {
		return a, err
	}
	return a, errors.Join(commandline.CheckCount(rest, 0), a.check())
}

// readTokens reads a JSON array of ids.
func readTokens(name string) ([]int, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--tokens: %w", err)
	}
	var tokens []int
	if err := json.Unmarshal(data, &tokens); err != nil {
		return nil, fmt.Errorf("--tokens %s: want an array of ids: %w", name, err)
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("--tokens %s: holds no ids", name)
	}
	return tokens, nil
}
