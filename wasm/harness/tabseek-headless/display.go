package main

import (
	"fmt"
	"io"
	"strings"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

// A display prints answers one after the other, whichever way they come: one as it grows, and those after it when it has
// ended.
type display struct {
	to      streams
	answers []harness.Answer // what has come of them
	shown   int              // answers that are printed
	begun   int              // answers whose printing has begun
}

func (d *display) take(e harness.Event) {
	if e.Type != message.Delta && e.Type != message.Choice {
		return
	}
	for len(d.answers) <= e.Index {
		d.answers = append(d.answers, harness.Answer{})
	}
	d.answers[e.Index].Add(e)
	if e.Index == d.shown {
		d.print(e.Reasoning, e.Content)
	}
	for d.shown < len(d.answers) && d.answers[d.shown].FinishReason != "" {
		endLine(d.to.err, d.answers[d.shown].Reasoning)
		endLine(d.to.out, d.answers[d.shown].Text)
		if d.shown++; d.shown < len(d.answers) {
			d.print(d.answers[d.shown].Reasoning, d.answers[d.shown].Text)
		}
	}
}

// print prints more of the answer whose turn it is, after a blank line if it is not the first.
func (d *display) print(reasoning, content string) {
	if d.begun == d.shown {
		if d.begun > 0 {
			fmt.Fprintln(d.to.out)
		}
		d.begun++
	}
	fmt.Fprint(d.to.err, reasoning)
	fmt.Fprint(d.to.out, content)
}

// endLine ends the line that a text leaves open.
func endLine(w io.Writer, text string) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		fmt.Fprintln(w)
	}
}
