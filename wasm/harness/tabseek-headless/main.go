// Command tabseek-headless runs models without a browser: the engine.wasm of the page, under wazero, on this
// machine's GPU.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `usage: tabseek-headless COMMAND ...

  run MODEL PROMPT | run MODEL --tokens FILE.json    answer a prompt, or continue raw prompt ids
      [--max-tokens N] [--temperature T] [--top-p P] [--seed S] [--json]
  logits MODEL --tokens FILE.json --out FILE.f32     a row of vocabulary-size float32 for each prompt token
      [--mode prefill|decode] [--draft FILE.f32]     by which kernels; rows of the draft module as well
  bench MODEL [--prompt N] [--generate M] --json     speed of prefill and decoding
      [--batch B]
  selftest                                           every kernel case on this device
      [--record FILE]                                or write the cases down for another host

Every command takes [--device native|ref] (the GPU, or the slow reference in Go) and [--minimum] (on the GPU, stay
within WebGPU's default limits). All but selftest take [--context N], [--chunk N] (tokens decoded in one submit) and
[--wasm FILE] (in place of the built-in engine.wasm).

MODEL is a packed folder, or pocket for the built-in one. Results go to stdout, the rest to stderr.
Exit status: 0 done, 1 failed, 2 wrong usage.
`

// errUsage marks an error as wrong usage: exit status 2.
var errUsage = errors.New("wrong usage")

func usageError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// streams are where a command prints: results and the rest.
type streams struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// execute runs one command line and returns the exit status.
func execute(ctx context.Context, args []string, to streams) int {
	commands := map[string]func(context.Context, []string, streams) error{"run": run, "logits": logits, "bench": bench, "selftest": selftest}
	if len(args) == 0 {
		fmt.Fprint(to.err, usage)
		return 2
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(to.out, usage)
		return 0
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(to.err, "tabseek-headless: unknown command %q; see tabseek-headless help\n", args[0])
		return 2
	}
	out := &checkedWriter{to: to.out}
	err := command(ctx, args[1:], streams{out, to.err})
	if err == nil {
		err = out.err
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(to.out, usage)
		return 0
	}
	fmt.Fprintf(to.err, "tabseek-headless %s: %s\n", args[0], strings.ReplaceAll(err.Error(), "\n", "; "))
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

// checkedWriter remembers that a write failed: a result that did not arrive, on a full disk say, is a failure.
type checkedWriter struct {
	to  io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil {
		err = fmt.Errorf("stdout: %w", err)
		w.err = cmp.Or(w.err, err)
	}
	return n, err
}
