package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

// run streams an answer: its text to stdout, the reasoning before it to stderr.
func run(ctx context.Context, args []string, to streams) error {
	a, err := parseRun(args)
	if err != nil {
		return err
	}
	return withModel(ctx, a.target, a.model, to, func(host *harness.Host) error {
		answer, err := host.Generate(ctx, a.prompt, a.params, func(e message.Event) {
			fmt.Fprint(to.err, e.Reasoning)
			fmt.Fprint(to.out, e.Content)
		})
		if err != nil {
			return err
		}
		if answer.Reasoning != "" && !strings.HasSuffix(answer.Reasoning, "\n") {
			fmt.Fprintln(to.err)
		}
		if answer.Text != "" && !strings.HasSuffix(answer.Text, "\n") {
			fmt.Fprintln(to.out)
		}
		if a.json {
			if err := printJSON(to, answer); err != nil {
				return err
			}
		}
		return context.Cause(ctx) // interrupted: what there is has been printed
	})
}

// printJSON prints v on one line.
func printJSON(to streams, v any) error {
	encoder := json.NewEncoder(to.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
