package engine

import (
	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/record"
	"tabseek/engine/tokenizer/chat"
	"tabseek/shaders"
)

const (
	inFlight   = 2                       // submits under way: the GPU starts the next while the CPU reads the last
	chosenSize = 4 * shaders.ChosenWords // bytes of a record
)

// A decoder turns the steps of sequence 0 into the tokens of an answer.
//
// The prompt but its last token goes through steps of MaxRows rows that only fill the cache. Decoding starts
// with the last prompt token, so that prompt and answer tokens take the same path: a step reads the token at
// the row's position, samples the next, and moves on. How much of it a submit holds, its pace says.
type decoder struct {
	engine *Engine
	answer *answer

	filled   int  // prompt tokens whose cache rows are submitted
	decoded  int  // decode steps submitted
	begun    int  // commands submitted of the step in hand; 0: none is in hand
	pending  int  // submits under way
	counted  bool // the tokens, or nothing needs their counts
	decoding bool
}

func (e *Engine) beginChat(r message.Request) (task, error) {
	words := e.manifest.ChatWords
	format := chat.Format{Family: e.manifest.Chat, System: words.System, BOS: words.BOS, EOS: words.EOS}
	prompt, err := format.Write(e.tokenizer, r.Messages, chat.Options{Thinking: r.Params.Thinks()})
	if err != nil {
		return nil, &message.Error{Code: message.BadRequest, Err: err}
	}
	return e.beginAnswer(r, prompt)
}

func (e *Engine) beginGenerate(r message.Request) (task, error) {
	return e.beginAnswer(r, chat.Prompt{IDs: r.Tokens})
}

func (e *Engine) beginAnswer(r message.Request, start chat.Prompt) (task, error) {
	prompt := start.IDs
	if err := e.checkTokens(prompt, 1); err != nil {
		return nil, err
	}
	counted, err := e.writeSampling(r.Params, len(prompt))
	if err != nil {
		return nil, err
	}
	a := &answer{request: r.ID, prompt: prompt, eos: map[int]bool{}, limit: e.options.Context - len(prompt), logprobs: r.Params.Logprobs, name: e.tokenizer.Token}
	if r.Params.TopLogprobs != nil {
		a.top = *r.Params.TopLogprobs
	}
	if most, ok := r.Params.Limit(); ok {
		a.limit = min(a.limit, most)
	}
	for _, id := range e.manifest.Special.EOS {
		a.eos[id] = !r.Params.IgnoreEOS
	}
	a.splitter, a.stopper.stops = chat.NewSplitter(e.tokenizer, start), r.Params.Stop
	a.reused = e.cache.Reusable(prompt)
	e.cache.Rewind(a.reused)
	e.writeTokens(a.reused, prompt[a.reused:])
	e.writeRows(a.reused)
	return &decoder{engine: e, answer: a, filled: a.reused, counted: !counted}, nil
}

func (d *decoder) id() uint32 { return d.answer.request }

func (d *decoder) next() {
	prompt := len(d.answer.prompt) - 1
	if !d.decoding {
		for d.pending < inFlight && d.filled < prompt {
			d.fill()
		}
		if d.pending > 0 {
			return
		}
		d.decoding = true
		d.engine.writeRows(prompt)
		d.engine.events = append(d.engine.events, message.Event{Type: message.Decoding, ID: d.answer.request})
	}
	if !d.counted {
		d.counted = true
		d.engine.submit(d.take(record.Count, 1, 1), func(gpu.Result) { d.pending-- })
	}
	for d.pending < inFlight && d.decoded < d.answer.limit {
		d.decode()
	}
}

// fill submits the next steps of the prompt. The last step may run past its end: what the surplus rows
// write is overwritten before it is read.
func (d *decoder) fill() {
	e, a := d.engine, d.answer
	prompt := len(a.prompt) - 1
	p := d.take(record.Prompt, record.MaxRows, (prompt-d.filled+record.MaxRows-1)/record.MaxRows)
	d.filled = min(d.filled+p.completes()*record.MaxRows, prompt)
	filled := d.filled
	e.submit(p, func(gpu.Result) {
		d.pending--
		if p.completes() == 0 {
			return
		}
		e.cache.Append(a.prompt[e.cache.Len():filled]...)
		e.events = append(e.events, message.Event{Type: message.Prefilled, ID: a.request, Done: filled + 1, Total: len(a.prompt)})
	})
}

// decode submits the next steps of the answer, and reads the records back of what they choose.
func (d *decoder) decode() {
	p := d.take(record.Decode, 1, min(d.engine.options.Chunk, d.answer.limit-d.decoded))
	steps := p.completes()
	if steps == 0 {
		d.engine.submit(p, func(gpu.Result) { d.pending-- })
		return
	}
	first := len(d.answer.prompt) + d.decoded
	d.decoded += steps
	d.engine.submit(p, d.receive, d.records(first, steps)...)
}

// records is where the records of tokens lie, by position: one range of the ring, or two where it begins anew.
func (d *decoder) records(first, count int) []gpu.Readback {
	read := func(at, n int) gpu.Readback {
		return gpu.Readback{Buffer: d.engine.model.Chosen.ID(), Offset: uint64(at * chosenSize), Size: uint64(n * chosenSize)}
	}
	at := first % record.Ring
	if here := record.Ring - at; here < count {
		return []gpu.Readback{read(at, here), read(0, count-here)}
	}
	return []gpu.Readback{read(at, count)}
}

// take is the next portion of at most limit steps, which goes on with the step in hand.
func (d *decoder) take(kind record.Kind, rows, limit int) portion {
	p := d.engine.next(kind, rows, d.begun, limit)
	d.begun = p.end() % p.Commands
	d.pending++
	return p
}

// receive takes the records of a submit.
func (d *decoder) receive(r gpu.Result) {
	d.pending--
	a := d.answer
	for _, records := range r.Data {
		for ; len(records) >= chosenSize; records = records[chosenSize:] {
			c := shaders.DecodeChosen(records)
			if c.ID == shaders.FaultToken && a.reason == "" {
				d.fault()
				return
			}
			a.take(c)
		}
	}
	d.sendDelta()
	if a.reason != "" {
		d.finish()
	}
}

func (d *decoder) sendDelta() {
	if delta, ok := d.answer.delta(); ok {
		d.engine.events = append(d.engine.events, delta)
	}
}

// fault ends an answer whose logits are not finite. Whatever produced them may lie in the cache.
func (d *decoder) fault() {
	e, a := d.engine, d.answer
	a.end(message.Abort)
	d.sendDelta()
	e.cache.Rewind(0)
	e.finish(message.ErrorEvent(a.request, message.Errorf(message.NumericFault, "the model's logits are not finite at token %d of the answer", len(a.tokens))))
}

func (d *decoder) abort() {
	d.answer.end(message.Abort)
	d.sendDelta()
	d.finish()
}

// finish ends the answer's task and notes what the cache holds.
func (d *decoder) finish() {
	e := d.engine
	if d.decoding {
		computed := d.answer.computed()
		e.cache.Append(computed[e.cache.Len():]...)
	}
	e.finish(d.answer.done())
}
