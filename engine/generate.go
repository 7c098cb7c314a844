package engine

import (
	"encoding/binary"
	"math"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/record"
	"tabseek/engine/tokenizer/chat"
	"tabseek/shaders"
)

const (
	prefillSteps = 4 // steps of MaxRows prompt tokens in one submit
	inFlight     = 2 // submits under way: the GPU starts the next while the CPU reads the last
	faultToken   = math.MaxUint32
)

// A generation continues a prompt in sequence 0.
//
// The prompt but its last token goes through steps of MaxRows rows that only fill the cache. Decoding starts
// with the last prompt token, so that prompt and answer tokens take the same path: a step reads the token at
// the row's position, samples the next, and moves on. Each submit runs a chunk of steps and reads back the ids they chose.
type generation struct {
	engine   *Engine
	request  uint32
	prompt   []int
	reused   int
	eos      map[int]bool
	splitter *chat.Splitter
	limit    int // most tokens to generate

	filled    int // prompt tokens whose cache rows are submitted
	submitted int // decode steps submitted
	pending   int // submits under way
	decoding  bool
	answer    []int
}

func (e *Engine) beginChat(r message.Request) (task, error) {
	prompt, err := chat.Format(e.manifest.Chat, e.tokenizer, r.Messages, chat.Options{Thinking: (*bool)(r.Params.Thinking)})
	if err != nil {
		return nil, &message.Error{Code: message.BadRequest, Err: err}
	}
	return e.startGeneration(r, prompt)
}

func (e *Engine) beginGenerate(r message.Request) (task, error) {
	return e.startGeneration(r, chat.Prompt{IDs: r.Tokens})
}

func (e *Engine) startGeneration(r message.Request, start chat.Prompt) (task, error) {
	prompt := start.IDs
	if err := e.checkTokens(prompt, 1); err != nil {
		return nil, err
	}
	sampling, err := e.sampling(r.Params)
	if err != nil {
		return nil, err
	}
	g := &generation{engine: e, request: r.ID, prompt: prompt, eos: map[int]bool{}, limit: e.options.Context - len(prompt)}
	if most, ok := r.Params.Limit(); ok {
		g.limit = min(g.limit, most)
	}
	for _, id := range e.manifest.Special.EOS {
		g.eos[id] = !r.Params.IgnoreEOS
	}
	g.splitter = chat.NewSplitter(e.tokenizer, start)
	g.reused = e.cache.Reusable(prompt)
	g.filled = g.reused
	e.cache.Rewind(g.reused)
	e.writeTokens(g.reused, prompt[g.reused:])
	e.writeRows(g.reused)
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Sampling.ID(), Data: shaders.SamplingParams{
		Temperature: float32(sampling.Temperature), TopP: float32(sampling.TopP), MinP: float32(sampling.MinP),
		RepetitionPenalty: float32(sampling.RepetitionPenalty), TopK: uint32(sampling.TopK), Seed: sampling.Seed,
	}.Encode()})
	return g, nil
}

// writeTokens puts tokens at a position of sequence 0.
func (e *Engine) writeTokens(position int, tokens []int) {
	var data []byte
	for _, id := range tokens {
		data = binary.LittleEndian.AppendUint32(data, uint32(id))
	}
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Tokens.ID(), Offset: uint64(4 * position), Data: data})
}

// writeRows sets the rows to consecutive positions of sequence 0.
func (e *Engine) writeRows(position int) {
	var data []byte
	for row := range record.MaxRows {
		data = binary.LittleEndian.AppendUint32(data, 0)
		data = binary.LittleEndian.AppendUint32(data, uint32(position+row))
	}
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Rows.ID(), Data: data})
}

func (g *generation) id() uint32 { return g.request }

func (g *generation) next() {
	if !g.decoding {
		for g.pending < inFlight && g.filled < len(g.prompt)-1 {
			g.prefill()
		}
		if g.pending > 0 {
			return
		}
		g.decoding = true
		g.engine.writeRows(len(g.prompt) - 1)
		g.engine.events = append(g.engine.events, message.Event{Type: "decoding", ID: g.request})
	}
	for g.pending < inFlight && g.submitted < g.limit {
		g.decode()
	}
}

// prefill submits the next steps of the prompt. The last step may run past its end: what the surplus rows
// write is overwritten before it is read.
func (g *generation) prefill() {
	e := g.engine
	steps := min(prefillSteps, (len(g.prompt)-2-g.filled)/record.MaxRows+1)
	replays := []gpu.Replay{{Recording: e.steps.Step(record.Prompt, record.MaxRows).ID, Times: uint32(steps)}}
	g.filled = min(g.filled+steps*record.MaxRows, len(g.prompt)-1)
	g.pending++
	filled := g.filled
	e.submit(replays, e.model.Rows, 0, 8, func([]byte) {
		g.pending--
		e.cache.Append(g.prompt[e.cache.Len():filled]...)
		e.events = append(e.events, message.Event{Type: "prefill", ID: g.request, Done: filled + 1, Total: len(g.prompt)})
	})
}

// decode submits a chunk of steps.
func (g *generation) decode() {
	e := g.engine
	steps := min(e.options.Chunk, g.limit-g.submitted)
	replays := []gpu.Replay{{Recording: e.steps.Step(record.Decode, 1).ID, Times: uint32(steps)}}
	first := len(g.prompt) + g.submitted
	g.submitted += steps
	g.pending++
	e.submit(replays, e.model.Tokens, 4*first, 4*steps, g.receive)
}

// receive takes the ids of a chunk. Those after an end of sequence are overshoot: dropped, their cache rows forgotten.
func (g *generation) receive(data []byte) {
	g.pending--
	event := message.Event{Type: "delta", ID: g.request}
	for ; len(data) >= 4; data = data[4:] {
		id := binary.LittleEndian.Uint32(data)
		if id == faultToken {
			g.flush(event)
			g.engine.cache.Rewind(0) // whatever produced the fault may lie in the cache
			g.engine.finish(message.ErrorEvent(g.request, message.Errorf(message.NumericFault, "the model's logits are not finite at token %d of the answer", len(g.answer))))
			return
		}
		if g.eos[int(id)] {
			g.flush(event)
			g.end("stop")
			return
		}
		g.answer = append(g.answer, int(id))
		event.Tokens = append(event.Tokens, int(id))
		content, reasoning := g.splitter.Push(int(id))
		event.Content += content
		event.Reasoning += reasoning
	}
	if len(g.answer) >= g.limit {
		g.flush(event)
		g.end("length")
		return
	}
	if len(event.Tokens) > 0 {
		g.engine.events = append(g.engine.events, event)
	}
}

// flush sends the last delta, with what the splitter still held back.
func (g *generation) flush(event message.Event) {
	content, reasoning := g.splitter.Flush()
	event.Content += content
	event.Reasoning += reasoning
	if len(event.Tokens) > 0 || event.Content != "" || event.Reasoning != "" {
		g.engine.events = append(g.engine.events, event)
	}
}

func (g *generation) abort() {
	g.flush(message.Event{Type: "delta", ID: g.request})
	g.end("abort")
}

// end finishes the task and notes what the cache holds: rows of the prompt and of all answer tokens but the
// last, which no step has surely read.
func (g *generation) end(reason message.FinishReason) {
	e := g.engine
	if g.decoding {
		all := append(append([]int(nil), g.prompt...), g.answer...)
		e.cache.Append(all[e.cache.Len() : len(all)-1]...)
	}
	e.finish(message.Event{Type: "done", ID: g.request, FinishReason: reason, Usage: &message.Usage{
		PromptTokens: len(g.prompt), CachedTokens: g.reused, CompletionTokens: len(g.answer),
	}})
}
