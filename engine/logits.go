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
	run     run
	request uint32
	tokens  []int
	rows    int           // rows a step
	kinds   []record.Kind // steps for each so many tokens

	done    int // tokens whose logits have come
	step    int // of kinds
	begun   int // commands submitted of the step in hand
	pending bool
}

func (e *Engine) beginLogits(r message.Request) error {
	if err := e.checkTokens(r.Tokens, 0); err != nil {
		return err
	}
	t := &logitsTask{engine: e, request: r.ID, tokens: r.Tokens, rows: record.MaxRows, kinds: []record.Kind{record.Score}}
	if r.Mode == message.Decode {
		t.rows = 1
	}
	if r.Draft {
		if !e.architecture.Drafts() {
			return message.Errorf(message.BadRequest, "the model has no MTP module to draft with")
		}
		t.kinds = append(t.kinds, record.Draft)
	}
	t.run.cached = e.cache.Fresh()
	e.writeTokens(t.run.slot, r.Tokens)
	e.clearList(t.run.slot)
	e.decoder.prompt = nowhere
	e.reserve(&t.run, len(r.Tokens))
	e.task = t
	t.next()
	return nil
}

func (t *logitsTask) id() uint32 { return t.request }

// next submits a step, or what fits of it: the model's, then, if wanted, the draft's, which leaves its logits in the same buffer.
func (t *logitsTask) next() {
	e := t.engine
	switch {
	case t.pending:
		return
	case t.done == len(t.tokens):
		t.finish(message.Stopped)
		return
	case t.step == 0 && t.begun == 0:
		e.writePromptRows(t.run.slot, t.done)
	}
	p := e.next(record.Shape{Kind: t.kinds[t.step], Width: t.rows}, t.begun, 1)
	t.begun = p.end() % p.Commands
	t.pending = true
	if p.completes() == 0 {
		e.submit(p, func(gpu.Result) { t.pending = false })
		return
	}
	count, size := t.count(), 4*e.sizes.VocabSize
	e.submit(p, func(r gpu.Result) { t.receive(r.Data[0][:count*size], size) },
		gpu.Readback{Buffer: e.model.Logits.ID(), Size: uint64(max(count, 1) * size)})
}

// count is how many of the rows are wanted. The draft of row p needs token p+1: the last token has none.
func (t *logitsTask) count() int {
	rest := len(t.tokens) - t.done
	if t.kinds[t.step] == record.Draft {
		rest--
	}
	return min(t.rows, rest)
}

// receive sends rows of logits on to the caller.
func (t *logitsTask) receive(data []byte, size int) {
	e := t.engine
	for i := range len(data) / size {
		row := message.LogitsRow{ID: t.request, Row: uint32(t.done + i), Draft: t.kinds[t.step] == record.Draft, Values: data[i*size : (i+1)*size]}
		e.events = append(e.events, message.Event{Type: message.Row, ID: t.request, Logits: &row})
	}
	t.pending = false
	if t.step++; t.step == len(t.kinds) {
		t.step = 0
		t.done = min(t.done+t.rows, len(t.tokens))
	}
}

func (t *logitsTask) finish(reason message.FinishReason) {
	t.run.cached.Drop()
	t.engine.finish(message.Event{Type: message.Done, ID: t.request, FinishReason: reason, Usage: &message.Usage{PromptTokens: t.done}})
}

func (t *logitsTask) abort() { t.finish(message.Abort) }
