package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"tabseek/engine/message"
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
		var all []*harness.Answer
		for i := 0; i < a.n && ctx.Err() == nil; i++ {
			if i > 0 && !a.json {
				fmt.Fprintln(to.out)
			}
			answer, err := generate(ctx, host, a, i, to)
			if err != nil {
				return err
			}
			all = append(all, answer)
		}
		if a.json && len(all) > 0 {
			out := answers{Answer: all[0]}
			if a.n > 1 {
				out.Choices = all
			}
			if err := printJSON(to, out); err != nil {
				return err
			}
		}
		return context.Cause(ctx) // interrupted: what there is has been printed
	})
}

// generate makes answer i, whose seed is the first's and i more.
func generate(ctx context.Context, host *harness.Host, a runArgs, i int, to streams) (*harness.Answer, error) {
	params := a.params
	if params.Seed != nil {
		seed := *params.Seed + uint32(i)
		params.Seed = &seed
	}
	if a.json {
		return host.Generate(ctx, a.prompt, params, nil)
	}
	answer, err := host.Generate(ctx, a.prompt, params, func(e message.Event) {
		fmt.Fprint(to.err, e.Reasoning)
		fmt.Fprint(to.out, e.Content)
	})
	if err == nil {
		endLine(to.err, answer.Reasoning)
		endLine(to.out, answer.Text)
	}
	return answer, err
}

// endLine ends the line that a text leaves open.
func endLine(w io.Writer, text string) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		fmt.Fprintln(w)
	}
}

// printJSON prints v on one line.
func printJSON(to streams, v any) error {
	encoder := json.NewEncoder(to.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
