package gpu

import (
	"fmt"
	"strings"
)

// Dump prints commands as text, one a line, recordings with their dispatches indented: the form of the goldens.
func Dump(commands []Command) string {
	var b strings.Builder
	pipelines, buffers := map[PipelineID]string{}, map[BufferID]string{}
	bindings := func(ranges []BoundRange) {
		for _, r := range ranges {
			fmt.Fprintf(&b, " %d:%s[%d+%d]", r.Slot, buffers[r.Buffer], r.Offset, r.Size)
		}
	}
	for _, c := range commands {
		switch c := c.(type) {
		case CreateBuffer:
			buffers[c.ID] = c.Label
			fmt.Fprintf(&b, "buffer %s %d bytes", c.Label, c.Size)
			if c.Usage == Uniform {
				b.WriteString(" uniform")
			}
			b.WriteString("\n")
		case CreatePipeline:
			pipelines[c.ID] = c.Program.Name
			fmt.Fprintf(&b, "pipeline %s\n", c.Program.Name)
		case CreateRecording:
			fmt.Fprintf(&b, "recording %s\n", c.Label)
			for _, command := range c.Commands {
				b.WriteString("  ")
				switch d := command.(type) {
				case Dispatch:
					fmt.Fprintf(&b, "%s %v", pipelines[d.Pipeline], d.Workgroups)
					bindings(d.Bindings)
				case DispatchIndirect:
					fmt.Fprintf(&b, "%s %s[%d]", pipelines[d.Pipeline], buffers[d.Arguments], d.Offset)
					bindings(d.Bindings)
				case Copy:
					fmt.Fprintf(&b, "copy %d bytes from %s[%d] to %s[%d]", d.Size, buffers[d.From], d.FromOffset, buffers[d.To], d.ToOffset)
				case Clear:
					fmt.Fprintf(&b, "clear %s[%d+%d]", buffers[d.Buffer], d.Offset, d.Size)
				}
				b.WriteString("\n")
			}
		case Upload:
			fmt.Fprintf(&b, "upload %s %d bytes to %s[%d]\n", c.File, c.Size, buffers[c.Buffer], c.Offset)
		case Write:
			fmt.Fprintf(&b, "write %d bytes to %s[%d]\n", len(c.Data), buffers[c.Buffer], c.Offset)
		case Submit:
			b.WriteString("submit")
			for _, r := range c.Replays {
				fmt.Fprintf(&b, " %dx recording %d", r.Times, r.Recording)
				if r.Count > 0 {
					fmt.Fprintf(&b, "[%d+%d]", r.First, r.Count)
				}
			}
			for _, r := range c.Readbacks {
				fmt.Fprintf(&b, " read %s[%d+%d]", buffers[r.Buffer], r.Offset, r.Size)
			}
			b.WriteString("\n")
		case Reset:
			b.WriteString("reset\n")
		}
	}
	return b.String()
}
