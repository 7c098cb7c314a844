// Package engine runs a packed model: a state machine that is told things and yields work.
//
// Open, Request, Uploaded and Result tell it something and return at once; Take hands over the GPU commands to
// execute and the events for the caller. It does no I/O, starts no goroutine and reads no clock, so the same
// engine runs in a Go test, under wazero and in a browser tab.
package engine

import (
	"fmt"

	"tabseek/engine/architecture"
	"tabseek/engine/gpu"
	"tabseek/engine/kvcache"
	"tabseek/engine/message"
	"tabseek/engine/record"
	"tabseek/engine/tokenizer"
	"tabseek/engine/weights"
	"tabseek/shaders"
)

// What two packages must agree on, each for itself.
var (
	_ [kvcache.PageSize]struct{}         = [shaders.PageSize]struct{}{}
	_ [message.MaxDepth]struct{}         = [record.MaxDepth]struct{}{}
	_ [message.DefaultSequences]struct{} = [record.MaxRows]struct{}{}
)

// Options are the caller's choices at Open; what is 0 becomes its default.
type Options = message.Options

// maxChunk is the most of Options.Chunk, and its default: an end of sequence is noticed after at most two submits.
const maxChunk = 64

// An Engine is one loaded model.
type Engine struct {
	manifest     *weights.Manifest
	config       record.Config
	sizes        record.Dimensions // of the config
	architecture record.Architecture
	model        *record.Model // what the architecture shares with others
	tokenizer    *tokenizer.Tokenizer
	device       gpu.Info
	options      Options

	steps      *record.Steps
	paces      map[gpu.RecordingID]*pace
	latency    float64 // nanoseconds of a submit that does nothing
	cache      *kvcache.Cache
	decoder    *decoder
	probeEvery int             // tokens of a trace's thinking; 0: never
	uploading  map[uint32]bool // shards that are still to come
	ready      bool

	groups       uint32                    // of questions, so far
	counting     int                       // reports of experts under way
	measures     map[string]*timing        // what has been laid out to be timed
	weightShares map[[2]uint64]weightShare // made when first asked for

	task    task
	waiting []message.Request
	submits map[uint32]submitted // by ticket
	ticket  uint32

	commands []gpu.Command
	events   []message.Event
}

// A task is a request that is worked on alone.
type task interface {
	// id is the request's.
	id() uint32
	// next submits more work if the task can use it; it is called after start and after every result.
	next()
	// abort ends the task early, keeping what is done.
	abort()
}

// Open lays a packed model out for a device. The commands it yields create everything and ask for every shard;
// once all shards are Uploaded the event ready follows. The engine keeps the tokenizer's bytes and reads them in place.
func Open(manifestJSON, compiledTokenizer []byte, device gpu.Info, options Options) (*Engine, error) {
	e := &Engine{device: device, options: options, uploading: map[uint32]bool{}, submits: map[uint32]submitted{}, paces: map[gpu.RecordingID]*pace{}, measures: map[string]*timing{}}
	var err error
	if e.manifest, err = weights.ParseManifest(manifestJSON); err != nil {
		return nil, &message.Error{Code: message.BadModel, Err: err}
	}
	if e.config, err = architecture.Parse(e.manifest.Architecture); err != nil {
		return nil, &message.Error{Code: message.BadModel, Err: err}
	}
	e.sizes = e.config.Dimensions()
	if e.tokenizer, err = tokenizer.New(compiledTokenizer); err != nil {
		return nil, &message.Error{Code: message.BadModel, Err: fmt.Errorf("%s: %w", e.manifest.Tokenizer.File, err)}
	}
	if err := e.settle(device); err != nil {
		return nil, err
	}
	if e.architecture, err = e.config.NewModel(e.manifest, record.Options{Context: e.options.Context, Sequences: e.options.Sequences, Pages: e.pages()}); err != nil {
		return nil, &message.Error{Code: message.BadModel, Err: err}
	}
	e.model = e.architecture.Base()
	e.model.Plan.Within(device)
	e.cache = kvcache.New(e.model.Sizes.Pages)
	e.decoder = newDecoder(e)
	if e.config.Facts(e.manifest).ParamsTotal >= probedFrom {
		e.probeEvery = probeEvery
	}
	e.steps = record.NewSteps(e.architecture)
	commands, err := e.model.Plan.Commands()
	if err != nil {
		return nil, &message.Error{Code: message.Internal, Err: err}
	}
	e.commands = append([]gpu.Command{gpu.Reset{}}, commands...) // a model that the device had before goes
	e.commands = append(e.commands, e.architecture.Setup()...)
	for i, s := range e.manifest.Shards {
		e.uploading[uint32(i)] = true
		e.commands = append(e.commands, gpu.Upload{
			Shard: uint32(i), File: s.File, SHA256: s.SHA256, Size: uint64(s.Size), Buffer: gpu.BufferID(s.Buffer), Offset: uint64(s.Offset),
		})
	}
	return e, nil
}

// settle fills in the options' defaults and checks them against model and device.
func (e *Engine) settle(device gpu.Info) error {
	if e.options.Context == 0 {
		e.options.Context = min(e.sizes.MaxPositions, message.DefaultContext)
	}
	if e.options.Chunk == 0 {
		e.options.Chunk = maxChunk
	}
	if c := e.options.Context; c < 1 || c > e.sizes.MaxPositions {
		return message.Errorf(message.BadRequest, "context is %d, the model takes 1 to %d", c, e.sizes.MaxPositions)
	}
	if c := e.options.Chunk; c < 1 || c > maxChunk {
		return message.Errorf(message.BadRequest, "chunk is %d, must be 1 to %d", c, maxChunk)
	}
	if e.options.CacheBytes == 0 {
		e.options.CacheBytes = message.DefaultCacheBytes
	}
	if e.options.Sequences == 0 {
		e.options.Sequences = message.DefaultSequences
	}
	if e.options.Sequences < 0 {
		return message.Errorf(message.BadRequest, "sequences is %d, must be at least 1", e.options.Sequences)
	}
	e.options.Sequences = min(e.options.Sequences, record.MaxRows)
	if e.options.Profile != "" {
		profile, err := shaders.ParseProfile(e.options.Profile)
		if err != nil {
			return &message.Error{Code: message.BadRequest, Param: "profile", Err: err}
		}
		if !profile.Features.Within(e.device.Features()) {
			return message.Refuse("profile", "is %q, which device %s cannot run", e.options.Profile, device.Name)
		}
	}
	least := gpu.MinimumInfo()
	if device.MaxStorageBuffers < least.MaxStorageBuffers || device.MaxWorkgroupStorage < least.MaxWorkgroupStorage || device.MaxInvocations < least.MaxInvocations {
		return message.Errorf(message.BadRequest, "device %s is below WebGPU's default limits (%d storage buffers, %d bytes of workgroup storage, %d invocations)",
			device.Name, device.MaxStorageBuffers, device.MaxWorkgroupStorage, device.MaxInvocations)
	}
	for i, b := range e.manifest.Buffers {
		if uint64(b.Size) > device.MaxBufferSize || uint64(b.Size) > device.MaxBindingSize {
			return message.Errorf(message.BadModel, "weight buffer %d has %d bytes, device %s takes %d", i, b.Size, device.Name, min(device.MaxBufferSize, device.MaxBindingSize))
		}
	}
	if size := uint64(e.leastPages()) * e.pageBytes(); size > device.MaxBindingSize {
		return message.Errorf(message.BadRequest, "a context of %d needs %d bytes of cache a layer, device %s binds at most %d", e.options.Context, size, device.Name, device.MaxBindingSize)
	}
	return nil
}

// pageBytes is the size of a page in a layer's cache.
func (e *Engine) pageBytes() uint64 { return uint64(4 * e.sizes.CacheWidth * kvcache.PageSize) }

// leastPages are those that one sequence can need, with a copy to begin from and the scratch page.
func (e *Engine) leastPages() int { return record.Sizes{Context: e.options.Context}.List() + 2 }

// pages is how many the cache has: enough for every sequence, if that is not too much.
func (e *Engine) pages() int {
	least, layers := e.leastPages(), e.sizes.Layers+e.sizes.DraftLayers
	shared := int(uint64(e.options.CacheBytes) / (e.pageBytes() * uint64(layers)))
	bound := int(e.device.MaxBindingSize / e.pageBytes())
	return min(least+shared, e.options.Sequences*least, bound)
}

// PagesInUse is how many pages of the caches hold rows of answers under way.
func (e *Engine) PagesInUse() int { return e.cache.InUse() }

// Take hands over the commands and events gathered since the last Take, in order.
func (e *Engine) Take() ([]gpu.Command, []message.Event) {
	commands, events := e.commands, e.events
	e.commands, e.events = nil, nil
	return commands, events
}

// Uploaded tells that a shard is on the GPU.
func (e *Engine) Uploaded(shard uint32) {
	if !e.uploading[shard] {
		return
	}
	delete(e.uploading, shard)
	if len(e.uploading) == 0 {
		e.task = newTuning(e)
		e.task.next()
	}
}

// open ends the loading: steps that every answer needs are made, and requests are taken.
func (e *Engine) open() {
	e.task = nil
	if !e.make(record.Shape{Kind: record.Decode, Width: 1}) || !e.make(e.promptShape(message.AutoDepth)) {
		return
	}
	e.ready = true
	e.events = append(e.events, message.Event{Type: message.Ready, Model: e.info()})
	e.startNext()
}

// Ready tells whether the model is loaded: all weights are on the GPU, and the kernels chosen.
func (e *Engine) Ready() bool { return e.ready }

// Request takes a request; they are worked on in order. Its failure is an event like its success.
func (e *Engine) Request(r message.Request) {
	switch r.Type {
	case message.Cancel:
		e.cancel(r.ID)
		return
	case message.AnswerNow, message.ThinkLonger, message.Verdict:
		e.decoder.steer(r)
		return
	}
	e.waiting = append(e.waiting, r)
	e.startNext()
}

// startNext begins the requests that can begin: questions side by side, a task alone.
func (e *Engine) startNext() {
	for e.task == nil && e.ready && len(e.waiting) > 0 {
		r := e.waiting[0]
		if (r.Type == message.Logits || r.Type == message.Timing) && (!e.decoder.idle() || e.counting > 0) {
			return // a task's end drops what is under way
		}
		e.waiting = e.waiting[1:]
		if err := e.begin(r); err != nil {
			e.events = append(e.events, message.ErrorEvent(r.ID, err))
		}
	}
}

func (e *Engine) begin(r message.Request) error {
	if err := r.Validate(); err != nil {
		return err
	}
	switch r.Type {
	case message.Chat:
		return e.beginChat(r)
	case message.Generate:
		return e.beginQuestion(r, rawPrompt(r.Tokens))
	case message.Complete:
		return e.beginQuestion(r, e.writeText(r))
	case message.Timing:
		return e.beginMeasuring(r)
	case message.Experts:
		e.countExperts(r.ID)
		return nil
	default:
		return e.beginLogits(r)
	}
}

func (e *Engine) cancel(id uint32) {
	for i, r := range e.waiting {
		if r.ID == id {
			e.waiting = append(e.waiting[:i:i], e.waiting[i+1:]...)
			for index := range r.Answers() {
				e.events = append(e.events, message.Event{Type: message.Choice, ID: id, Index: index, FinishReason: message.Abort, Usage: &message.Usage{}})
			}
			e.events = append(e.events, message.Event{Type: message.Done, ID: id, FinishReason: message.Abort, Usage: &message.Usage{}})
			return
		}
	}
	if e.ready && e.task != nil && e.task.id() == id {
		e.task.abort()
	} else if e.ready && e.decoder.abort(id) {
		e.startNext()
	}
}

// finish ends the task under way: what its submits still bring is dropped, the next request starts.
func (e *Engine) finish(last message.Event) {
	e.events = append(e.events, last)
	e.task = nil
	for ticket, s := range e.submits {
		s.use = nil
		e.submits[ticket] = s
	}
	e.startNext()
}

// checkTokens refuses ids outside the vocabulary and prompts that leave no room for an answer of at least answer tokens.
func (e *Engine) checkTokens(tokens []int, answer int) error {
	for i, id := range tokens {
		if id < 0 || id >= e.sizes.VocabSize {
			return message.Errorf(message.BadRequest, "token %d of the prompt is %d, the vocabulary has ids 0 to %d", i, id, e.sizes.VocabSize-1)
		}
	}
	if len(tokens)+answer > e.options.Context {
		return message.Errorf(message.ContextFull, "the prompt has %d tokens, the context holds %d, %d of them for the answer", len(tokens), e.options.Context, answer)
	}
	return nil
}

func (e *Engine) info() *message.ModelInfo {
	facts := e.config.Facts(e.manifest)
	recommended := func(p *float64) float64 {
		if p == nil {
			return 1
		}
		return *p
	}
	return &message.ModelInfo{
		Name: e.manifest.Source.Name, Chat: e.manifest.Chat, Context: e.options.Context, VocabSize: e.sizes.VocabSize,
		Layers: e.sizes.Layers, Attention: message.Attention(e.sizes.Attention), ParamsTotal: facts.ParamsTotal, ParamsActive: facts.ParamsActive, WeightBytes: facts.WeightBytes, BytesPerToken: facts.BytesPerToken,
		KVBytesPerToken: int64(facts.KVBytesPerToken), KVBytesPerTokenExpanded: int64(facts.KVBytesPerTokenExpanded),
		BytesByPart: message.TokenBytes{
			Attention: facts.Parts[record.AttentionPart], Routed: facts.Parts[record.RoutedPart], Shared: facts.Parts[record.DensePart],
			Head: facts.Parts[record.HeadPart], Other: facts.Parts[record.OtherPart],
		},
		Chunk: e.options.Chunk, Profile: e.model.Profile.String(), Temperature: recommended(e.manifest.Generation.Temperature), TopP: recommended(e.manifest.Generation.TopP),
		Drafts: e.architecture.Drafts(), Sequences: e.options.Sequences,
	}
}
