package main

import (
	"context"
	"encoding/json"

	"tabseek/wasm/harness"
)

// answers are what run prints as JSON: the first answer and, if several were wanted, all of them.
type answers struct {
	*harness.Answer
	Choices []*harness.Answer `json:"choices,omitempty"`
}

// run prints answers as they come: their text to stdout, the reasoning before it to stderr. As JSON they come at the end,
// and stdout is one object.
func run(ctx context.Context, args []string, to streams) error {
	a, err := parseRun(args)
	if err != nil {
		return err
	}
	return withModel(ctx, a.target, a.model, to, func(host *harness.Host) error {
		var onEvent func(harness.Event)
		if !a.json {
			onEvent = (&display{to: to}).take
		}
		all, err := host.Answers(ctx, a.prompt, a.params, onEvent)
		if err != nil {
			return err
		}
		if r := all[0].Result; r != nil && !a.json {
			printResult(to.err, r)
		}
		if a.json {
			out := answers{Answer: all[0]}
			if len(all) > 1 {
				out.Choices = all
			}
			if err := printJSON(to, out); err != nil {
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
