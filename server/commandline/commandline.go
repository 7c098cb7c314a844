// Package commandline is what the commands tabseek and tabseek-headless share: how arguments are read, how failures
// are said, and the exit status: 0 done, 1 failed, 2 wrong usage.
package commandline

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// errUsage marks an error as wrong usage: exit status 2.
var errUsage = errors.New("wrong usage")

// UsageError is an error that ends a program with exit status 2.
func UsageError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// A Program is a command with subcommands. Results go to the writer that a subcommand is given, the rest to stderr.
type Program struct {
	Name, Usage string
	Commands    map[string]func(args []string, stdout io.Writer) error
}

// Run executes one command line and returns the exit status. A failure is one line on stderr.
func (p Program) Run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, p.Usage)
		return 2
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(stdout, p.Usage)
		return 0
	}
	command, ok := p.Commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "%s: unknown command %q; see %[1]s help\n", p.Name, args[0])
		return 2
	}
	out := &checkedWriter{to: stdout}
	err := command(args[1:], out)
	if err == nil {
		err = out.err
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, p.Usage)
		return 0
	}
	fmt.Fprintf(stderr, "%s %s: %s\n", p.Name, args[0], strings.ReplaceAll(err.Error(), "\n", "; "))
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

// Parse reads flags wherever they stand among the other arguments, which it returns. After -- there are no flags.
// It prints nothing: Run does.
func Parse(flags *flag.FlagSet, args []string) ([]string, error) {
	flags.SetOutput(io.Discard)
	var rest []string
	for {
		before := len(args)
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, UsageError("%v", err)
		}
		ended := before > flags.NArg() && args[before-flags.NArg()-1] == "--"
		args = flags.Args()
		if ended {
			return append(rest, args...), nil
		}
		if len(args) == 0 {
			return rest, nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// CheckCount wants at least and at most so many arguments, by their names.
func CheckCount(rest []string, least int, names ...string) error {
	if len(rest) < least {
		return UsageError("%s is missing", names[len(rest)])
	}
	if len(rest) > len(names) {
		return UsageError("unexpected argument %q", rest[len(names)])
	}
	return nil
}
