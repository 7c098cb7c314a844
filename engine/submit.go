package engine

import (
	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/record"
)

// A portion is a share of a step.
type portion struct {
	record.Step
	share
}

// completes is how many steps the portion brings to their end.
func (p portion) completes() int {
	if p.end() < p.Commands {
		return 0
	}
	return p.times
}

func (p portion) replay() gpu.Replay {
	r := gpu.Replay{Recording: p.ID, Times: uint32(p.times)}
	if p.count < p.Commands {
		r.First, r.Count = uint32(p.first), uint32(p.count)
	}
	return r
}

// submitted is a submit under way: what it replays, and what to do with what it reads back.
type submitted struct {
	portion portion
	use     func(gpu.Result)
}

// make has the recording of a step made if there is none yet. A failure, which is our own mistake, concerns all.
func (e *Engine) make(shape record.Shape) bool {
	step := e.steps.Step(shape)
	if e.paces[step.ID] != nil {
		return true
	}
	e.paces[step.ID] = newPace(step.Commands)
	return e.create()
}

// create yields the commands for what was added to the plan.
func (e *Engine) create() bool {
	commands, err := e.model.Plan.Commands()
	if err != nil {
		e.events = append(e.events, message.ErrorEvent(0, err))
		return false
	}
	e.commands = append(e.commands, commands...)
	return true
}

// next is the next portion of a step, from a command on: at most limit steps, as many as its pace allows.
func (e *Engine) next(shape record.Shape, from, limit int) portion {
	e.make(shape)
	step := e.steps.Step(shape)
	return portion{step, e.paces[step.ID].next(from, limit)}
}

// submit sends a portion of a step to the GPU.
func (e *Engine) submit(p portion, use func(gpu.Result), reads ...gpu.Readback) {
	e.replay([]gpu.Replay{p.replay()}, p, use, reads...)
}

func (e *Engine) replay(replays []gpu.Replay, p portion, use func(gpu.Result), reads ...gpu.Readback) {
	e.ticket++
	e.submits[e.ticket] = submitted{p, use}
	e.commands = append(e.commands, gpu.Submit{Ticket: e.ticket, Replays: replays, Readbacks: reads})
}

// Result brings what a submit took and read back. What it read for a task that has ended is dropped.
func (e *Engine) Result(r gpu.Result) {
	s, ok := e.submits[r.Ticket]
	if !ok {
		return
	}
	delete(e.submits, r.Ticket)
	if pace := e.paces[s.portion.ID]; s.portion.times > 0 && pace != nil {
		pace.observe(s.portion.share, max(float64(r.Nanoseconds)-e.latency, 0))
	}
	if s.use == nil {
		return
	}
	s.use(r)
	if e.task != nil {
		e.task.next()
		return
	}
	e.decoder.next()
	e.startNext()
}
