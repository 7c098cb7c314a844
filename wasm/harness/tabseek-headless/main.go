// Command tabseek-headless runs models without a browser: the engine.wasm of the page, under wazero, on this
// machine's GPU.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"tabseek/server/commandline"
)

const usage = `usage: tabseek-headless COMMAND ...

  run MODEL PROMPT | run MODEL --tokens FILE.json    answer a prompt, or continue raw prompt ids
      [--max-tokens N] [--temperature T] [--top-p P] [--top-k K] [--min-p P] [--seed S]
      [--n N] [--json]                               several answers; one JSON object in place of text
      [--draft off|auto|0..3]                        tokens guessed ahead and verified in one pass; the text stays the same
      [--budget N] [--effort none|low|medium|high]   tokens to think for at most; how much thought it is worth
      [--strategy MODE] [--n N] [--m M]              one answer of N: single, vote, short_m, weighted, best_of, check, fuse
      [--stop none|decided|beta|probe] [--wait N]    when a vote is over; think on so often
      [--verifier countdown|arithmetic|json:FILE|regex:PATTERN]
  logits MODEL --tokens FILE.json --out FILE.f32     a row of vocabulary-size float32 for each prompt token
      [--mode prefill|decode] [--draft FILE.f32]     by which kernels; rows of the draft module as well
  bench MODEL [--prompt N] [--generate M] --json     speed of prefill and decoding
      [--batch B] [--draft off|auto|0..3]            of so many answers side by side, all together; what each kernel
      [--context N] [--compare OLD.json]             takes beside the device's limits, and a step at growing depths
  serve MODEL [--addr 127.0.0.1:8090]                OpenAI's HTTP API, for many clients at once
      [--sequences 16] [--queue 256]                 answers computed side by side, and answers that may wait
      [--api-key-env VAR]                            clients must send the key that the variable holds
  eval MODEL FILE.jsonl [--strategies LIST] [--json] accuracy and tokens of strategies on a file of questions
      [--svg OUT] [--temperature T] [--seed S]       drawn; strategies are such as single, vote:8:decided, short_m:8:3,
      [--max-tokens N] [--limit N]                   best_of:8, check, fuse:4, single:budget=100; a line of the file has
                                                     question, task, and answer or verifier
  selftest                                           every kernel case on this device
      [--record FILE]                                or write the cases down for another host

Every command takes [--device native|ref] (the GPU, or the slow reference in Go) and [--minimum] (on the GPU, stay
within WebGPU's default limits); run and bench also [--device null], which computes nothing and shows what is left: the
engine's own time, for a model of any size. All but selftest take [--context N], [--chunk N] (most tokens decoded in one
submit), [--profile P] (kernels by that choice, in place of the fastest on this device) and [--wasm FILE] (in place of the
built-in engine.wasm).

MODEL is a packed folder, or pocket for the built-in one. Results go to stdout, the rest to stderr.
Exit status: 0 done, 1 failed, 2 wrong usage.
`

// streams are where a command prints: results and the rest.
type streams struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// execute runs one command line and returns the exit status.
func execute(ctx context.Context, args []string, to streams) int {
	program := commandline.Program{Name: "tabseek-headless", Usage: usage, Commands: map[string]func([]string, io.Writer) error{}}
	for name, command := range map[string]func(context.Context, []string, streams) error{"run": run, "logits": logits, "bench": bench, "eval": eval, "serve": serve, "selftest": selftest} {
		program.Commands[name] = func(args []string, stdout io.Writer) error { return command(ctx, args, streams{stdout, to.err}) }
	}
	return program.Run(args, to.out, to.err)
}
