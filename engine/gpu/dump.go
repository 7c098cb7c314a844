package gpu

import (
	"fmt"
	"strings"
)

// Dump prints commands as text, one a line, recordings with their dispatches indented: the form of the goldens.
func Dump(commands []Command) string {
	var b strings.Builder
	pipelines, buffers := map[PipelineID]string{}, map[BufferID]string{}
	for _, c := range commands {
		switch c := c.(type) {
		case CreateBuffer:
			buffers[c.ID] = c.Label
			fmt.Fprintf(&b, "buffer %s %d bytes%s\n", c.Label, c.Size, map[Usage]string{Uniform: " uniform"}[c.Usage])
		case CreatePipeline:
			pipelines[c.ID] = c.Program.Name
			fmt.Fprintf(&b, "pipeline %s\n", c.Program.Name)
		case CreateRecording:
			fmt.Fprintf(&b, "recording %s\n", c.Label)
			for _, d := range c.Dispatches {
				fmt.Fprintf(&b, "  %s %v", pipelines[d.Pipeline], d.Workgroups)
				for _, r := range d.Bindings {
					fmt.Fprintf(&b, " %d:%s[%d+%d]", r.Slot, buffers[r.Buffer], r.Offset, r.Size)
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
