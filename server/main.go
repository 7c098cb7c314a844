// Command tabseek hosts the page and looks after model folders: it serves, packs, inspects and verifies them.
// It computes nothing on a GPU; that is the page's and tabseek-headless's work.
package main

import (
	"context"
	"flag"
	"io"
	"os"
	"os/signal"
	"syscall"

	"tabseek/server/commandline"
)

const usage = `usage: tabseek COMMAND ...

  serve [--addr 127.0.0.1:8080] [--models DIR]... [--tls-cert FILE --tls-key FILE]
        [--remote NAME=URL]... [--remote-key-env [NAME=]VAR]... [--remote-auth VAR] [--profile PROFILE]
                                                    serve the page and models; remote ones run elsewhere, behind OpenAI's API
  site DST [--models DIR]...                        write all that serve would, as files for a static host
  health [URL]                                      whether a server answers, for container platforms
  pack SRC DST [--quant keep|q8|q4|q4k|q3] [--chat NAME] [--buffer MIB] [--shard KIB] [--force]
                                                    turn a Hugging Face folder or a GGUF file into a packed model
  pull OWNER/NAME[@REVISION][:QUANT] [DST] [--quant keep|q8|q4|q4k|q3] [--chat NAME] [--hub URL] [--force]
                                                    pack a model straight from a hub; HF_TOKEN is for gated ones
  models [--models DIR]...                          list the packed models that are here
  inspect MODEL [--gbps N] [--json]                 sizes and formats of a packed model, and what a token costs
  verify MODEL                                      check every file of a packed model against its SHA-256
  compare A B TEXTFILE [--device native|ref] [--json]
                                                    how far B is from A on a text: KL divergence, top-1 agreement, perplexity
  synth SHAPE DST [--layers N] [--vocab N] [--quant keep|q8|q4|q4k|q3] [--buffer MIB] [--shard KIB] [--seed S] [--force]
                                                    random weights with a published model's shapes
  tokenize MODEL [--special] [--decode]             text on stdin to JSON ids, or back
  prompt MODEL [--thinking true|false]              messages (JSON) on stdin to the model's prompt

MODEL is a packed folder, or pocket for the built-in one; for tokenize and prompt also a Hugging Face folder, its
tokenizer.json, or a GGUF file.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	program := commandline.Program{Name: "tabseek", Usage: usage, Commands: map[string]func([]string, io.Writer) error{}}
	for name, command := range map[string]func(context.Context, []string, io.Reader, io.Writer, io.Writer) error{
		"serve": serve, "site": site, "health": health, "pack": pack, "pull": pull, "models": listModels, "inspect": inspect, "verify": verify, "compare": compare, "synth": synth, "tokenize": tokenize, "prompt": prompt,
	} {
		program.Commands[name] = func(args []string, stdout io.Writer) error { return command(ctx, args, stdin, stdout, stderr) }
	}
	return program.Run(args, stdout, stderr)
}

// parse reads flags wherever they stand among the arguments, and wants as many others as names says.
func parse(flags *flag.FlagSet, args []string, names ...string) ([]string, error) {
	rest, err := commandline.Parse(flags, args)
	if err != nil {
		return nil, err
	}
	return rest, commandline.CheckCount(rest, len(names), names...)
}
