package engine

import (
	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/record"
)

// A logitsTask reads a row of logits for every token of a prompt, and of drafts if asked to. It always starts
// from an empty sequence, and runs the kernels of prompts (MaxRows rows a step) or of decoding (one row).
type logitsTask struct {
	engine  *Engine
	request uint32
	tokens  []int
	rows    int // rows a step
	draft   bool

	done    int // tokens submitted
	pending bool
}

func (e *Engine) beginLogits(r message.Request) (task, error) {
	if err := e.checkTokens(r.Tokens, 0); err != nil {
		return nil, err
	}
	t := &logitsTask{engine: e, request: r.ID, tokens: r.Tokens, rows: record.MaxRows, draft: r.Draft}
	if r.Mode == message.Decode {
		t.rows = 1
	}
	if r.Draft && !e.model.Drafts() {
		return nil, message.Errorf(message.BadRequest, "the model has no MTP module to draft with")
	}
	e.cache.Rewind(0)
	e.writeTokens(0, r.Tokens)
	e.writeRows(0)
	return t, nil
}

func (t *logitsTask) id() uint32 { return t.request }

// next submits a step: the trunk and its head, then, if wanted, the draft, which uses the same logits buffer.
func (t *logitsTask) next() {
	if t.pending {
		return
	}
	e := t.engine
	if t.done == len(t.tokens) {
		e.finish(message.Event{Type: "done", ID: t.request, FinishReason: "stop", Usage: &message.Usage{PromptTokens: len(t.tokens)}})
		return
	}
	first := t.done
	count := min(t.rows, len(t.tokens)-first)
	t.done += count
	t.pending = true
	replay := func(kind record.Kind) gpu.Replay {
		return gpu.Replay{Recording: e.steps.Step(kind, t.rows).ID, Times: 1}
	}
	if !t.draft {
		t.read([]gpu.Replay{replay(record.Score), replay(record.Skip)}, first, count, false)
		return
	}
	t.read([]gpu.Replay{replay(record.Score)}, first, count, false)
	// The draft of row p needs token p+1: the last token has none.
	t.read([]gpu.Replay{replay(record.Draft), replay(record.Skip)}, first, min(count, len(t.tokens)-1-first), true)
}

// read submits replays and sends the first count rows of logits on to the caller.
func (t *logitsTask) read(replays []gpu.Replay, first, count int, draft bool) {
	size := 4 * t.engine.config.VocabSize
	t.engine.submit(replays, t.engine.model.Logits, 0, max(count, 1)*size, func(data []byte) {
		for i := range count {
			row := message.LogitsRow{ID: t.request, Row: uint32(first + i), Draft: draft, Values: data[i*size : (i+1)*size]}
			t.engine.events = append(t.engine.events, message.Event{Type: "logits", ID: t.request, Logits: &row})
		}
		t.pending = t.draft && !draft
	})
}

func (t *logitsTask) abort() {
	t.engine.finish(message.Event{Type: "done", ID: t.request, FinishReason: "abort", Usage: &message.Usage{PromptTokens: t.done}})
}
