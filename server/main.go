// Command tabseek hosts the page and looks after model folders: it serves, packs, inspects and verifies them.
// It computes nothing on a GPU; that is the page's and tabseek-headless's work.
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

const usage = `usage: tabseek COMMAND ...

  serve [--addr 127.0.0.1:8080] [--models DIR]...   serve the page and models
  pack SRC DST [--quant keep|q8|q4] [--force]       turn a Hugging Face folder into a packed model
  inspect MODEL [--json]                            sizes and formats of a packed model
  verify MODEL                                      check every file of a packed model against its SHA-256
  synth SHAPE DST [--layers N] [--quant q4]         random weights with a published model's shapes
  tokenize MODEL [--special] [--decode]             text on stdin to JSON ids, or back
  prompt MODEL                                      messages (JSON) on stdin to the model's prompt

MODEL is a packed folder, or pocket for the built-in one.
`

// errUsage marks an error as wrong usage: exit status 2.
var errUsage = errors.New("wrong usage")

func usageError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit status: 0 done, 1 failed, 2 wrong usage.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	commands := map[string]func(context.Context, []string, io.Reader, io.Writer, io.Writer) error{
		"serve": serve, "pack": pack, "inspect": inspect, "verify": verify, "synth": synth, "tokenize": tokenize, "prompt": prompt,
	}
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(stdout, usage)
		return 0
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "tabseek: unknown command %q; see tabseek help\n", args[0])
		return 2
	}
	out := &checkedWriter{to: stdout}
	err := command(ctx, args[1:], stdin, out, stderr)
	if err == nil {
		err = out.err
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	}
	fmt.Fprintf(stderr, "tabseek %s: %s\n", args[0], strings.ReplaceAll(err.Error(), "\n", "; "))
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

// parse reads flags wherever they stand among the arguments, and wants as many others as names says. After -- there
// are no flags.
func parse(flags *flag.FlagSet, args []string, names ...string) ([]string, error) {
	flags.SetOutput(io.Discard)
	var rest []string
	for {
		before := len(args)
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, usageError("%v", err)
		}
		ended := before > flags.NArg() && args[before-flags.NArg()-1] == "--"
		args = flags.Args()
		if ended {
			rest, args = append(rest, args...), nil
		}
		if len(args) == 0 {
			break
		}
		rest, args = append(rest, args[0]), args[1:]
	}
	if len(rest) < len(names) {
		return nil, usageError("%s is missing", names[len(rest)])
	}
	if len(rest) > len(names) {
		return nil, usageError("unexpected argument %q", rest[len(names)])
	}
	return rest, nil
}

func synth(_ context.Context, args []string, _ io.Reader, _, _ io.Writer) error {
	flags := flag.NewFlagSet("synth", flag.ContinueOnError)
	flags.Int("layers", 0, "keep only so many layers")
	flags.String("quant", "q4", "number format")
	if _, err := parse(flags, args, "SHAPE", "DST"); err != nil {
		return err
	}
	return usageError("synth is not there yet")
}
